//! What is written: contacts, moments, and the baseline's flags.

use callpipe_core::analysis::Analysis;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::warehouse::{Change, Outcome, TranscribedCall};
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::money::{Usd, spent};
use callpipe_core::progress::{CallProgress, SkipReason, Stage, Status};
use callpipe_core::triage::not_bought;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// A moment as it is stored: of one length, so that the order of texts is that of time.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The columns that every outcome sets.
pub(crate) const STATE_COLUMNS: [&str; 16] = [
    "stage",
    "stage_status",
    "skip_reason",
    "attempt",
    "not_before",
    "redo_count",
    "failure_kind",
    "failure_reason",
    "status",
    "transcribed",
    "analysed",
    "gemini_analysed",
    "updated_at",
    "purchases",
    "transcribe_cost_usd",
    "classify_cost_usd",
];

/// The columns that hold what was fetched, beside the answer itself.
pub(crate) const FETCHED_COLUMNS: [&str; 3] = ["recordings", "recording_filename", "gcs_uri"];

/// The columns that hold what was transcribed, beside [`ANALYSIS_COLUMNS`].
pub(crate) const TRANSCRIBED_COLUMNS: [&str; 12] = [
    "transcription",
    "transcription_raw",
    "measures",
    "duration_s",
    "transcriber_model",
    "transcribed_at",
    "transcript_key",
    "reply_keys",
    "triage",
    "not_bought_s",
    "saved_usd",
    "same_audio_as",
];

/// The columns that hold what was understood of a call, and who understood it.
pub(crate) const ANALYSIS_COLUMNS: [&str; 5] = [
    "summary",
    "topics",
    "intents",
    "sentiment",
    "analysis_model",
];

/// SQL that says something where nothing was understood of a call yet. Of the large columns, only
/// the smallest is looked at; rows from before `analysis_model` have that one alone.
pub(crate) const ANALYSIS_MISSING: &str = "CASE WHEN analysis_model IS NULL AND TRIM(COALESCE(summary, '')) = '' \
     THEN 'yes' END AS analysis_missing";

/// What was understood of a call, as it is stored.
pub(crate) struct AnalysisColumns {
    pub(crate) summary: Option<String>,
    pub(crate) topics: String,
    pub(crate) intents: String,
    pub(crate) sentiment: Option<String>,
    pub(crate) model: Option<String>,
}

impl AnalysisColumns {
    /// `model` is who understood it, if anything was.
    pub(crate) fn of(analysis: &Analysis, model: &str) -> Outside<Self> {
        let sentiment = analysis.sentiment.as_ref();
        Ok(Self {
            summary: analysis.summary.clone(),
            topics: json(&analysis.topics)?,
            intents: json(&analysis.intents)?,
            sentiment: sentiment.map(json).transpose()?,
            model: (*analysis != Analysis::default()).then(|| model.to_owned()),
        })
    }
}

fn json(value: &impl Serialize) -> Outside<String> {
    serde_json::to_string(value)
        .map_err(|error| Failure::bug("a value cannot be written as JSON").with_source(error))
}

/// A contact as it is stored.
pub(crate) struct ContactColumns {
    pub(crate) call_started_at: Option<String>,
    pub(crate) call_date: Option<String>,
    pub(crate) start_date: Option<String>,
    pub(crate) metadata: String,
}

impl ContactColumns {
    pub(crate) fn of(contact: &Contact) -> Outside<Self> {
        Ok(Self {
            call_started_at: contact.started_at_utc().map(moment),
            call_date: contact.date().map(|date| date.to_string()),
            start_date: contact.started_at.map(|start| start.to_rfc3339()),
            metadata: json(&contact.metadata)?,
        })
    }
}

/// Where a call stands, as far as that is not stored as it is.
pub(crate) struct StateColumns<'a> {
    pub(crate) skip_reason: Option<&'static str>,
    pub(crate) not_before: Option<String>,
    pub(crate) failure_kind: Option<&'static str>,
    pub(crate) failure_reason: Option<&'a str>,
}

impl<'a> StateColumns<'a> {
    pub(crate) fn of(progress: &'a CallProgress) -> Self {
        let failure = progress.last_failure.as_ref();
        Self {
            skip_reason: match progress.status {
                Status::Skipped { reason } => Some(reason.as_str()),
                _ => None,
            },
            not_before: match progress.status {
                Status::Ready { not_before } => not_before.map(moment),
                _ => None,
            },
            failure_kind: failure.map(|failure| failure.kind.as_str()),
            failure_reason: failure.map(|failure| failure.reason.as_str()),
        }
    }
}

/// What was spent on a call: nothing where nothing was bought.
pub(crate) struct CostColumns {
    /// Every purchase, as JSON.
    pub(crate) purchases: Option<String>,
    pub(crate) transcribe_usd: Option<f64>,
    pub(crate) classify_usd: Option<f64>,
}

impl CostColumns {
    pub(crate) fn of(progress: &CallProgress) -> Outside<Self> {
        let purchases = &progress.purchases;
        let usd = |stage| spent(purchases, stage).map(Usd::dollars);
        let is_any = !purchases.is_empty();
        Ok(Self {
            purchases: is_any.then(|| json(purchases)).transpose()?,
            transcribe_usd: usd(Stage::Transcribe),
            classify_usd: usd(Stage::Classify),
        })
    }
}

/// What was heard and decided before buying.
pub(crate) struct TriageColumns<'a> {
    /// Recording by recording, as JSON; nothing where nobody listened.
    pub(crate) triage: Option<String>,
    pub(crate) not_bought_s: Option<f64>,
    pub(crate) saved_usd: Option<f64>,
    pub(crate) same_audio_as: Option<&'a str>,
}

impl<'a> TriageColumns<'a> {
    pub(crate) fn of(call: &'a TranscribedCall) -> Outside<Self> {
        let is_any = !call.triage.is_empty();
        let not_bought = not_bought(&call.triage);
        Ok(Self {
            triage: is_any.then(|| json(&call.triage)).transpose()?,
            not_bought_s: not_bought.map(|(duration_s, _)| duration_s),
            saved_usd: not_bought.map(|(_, usd)| usd.dollars()),
            same_audio_as: call.same_audio_as.as_ref().map(ContactId::as_str),
        })
    }
}

/// The baseline's columns that say where a call stands. They follow from our state, so that they
/// can never tell another story.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaselineFlags {
    /// Nothing while fetching was not tried, or is to be done again.
    pub(crate) status: Option<&'static str>,
    pub(crate) transcribed: bool,
    pub(crate) gemini_analysed: bool,
}

impl BaselineFlags {
    pub(crate) fn of(progress: &CallProgress) -> Self {
        let status = match (&progress.status, progress.stage) {
            (
                Status::Skipped {
                    reason: SkipReason::NotFound,
                },
                _,
            ) => Some("NOT_FOUND"),
            (
                Status::Skipped {
                    reason: SkipReason::NoRecording,
                },
                _,
            ) => Some("NO_RECORDING"),
            (Status::Parked, Stage::Fetch) => Some("FAILED"),
            (Status::Ready { .. }, Stage::Fetch) => {
                progress.last_failure.as_ref().map(|_| "FAILED")
            }
            _ => Some("SUCCESS"),
        };
        let silent = progress.status
            == Status::Skipped {
                reason: SkipReason::NoSpeech,
            };
        Self {
            status,
            transcribed: progress.stage > Stage::Transcribe || silent,
            gemini_analysed: progress.status == Status::Done,
        }
    }
}

/// Whether an outcome tells that fetching was tried.
pub(crate) fn fetch_was_tried(outcome: &Outcome) -> bool {
    match outcome.change {
        Change::NothingFound { .. } | Change::Fetched { .. } => true,
        _ => outcome.progress.stage == Stage::Fetch && outcome.progress.last_failure.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_order_as_texts() {
        let texts = [0, 500_000, 999_999, 1_000_000]
            .map(|micros| moment(DateTime::from_timestamp_micros(micros).unwrap()));
        assert_eq!(texts[0], "1970-01-01T00:00:00.000000Z");
        assert!(texts.is_sorted(), "{texts:?}");
    }
}
