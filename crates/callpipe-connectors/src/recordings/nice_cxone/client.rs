//! Requests about recordings: the playback service, and the contact's master id.

use std::sync::Arc;
use std::time::Duration;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::recording_source::Found;
use callpipe_core::failure::{Blame, FailureKind, Outside};
use reqwest::StatusCode;

use super::config::RecordingsConfig;
use super::map;
use crate::http;
use crate::http::pacing::WindowLimit;
use crate::nice_cxone::{Api, ApiRequest, Refusal, is_foreign_404, refused};

/// The stretch of time that the vendor's quota counts in.
pub(super) const WINDOW: Duration = Duration::from_secs(5 * 60);

/// How long everybody waits after a 429 that says nothing about it.
const HOLD_WHEN_UNTOLD: Duration = Duration::from_secs(10);

/// The largest answer about a contact, in bytes. Without waveforms they are a few KiB.
const METADATA_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The version of the reporting API that contacts' masters are looked up in.
const REPORTING_VERSION: &str = "v34.0";

const ASKING_PLAYBACK: &str = "asking CXone for the recordings of a call";
const ASKING_HIERARCHY: &str = "asking CXone for the master contact of a call";

const PLAYBACK_PERMISSION: &str = "the access key's user needs the permission Search & Playback > \
     Player > Play/download recordings: Play Any, and the account a licence of the Media Playback \
     API (ask the account representative)";
const REPORTING_PERMISSION: &str = "the access key's user may not use the reporting API";

/// The requests of this connector.
pub(super) struct RecordingsClient {
    pub(super) api: Api,
    pub(super) limit: WindowLimit,
    media_type: &'static str,
}

/// The playback service's word about an id.
pub(super) enum Metadata {
    /// It knows the contact.
    Known(Found),
    /// It does not.
    Unknown(Found),
}

impl RecordingsClient {
    pub(super) fn new(config: &RecordingsConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        Ok(Self {
            api: Api::new(config.account(), clock)?,
            limit: WindowLimit::new(config.requests_per_5_minutes, WINDOW),
            media_type: config.media_type.as_str(),
        })
    }

    /// Asks what is recorded under an id.
    pub(super) async fn metadata(&self, id: &str) -> Outside<Metadata> {
        let request = ApiRequest {
            doing: ASKING_PLAYBACK,
            path: &["media-playback", "v1", "contacts"],
            query: &[
                ("acd-call-id", id),
                ("media-type", self.media_type),
                ("exclude-waveforms", "true"),
            ],
            limit: Some(&self.limit),
        };
        match self.api.get(&request).await? {
            Ok(response) => {
                let body = http::body(response, METADATA_BYTES_MAX, ASKING_PLAYBACK).await?;
                Ok(Metadata::Known(map::found(&body, ASKING_PLAYBACK)?))
            }
            Err(refusal) => self.metadata_refused(refusal),
        }
    }

    fn metadata_refused(&self, refusal: Refusal) -> Outside<Metadata> {
        let retry_after = refusal.failure.retry_after;
        if refusal.status == StatusCode::TOO_MANY_REQUESTS || retry_after.is_some() {
            self.limit.hold(retry_after.unwrap_or(HOLD_WHEN_UNTOLD));
        }
        if refusal.status != StatusCode::NOT_FOUND {
            return Err(refused(refusal, PLAYBACK_PERMISSION));
        }
        if is_foreign_404(&refusal.body) {
            let mut failure = refusal.failure;
            failure.kind = FailureKind::Denied;
            return Err(failure.with_hint(
                "the playback service is not at this address: check `issuer` and `api_endpoint`",
            ));
        }
        Ok(Metadata::Unknown(map::not_found(&refusal.body)))
    }

    /// Looks for the master of a contact, without using up the quota of the playback service. A
    /// user who may not ask for it is taken as one who does not know it.
    pub(super) async fn master_of(&self, id: &ContactId) -> Outside<Option<ContactId>> {
        let path = [
            "incontactapi",
            "services",
            REPORTING_VERSION,
            "contacts",
            id.as_str(),
            "hierarchy",
        ];
        let request = ApiRequest {
            doing: ASKING_HIERARCHY,
            path: &path,
            query: &[],
            limit: None,
        };
        match self.api.get(&request).await? {
            Ok(response) => {
                let body = http::body(response, METADATA_BYTES_MAX, ASKING_HIERARCHY).await?;
                map::master_id(&body, ASKING_HIERARCHY)
            }
            Err(refusal) => {
                let signed_out = refusal.status == StatusCode::UNAUTHORIZED;
                let failure = refused(refusal, REPORTING_PERMISSION);
                if signed_out || failure.kind.blame() == Blame::Moment {
                    return Err(failure);
                }
                tracing::debug!(%failure, "the master contact stays unknown");
                Ok(None)
            }
        }
    }
}
