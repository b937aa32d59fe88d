//! Signatures in the name of a service account: by its key file, or else by IAM for whoever has a
//! token of the account.
//!
//! <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob>

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use google_cloud_auth::credentials::service_account;
use google_cloud_auth::signer::Signer as KeySigner;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::json;

use super::credentials::{Contents, FileKind, Provider};
use super::{Identity, Source};
use crate::http::{self, Endpoint};

const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The largest answer, in bytes: a signature, or an account's address.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// The longest address of an account.
const EMAIL_CHARS_MAX: usize = 320;

const DOING: &str = "signing a link";
const ROLE_HINT: &str = "the account needs the role roles/iam.serviceAccountTokenCreator on itself, and its project \
    the IAM Service Account Credentials API";

/// A service account and what signs for it.
pub(crate) struct Signer {
    /// The account's address.
    pub(crate) email: String,
    key: Key,
}

enum Key {
    /// Its own, from a key file.
    File(KeySigner),
    /// Google's, which IAM uses for us.
    Iam {
        identity: Identity,
        endpoint: Endpoint,
        client: Client,
    },
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.email)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedBlob {
    signed_blob: String,
}

impl Identity {
    /// Who signs for us. People, given tokens and federated accounts of their own cannot.
    pub(crate) async fn signer(&self) -> Outside<Option<Signer>> {
        let Source::Credentials(credentials) = &*self.source else {
            return Ok(None);
        };
        let email = match &*credentials.provider()? {
            Provider::File { contents, .. } => {
                if let FileKind::ServiceAccount = contents.kind {
                    return Signer::by_key(contents).await.map(Some);
                }
                contents.impersonated_email()
            }
            Provider::Metadata(address) => Some(email(address).await?),
        };
        let Some(email) = email else {
            return Ok(None);
        };
        let key = Key::Iam {
            identity: self.clone(),
            endpoint: self.iam_endpoint.clone(),
            client: http::client(&self.iam_endpoint, SILENCE_MAX)?,
        };
        Ok(Some(Signer { email, key }))
    }
}

impl Contents {
    /// The account that is impersonated, if one is: the last word of an address such as
    /// `https://…/serviceAccounts/NAME@PROJECT.iam.gserviceaccount.com:generateAccessToken`.
    fn impersonated_email(&self) -> Option<String> {
        let address = self
            .json
            .get("service_account_impersonation_url")?
            .as_str()?;
        let (_, account) = address.rsplit_once('/')?;
        let email = account.strip_suffix(":generateAccessToken")?;
        Some(email.to_owned())
    }
}

impl Signer {
    async fn by_key(contents: &Contents) -> Outside<Self> {
        let unusable = || {
            let message =
                format!("{DOING}: the private key in the Google credentials file is malformed");
            Failure::new(FailureKind::Denied, message).with_hint("make a new key for the account")
        };
        let signer = service_account::Builder::new(contents.json.clone()).build_signer();
        let signer = signer.map_err(|_| unusable())?;
        Ok(Self {
            email: signer.client_email().await.map_err(|_| unusable())?,
            key: Key::File(signer),
        })
    }

    /// Signs with RSA and SHA-256.
    pub(crate) async fn sign(&self, text: &[u8]) -> Outside<Bytes> {
        match &self.key {
            Key::File(signer) => signer.sign(text).await.map_err(|_| {
                Failure::new(
                    FailureKind::Denied,
                    format!("{DOING}: the private key in the Google credentials file is malformed"),
                )
            }),
            Key::Iam {
                identity,
                endpoint,
                client,
            } => {
                let account = format!("{}:signBlob", self.email);
                let url = endpoint.join(&["v1", "projects", "-", "serviceAccounts", &account]);
                sign_by_iam(text, identity, client.post(url)).await
            }
        }
    }
}

async fn sign_by_iam(text: &[u8], identity: &Identity, request: RequestBuilder) -> Outside<Bytes> {
    let request = request.json(&json!({ "payload": BASE64_STANDARD.encode(text) }));
    let request = match identity.token().await? {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    };
    let response = http::send(request, DOING).await?;
    identity.heard(response.status());
    let body = body(response, ROLE_HINT).await?;
    let signed: Option<SignedBlob> = serde_json::from_slice(&body).ok();
    let signature = signed.and_then(|signed| BASE64_STANDARD.decode(signed.signed_blob).ok());
    signature.map(Bytes::from).ok_or_else(|| {
        let message = format!("{DOING}: IAM's answer holds no signature");
        Failure::new(FailureKind::CorruptTransfer, message)
    })
}

/// The account of this machine.
async fn email(metadata_address: &str) -> Outside<String> {
    let path = "computeMetadata/v1/instance/service-accounts/default/email";
    let request = http::direct_client(SILENCE_MAX)?
        .get(format!("{metadata_address}/{path}"))
        .header("metadata-flavor", "Google");
    let body = body(
        http::send(request, DOING).await?,
        "check `google.metadata_host`",
    )
    .await?;
    let email = std::str::from_utf8(&body).unwrap_or_default().trim();
    if !is_email(email) {
        let message = format!("{DOING}: the metadata server names no account");
        return Err(Failure::new(FailureKind::CorruptTransfer, message));
    }
    Ok(email.to_owned())
}

/// Whether a text can be an account's address. A login page, for one, cannot.
fn is_email(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte);
    (3..=EMAIL_CHARS_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && text.matches('@').count() == 1
}

async fn body(response: Response, hint: &'static str) -> Outside<Bytes> {
    let status = response.status();
    if !status.is_success() {
        let message = format!("{DOING}: HTTP {}", status.as_u16());
        return Err(Failure::new(http::status_kind(status), message).with_hint(hint));
    }
    http::body(response, REPLY_BYTES_MAX, DOING).await
}
