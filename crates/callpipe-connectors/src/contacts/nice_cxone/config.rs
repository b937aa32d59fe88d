//! `[contacts.nice_cxone]`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::http::Endpoint;
use crate::nice_cxone::{AccountConfig, ClientAuthentication, default_issuer};
use crate::secret::Secret;

/// `[contacts.nice_cxone]`: calls from the completed contacts of CXone's reporting API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactsConfig {
    /// Who issues tokens. Default: `https://cxone.niceincontact.com`; for the US government's
    /// cloud `https://cxone-gov.niceincontact.com`.
    pub issuer: Endpoint,
    /// The OAuth client. No default; environment: `CXONE_CLIENT_ID`.
    pub client_id: Option<Secret>,
    /// Its secret. No default; environment: `CXONE_CLIENT_SECRET`.
    pub client_secret: Option<Secret>,
    /// The user's access key. No default; environment: `CXONE_USERNAME`.
    pub access_key_id: Option<Secret>,
    /// Its secret. No default; environment: `CXONE_PASSWORD`.
    pub access_key_secret: Option<Secret>,
    /// How the OAuth client proves who it is: `auto` (default), `basic` or `body`.
    pub client_authentication: ClientAuthentication,
    /// The tenant's API, such as `https://api-na1.niceincontact.com`. Default: looked for by the
    /// tenant that the token names.
    pub api_endpoint: Option<Endpoint>,
    /// The version of the reporting API. Default: 34.
    pub api_version: u32,
    /// The first day (UTC) whose calls are listed, as "2026-03-01". Default: the cut-off date, or 30 days ago where
    /// there is none.
    pub from: Option<NaiveDate>,
    /// The last day (UTC) whose calls are listed, as "2026-03-31". Default: today, up to now.
    pub to: Option<NaiveDate>,
    /// The longest period that is asked for at once, in days; less where the vendor refuses it.
    /// Default: 30; 0 counts as 1.
    pub window_days: u32,
    /// How many contacts are asked for at once. Default: 1000; from 1 to 10000.
    pub page_size: u32,
    /// The medium, by the vendor's number. Default: 4, the phone.
    pub media_type_id: u32,
    /// Whether contacts that the vendor says were not logged are left out. That is only a hint at
    /// whether there is a recording. Default: false.
    pub only_logged: bool,
}

impl Default for ContactsConfig {
    fn default() -> Self {
        Self {
            issuer: default_issuer(),
            client_id: None,
            client_secret: None,
            access_key_id: None,
            access_key_secret: None,
            client_authentication: ClientAuthentication::default(),
            api_endpoint: None,
            api_version: 34,
            from: None,
            to: None,
            window_days: 30,
            page_size: 1000,
            media_type_id: 4,
            only_logged: false,
        }
    }
}

impl ContactsConfig {
    /// Who signs in, and where.
    pub(super) fn account(&self) -> AccountConfig {
        AccountConfig {
            table: "contacts.nice_cxone",
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            access_key_id: self.access_key_id.clone(),
            access_key_secret: self.access_key_secret.clone(),
            client_authentication: self.client_authentication,
            api_endpoint: self.api_endpoint.clone(),
        }
    }
}
