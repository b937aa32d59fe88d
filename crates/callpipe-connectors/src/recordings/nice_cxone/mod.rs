//! Recordings from CXone's Media Playback API.
//!
//! Recordings are filed under the id of the master contact. Which id is known depends on where the
//! list of calls is from, so an id that the playback service does not know is followed by one more
//! question under the contact's other id.

mod client;
mod config;
mod hosts;
mod kinds;
mod map;
mod media;
mod reach;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::recording_source::{
    Found, OpenRecording, RecordingReference, RecordingSource,
};
use callpipe_core::failure::{FailureKind, Outside};

use crate::http::pacing::{Ledger, UsageStore};
use client::{Metadata, RecordingsClient};
pub use config::{MediaType, RecordingsConfig};
use hosts::MediaHosts;
use media::Media;

/// An id that no contact has.
const NO_CONTACT: &str = "0";

/// Recordings from CXone's Media Playback API.
pub struct NiceCxoneRecordings {
    client: RecordingsClient,
    media: Media,
    in_flight_max: usize,
    requests_max: usize,
}

impl NiceCxoneRecordings {
    /// A source as configured. Nothing is asked yet.
    pub fn new(config: RecordingsConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        let hosts = MediaHosts::new(&config.media_hosts, &config.issuer)?;
        Ok(Self {
            client: RecordingsClient::new(&config, Arc::clone(&clock))?,
            media: Media::new(
                &config.issuer,
                hosts,
                config.recording_size_bytes_max,
                clock,
            )?,
            in_flight_max: config.in_flight_max.max(1),
            requests_max: config.requests_per_5_minutes,
        })
    }

    /// Remembers in a store what is used of the account's quota, from one run to the next.
    #[must_use]
    pub fn with_usage(mut self, store: Arc<dyn UsageStore>, clock: Arc<dyn Clock>) -> Self {
        let limit = self.client.limit.clone();
        self.client.limit = limit.with_ledger(Ledger::new(store, clock));
        self
    }

    /// How many calls are to be fetched at once. The quota is kept whatever their number.
    pub fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    /// The other id under which the recordings of a contact may be filed, when there are none
    /// under the one that was asked by.
    async fn other_id(&self, contact: &Contact, asked: &ContactId) -> Outside<Option<ContactId>> {
        let other = match contact.master_id {
            Some(_) => Some(contact.id.clone()),
            None => self.client.master_of(&contact.id).await?,
        };
        Ok(other.filter(|other| other != asked))
    }
}

#[async_trait]
impl RecordingSource for NiceCxoneRecordings {
    fn name(&self) -> &'static str {
        "nice_cxone"
    }

    fn pace(&self) -> Option<Pace> {
        Some(Pace::Window {
            requests_max: self.requests_max,
            window: client::WINDOW,
        })
    }

    async fn check(&self) -> Outside<CheckReport> {
        // First, because it costs nothing of the quota.
        self.media.check().await?;
        let session = self.client.api.session().await?;
        match self.client.metadata(NO_CONTACT).await {
            // Who says that the question makes no sense has let us in.
            Ok(_) => {}
            Err(failure) if failure.kind == FailureKind::Rejected => {}
            Err(failure) => return Err(failure),
        }
        Ok(session.place.to_string())
    }

    async fn find(&self, contact: &Contact) -> Outside<Found> {
        let asked = contact.master_id.as_ref().unwrap_or(&contact.id);
        let unknown = match self.client.metadata(asked.as_str()).await? {
            Metadata::Known(found) => return Ok(found),
            Metadata::Unknown(found) => found,
        };
        match self.other_id(contact, asked).await? {
            None => Ok(unknown),
            Some(other) => match self.client.metadata(other.as_str()).await? {
                Metadata::Known(found) | Metadata::Unknown(found) => Ok(found),
            },
        }
    }

    async fn open(&self, reference: &RecordingReference) -> Outside<OpenRecording> {
        self.media.open(&reference.locator).await
    }

    async fn close(&self) -> Outside<()> {
        self.client.limit.close().await
    }
}
