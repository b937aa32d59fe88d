//! What leaves for other programs: rows of both tables to a call with all that is known of it.

use callpipe_core::analysis::{Analysis, Sentiment};
use callpipe_core::call::{ContactId, parse_start};
use callpipe_core::exported::{
    BriefCall, ExportedCall, ExportedLabels, ExportedState, ExportedTranscript, ExportedTriage,
};
use callpipe_core::measures::Measures;
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::recording::ArchiveKey;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::read::{
    StoredRow, contact, contact_id, last_failure, number, parsed, stage, started_at,
};

/// The columns of the tracking table that an export reads, long texts last.
pub(crate) const EXPORTED_COLUMNS: [&str; 35] = [
    "contactId",
    "master_contact_id",
    "start_date",
    "contact_metadata",
    "listed_at",
    "updated_at",
    "stage",
    "stage_status",
    "skip_reason",
    "attempt",
    "redo_count",
    "not_before",
    "failure_kind",
    "failure_reason",
    "recordings",
    "gcs_uri",
    "duration_s",
    "triage",
    "not_bought_s",
    "saved_usd",
    "same_audio_as",
    "measures",
    "transcriber_model",
    "transcribed_at",
    "transcript_key",
    "reply_keys",
    "transcribe_cost_usd",
    "classify_cost_usd",
    "summary",
    "topics",
    "intents",
    "sentiment",
    "analysis_model",
    "transcription",
    "transcription_raw",
];

/// The columns of the tracking table of which a list tells, in their order there.
pub(crate) const BRIEF_COLUMNS: [&str; 14] = [
    "contactId",
    "start_date",
    "stage",
    "stage_status",
    "skip_reason",
    "attempt",
    "not_before",
    "redo_count",
    "failure_kind",
    "failure_reason",
    "listed_at",
    "updated_at",
    "measures",
    "summary",
];

/// The columns of the classifications table that are no labels.
const NO_LABELS: [&str; 9] = [
    "call_id",
    "contactId",
    "call_date",
    "transcript",
    "classification_version",
    "classification_timestamp",
    "llm_model",
    "prompt_version",
    "reply_key",
];

/// A call with all that is known of it, or nothing where its row makes no sense. `classification` is
/// its row of the classifications table by column.
pub(crate) fn exported_call(
    row: &impl StoredRow,
    classification: Option<Value>,
) -> Option<ExportedCall> {
    let (Some(contact), Some(stage)) = (contact(row), stage(row)) else {
        left_out(row);
        return None;
    };
    let classification = match classification {
        Some(Value::Object(columns)) => Some(columns),
        _ => None,
    };
    let labelled = classification
        .as_ref()
        .and_then(|row| word(row, "transcript"));
    Some(ExportedCall {
        contact,
        state: state(row, stage),
        recordings: list(row, "recordings"),
        audio_uri: row.text("gcs_uri"),
        triage: ExportedTriage {
            recordings: list(row, "triage"),
            not_bought_s: float(row, "not_bought_s"),
            saved: usd(row, "saved_usd"),
            same_audio_as: row
                .text("same_audio_as")
                .and_then(|id| ContactId::parse(&id).ok()),
        },
        transcript: transcript(row, labelled),
        transcribe_cost: usd(row, "transcribe_cost_usd"),
        classify_cost: usd(row, "classify_cost_usd"),
        labels: classification.map(labels),
    })
}

/// A call in brief, or nothing where its row makes no sense.
pub(crate) fn brief_call(row: &impl StoredRow) -> Option<BriefCall> {
    let (Some(contact_id), Some(stage)) = (contact_id(row, "contactId"), stage(row)) else {
        left_out(row);
        return None;
    };
    Some(BriefCall {
        contact_id,
        started_at: started_at(row),
        state: state(row, stage),
        summary: row.text("summary"),
        timeline: parsed::<Measures>(row, "measures").map(|measures| measures.timeline),
    })
}

fn left_out(row: &impl StoredRow) {
    tracing::warn!(
        contact_id = row.text("contactId"),
        "a row cannot be understood: it is left out"
    );
}

fn state(row: &impl StoredRow, stage: Stage) -> ExportedState {
    ExportedState {
        stage,
        status: row.text("stage_status").unwrap_or_default(),
        skip_reason: row.text("skip_reason"),
        attempt: number(row, "attempt"),
        redo_count: number(row, "redo_count"),
        not_before: moment(row.text("not_before")),
        last_failure: last_failure(row),
        listed_at: moment(row.text("listed_at")),
        updated_at: moment(row.text("updated_at")),
    }
}

/// `labelled` is the conversation that was labelled, if the tracking table has none.
fn transcript(row: &impl StoredRow, labelled: Option<String>) -> ExportedTranscript {
    let replies: Vec<ArchiveKey> = list(row, "reply_keys");
    ExportedTranscript {
        conversation: row.text("transcription").or(labelled),
        plain_text: row.text("transcription_raw"),
        analysis: Analysis {
            summary: row.text("summary"),
            topics: list(row, "topics"),
            intents: list(row, "intents"),
            sentiment: parsed::<Sentiment>(row, "sentiment"),
        },
        analysis_model: row.text("analysis_model"),
        measures: parsed(row, "measures"),
        duration_s: float(row, "duration_s"),
        provider: replies.first().and_then(provider),
        model: row.text("transcriber_model"),
        at: moment(row.text("transcribed_at")),
        key: row.text("transcript_key").and_then(key),
    }
}

fn labels(mut columns: Map<String, Value>) -> ExportedLabels {
    let reply = word(&columns, "reply_key").and_then(key);
    let mut labels = ExportedLabels {
        taxonomy_version: word(&columns, "classification_version"),
        prompt_version: word(&columns, "prompt_version"),
        provider: reply.as_ref().and_then(provider),
        model: word(&columns, "llm_model"),
        at: moment(word(&columns, "classification_timestamp")),
        values: Map::new(),
    };
    columns.retain(|name, value| {
        let is_label = !NO_LABELS
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other));
        is_label && !value.is_null()
    });
    labels.values = columns;
    labels
}

/// A text of a row by column; nothing where it is NULL or empty.
fn word(columns: &Map<String, Value>, name: &str) -> Option<String> {
    let text = columns.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The elements that can be read, whatever the others are.
fn list<T: DeserializeOwned>(row: &impl StoredRow, name: &str) -> Vec<T> {
    let elements: Vec<Value> = parsed(row, name).unwrap_or_default();
    let read = |element| serde_json::from_value(element).ok();
    elements.into_iter().filter_map(read).collect()
}

fn moment(text: Option<String>) -> Option<DateTime<Utc>> {
    parse_start(&text?).map(|moment| moment.with_timezone(&Utc))
}

fn float(row: &impl StoredRow, name: &str) -> Option<f64> {
    row.text(name)?.parse().ok()
}

fn usd(row: &impl StoredRow, name: &str) -> Option<Usd> {
    float(row, name).map(Usd::from_dollars)
}

fn key(text: String) -> Option<ArchiveKey> {
    serde_json::from_value(Value::String(text)).ok()
}

fn provider(key: &ArchiveKey) -> Option<String> {
    key.provider().map(str::to_owned)
}
