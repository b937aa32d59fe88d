//! Signed links (V4) by which others read one recording for a while.
//!
//! <https://cloud.google.com/storage/docs/access-control/signing-urls-manually>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::transcriber::AudioLink;
use callpipe_core::failure::Outside;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use url::Url;

use crate::google::{Identity, Signer};
use crate::http::Endpoint;

/// For how long a link works. A transcriber fetches the audio when it is asked.
const EXPIRES_S: u32 = 15 * 60;

/// Makes links to the objects of a bucket.
pub(in super::super) struct Links {
    identity: Identity,
    endpoint: Endpoint,
    bucket: String,
    clock: Arc<dyn Clock>,
    signer: OnceCell<Option<Signer>>,
    /// Whether it was told that links cannot be made: they are not tried again in this run.
    has_failed: AtomicBool,
}

impl Links {
    pub(super) fn new(
        identity: Identity,
        endpoint: Endpoint,
        bucket: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            identity,
            endpoint,
            bucket,
            clock,
            signer: OnceCell::new(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Who signs, for people.
    pub(in super::super) async fn account(&self) -> Option<String> {
        let signer = self.signer().await.ok()?;
        Some(signer?.email.clone())
    }

    /// A link to an object, if one can be made. Where signing fails, the recording is sent instead:
    /// that is no reason to stop.
    pub(in super::super) async fn link(&self, name: &str) -> Option<AudioLink> {
        // Google and its signers disagree on how other names are written in what is signed.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
        if !name.bytes().all(is_plain) || self.has_failed.load(Ordering::Relaxed) {
            return None;
        }
        match self.signed(name).await {
            Ok(link) => link,
            Err(failure) => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    let (reason, hint) = (failure.chain(), failure.hint);
                    tracing::warn!(reason, hint, "recordings are sent: links cannot be signed");
                }
                None
            }
        }
    }

    async fn signer(&self) -> Outside<Option<&Signer>> {
        let signer = self.signer.get_or_try_init(|| self.identity.signer());
        Ok(signer.await?.as_ref())
    }

    async fn signed(&self, name: &str) -> Outside<Option<AudioLink>> {
        let Some(signer) = self.signer().await? else {
            return Ok(None);
        };
        let segments: Vec<&str> = [self.bucket.as_str()]
            .into_iter()
            .chain(name.split('/'))
            .collect();
        let url = self.endpoint.join(&segments);
        let date = self.clock.now().format("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/auto/storage/goog4_request", &date[..8]);
        // In the order of their names, as they are signed.
        let query = [
            ("X-Goog-Algorithm", "GOOG4-RSA-SHA256"),
            ("X-Goog-Credential", &format!("{}/{scope}", signer.email)),
            ("X-Goog-Date", &date),
            ("X-Goog-Expires", &EXPIRES_S.to_string()),
            ("X-Goog-SignedHeaders", "host"),
        ]
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .join("&");
        let request = format!(
            "GET\n{}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
            url.path(),
            host(&url),
        );
        let hash = hex::encode(Sha256::digest(request));
        let text = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{hash}");
        let signature = hex::encode(signer.sign(text.as_bytes()).await?);
        Ok(Some(AudioLink(format!(
            "{url}?{query}&X-Goog-Signature={signature}"
        ))))
    }
}

/// The host as the request's header has it.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A value as it is signed: everything escaped but what RFC 3986 reserves for nothing.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for byte in value.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
