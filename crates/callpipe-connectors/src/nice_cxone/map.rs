//! From the vendor's words to ours: claims, lives of tokens, what refusals mean. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::config::ClientAuthentication;
use super::wire::{ApiError, Claims, OAuthError, OpenIdConfiguration, TokenAnswer};
use crate::http::Endpoint;
use crate::http::redact::line;

/// The life of a token that names none, in seconds.
const LIFE_WHEN_UNTOLD_S: u64 = 300;

/// The longest life of a token that is believed, in seconds.
const LIFE_MAX_S: u64 = 24 * 3600;

/// A token is renewed this long before its end, or a quarter of its life where that is less.
const LEAD_MAX_S: u64 = 60;

/// The most of an address that cannot be used that is repeated, with what is wrong with it.
const PROBLEM_CHARS_MAX: usize = 200;

/// Claims are written without padding. Some issuers pad all the same.
const CLAIMS_BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An answer of an API that is no success.
pub(crate) struct Refusal {
    /// What it means by its status alone.
    pub(crate) failure: Failure,
    /// The status.
    pub(crate) status: StatusCode,
    /// The beginning of its body.
    pub(crate) body: Bytes,
    /// The vendor's words for it, from the header `icStatusDescription`.
    pub(crate) description: Option<String>,
}

impl Refusal {
    /// Everything that the vendor says about it, for looking up known phrases. Not for messages.
    pub(crate) fn words(&self) -> String {
        let message = api_error(&self.body).message.unwrap_or_default();
        let description = self.description.as_deref().unwrap_or_default();
        format!("{description} {message}").to_lowercase()
    }
}

/// Where the client's proof goes at the first attempt: whether into the form.
pub(super) fn client_in_body(
    authentication: ClientAuthentication,
    discovered: &OpenIdConfiguration,
) -> bool {
    let supported = discovered
        .token_endpoint_auth_methods_supported
        .as_deref()
        .unwrap_or_default();
    let supports = |method: &str| supported.iter().any(|supported| supported == method);
    match authentication {
        ClientAuthentication::Basic => false,
        ClientAuthentication::Body => true,
        ClientAuthentication::Auto => {
            supports("client_secret_post") && !supports("client_secret_basic")
        }
    }
}

/// An endpoint that a discovery document names. It may be on this machine only if the issuer is.
pub(super) fn found_endpoint(
    text: Option<&str>,
    what: &str,
    issuer: &Endpoint,
) -> Outside<Endpoint> {
    let denied = |problem: String| {
        Failure::new(
            FailureKind::Denied,
            format!("CXone's discovery names no usable {what}: {problem}"),
        )
        .with_hint("check `issuer`; `api_endpoint` can be set by hand")
    };
    let text = text.ok_or_else(|| denied("it is missing".to_owned()))?;
    let endpoint = Endpoint::parse(text)
        .map_err(|error| denied(line(&error.to_string(), PROBLEM_CHARS_MAX)))?;
    if endpoint.is_loopback() && !issuer.is_loopback() {
        return Err(denied("it is on this machine".to_owned()));
    }
    Ok(endpoint)
}

/// The tenant for which a token was issued.
pub(super) fn tenant_id(answer: &TokenAnswer) -> Option<String> {
    [&answer.access_token, &answer.id_token]
        .into_iter()
        .flatten()
        .find_map(|token| claims(token)?.tenant_id)
        .filter(|tenant_id| !tenant_id.trim().is_empty())
}

fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let payload = CLAIMS_BASE64.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// When a token that was asked for at `asked_at` is to be renewed.
pub(super) fn renew_at(asked_at: DateTime<Utc>, expires_in_s: Option<u64>) -> DateTime<Utc> {
    let life_s = expires_in_s.unwrap_or(LIFE_WHEN_UNTOLD_S).min(LIFE_MAX_S);
    let lead = Duration::from_secs(LEAD_MAX_S).min(Duration::from_secs(life_s) / 4);
    let life = Duration::from_secs(life_s) - lead;
    asked_at + TimeDelta::from_std(life).unwrap_or(TimeDelta::zero())
}

/// What went wrong before any call was asked about is never a call's fault: it pauses the stage.
pub(crate) fn of_the_setup(mut failure: Failure) -> Failure {
    if failure.kind.blame() == Blame::Call {
        failure.kind = FailureKind::Denied;
    }
    failure
}

/// The standard's word in a refusal of the token endpoint.
pub(super) fn oauth_error(body: &[u8]) -> Option<String> {
    let error: OAuthError = serde_json::from_slice(body).ok()?;
    error.error.filter(|error| is_code(error))
}

/// What a refusal of the token endpoint means.
pub(super) fn token_refused(failure: Failure, status: StatusCode, body: &[u8]) -> Failure {
    let mut failure = failure;
    if !matches!(status.as_u16(), 400 | 401 | 403) {
        return of_the_setup(failure);
    }
    failure.kind = FailureKind::Denied;
    let error = oauth_error(body);
    if let Some(error) = &error {
        failure.message = format!("{} ({error})", failure.message);
    }
    failure.with_hint(match error.as_deref() {
        Some("invalid_client" | "unauthorized_client") => {
            "the OAuth client is refused: check CXONE_CLIENT_ID and CXONE_CLIENT_SECRET \
             (`client_id` and `client_secret`)"
        }
        Some("invalid_grant") => {
            "the access key is refused: check CXONE_USERNAME and CXONE_PASSWORD (`access_key_id` \
             and `access_key_secret`, copied whole with their last `=`), and that the key and its \
             user are active"
        }
        _ => {
            "check CXONE_CLIENT_ID, CXONE_CLIENT_SECRET, CXONE_USERNAME, CXONE_PASSWORD and \
             `issuer`"
        }
    })
}

/// What a refusal of an API behind the token means. `permission` says what a 403 lacks.
pub(crate) fn refused(refusal: Refusal, permission: &str) -> Failure {
    let code = api_error(&refusal.body)
        .internal_code
        .filter(|code| is_code(code));
    let mut failure = refusal.failure;
    if let Some(code) = code {
        failure.message = format!("{} ({code})", failure.message);
    }
    match refusal.status.as_u16() {
        300..=399 => {
            failure.kind = FailureKind::Denied;
            failure.with_hint("this is not the API: check `issuer` and `api_endpoint`")
        }
        401 => failure.with_hint(
            "a new token was refused as well: check that the access key's user is active, and \
             that `api_endpoint`, if it is set, belongs to the key's tenant",
        ),
        402 | 403 => failure.with_hint(permission),
        _ => failure,
    }
}

/// Whether a 404 comes from something that is not the API: a web page, a gateway that knows no such
/// path, a server behind it that is being replaced. Taken for the API's word, it would end every call as
/// not found. The API answers with a JSON object; whether always, the vendor's documents do not say, so
/// that one without a body is believed.
pub(crate) fn is_foreign_404(body: &[u8]) -> bool {
    let is_object = || serde_json::from_slice::<Map<String, Value>>(body).is_ok();
    let is_from_a_gateway = || {
        let text = String::from_utf8_lossy(body).to_lowercase();
        text.contains("no route matched")
    };
    !body.trim_ascii().is_empty() && (!is_object() || is_from_a_gateway())
}

/// Reads JSON that must be there.
pub(super) fn json<T: DeserializeOwned>(body: &[u8], doing: &str) -> Outside<T> {
    serde_json::from_slice(body).map_err(|_| unreadable(doing))
}

/// An answer that is not what it should be, such as a login page: worth another attempt.
pub(crate) fn unreadable(doing: &str) -> Failure {
    Failure::new(
        FailureKind::CorruptTransfer,
        format!("{doing}: the answer is not the JSON that it should be"),
    )
}

fn api_error(body: &[u8]) -> ApiError {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Whether a vendor's word is a code and nothing else: only such words reach messages.
fn is_code(word: &str) -> bool {
    (1..=40).contains(&word.len())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}
