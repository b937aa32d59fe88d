//! The archive in a bucket of Google Cloud Storage, by its XML API.

mod checksum;
mod emulator;
mod link;

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::Outside;
use http::header::AUTHORIZATION;
use object_store::CredentialProvider;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use serde::{Deserialize, Deserializer, Serialize};

use super::cloud::{self, Carried, Connector};
use super::{Archive, failures};
use crate::google::Identity;
use crate::http::{Endpoint, EndpointError};

use checksum::Checked;
use emulator::Emulator;

pub(super) use link::Links;

const ENDPOINT: &str = "https://storage.googleapis.com";

/// The table `[archive.gcs]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GcsConfig {
    /// The bucket. Usually from `GCS_BUCKET_NAME`.
    pub bucket: Option<String>,
    /// What all names begin with, if several archives share a bucket.
    pub prefix: Option<String>,
    /// Where Cloud Storage is: an emulator, if not Google's. Usually from `STORAGE_EMULATOR_HOST`,
    /// which may be `host:port` alone.
    #[serde(deserialize_with = "endpoint_or_host")]
    pub endpoint: Endpoint,
    /// Whether the transcriber is given signed links to recordings, where they can be signed, instead
    /// of the recordings. By default so, but not with an emulator: nobody else reaches this machine.
    pub links: Option<bool>,
}

impl Default for GcsConfig {
    fn default() -> Self {
        Self {
            bucket: None,
            prefix: None,
            endpoint: default_endpoint(),
            links: None,
        }
    }
}

#[expect(clippy::expect_used, reason = "the text is a constant")]
fn default_endpoint() -> Endpoint {
    Endpoint::parse(ENDPOINT).expect("Cloud Storage's address is an https address")
}

/// An address, or `host:port` as emulators are named: those speak plain HTTP.
fn endpoint_or_host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
    let text = String::deserialize(deserializer)?;
    GcsConfig::endpoint_of(&text).map_err(serde::de::Error::custom)
}

impl GcsConfig {
    /// An address, or `host:port` as emulators are named.
    pub(crate) fn endpoint_of(text: &str) -> Result<Endpoint, EndpointError> {
        match text.contains("://") {
            true => Endpoint::parse(text),
            false => Endpoint::parse(&format!("http://{text}")),
        }
    }
}

const BUCKET_HINT: &str =
    "set the environment variable GCS_BUCKET_NAME, or `archive.gcs.bucket` in callpipe.toml";
const ROLE_HINT: &str = "the account needs the role roles/storage.objectUser on the bucket, and its \
    credentials must be good: `gcloud auth application-default login`";

impl Archive {
    /// A bucket of Google Cloud Storage, which must exist. Nothing is asked yet.
    pub fn gcs(config: &GcsConfig, identity: &Identity, clock: Arc<dyn Clock>) -> Outside<Self> {
        let bucket = cloud::required(config.bucket.as_deref(), "archive.gcs.bucket")
            .map_err(|failure| failure.with_hint(BUCKET_HINT))?;
        let endpoint = &config.endpoint;
        let identity = identity.for_endpoint(endpoint);
        let connector = Connector::new(Some(endpoint), ROLE_HINT, |client| {
            let client = match endpoint.is_loopback() {
                true => HttpClient::new(Emulator::new(client, endpoint)),
                false => client,
            };
            let client = HttpClient::new(Checked(client));
            let identity = identity.clone();
            HttpClient::new(Signed { client, identity })
        })?;
        let address = format!("gs://{bucket}");
        let store = GoogleCloudStorageBuilder::new()
            .with_bucket_name(bucket)
            .with_base_url(&endpoint.to_string())
            .with_credentials(Arc::new(Tokens(identity.clone())))
            .with_client_options(cloud::options())
            .with_retry(cloud::retry())
            .with_http_connector(connector)
            .build()
            .map_err(|error| failures::from_store(&error, &format!("opening {address}")))?;
        let mut archive = Archive::cloud(store, address, config.prefix.as_deref())?;
        if config.links.unwrap_or(!endpoint.is_loopback()) {
            let links = Links::new(identity, endpoint.clone(), bucket.to_owned(), clock);
            archive.links = Some(Arc::new(links));
        }
        Ok(archive)
    }
}

/// Gives the store our tokens.
#[derive(Debug)]
struct Tokens(Identity);

#[async_trait]
impl CredentialProvider for Tokens {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        match self.0.token().await {
            Ok(token) => Ok(Arc::new(GcpCredential {
                bearer: token.map_or_else(String::new, |token| token.expose().to_owned()),
            })),
            Err(failure) => Err(object_store::Error::Generic {
                store: "GCS",
                source: Box::new(Carried(failure)),
            }),
        }
    }
}

/// Takes off the header in which the store sends the token that nobody has, and tells of one that is
/// refused.
#[derive(Debug)]
struct Signed {
    client: HttpClient,
    identity: Identity,
}

#[async_trait]
impl HttpService for Signed {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let authorization = request.headers().get(AUTHORIZATION);
        if authorization.is_some_and(|value| value.as_bytes().trim_ascii() == b"Bearer") {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let response = self.client.execute(request).await?;
        self.identity.heard(response.status());
        Ok(response)
    }
}
