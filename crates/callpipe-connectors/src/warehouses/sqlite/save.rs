//! What is written about calls, in the caller's transaction.

use std::borrow::Cow;
use std::sync::Arc;

use callpipe_core::call::Contact;
use callpipe_core::classification::Classification;
use callpipe_core::contracts::warehouse::{
    Change, ClassifiedCall, ModelAnalysis, Outcome, TranscribedCall,
};
use callpipe_core::failure::Failure;
use callpipe_core::recording::Recording;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, ToSql, named_params, params_from_iter};
use serde::Serialize;
use serde_json::Value;

use super::client::Problem;
use super::sql::Sql;
use crate::warehouses::stored::{
    AnalysisColumns, BaselineFlags, ContactColumns, CostColumns, StateColumns, TriageColumns,
    fetch_was_tried, moment,
};

/// Values by the names that they have in a statement.
type Values<'a> = &'a [(&'a str, &'a dyn ToSql)];

/// Takes up those contacts that are not known, and says how many those were.
pub(super) fn add_contacts(
    connection: &Connection,
    sql: &Sql,
    contacts: &[Contact],
    now: DateTime<Utc>,
) -> Result<u64, Problem> {
    let now = moment(now);
    let mut added = 0;
    for contact in contacts {
        let columns = ContactColumns::of(contact)?;
        let values = named_params! {
            ":contact_id": contact.id.as_str(),
            ":master_contact_id": contact.master_id.as_ref().map(|id| id.as_str()),
            ":call_started_at": columns.call_started_at,
            ":call_date": columns.call_date,
            ":start_date": columns.start_date,
            ":contact_metadata": columns.metadata,
            ":now": now,
        };
        if connection
            .prepare_cached(&sql.add_contact)?
            .execute(values)?
            > 0
        {
            added += 1;
        } else {
            connection
                .prepare_cached(&sql.fill_in_start)?
                .execute(values)?;
        }
    }
    Ok(added)
}

/// Saves the state of each call together with what was learned about it.
pub(super) fn save(
    connection: &Connection,
    sql: &Sql,
    archive_base_uri: &str,
    outcomes: &[Arc<Outcome>],
) -> Result<(), Problem> {
    let mut labelling = Labelling::default();
    for outcome in outcomes {
        match &outcome.change {
            Change::None => save_row(connection, &sql.save_state, outcome, &[])?,
            Change::NothingFound { raw_metadata } => {
                let learned = named_params! { ":raw_response": raw_metadata };
                save_row(connection, &sql.save_nothing_found, outcome, learned)?;
            }
            Change::Fetched {
                recordings,
                raw_metadata,
            } => {
                let raw_metadata = raw_metadata.as_deref();
                let base = archive_base_uri;
                save_fetched(connection, sql, outcome, recordings, raw_metadata, base)?;
            }
            Change::Transcribed(call) => save_transcribed(connection, sql, outcome, call)?,
            Change::Classified(call) => {
                let statement = labelling.statement(sql, &call.classification);
                save_classified(connection, sql, statement, outcome, call)?;
            }
        }
    }
    Ok(())
}

/// The statement that saves labels. It is long, and the calls of a batch have the same fields unless a
/// taxonomy has just changed.
#[derive(Default)]
struct Labelling<'a> {
    fields: Vec<&'a str>,
    statement: String,
}

impl<'a> Labelling<'a> {
    fn statement(&mut self, sql: &Sql, classification: &'a Classification) -> &str {
        let fields = classification.values().keys().map(String::as_str);
        if self.statement.is_empty() || !fields.clone().eq(self.fields.iter().copied()) {
            self.fields = fields.collect();
            self.statement = sql.save_classified(&self.fields);
        }
        &self.statement
    }
}

/// Saves a call's state, and with it the values that `statement` names beside.
fn save_row(
    connection: &Connection,
    statement: &str,
    outcome: &Outcome,
    learned: Values<'_>,
) -> Result<(), Problem> {
    let (contact, progress) = (&outcome.contact, &outcome.progress);
    let columns = ContactColumns::of(contact)?;
    let flags = BaselineFlags::of(progress);
    let costs = CostColumns::of(progress)?;
    let state = StateColumns::of(progress);
    let at = moment(outcome.at);
    let values = named_params! {
        ":contactId": contact.id.as_str(),
        ":master_contact_id": contact.master_id.as_ref().map(|id| id.as_str()),
        ":call_started_at": columns.call_started_at,
        ":call_date": columns.call_date,
        ":start_date": columns.start_date,
        ":contact_metadata": columns.metadata,
        ":fetch_datetime": fetch_was_tried(outcome).then_some(&at),
        ":stage": progress.stage.as_str(),
        ":stage_status": progress.status.as_str(),
        ":skip_reason": state.skip_reason,
        ":attempt": progress.attempt,
        ":not_before": state.not_before,
        ":redo_count": progress.redo_count,
        ":failure_kind": state.failure_kind,
        ":failure_reason": state.failure_reason,
        ":status": flags.status,
        ":transcribed": flags.transcribed,
        ":analysed": flags.transcribed,
        ":gemini_analysed": flags.gemini_analysed,
        ":updated_at": at,
        ":purchases": costs.purchases,
        ":transcribe_cost_usd": costs.transcribe_usd,
        ":classify_cost_usd": costs.classify_usd,
    };
    let values = [values, learned].concat();
    connection
        .prepare_cached(statement)?
        .execute(values.as_slice())?;
    Ok(())
}

fn save_fetched(
    connection: &Connection,
    sql: &Sql,
    outcome: &Outcome,
    recordings: &[Recording],
    raw_metadata: Option<&str>,
    archive_base_uri: &str,
) -> Result<(), Problem> {
    // The baseline has room for one recording: the first. `recordings` has them all.
    let first = recordings.first().map(|recording| &recording.key);
    let learned = named_params! {
        ":recordings": json(&recordings)?,
        ":recording_filename": first.map(|key| key.file_name()),
        ":gcs_uri": first.map(|key| format!("{archive_base_uri}/{key}")),
        ":raw_response": raw_metadata,
    };
    save_row(connection, &sql.save_fetched, outcome, learned)
}

fn save_transcribed(
    connection: &Connection,
    sql: &Sql,
    outcome: &Outcome,
    call: &TranscribedCall,
) -> Result<(), Problem> {
    let triage = TriageColumns::of(call)?;
    let understood = AnalysisColumns::of(&call.analysis, &call.model)?;
    let transcribed = named_params! {
        ":transcription": call.conversation,
        ":transcription_raw": call.plain_text,
        ":measures": json(&call.measures)?,
        ":duration_s": call.measures.duration_s,
        ":transcriber_model": call.model,
        ":transcribed_at": moment(outcome.at),
        ":transcript_key": call.transcript_key.as_str(),
        ":reply_keys": json(&call.reply_keys)?,
        ":triage": triage.triage,
        ":not_bought_s": triage.not_bought_s,
        ":saved_usd": triage.saved_usd,
        ":same_audio_as": triage.same_audio_as,
    };
    let learned = [transcribed, &understood_values(&understood)].concat();
    save_row(connection, &sql.save_transcribed, outcome, &learned)
}

fn understood_values(columns: &AnalysisColumns) -> [(&'static str, &dyn ToSql); 5] {
    [
        (":summary", &columns.summary),
        (":topics", &columns.topics),
        (":intents", &columns.intents),
        (":sentiment", &columns.sentiment),
        (":analysis_model", &columns.model),
    ]
}

fn save_classified(
    connection: &Connection,
    sql: &Sql,
    save_labels: &str,
    outcome: &Outcome,
    call: &ClassifiedCall,
) -> Result<(), Problem> {
    let classification = &call.classification;
    let contact_id = outcome.contact.id.as_str();
    let call_date = outcome.contact.date().map(|date| date.to_string());
    let at = moment(outcome.at);
    let labels: Vec<Option<Cow<'_, str>>> = classification.values().values().map(label).collect();
    // In the order in which `Sql::save_classified` names the columns.
    let mut values: Vec<&dyn ToSql> = vec![
        &contact_id,
        &contact_id,
        &call_date,
        &call.conversation,
        &classification.taxonomy_version,
        &at,
        &classification.model,
        &classification.prompt_version,
    ];
    let reply_key = call.reply_key.as_str();
    values.push(&reply_key);
    values.extend(labels.iter().map(|label| label as &dyn ToSql));
    connection
        .prepare_cached(save_labels)?
        .execute(params_from_iter(values))?;
    match &call.analysis {
        Some(ModelAnalysis { analysis, model }) => {
            let understood = AnalysisColumns::of(analysis, model)?;
            let learned = understood_values(&understood);
            save_row(connection, &sql.save_understood, outcome, &learned)
        }
        None => save_row(connection, &sql.save_state, outcome, &[]),
    }
}

/// A label as plain text, anything with parts as JSON.
fn label(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| {
        Failure::bug("a value cannot be written as JSON")
            .with_source(error)
            .into()
    })
}
