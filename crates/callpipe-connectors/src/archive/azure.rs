//! The archive in a container of Azure Blob Storage. In builds with the feature `azure` only.

use callpipe_core::failure::Outside;
use serde::{Deserialize, Serialize};

use super::Archive;
use crate::http::Endpoint;

/// The table `[archive.azure]`. Credentials come from the environment (`AZURE_STORAGE_ACCOUNT_KEY`,
/// `AZURE_CLIENT_ID` and its like) or the machine's identity.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureConfig {
    /// The storage account.
    pub account: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// What all names begin with, if several archives share a container.
    pub prefix: Option<String>,
    /// Where the service is, if not at Azure.
    pub endpoint: Option<Endpoint>,
}

impl Archive {
    /// A container of Azure Blob Storage, which must exist. Nothing is asked yet.
    #[cfg(feature = "azure")]
    pub fn azure(config: &AzureConfig) -> Outside<Self> {
        use object_store::azure::MicrosoftAzureBuilder;

        use super::cloud::{self, Connector};
        use super::failures;

        const ROLE_HINT: &str = "the credentials must be good, and have the role Storage Blob Data \
            Contributor on the container";

        let account = cloud::required(config.account.as_deref(), "archive.azure.account")?;
        let container = cloud::required(config.container.as_deref(), "archive.azure.container")?;
        let address = format!("azure://{account}/{container}");
        let connector = Connector::new(config.endpoint.as_ref(), ROLE_HINT, |client| client)?;
        let mut builder = MicrosoftAzureBuilder::from_env()
            .with_account(account)
            .with_container_name(container)
            .with_client_options(cloud::options())
            .with_retry(cloud::retry())
            .with_http_connector(connector);
        if let Some(endpoint) = &config.endpoint {
            builder = builder
                .with_allow_http(endpoint.is_loopback())
                .with_endpoint(endpoint.to_string());
        }
        let store = builder
            .build()
            .map_err(|error| failures::from_store(&error, &format!("opening {address}")))?;
        Archive::cloud(store, address, config.prefix.as_deref())
    }

    /// Says that this build cannot.
    #[cfg(not(feature = "azure"))]
    pub fn azure(_config: &AzureConfig) -> Outside<Self> {
        Err(super::cloud::left_out("Azure Blob Storage", "azure"))
    }
}
