//! Where a call stands: the state that is stored for each call and that nothing else remembers.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::call::ContactId;
use crate::failure::FailureKind;
use crate::money::Purchase;

/// One of the three things that are done to a call, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Find the recordings and put them into the archive.
    Fetch,
    /// Turn the audio into a conversation.
    Transcribe,
    /// Label the conversation by the taxonomy.
    Classify,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Self; 3] = [Self::Fetch, Self::Transcribe, Self::Classify];

    /// The stage after this one.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Fetch => Some(Self::Transcribe),
            Self::Transcribe => Some(Self::Classify),
            Self::Classify => None,
        }
    }

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Transcribe => "transcribe",
            Self::Classify => "classify",
        }
    }

    /// Reads the stored word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why there is nothing to do for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The recordings' source does not know the call.
    NotFound,
    /// The source knows the call and has no recording of it.
    NoRecording,
    /// There is a recording, and nobody speaks on it.
    NoSpeech,
}

impl SkipReason {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoRecording => "no_recording",
            Self::NoSpeech => "no_speech",
        }
    }

    /// Reads the stored word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::NotFound, Self::NoRecording, Self::NoSpeech]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What went wrong last, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// Its meaning.
    pub kind: FailureKind,
    /// Its message with causes.
    pub reason: String,
}

/// What can be done with a call now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The stage is to be done, from this moment on (at once where there is none).
    Ready {
        /// Not before this.
        not_before: Option<DateTime<Utc>>,
    },
    /// A person must look: attempts are used up, or the call is refused for good.
    Parked,
    /// Nothing to do, now or later.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// Classified.
    Done,
}

impl Status {
    /// The word that is stored and shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::Parked => "parked",
            Self::Skipped { .. } => "skipped",
            Self::Done => "done",
        }
    }
}

/// The state of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallProgress {
    /// Which call.
    pub contact_id: ContactId,
    /// The stage that the call is at; the last one when it is done.
    pub stage: Stage,
    /// What can be done with it.
    pub status: Status,
    /// Attempts used up at this stage.
    pub attempt: u32,
    /// How often a person asked for the call to be done again. Allows new replies to be bought
    /// where the old ones were of no use.
    pub redo_count: u32,
    /// What went wrong last at this stage. Always there when parked.
    pub last_failure: Option<LastFailure>,
    /// The replies that were bought on behalf of the call, at all stages.
    pub purchases: Vec<Purchase>,
}

impl CallProgress {
    /// The state of a call that was just listed.
    pub fn new(contact_id: ContactId) -> Self {
        Self {
            contact_id,
            stage: Stage::Fetch,
            status: Status::Ready { not_before: None },
            attempt: 0,
            redo_count: 0,
            last_failure: None,
            purchases: Vec::new(),
        }
    }
}
