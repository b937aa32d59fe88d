//! Who we are to Google: one source of access tokens for Cloud Storage, BigQuery, Vertex AI and
//! Secret Manager.
//!
//! Tokens come from Google's own `google-cloud-auth`, which knows every kind of credentials, caches
//! a token and renews it before it ends.

mod config;
mod credentials;
mod signing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use callpipe_core::failure::Outside;
use reqwest::StatusCode;

use crate::http::{self, Endpoint};
use crate::secret::Secret;

pub use config::GoogleConfig;

pub(crate) use signing::Signer;

use credentials::CachedCredentials;

/// One source of tokens. Cheap to clone; clones share the cached token.
#[derive(Clone)]
pub struct Identity {
    source: Arc<Source>,
    iam_endpoint: Endpoint,
}

enum Source {
    /// Nobody in particular: emulators ask for no more.
    Anonymous,
    /// A token that was configured, for as long as it lasts.
    Given(Secret),
    /// Credentials that tokens are made from.
    Credentials(CachedCredentials),
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &*self.source {
            Source::Anonymous => "anonymous",
            Source::Given(_) => "given token",
            Source::Credentials(credentials) => credentials.name(),
        };
        write!(formatter, "Identity({what})")
    }
}

impl Identity {
    /// Reads the credentials file, if one is configured, and asks nobody.
    ///
    /// Of several that are given, the access token is used first, then the file, then the metadata
    /// server. A file that cannot be used is `Denied`.
    pub fn new(config: &GoogleConfig) -> Outside<Self> {
        http::choose_cryptography();
        let given = config.access_token.as_ref();
        let source = match given.filter(|token| !token.expose().trim().is_empty()) {
            Some(token) => Source::Given(Secret::new(token.expose().trim())),
            None => Source::Credentials(CachedCredentials::new(config)?),
        };
        Ok(Self {
            source: Arc::new(source),
            iam_endpoint: config.iam_endpoint.clone(),
        })
    }

    /// Nobody: requests carry no token.
    pub fn anonymous() -> Self {
        Self {
            source: Arc::new(Source::Anonymous),
            iam_endpoint: GoogleConfig::default().iam_endpoint,
        }
    }

    /// Anonymous for an emulator on this machine, unless credentials were given explicitly: whoever
    /// runs an emulator need not have any.
    pub fn for_endpoint(&self, endpoint: &Endpoint) -> Self {
        let is_given = match &*self.source {
            Source::Anonymous | Source::Given(_) => true,
            Source::Credentials(credentials) => credentials.are_given(),
        };
        if endpoint.is_loopback() && !is_given {
            Self::anonymous()
        } else {
            self.clone()
        }
    }

    /// A token that works now; none when anonymous.
    ///
    /// `Denied` where there are no credentials or Google refuses them, `Unavailable` where whoever
    /// issues the token cannot be reached.
    pub async fn token(&self) -> Outside<Option<Secret>> {
        match &*self.source {
            Source::Anonymous => Ok(None),
            Source::Given(token) => Ok(Some(token.clone())),
            Source::Credentials(credentials) => credentials.token().await.map(Some),
        }
    }

    /// Told of an answer: one that refuses the token (401) makes the next token a new one. A token may
    /// end before its time, and seem younger than it is after the machine has slept.
    pub(crate) fn heard(&self, status: StatusCode) {
        if let (StatusCode::UNAUTHORIZED, Source::Credentials(credentials)) =
            (status, &*self.source)
        {
            credentials.forget_token();
        }
    }
}
