//! The account: who signs in, and where.

use callpipe_core::failure::Outside;
use serde::{Deserialize, Serialize};

use crate::http::Endpoint;
use crate::secret::{Secret, required};

/// The issuer of all tenants outside of the US government's cloud.
const DEFAULT_ISSUER: &str = "https://cxone.niceincontact.com";

/// How the OAuth client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuthentication {
    /// As the discovery document says; otherwise by header, and by form once that is refused.
    #[default]
    Auto,
    /// By the `Authorization: Basic` header.
    Basic,
    /// By fields of the form.
    Body,
}

/// Who signs in, and where: the part of a table that all CXone connectors have.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// The table that these values are from, for messages: `recordings.nice_cxone`.
    pub table: &'static str,
    /// Who issues tokens.
    pub issuer: Endpoint,
    /// The OAuth client.
    pub client_id: Option<Secret>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// The user's access key.
    pub access_key_id: Option<Secret>,
    /// Its secret.
    pub access_key_secret: Option<Secret>,
    /// How the client proves who it is.
    pub client_authentication: ClientAuthentication,
    /// The tenant's API, where it is not to be looked for.
    pub api_endpoint: Option<Endpoint>,
}

/// The four secrets, all there.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) client_id: Secret,
    pub(super) client_secret: Secret,
    pub(super) access_key_id: Secret,
    pub(super) access_key_secret: Secret,
}

impl AccountConfig {
    pub(super) fn credentials(&self) -> Outside<Credentials> {
        let secret = |secret: &Option<Secret>, key: &str, variable: &str| {
            required(secret.as_ref(), &format!("{}.{key}", self.table), variable).cloned()
        };
        Ok(Credentials {
            client_id: secret(&self.client_id, "client_id", "CXONE_CLIENT_ID")?,
            client_secret: secret(&self.client_secret, "client_secret", "CXONE_CLIENT_SECRET")?,
            access_key_id: secret(&self.access_key_id, "access_key_id", "CXONE_USERNAME")?,
            access_key_secret: secret(
                &self.access_key_secret,
                "access_key_secret",
                "CXONE_PASSWORD",
            )?,
        })
    }
}

/// The issuer of whoever names none.
#[expect(
    clippy::expect_used,
    reason = "the address is a constant of ours, and every test of a default configuration reads it"
)]
pub(crate) fn default_issuer() -> Endpoint {
    Endpoint::parse(DEFAULT_ISSUER).expect("the default issuer is an https address")
}
