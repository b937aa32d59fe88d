//! What proves to Google who we are.

use async_trait::async_trait;
use callpipe_core::failure::Outside;

use crate::secret::{self, Secret};

/// Something that has an access token when one is needed.
#[async_trait]
pub(super) trait TokenSource: Send + Sync {
    /// A token that works now.
    async fn token(&self) -> Outside<Secret>;
}

/// A token that was configured, for as long as it lasts.
pub(super) struct GivenToken(Secret);

impl GivenToken {
    pub(super) fn new(token: Option<&Secret>) -> Outside<Self> {
        let token = secret::required(
            token,
            "classifier.gemini.access_token",
            "GOOGLE_ACCESS_TOKEN",
        )
        .map_err(|failure| {
            failure.with_hint(
                "set the environment variable GOOGLE_ACCESS_TOKEN, as in \
                     `export GOOGLE_ACCESS_TOKEN=$(gcloud auth print-access-token)`",
            )
        })?;
        Ok(Self(token.clone()))
    }
}

#[async_trait]
impl TokenSource for GivenToken {
    async fn token(&self) -> Outside<Secret> {
        Ok(self.0.clone())
    }
}
