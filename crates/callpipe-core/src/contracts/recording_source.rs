//! Where the audio of a call comes from.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;

use crate::call::Contact;
use crate::contracts::CheckReport;
use crate::contracts::pace::Pace;
use crate::failure::{Failure, Outside};
use crate::progress::SkipReason;
use crate::recording::Participant;

/// How a source finds the audio again: a signed link, a path. Not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Locator(pub String);

impl fmt::Debug for Locator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Locator(hidden)")
    }
}

/// A recording that the source offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingReference {
    /// How to open it. May stop working after a while; then it must be found anew.
    pub locator: Locator,
    /// The source's word for what it is (`voice-only`).
    pub media_type: String,
    /// When it begins.
    pub started_at: Option<DateTime<Utc>>,
    /// Who is heard on it.
    pub participants: Vec<Participant>,
}

/// What a source answers about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The recordings with voice in the order of the call, or why there is none.
    pub recordings: Result<Vec<RecordingReference>, SkipReason>,
    /// The source's own words (JSON), fit to be stored: without signatures of links.
    pub raw_metadata: Option<String>,
}

/// A recording that is being read.
pub struct OpenRecording {
    /// The MIME type.
    pub content_type: String,
    /// What the file is to be called, without a dot: `mp4`.
    pub extension: String,
    /// Its bytes. The stream ends with an error if they do not arrive whole.
    pub bytes: BoxStream<'static, Result<Bytes, Failure>>,
}

/// A store of recordings.
#[async_trait]
pub trait RecordingSource: Send + Sync {
    /// Its name for logs and messages, such as `nice_cxone`.
    fn name(&self) -> &'static str;

    /// The limit that decides how fast calls are fetched; none where nothing limits it.
    fn pace(&self) -> Option<Pace> {
        None
    }

    /// Does what looking for a recording does, once, and says what was reached.
    async fn check(&self) -> Outside<CheckReport>;

    /// Looks for the recordings of a call. Keeps within the source's limits by itself.
    async fn find(&self, contact: &Contact) -> Outside<Found>;

    /// Begins to read a recording.
    async fn open(&self, reference: &RecordingReference) -> Outside<OpenRecording>;

    /// A run ends in good order: what the next one is to know is stored.
    async fn close(&self) -> Outside<()> {
        Ok(())
    }
}
