//! The archive in a bucket of Amazon S3, or of a service that speaks as it does. In builds with the
//! feature `aws` only.

use callpipe_core::failure::Outside;
use serde::{Deserialize, Serialize};

use super::Archive;
use crate::http::Endpoint;

/// The table `[archive.s3]`. Credentials come from where Amazon's tools look: the environment
/// (`AWS_ACCESS_KEY_ID` and its like) or the machine's role.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket.
    pub bucket: Option<String>,
    /// What all names begin with, if several archives share a bucket.
    pub prefix: Option<String>,
    /// The bucket's region, if not that of `AWS_REGION`.
    pub region: Option<String>,
    /// Where the service is, if not at Amazon.
    pub endpoint: Option<Endpoint>,
}

impl Archive {
    /// A bucket of Amazon S3, which must exist. Nothing is asked yet.
    #[cfg(feature = "aws")]
    pub fn s3(config: &S3Config) -> Outside<Self> {
        use object_store::aws::{AmazonS3Builder, S3CopyIfNotExists};

        use super::cloud::{self, Connector};
        use super::failures;

        const ROLE_HINT: &str = "the credentials must be good, and allow s3:GetObject, s3:PutObject, \
            s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucket";

        let bucket = cloud::required(config.bucket.as_deref(), "archive.s3.bucket")?;
        let address = format!("s3://{bucket}");
        let connector = Connector::new(config.endpoint.as_ref(), ROLE_HINT, |client| client)?;
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
            .with_client_options(cloud::options())
            .with_retry(cloud::retry())
            .with_http_connector(connector);
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
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
    #[cfg(not(feature = "aws"))]
    pub fn s3(_config: &S3Config) -> Outside<Self> {
        Err(super::cloud::left_out("Amazon S3", "aws"))
    }
}
