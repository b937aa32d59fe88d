//! Requests to Secret Manager.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use reqwest::Client;

use super::name::SecretName;
use super::wire::{AccessAnswer, ErrorBody, Payload};
use crate::google::{GoogleConfig, Identity};
use crate::http::redact::line;
use crate::http::{self, Endpoint, ErrorAnswer};
use crate::secret::Secret;

const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A secret has at most 64 KiB; base64 and JSON make it longer.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// Attempts at one secret while only the moment is to blame: a program that starts has little
/// patience.
const ATTEMPTS_MAX: u32 = 3;

const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Longest part of Google's own words about an error that is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// A client of Secret Manager.
pub struct SecretManager {
    client: Client,
    endpoint: Endpoint,
    identity: Identity,
}

impl SecretManager {
    /// By what stands in `[google]`. Reads the credentials file, if there is one, and asks nobody.
    pub fn new(config: &GoogleConfig) -> Outside<Self> {
        let endpoint = config.secret_manager_endpoint.clone();
        Ok(Self {
            client: http::client(&endpoint, SILENCE_MAX)?,
            identity: Identity::new(config)?.for_endpoint(&endpoint),
            endpoint,
        })
    }

    /// A secret's value, without line ends at its end. `Denied` where it is not there or not for us.
    pub async fn access(&self, name: &SecretName, now: DateTime<Utc>) -> Outside<Secret> {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS_MAX {
            match self.access_once(name, now).await {
                Err(failure) if failure.kind.blame() == Blame::Moment => {}
                accessed => return accessed,
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        self.access_once(name, now).await
    }

    async fn access_once(&self, name: &SecretName, now: DateTime<Utc>) -> Outside<Secret> {
        let doing = format!("reading the secret {name}");
        let path = name.access_path();
        let segments: Vec<&str> = ["v1"]
            .into_iter()
            .chain(path.iter().map(String::as_str))
            .collect();
        let mut request = self.client.get(self.endpoint.join(&segments));
        let token = self.identity.token().await;
        if let Some(token) = token.map_err(|failure| failure.context(doing.clone()))? {
            request = request.bearer_auth(token.expose());
        }
        let response = http::send(request, &doing).await?;
        let response = match http::success(response, &doing, now).await {
            Ok(response) => response,
            Err(answer) => return Err(refused(*answer, name)),
        };
        let body = http::body(response, ANSWER_BYTES_MAX, &doing).await?;
        // The parser's own words may quote the secret.
        let answer: AccessAnswer = serde_json::from_slice(&body)
            .map_err(|_| unusable(&doing, "the answer is not what Secret Manager answers"))?;
        value(&answer.payload, &doing)
    }
}

fn value(payload: &Payload, doing: &str) -> Outside<Secret> {
    let data = STANDARD
        .decode(&payload.data)
        .map_err(|_| unusable(doing, "the value is no base64"))?;
    if let Some(expected) = &payload.data_crc32c
        && expected.parse() != Ok(crc32c::crc32c(&data))
    {
        let message = format!("{doing}: the value's checksum is wrong");
        return Err(Failure::new(FailureKind::CorruptTransfer, message));
    }
    let text = String::from_utf8(data)
        .map_err(|_| unusable(doing, "the value is no text, but bytes of another kind"))?;
    Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
}

fn unusable(doing: &str, what: &str) -> Failure {
    Failure::new(FailureKind::Denied, format!("{doing}: {what}"))
}

fn refused(answer: ErrorAnswer, name: &SecretName) -> Failure {
    let ErrorAnswer {
        mut failure,
        status,
        body,
    } = answer;
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(&body) {
        let words = line(&body.error.message, MESSAGE_CHARS_MAX);
        failure.message = format!("{}: {words}", failure.message);
    }
    let hint = match status.as_u16() {
        401 => "the Google credentials are refused: see `[google]` in callpipe.toml".to_owned(),
        403 => format!(
            "give the account the role roles/secretmanager.secretAccessor on the secret of {name}, and see that \
             the project has the Secret Manager API enabled"
        ),
        404 => "there is no such secret or version in this project: `gcloud secrets versions list` shows them"
            .to_owned(),
        400 => "the version may be disabled or destroyed: `gcloud secrets versions list` shows its state".to_owned(),
        _ => return failure,
    };
    failure.kind = FailureKind::Denied;
    failure.with_hint(hint)
}
