//! A call with all that is known of it, as it leaves the warehouse for other programs.

use chrono::{DateTime, FixedOffset, Utc};
use serde_json::{Map, Value};

use crate::analysis::Analysis;
use crate::call::{Contact, ContactId};
use crate::measures::Measures;
use crate::money::Usd;
use crate::progress::{LastFailure, Stage};
use crate::recording::{ArchiveKey, Recording};
use crate::triage::RecordingTriage;

/// A call with all that is known of it. What is not known is empty: tables that other programs made
/// know less than ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedCall {
    /// What the contact source said.
    pub contact: Contact,
    /// Where the call stands.
    pub state: ExportedState,
    /// The recordings in the archive.
    pub recordings: Vec<Recording>,
    /// The address of the first recording.
    pub audio_uri: Option<String>,
    /// What was heard before anything was bought.
    pub triage: ExportedTriage,
    /// What was said, and what was understood of it.
    pub transcript: ExportedTranscript,
    /// What its transcript cost; nothing where none was bought for this call.
    pub transcribe_cost: Option<Usd>,
    /// What its labels cost; nothing where none were bought for this call.
    pub classify_cost: Option<Usd>,
    /// The labels, once it was classified.
    pub labels: Option<ExportedLabels>,
}

/// A call in brief, as a list shows it: without what was said, which is most of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct BriefCall {
    /// The call.
    pub contact_id: ContactId,
    /// Its start, in its own place.
    pub started_at: Option<DateTime<FixedOffset>>,
    /// Where it stands.
    pub state: ExportedState,
    /// What it was about.
    pub summary: Option<String>,
    /// Who speaks when; see [`Measures::timeline`].
    pub timeline: Option<String>,
}

impl From<ExportedCall> for BriefCall {
    fn from(call: ExportedCall) -> Self {
        Self {
            contact_id: call.contact.id,
            started_at: call.contact.started_at,
            state: call.state,
            summary: call.transcript.analysis.summary,
            timeline: call.transcript.measures.map(|measures| measures.timeline),
        }
    }
}

/// Where a call stands. A status that makes no sense is given as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedState {
    /// Its stage.
    pub stage: Stage,
    /// Its status' word.
    pub status: String,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
    /// Attempts used up at this stage.
    pub attempt: u32,
    /// How often a person asked for the call to be done again.
    pub redo_count: u32,
    /// When it is tried again.
    pub not_before: Option<DateTime<Utc>>,
    /// What went wrong last at this stage.
    pub last_failure: Option<LastFailure>,
    /// When the call was taken up.
    pub listed_at: Option<DateTime<Utc>>,
    /// When something was last saved about it.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What was heard before anything was bought, and what was not bought for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportedTriage {
    /// Recording by recording; nothing where nobody listened.
    pub recordings: Vec<RecordingTriage>,
    /// The length of recordings for which nothing was bought, in seconds.
    pub not_bought_s: Option<f64>,
    /// What their transcripts would have cost, about.
    pub saved: Option<Usd>,
    /// The call whose recordings have the same audio.
    pub same_audio_as: Option<ContactId>,
}

/// What was said, and what was understood of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportedTranscript {
    /// One line a turn, each with its speaker.
    pub conversation: Option<String>,
    /// The words alone.
    pub plain_text: Option<String>,
    /// Summary, topics, intents, sentiment.
    pub analysis: Analysis,
    /// The model that understood it; unknown where nothing was understood, or by an earlier program.
    pub analysis_model: Option<String>,
    /// The figures.
    pub measures: Option<Measures>,
    /// Length of all recordings, in seconds.
    pub duration_s: Option<f64>,
    /// Who transcribed, such as `deepgram`.
    pub provider: Option<String>,
    /// The model that did.
    pub model: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// Where turns and word times lie.
    pub key: Option<ArchiveKey>,
}

impl ExportedTranscript {
    /// Who speaks when; see [`Measures::timeline`].
    pub fn timeline(&self) -> Option<&str> {
        Some(&self.measures.as_ref()?.timeline)
    }
}

/// The labels of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedLabels {
    /// The stored value of each section, by field; those of earlier taxonomies, too.
    pub values: Map<String, Value>,
    /// The taxonomy's version.
    pub taxonomy_version: Option<String>,
    /// The prompt's version.
    pub prompt_version: Option<String>,
    /// Who classified, such as `gemini`.
    pub provider: Option<String>,
    /// The model that did.
    pub model: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
}
