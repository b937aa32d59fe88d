//! `[google]`: who we are to Google.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::http::Endpoint;
use crate::secret::Secret;

const IAM_ENDPOINT: &str = "https://iamcredentials.googleapis.com";
const SECRET_MANAGER_ENDPOINT: &str = "https://secretmanager.googleapis.com";

/// The table `[google]`, for every service of Google's that is used. All of it is optional: Google's
/// Application Default Credentials are looked for where nothing is given.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoogleConfig {
    /// A file with credentials: a service account's key, or what `gcloud auth application-default
    /// login` or Workload Identity Federation writes. Usually from `GOOGLE_APPLICATION_CREDENTIALS`.
    pub credentials_file: Option<PathBuf>,
    /// An access token, which lasts an hour. Usually from `GOOGLE_ACCESS_TOKEN`.
    pub access_token: Option<Secret>,
    /// `host[:port]` of the metadata server that issues tokens, if not Google's own. Usually from
    /// `GCE_METADATA_HOST`.
    pub metadata_host: Option<String>,
    /// Where Google's IAM Credentials API is, which signs links for accounts without a key file.
    pub iam_endpoint: Endpoint,
    /// Where Google's Secret Manager is, from which values of the configuration can come.
    pub secret_manager_endpoint: Endpoint,
}

impl Default for GoogleConfig {
    fn default() -> Self {
        Self {
            credentials_file: None,
            access_token: None,
            metadata_host: None,
            iam_endpoint: constant(IAM_ENDPOINT),
            secret_manager_endpoint: constant(SECRET_MANAGER_ENDPOINT),
        }
    }
}

#[expect(clippy::expect_used, reason = "the text is a constant")]
fn constant(address: &str) -> Endpoint {
    Endpoint::parse(address).expect("an https address")
}
