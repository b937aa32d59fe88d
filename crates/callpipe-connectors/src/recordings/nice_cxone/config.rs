//! `[recordings.nice_cxone]`.

use callpipe_core::recording::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::http::Endpoint;
use crate::nice_cxone::{AccountConfig, ClientAuthentication, default_issuer};
use crate::secret::Secret;

/// Which media the playback service is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaType {
    /// Everything: voice is picked from the answer.
    #[default]
    All,
    /// Voice without screen recordings.
    VoiceOnly,
    /// Voice with screen recordings.
    VoiceAndScreen,
}

impl MediaType {
    /// The vendor's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::VoiceOnly => "voice-only",
            Self::VoiceAndScreen => "voice-and-screen",
        }
    }
}

/// `[recordings.nice_cxone]`: recordings from CXone's Media Playback API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingsConfig {
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
    /// The account's quota of Media Playback requests in any 5 minutes. Default: 150; 0 counts
    /// as 1.
    pub requests_per_5_minutes: usize,
    /// Which media are asked for: `all` (default), `voice-only` or `voice-and-screen`.
    pub media_type: MediaType,
    /// How many calls are fetched at once. Default: 8; 0 counts as 1.
    pub in_flight_max: usize,
    /// Hosts that recordings may be downloaded from, beside the vendor's: `media.example.com`, or
    /// `*.example.com` for all below it. Default: none.
    pub media_hosts: Vec<String>,
    /// The largest recording that is downloaded, in bytes: what is larger is refused, and one that
    /// does not end is broken off there. Default: 4 GiB, days of a call in stereo as the vendor
    /// packs it.
    pub recording_size_bytes_max: u64,
}

impl Default for RecordingsConfig {
    fn default() -> Self {
        Self {
            issuer: default_issuer(),
            client_id: None,
            client_secret: None,
            access_key_id: None,
            access_key_secret: None,
            client_authentication: ClientAuthentication::default(),
            api_endpoint: None,
            requests_per_5_minutes: 150,
            media_type: MediaType::default(),
            in_flight_max: 8,
            media_hosts: Vec::new(),
            recording_size_bytes_max: 4 * 1024 * 1024 * 1024,
        }
    }
}

impl RecordingsConfig {
    /// What tells the account whose quota is used from others, without naming it.
    pub fn account_digest(&self) -> String {
        let text = |secret: &Option<Secret>| secret.as_ref().map_or("", Secret::expose).to_owned();
        let (client, user) = (text(&self.client_id), text(&self.access_key_id));
        let fingerprint =
            Fingerprint::of(&["nice_cxone", &self.issuer.to_string(), &client, &user]);
        fingerprint.as_str()[..16].to_owned()
    }

    /// Who signs in, and where.
    pub(super) fn account(&self) -> AccountConfig {
        AccountConfig {
            table: "recordings.nice_cxone",
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
