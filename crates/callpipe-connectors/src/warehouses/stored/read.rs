//! What is read: rows of the tracking table to core types.

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::warehouse::{CallRow, PendingCall};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{CallProgress, LastFailure, SkipReason, Stage, Status};
use callpipe_core::recording::{ArchiveKey, Recording};
use chrono::{DateTime, FixedOffset, Utc};
use serde::de::DeserializeOwned;

/// A row whose columns can be read as text.
pub(crate) trait StoredRow {
    /// The text of a column; nothing where it is NULL or empty, as tables that went through CSV
    /// have it.
    fn text(&self, name: &str) -> Option<String>;
}

/// A call with its state, or nothing where the row makes no sense.
pub(crate) fn pending_call(row: &impl StoredRow, archive_base_uri: &str) -> Option<PendingCall> {
    let id = row.text("contactId");
    let Some(contact) = contact(row) else {
        tracing::warn!(
            contact_id = id,
            "a row's contact id cannot be used: it is left out"
        );
        return None;
    };
    let Some(progress) = progress(row, &contact.id) else {
        tracing::warn!(
            contact_id = id,
            "a row's state cannot be understood: it is left out"
        );
        return None;
    };
    let recordings: Vec<Recording> = parsed(row, "recordings").unwrap_or_default();
    let archived_audio = match row.text("gcs_uri") {
        Some(uri) if recordings.is_empty() => ArchiveKey::adopted_from(&uri, archive_base_uri),
        _ => None,
    };
    let is_labelled_next = progress.stage == Stage::Classify;
    Some(PendingCall {
        contact,
        progress,
        recordings,
        archived_audio,
        conversation: row.text("conversation"),
        analysis_missing: is_labelled_next && row.text("analysis_missing").is_some(),
    })
}

pub(super) fn contact(row: &impl StoredRow) -> Option<Contact> {
    Some(Contact {
        id: contact_id(row, "contactId")?,
        master_id: contact_id(row, "master_contact_id"),
        started_at: started_at(row),
        metadata: parsed(row, "contact_metadata").unwrap_or_default(),
    })
}

pub(super) fn contact_id(row: &impl StoredRow, name: &str) -> Option<ContactId> {
    let text = row.text(name).unwrap_or_default();
    let id = ContactId::parse(&text).ok();
    // Under a trimmed id another row would be saved, and this one would be pending for ever.
    id.filter(|id| id.as_str() == text)
}

pub(super) fn started_at(row: &impl StoredRow) -> Option<DateTime<FixedOffset>> {
    parse_start(&row.text("start_date")?)
}

fn progress(row: &impl StoredRow, contact_id: &ContactId) -> Option<CallProgress> {
    Some(CallProgress {
        contact_id: contact_id.clone(),
        stage: stage(row)?,
        status: status(row)?,
        attempt: number(row, "attempt"),
        redo_count: number(row, "redo_count"),
        last_failure: last_failure(row),
        purchases: parsed(row, "purchases").unwrap_or_default(),
    })
}

pub(super) fn stage(row: &impl StoredRow) -> Option<Stage> {
    row.text("stage").and_then(|word| Stage::parse(&word))
}

fn status(row: &impl StoredRow) -> Option<Status> {
    match row.text("stage_status")?.as_str() {
        "ready" => Some(Status::Ready {
            not_before: row
                .text("not_before")
                .and_then(|moment| parse_start(&moment))
                .map(|moment| moment.with_timezone(&Utc)),
        }),
        "parked" => Some(Status::Parked),
        "skipped" => row
            .text("skip_reason")
            .and_then(|word| SkipReason::parse(&word))
            .map(|reason| Status::Skipped { reason }),
        "done" => Some(Status::Done),
        _ => None,
    }
}

pub(super) fn last_failure(row: &impl StoredRow) -> Option<LastFailure> {
    let word = row.text("failure_kind")?;
    Some(LastFailure {
        kind: FailureKind::parse(&word).unwrap_or(FailureKind::Bug),
        reason: row.text("failure_reason").unwrap_or_default(),
    })
}

/// A call as it is listed, or nothing where its stage is no stage of ours.
pub(crate) fn call_row(row: &impl StoredRow) -> Option<CallRow> {
    let contact_id = row.text("contactId").unwrap_or_default();
    let Some(stage) = stage(row) else {
        tracing::warn!(
            contact_id,
            "a row's state cannot be understood: it is left out"
        );
        return None;
    };
    Some(CallRow {
        contact_id,
        started_at: row.text("start_date"),
        stage,
        status: row.text("stage_status").unwrap_or_default(),
        attempt: number(row, "attempt"),
        not_before: row.text("not_before"),
        reason_kind: row.text("failure_kind").or_else(|| row.text("skip_reason")),
        reason: row.text("failure_reason"),
        duration_s: row.text("duration_s").and_then(|text| text.parse().ok()),
    })
}

pub(super) fn number(row: &impl StoredRow, name: &str) -> u32 {
    let text = row.text(name);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(super) fn parsed<T: DeserializeOwned>(row: &impl StoredRow, name: &str) -> Option<T> {
    serde_json::from_str(&row.text(name)?).ok()
}
