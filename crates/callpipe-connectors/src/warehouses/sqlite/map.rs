//! Rows to core types and back.
//!
//! Reading is tolerant, since people and other programs write to these tables too: a row that makes
//! no sense is left out and told of in the log, and never stops the others.

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::warehouse::{CallRow, PendingCall};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{CallProgress, LastFailure, SkipReason, Stage, Status};
use callpipe_core::recording::Recording;
use chrono::Utc;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::warehouses::stored::adopted_audio;

/// A text, also where another program has stored a number.
pub(super) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// A value for people and programs: lists and objects as such.
pub(super) fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(_) | ValueRef::Blob(_) => {
            let text = text(value).unwrap_or_default();
            let structured = text.starts_with(['[', '{']);
            let parsed = structured.then(|| serde_json::from_str(&text).ok());
            parsed.flatten().unwrap_or(Value::String(text))
        }
    }
}

/// A whole row by column.
pub(super) fn row_by_column(row: &Row<'_>) -> rusqlite::Result<Value> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let mut object = Map::new();
    for (position, name) in statement.column_names().enumerate() {
        object.insert(name.to_owned(), json(row.get_ref(position)?));
    }
    Ok(Value::Object(object))
}

/// A call with its state, or nothing where the row makes no sense.
pub(super) fn pending_call(
    row: &Row<'_>,
    archive_base_uri: &str,
) -> rusqlite::Result<Option<PendingCall>> {
    let id = column(row, "contactId")?;
    let Some(contact) = contact(row)? else {
        tracing::warn!(
            contact_id = id,
            "a row's contact id cannot be used: it is left out"
        );
        return Ok(None);
    };
    let Some(progress) = progress(row, &contact.id)? else {
        tracing::warn!(
            contact_id = id,
            "a row's state cannot be understood: it is left out"
        );
        return Ok(None);
    };
    let recordings: Vec<Recording> = parsed(row, "recordings")?.unwrap_or_default();
    let archived_audio = match column(row, "gcs_uri")? {
        Some(uri) if recordings.is_empty() => adopted_audio(&uri, archive_base_uri),
        _ => None,
    };
    Ok(Some(PendingCall {
        contact,
        progress,
        recordings,
        archived_audio,
        conversation: column(row, "conversation")?,
    }))
}

fn contact(row: &Row<'_>) -> rusqlite::Result<Option<Contact>> {
    let id = |name| -> rusqlite::Result<Option<ContactId>> {
        let text = column(row, name)?.unwrap_or_default();
        let id = ContactId::parse(&text).ok();
        // Under a trimmed id another row would be saved, and this one would be pending for ever.
        Ok(id.filter(|id| id.as_str() == text))
    };
    let Some(contact_id) = id("contactId")? else {
        return Ok(None);
    };
    Ok(Some(Contact {
        id: contact_id,
        master_id: id("master_contact_id")?,
        started_at: column(row, "start_date")?.and_then(|start| parse_start(&start)),
        metadata: parsed(row, "contact_metadata")?.unwrap_or_default(),
    }))
}

fn progress(row: &Row<'_>, contact_id: &ContactId) -> rusqlite::Result<Option<CallProgress>> {
    let stage = column(row, "stage")?.and_then(|word| Stage::parse(&word));
    let (Some(stage), Some(status)) = (stage, status(row)?) else {
        return Ok(None);
    };
    Ok(Some(CallProgress {
        contact_id: contact_id.clone(),
        stage,
        status,
        attempt: number(row, "attempt")?,
        redo_count: number(row, "redo_count")?,
        last_failure: last_failure(row)?,
    }))
}

fn status(row: &Row<'_>) -> rusqlite::Result<Option<Status>> {
    let word = column(row, "stage_status")?.unwrap_or_default();
    Ok(match word.as_str() {
        "ready" => Some(Status::Ready {
            not_before: column(row, "not_before")?
                .and_then(|moment| parse_start(&moment))
                .map(|moment| moment.with_timezone(&Utc)),
        }),
        "parked" => Some(Status::Parked),
        "skipped" => column(row, "skip_reason")?
            .and_then(|word| SkipReason::parse(&word))
            .map(|reason| Status::Skipped { reason }),
        "done" => Some(Status::Done),
        _ => None,
    })
}

fn last_failure(row: &Row<'_>) -> rusqlite::Result<Option<LastFailure>> {
    let Some(word) = column(row, "failure_kind")? else {
        return Ok(None);
    };
    Ok(Some(LastFailure {
        kind: FailureKind::parse(&word).unwrap_or(FailureKind::Bug),
        reason: column(row, "failure_reason")?.unwrap_or_default(),
    }))
}

/// A call as it is listed, or nothing where its stage is no stage of ours.
pub(super) fn call_row(row: &Row<'_>) -> rusqlite::Result<Option<CallRow>> {
    let contact_id = column(row, "contactId")?.unwrap_or_default();
    let Some(stage) = column(row, "stage")?.and_then(|word| Stage::parse(&word)) else {
        tracing::warn!(
            contact_id,
            "a row's state cannot be understood: it is left out"
        );
        return Ok(None);
    };
    let reason_kind = match column(row, "failure_kind")? {
        Some(kind) => Some(kind),
        None => column(row, "skip_reason")?,
    };
    Ok(Some(CallRow {
        contact_id,
        started_at: column(row, "start_date")?,
        stage,
        status: column(row, "stage_status")?.unwrap_or_default(),
        attempt: number(row, "attempt")?,
        not_before: column(row, "not_before")?,
        reason_kind,
        reason: column(row, "failure_reason")?,
        duration_s: column(row, "duration_s")?.and_then(|text| text.parse().ok()),
    }))
}

/// The text of a column; nothing where it is empty, as tables that went through CSV have it.
pub(super) fn column(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    Ok(text(row.get_ref(name)?).filter(|text| !text.is_empty()))
}

fn number(row: &Row<'_>, name: &str) -> rusqlite::Result<u32> {
    Ok(column(row, name)?
        .and_then(|text| text.parse().ok())
        .unwrap_or(0))
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<T>> {
    Ok(column(row, name)?.and_then(|text| serde_json::from_str(&text).ok()))
}
