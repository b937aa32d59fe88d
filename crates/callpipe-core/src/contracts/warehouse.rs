//! Where the state and the results of all calls are kept, for us and for any SQL client.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis::Analysis;
use crate::call::{Contact, ContactId};
use crate::classification::Classification;
use crate::contracts::CheckReport;
use crate::exported::ExportedCall;
use crate::failure::Outside;
use crate::measures::Measures;
use crate::money::Usd;
use crate::progress::{CallProgress, Stage};
use crate::recording::{ArchiveKey, Recording};
use crate::shard::Shard;
use crate::taxonomy::Taxonomy;
use crate::triage::RecordingTriage;

/// A call whose stage is to be done, with all that the stage needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingCall {
    /// What the contact source said.
    pub contact: Contact,
    /// Where the call stands.
    pub progress: CallProgress,
    /// What was fetched so far.
    pub recordings: Vec<Recording>,
    /// Audio that others put into the archive, of which nothing else is known: there where the
    /// table names an object of the archive and `recordings` is empty.
    pub archived_audio: Option<ArchiveKey>,
    /// The stored conversation, for [`Stage::Classify`] only: that of calls that others transcribed,
    /// and any that is read with the row for nothing. All others have a transcript in the archive.
    pub conversation: Option<String>,
    /// Whether nothing is stored that was understood of the call: no summary, topics, intents or
    /// sentiment. Told for [`Stage::Classify`] only.
    pub analysis_missing: bool,
}

/// The calls that a worker is responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// At this stage.
    pub stage: Stage,
    /// Calls that started before this date are left out.
    pub since: Option<NaiveDate>,
    /// Only this part of the calls.
    pub shard: Shard,
}

impl Scope {
    /// All calls at a stage.
    pub fn of(stage: Stage) -> Self {
        Self {
            stage,
            since: None,
            shard: Shard::WHOLE,
        }
    }
}

/// Which pending calls are asked for: newest call first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingQuery {
    /// Among these.
    pub scope: Scope,
    /// Ready at this moment.
    pub now: DateTime<Utc>,
    /// At most so many.
    pub limit: usize,
    /// But none of these: they are worked on, and pending until what came of it is saved.
    pub in_hand: HashSet<ContactId>,
}

/// How outcomes are best saved together, and contacts taken up. A batch of outcomes is saved when one
/// of the limits is reached, or when nothing else is being worked on.
///
/// More at once is not refused: it only takes longer, or more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// At most so many outcomes.
    pub rows_max: usize,
    /// At most so many contacts.
    pub contacts_max: usize,
    /// About so many bytes of text.
    pub size_bytes_max: usize,
    /// An outcome waits at most so long for others to be saved with.
    pub delay_max: Duration,
    /// For how long nothing else must be worked on before a batch is saved early: a stage that takes
    /// up its next calls is idle for a moment, too.
    pub idle_delay: Duration,
}

/// What transcribing gave.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscribedCall {
    /// The conversation, one line a turn.
    pub conversation: String,
    /// The words alone.
    pub plain_text: String,
    /// What was understood.
    pub analysis: Analysis,
    /// Its figures.
    pub measures: Measures,
    /// The model that answered.
    pub model: String,
    /// Where turns and word times lie.
    pub transcript_key: ArchiveKey,
    /// Where the paid replies lie: none of recordings for which nothing was bought.
    pub reply_keys: Vec<ArchiveKey>,
    /// What was heard and decided before buying; nothing where a kept reply was read, or where
    /// nobody listened.
    pub triage: Vec<RecordingTriage>,
    /// The call with the same audio, for which the reply was bought.
    pub same_audio_as: Option<ContactId>,
}

/// What classifying gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifiedCall {
    /// The labels.
    pub classification: Classification,
    /// The conversation that was labelled.
    pub conversation: String,
    /// Where the paid reply lies.
    pub reply_key: ArchiveKey,
    /// What the model understood, where the transcriber had not: replaces what is stored. Where there
    /// is none, that stays.
    pub analysis: Option<ModelAnalysis>,
}

/// What a model understood of a conversation in a transcriber's place.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAnalysis {
    /// What was understood.
    pub analysis: Analysis,
    /// The model.
    pub model: String,
}

/// What a stage learned about a call, beside its new state.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// The source was asked and has nothing (yet).
    NothingFound {
        /// The source's words.
        raw_metadata: Option<String>,
    },
    /// The recordings are in the archive.
    Fetched {
        /// In the order of the call.
        recordings: Vec<Recording>,
        /// The source's words.
        raw_metadata: Option<String>,
    },
    /// The conversation is known.
    Transcribed(Box<TranscribedCall>),
    /// The labels are known.
    Classified(Box<ClassifiedCall>),
}

/// A call's new state and what was learned, to be saved together.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The call.
    pub contact: Contact,
    /// Its state from now on.
    pub progress: CallProgress,
    /// What was learned.
    pub change: Change,
    /// When.
    pub at: DateTime<Utc>,
}

/// How many calls stand where.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// All calls.
    pub total: u64,
    /// By stage and status (`ready`, `parked`, `skipped`, `done`).
    pub counts: Vec<StageCount>,
    /// Failures of calls that are parked or wait to be tried again, most frequent first.
    pub failures: Vec<FailureGroup>,
    /// Why calls were skipped.
    pub skips: Vec<SkipCount>,
    /// What was spent, by stage; stages at which nothing was bought are left out.
    pub spend: Vec<StageSpend>,
    /// What was not bought, because nobody speaks.
    pub not_bought: NotBought,
    /// How many calls have the audio of another one, and its transcript without buying it again.
    pub same_audio: u64,
}

/// Recordings that nothing was bought for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NotBought {
    /// Of so many calls.
    pub calls: u64,
    /// How long they are, in seconds.
    pub duration_s: f64,
    /// What their transcripts would have cost, about.
    pub usd: Usd,
}

/// What was spent at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpend {
    /// The stage.
    pub stage: Stage,
    /// How much.
    pub usd: Usd,
    /// For how many calls something was bought.
    pub calls: u64,
}

impl Summary {
    /// What was spent at all stages.
    pub fn spent(&self) -> Usd {
        self.spend.iter().map(|spend| spend.usd).sum()
    }
}

/// How many calls are at a stage with a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCount {
    /// The stage.
    pub stage: Stage,
    /// The status' word.
    pub status: String,
    /// How many of them must wait for a later moment.
    pub waiting: u64,
    /// How many calls.
    pub count: u64,
}

/// Calls that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureGroup {
    /// At this stage.
    pub stage: Stage,
    /// `parked` or `ready`.
    pub status: String,
    /// The failure's kind.
    pub kind: String,
    /// A reason of one of them.
    pub example: String,
    /// One of them.
    pub contact_id: String,
    /// How many calls.
    pub count: u64,
}

/// Calls that were skipped for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipCount {
    /// The reason's word.
    pub reason: String,
    /// How many calls.
    pub count: u64,
}

/// Which calls are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallFilter {
    /// Only at this stage.
    pub stage: Option<Stage>,
    /// Only with this status' word.
    pub status: Option<String>,
    /// Only with this failure's kind.
    pub failure_kind: Option<String>,
    /// Only these.
    pub contact_ids: Vec<ContactId>,
    /// Only calls that started on or after this date.
    pub since: Option<NaiveDate>,
    /// At most so many; all where there is none.
    pub limit: Option<usize>,
}

/// A call as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// The call's id.
    pub contact_id: String,
    /// When it started, RFC 3339.
    pub started_at: Option<String>,
    /// Its stage.
    pub stage: Stage,
    /// Its status' word.
    pub status: String,
    /// Attempts used up.
    pub attempt: u32,
    /// When it is tried again.
    pub not_before: Option<String>,
    /// Failure kind, or why it was skipped.
    pub reason_kind: Option<String>,
    /// The last failure's message.
    pub reason: Option<String>,
    /// Length of its recordings in seconds, once transcribed.
    pub duration_s: Option<f64>,
}

/// A call with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDetails {
    /// As it is listed.
    #[serde(flatten)]
    pub row: CallRow,
    /// Its row of the tracking table, by column.
    pub tracking: Value,
    /// Its row of the classifications table, by column.
    pub classification: Option<Value>,
}

/// How often each value of a section was given, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// How many calls.
    pub count: u64,
}

/// Where an export goes on. Only the warehouse that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportCursor(pub String);

/// Some calls of an export.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportPage {
    /// In no particular order; there may be none although others follow.
    pub calls: Vec<ExportedCall>,
    /// Where it goes on; nothing after the last page.
    pub next: Option<ExportCursor>,
}

/// The two tables.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// Its name for logs and messages, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// Reads and writes, leaving nothing behind, and says what was reached.
    async fn check(&self) -> Outside<CheckReport>;

    /// Creates what is missing: tables, columns, views, a column for each section of the taxonomy.
    /// Never changes or drops what is there. Safe to repeat.
    async fn prepare(&self, taxonomy: &Taxonomy) -> Outside<()>;

    /// Takes up contacts that are not tracked yet; says how many those were. Known ones stay as
    /// they are, except that a start which was not known is filled in.
    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64>;

    /// Calls whose stage can be done now, newest first.
    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>>;

    /// When the earliest call with a moment to wait for becomes ready, if any of these waits.
    /// That moment may be past, for instance if the call is being worked on.
    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>>;

    /// About how many of these calls are ready, now or at a later moment: for showing how much there
    /// is to do.
    async fn ready_count(&self, scope: &Scope, now: DateTime<Utc>) -> Outside<u64> {
        let counts = self.summary(now).await?.counts;
        let ready = |count: &&StageCount| count.stage == scope.stage && count.status == "ready";
        let calls: u64 = counts.iter().filter(ready).map(|count| count.count).sum();
        Ok(calls.div_ceil(u64::from(scope.shard.count())))
    }

    /// How outcomes are best saved together, and how many contacts are taken up at once.
    fn batching(&self) -> Batching;

    /// Saves all of a batch or none of it. Saving twice changes nothing. Outcomes are shared, since
    /// they are large and whoever saves them may need them on a thread of its own.
    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()>;

    /// How many calls stand where.
    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary>;

    /// Calls that match, newest first.
    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>>;

    /// All that is known of a call.
    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>>;

    /// The state of calls that match, as the state machine needs it, newest first.
    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>>;

    /// Some of the calls that match, with all that is known of them: those after a cursor, at most
    /// `rows_max` and fewer where they are long, so that a page fits into memory. The filter's limit
    /// is not looked at.
    ///
    /// Page by page each call that is there all the while comes exactly once, also if it changes;
    /// one that is added meanwhile comes once or not at all.
    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage>;

    /// How often each value of a section of the classifications was given, most frequent first.
    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>>;
}
