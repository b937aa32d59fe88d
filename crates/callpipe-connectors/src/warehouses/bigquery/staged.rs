//! Outcomes and contacts as rows of a staging table: one row a call, one JSON object a line.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use callpipe_core::analysis::Analysis;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::warehouse::{
    Change, ClassifiedCall, ModelAnalysis, Outcome, TranscribedCall,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::CallProgress;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::sql;
use crate::bigquery::wire::{Field, TableSchema};
use crate::warehouses::stored::{
    ANALYSIS_COLUMNS, AnalysisColumns, BaselineFlags, ContactColumns, CostColumns, StateColumns,
    TriageColumns, fetch_was_tried, moment,
};

/// A row on its way.
#[derive(Default)]
struct StagedRow {
    fetched: bool,
    transcribed: bool,
    classified: bool,
    understood: bool,
    tracking: Map<String, Value>,
    classification: Map<String, Value>,
}

/// Rows for a staging table, with the table's schema.
pub(super) struct Staged {
    pub(super) schema: TableSchema,
    pub(super) rows: Bytes,
    /// The columns of labels and their companions that are set, if any call was classified.
    pub(super) classification_columns: Vec<String>,
}

/// The schemas of the two tables as they are, which need not be what we would make.
#[derive(Debug, Clone)]
pub(super) struct Schemas {
    pub(super) tracking: TableSchema,
    pub(super) classifications: TableSchema,
}

/// Stages new contacts.
pub(super) fn contacts(
    contacts: &[Contact],
    now: DateTime<Utc>,
    schemas: &Schemas,
) -> Outside<Staged> {
    let row = |contact: &Contact| -> Outside<(ContactId, StagedRow)> {
        let mut row = StagedRow::default();
        let progress = CallProgress::new(contact.id.clone());
        set_contact(&mut row.tracking, contact, now)?;
        set_state(&mut row.tracking, &progress, now)?;
        Ok((contact.id.clone(), row))
    };
    let rows: Vec<_> = contacts.iter().map(row).collect::<Outside<_>>()?;
    staged(rows, schemas)
}

/// Stages outcomes. A call that is there twice becomes one row: its last state, and all that was
/// learned.
pub(super) fn outcomes(
    outcomes: &[Arc<Outcome>],
    archive_base_uri: &str,
    schemas: &Schemas,
) -> Outside<Staged> {
    let mut rows: Vec<(ContactId, StagedRow)> = Vec::with_capacity(outcomes.len());
    let mut positions = std::collections::HashMap::with_capacity(outcomes.len());
    for outcome in outcomes {
        let id = &outcome.contact.id;
        let position = *positions.entry(id).or_insert_with(|| {
            rows.push((id.clone(), StagedRow::default()));
            rows.len() - 1
        });
        if let Some((_, row)) = rows.get_mut(position) {
            set_outcome(row, outcome, archive_base_uri)?;
        }
    }
    staged(rows, schemas)
}

fn set_outcome(row: &mut StagedRow, outcome: &Outcome, archive_base_uri: &str) -> Outside<()> {
    let tracking = &mut row.tracking;
    set_contact(tracking, &outcome.contact, outcome.at)?;
    set_state(tracking, &outcome.progress, outcome.at)?;
    if fetch_was_tried(outcome) {
        tracking.insert("fetch_datetime".into(), moment(outcome.at).into());
    }
    match &outcome.change {
        Change::None => {}
        Change::NothingFound { raw_metadata } => set_raw(tracking, raw_metadata.as_deref()),
        Change::Fetched {
            recordings,
            raw_metadata,
        } => {
            row.fetched = true;
            // The baseline has room for one recording: the first. `recordings` has them all.
            let first = recordings.first().map(|recording| &recording.key);
            let uri = first.map(|key| format!("{archive_base_uri}/{key}"));
            tracking.insert("recordings".into(), text(&recordings)?);
            tracking.insert(
                "recording_filename".into(),
                json!(first.map(|key| key.file_name())),
            );
            tracking.insert("gcs_uri".into(), json!(uri));
            set_raw(tracking, raw_metadata.as_deref());
        }
        Change::Transcribed(call) => {
            row.transcribed = true;
            set_transcribed(tracking, call, outcome.at)?;
        }
        Change::Classified(call) => {
            row.classified = true;
            row.classification = classification(outcome, call);
            if let Some(ModelAnalysis { analysis, model }) = &call.analysis {
                row.understood = true;
                set_analysis(tracking, analysis, model)?;
            }
        }
    }
    Ok(())
}

fn set_contact(
    tracking: &mut Map<String, Value>,
    contact: &Contact,
    listed_at: DateTime<Utc>,
) -> Outside<()> {
    let columns = ContactColumns::of(contact)?;
    let master_id = contact.master_id.as_ref().map(ContactId::as_str);
    let values = [
        ("master_contact_id", json!(master_id)),
        ("call_started_at", json!(columns.call_started_at)),
        ("call_date", json!(columns.call_date)),
        ("start_date", json!(columns.start_date)),
        ("contact_metadata", json!(columns.metadata)),
        ("listed_at", json!(moment(listed_at))),
    ];
    tracking.extend(values.map(|(column, value)| (column.to_owned(), value)));
    Ok(())
}

/// The state of a call, and the baseline's flags that follow from it.
fn set_state(
    tracking: &mut Map<String, Value>,
    progress: &CallProgress,
    at: DateTime<Utc>,
) -> Outside<()> {
    let flags = BaselineFlags::of(progress);
    let costs = CostColumns::of(progress)?;
    let state = StateColumns::of(progress);
    let values = [
        ("stage", json!(progress.stage.as_str())),
        ("stage_status", json!(progress.status.as_str())),
        ("skip_reason", json!(state.skip_reason)),
        ("attempt", json!(progress.attempt)),
        ("not_before", json!(state.not_before)),
        ("redo_count", json!(progress.redo_count)),
        ("failure_kind", json!(state.failure_kind)),
        ("failure_reason", json!(state.failure_reason)),
        ("status", json!(flags.status)),
        ("transcribed", json!(u8::from(flags.transcribed))),
        ("analysed", json!(u8::from(flags.transcribed))),
        ("gemini_analysed", json!(u8::from(flags.gemini_analysed))),
        ("updated_at", json!(moment(at))),
        ("purchases", json!(costs.purchases)),
        ("transcribe_cost_usd", json!(costs.transcribe_usd)),
        ("classify_cost_usd", json!(costs.classify_usd)),
    ];
    tracking.extend(values.map(|(column, value)| (column.to_owned(), value)));
    Ok(())
}

fn set_raw(tracking: &mut Map<String, Value>, raw_metadata: Option<&str>) {
    if let Some(raw_metadata) = raw_metadata {
        tracking.insert("raw_response".into(), raw_metadata.into());
    }
}

fn set_transcribed(
    tracking: &mut Map<String, Value>,
    call: &TranscribedCall,
    at: DateTime<Utc>,
) -> Outside<()> {
    let triage = TriageColumns::of(call)?;
    let values = [
        ("transcription", json!(call.conversation)),
        ("transcription_raw", json!(call.plain_text)),
        ("measures", text(&call.measures)?),
        ("duration_s", json!(call.measures.duration_s)),
        ("transcriber_model", json!(call.model)),
        ("transcribed_at", json!(moment(at))),
        ("transcript_key", json!(call.transcript_key)),
        ("reply_keys", json!(call.reply_keys)),
        ("triage", json!(triage.triage)),
        ("not_bought_s", json!(triage.not_bought_s)),
        ("saved_usd", json!(triage.saved_usd)),
        ("same_audio_as", json!(triage.same_audio_as)),
    ];
    tracking.extend(values.map(|(column, value)| (column.to_owned(), value)));
    set_analysis(tracking, &call.analysis, &call.model)
}

fn set_analysis(
    tracking: &mut Map<String, Value>,
    analysis: &Analysis,
    model: &str,
) -> Outside<()> {
    let columns = AnalysisColumns::of(analysis, model)?;
    let values = [
        json!(columns.summary),
        json!(columns.topics),
        json!(columns.intents),
        json!(columns.sentiment),
        json!(columns.model),
    ];
    let columns = ANALYSIS_COLUMNS.map(str::to_owned);
    tracking.extend(columns.into_iter().zip(values));
    Ok(())
}

fn classification(outcome: &Outcome, call: &ClassifiedCall) -> Map<String, Value> {
    let labels = &call.classification;
    let mut columns: Map<String, Value> = labels.values().clone().into_iter().collect();
    let call_date = outcome.contact.date().map(|date| date.to_string());
    let values = [
        ("call_id", json!(outcome.contact.id)),
        ("call_date", json!(call_date)),
        ("transcript", json!(call.conversation)),
        ("classification_version", json!(labels.taxonomy_version)),
        ("classification_timestamp", json!(moment(outcome.at))),
        ("llm_model", json!(labels.model)),
        ("prompt_version", json!(labels.prompt_version)),
        ("reply_key", json!(call.reply_key)),
    ];
    columns.extend(values.map(|(column, value)| (column.to_owned(), value)));
    columns
}

/// Lays rows out for a staging table whose columns have the types of the tables' own.
fn staged(rows: Vec<(ContactId, StagedRow)>, schemas: &Schemas) -> Outside<Staged> {
    let labels: BTreeSet<&String> = rows
        .iter()
        .flat_map(|(_, row)| row.classification.keys())
        .collect();
    let labels: Vec<String> = labels.into_iter().cloned().collect();
    let tracking = sql::written_columns().map(|name| own_column(&schemas.tracking, name));
    let tracking: Vec<Field> = tracking.collect::<Outside<_>>()?;
    let classification = labels
        .iter()
        .map(|name| own_column(&schemas.classifications, name));
    let classification: Vec<Field> = classification.collect::<Outside<_>>()?;
    let mut lines = BytesMut::new();
    for (contact_id, row) in rows {
        let line = json!({
            "contactId": contact_id,
            "fetched": row.fetched,
            "transcribed": row.transcribed,
            "classified": row.classified,
            "understood": row.understood,
            "tracking": fitted_row(row.tracking, &tracking),
            "classification": row.classified.then(|| fitted_row(row.classification, &classification)),
        });
        serde_json::to_writer((&mut lines).writer(), &line)
            .map_err(|error| Failure::bug("a row cannot be written").with_source(error))?;
        lines.put_u8(b'\n');
    }
    Ok(Staged {
        schema: staging_schema(tracking, classification),
        rows: lines.freeze(),
        classification_columns: labels,
    })
}

fn staging_schema(tracking: Vec<Field>, classification: Vec<Field>) -> TableSchema {
    let mut fields = vec![Field::required("contactId", "STRING")];
    fields.extend(
        ["fetched", "transcribed", "classified", "understood"]
            .map(|flag| Field::nullable(flag, "BOOLEAN")),
    );
    fields.push(Field::record("tracking", tracking));
    if !classification.is_empty() {
        fields.push(Field::record("classification", classification));
    }
    TableSchema { fields }
}

/// A column as the table has it. None is dropped: who has no column for a label must be told.
fn own_column(schema: &TableSchema, name: &str) -> Outside<Field> {
    let field = schema.fields.iter().find(|field| field.is_called(name));
    let field = field.cloned().ok_or_else(|| {
        Failure::new(
            FailureKind::StoreFailed,
            format!("the table has no column `{name}`"),
        )
        .with_hint("run again: columns that are missing are added at the start")
    })?;
    Ok(Field {
        // Where the table requires a value, a call that has none must not fail the whole batch here.
        mode: field.mode.clone().filter(|mode| mode != "REQUIRED"),
        name: name.to_owned(),
        ..plain(field)
    })
}

/// A field by its type alone: policies and defaults are the table's own.
fn plain(field: Field) -> Field {
    Field {
        fields: field.fields.into_iter().map(plain).collect(),
        others: Map::new(),
        ..field
    }
}

fn fitted_row(mut row: Map<String, Value>, fields: &[Field]) -> Value {
    let columns = fields.iter().filter_map(|field| {
        let value = row.remove(&field.name)?;
        Some((field.name.clone(), fitted(value, field)))
    });
    Value::Object(columns.collect())
}

/// A value in the form of its column: a table that others made may keep lists and structs as text.
fn fitted(value: Value, field: &Field) -> Value {
    match value {
        // A list cannot be NULL.
        Value::Null if field.is_repeated() => json!([]),
        Value::String(text) if field.is_repeated() => json!([text]),
        Value::Array(_) | Value::Object(_) if field.r#type == "STRING" && !field.is_repeated() => {
            value.to_string().into()
        }
        Value::Object(parts) if field.is_record() => fitted_row(parts, &field.fields),
        other => other,
    }
}

fn text(value: &impl Serialize) -> Outside<Value> {
    serde_json::to_string(value)
        .map(Value::from)
        .map_err(|error| Failure::bug("a value cannot be written as JSON").with_source(error))
}
