//! A call as a record of the [`super::fields`]: every field is there, unknown ones are null.

use callpipe_core::correction::Correction;
use callpipe_core::exported::ExportedCall;
use callpipe_core::measures::Measures;
use callpipe_core::recording::Recording;
use callpipe_core::triage::RecordingTriage;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::ReviewedCall;
use super::fields::{Field, Shape};

/// The record of a call. `fields` tell what its labels look like.
pub(super) fn record(reviewed: &ReviewedCall, fields: &[Field]) -> Value {
    let call = &reviewed.call;
    let mut record = Map::new();
    for part in [
        contact(call),
        state(call),
        triage(call),
        transcript(call),
        results(call, fields),
        review(reviewed, fields),
    ] {
        if let Value::Object(part) = part {
            record.extend(part);
        }
    }
    Value::Object(record)
}

fn moment(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn contact(call: &ExportedCall) -> Value {
    let contact = &call.contact;
    json!({
        "contact_id": contact.id,
        "master_contact_id": contact.master_id,
        "started_at": contact.started_at.map(|start| start.to_rfc3339()),
        "call_date": contact.date().map(|date| date.to_string()),
        "metadata": contact.metadata,
    })
}

fn state(call: &ExportedCall) -> Value {
    let state = &call.state;
    let failure = state.last_failure.as_ref();
    json!({
        "stage": state.stage.as_str(),
        "status": state.status,
        "skip_reason": state.skip_reason,
        "failure_kind": failure.map(|failure| failure.kind.as_str()),
        "failure_reason": failure.map(|failure| &failure.reason),
        "attempt": state.attempt,
        "redo_count": state.redo_count,
        "not_before": moment(state.not_before),
        "listed_at": moment(state.listed_at),
        "updated_at": moment(state.updated_at),
        "audio_uri": call.audio_uri,
        "recordings": call.recordings.iter().map(recording).collect::<Vec<_>>(),
    })
}

fn recording(recording: &Recording) -> Value {
    json!({
        "key": recording.key,
        "media_type": recording.media_type,
        "content_type": recording.content_type,
        "sha256": recording.sha256,
        "size_bytes": recording.size_bytes,
        "started_at": moment(recording.started_at),
        "participants": recording.participants,
    })
}

fn triage(call: &ExportedCall) -> Value {
    let triage = &call.triage;
    json!({
        "triage": triage.recordings.iter().map(heard).collect::<Vec<_>>(),
        "not_bought_s": triage.not_bought_s,
        "saved_usd": triage.saved,
        "same_audio_as": triage.same_audio_as,
    })
}

fn heard(triage: &RecordingTriage) -> Value {
    let heard = &triage.heard;
    json!({
        "decision": if triage.bought { "bought" } else { "not_bought" },
        "reason": triage.reason,
        "format": heard.format,
        "duration_s": heard.duration_s,
        "listened_s": heard.listened_s,
        "channels": heard.channels,
        "saved_usd": triage.saved_usd,
    })
}

fn transcript(call: &ExportedCall) -> Value {
    let transcript = &call.transcript;
    let analysis = &transcript.analysis;
    json!({
        "duration_s": transcript.duration_s,
        "conversation": transcript.conversation,
        "plain_text": transcript.plain_text,
        "summary": analysis.summary,
        "topics": analysis.topics,
        "intents": analysis.intents,
        "sentiment": analysis.sentiment,
        "analysis_model": transcript.analysis_model,
        "measures": transcript.measures.as_ref().map(measures),
        "transcriber": transcript.provider,
        "transcriber_model": transcript.model,
        "transcribed_at": moment(transcript.at),
        "transcript_key": transcript.key,
    })
}

/// Speakers as a list: their names are values, not columns.
fn measures(measures: &Measures) -> Value {
    let speakers: Vec<Value> = measures
        .speakers
        .iter()
        .map(|(name, speaker)| {
            let mut share = json!(speaker);
            share["speaker"] = json!(name);
            share
        })
        .collect();
    let mut value = json!(measures);
    value["speakers"] = Value::Array(speakers);
    value
}

fn results(call: &ExportedCall, fields: &[Field]) -> Value {
    let labels = call.labels.as_ref();
    let values = labels.map(|labels| labels.values.clone());
    json!({
        "labels": in_shape(values, "labels", fields),
        "classifier": labels.and_then(|labels| labels.provider.as_ref()),
        "classifier_model": labels.and_then(|labels| labels.model.as_ref()),
        "taxonomy_version": labels.and_then(|labels| labels.taxonomy_version.as_ref()),
        "prompt_version": labels.and_then(|labels| labels.prompt_version.as_ref()),
        "classified_at": moment(labels.and_then(|labels| labels.at)),
        "transcribe_cost_usd": call.transcribe_cost,
        "classify_cost_usd": call.classify_cost,
    })
}

/// What people said of the labels, and what counts because of it.
fn review(reviewed: &ReviewedCall, fields: &[Field]) -> Value {
    let corrections: Vec<Value> = reviewed.corrections.iter().map(correction).collect();
    json!({
        "corrected": in_shape(reviewed.corrected(), "corrected", fields),
        "corrections": corrections,
    })
}

/// What a person said of a label.
pub(super) fn correction(correction: &Correction) -> Value {
    json!({
        "field": correction.field,
        "verdict": correction.verdict.as_str(),
        "value": correction.value(),
        "model_value": correction.model_value,
        "by": correction.by,
        "at": moment(Some(correction.at)),
    })
}

/// Labels in the shape of a field.
fn in_shape(labels: Option<Map<String, Value>>, name: &str, fields: &[Field]) -> Value {
    let field = fields.iter().find(|field| field.name == name);
    match (labels, field) {
        (Some(labels), Some(field)) => shaped(Value::Object(labels), &field.shape),
        _ => Value::Null,
    }
}

/// A label in the shape that its question asks for, whatever another program or an earlier taxonomy
/// has left in its column.
fn shaped(value: Value, shape: &Shape) -> Value {
    match (shape, value) {
        (_, Value::Null) => Value::Null,
        (Shape::Text, Value::String(text)) => text.into(),
        (Shape::Text, other) => other.to_string().into(),
        (Shape::Number, Value::String(text)) => text.parse::<f64>().ok().into(),
        (Shape::Number, value @ Value::Number(_)) => value,
        (Shape::Texts, Value::Array(values)) => values
            .into_iter()
            .filter(|value| !value.is_null())
            .map(|value| shaped(value, &Shape::Text))
            .collect(),
        (Shape::Texts, one) => Value::Array(vec![shaped(one, &Shape::Text)]),
        (Shape::Struct(parts), Value::Object(mut values)) => {
            let part = |part: &Field| {
                let value = values.remove(&part.name).unwrap_or_default();
                (part.name.clone(), shaped(value, &part.shape))
            };
            Value::Object(parts.iter().map(part).collect())
        }
        _ => Value::Null,
    }
}

/// A record with only some fields, in their order.
pub(super) struct Projected<'a> {
    pub(super) fields: &'a [Field],
    pub(super) record: &'a Value,
}

impl Serialize for Projected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for field in self.fields {
            let value = self.record.get(&field.name).unwrap_or(&Value::Null);
            map.serialize_entry(&field.name, &Part { field, value })?;
        }
        map.end()
    }
}

struct Part<'a> {
    field: &'a Field,
    value: &'a Value,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of = |fields, record| Projected { fields, record };
        match (&self.field.shape, self.value) {
            (Shape::Struct(fields), Value::Object(_)) => {
                of(fields, self.value).serialize(serializer)
            }
            (Shape::Structs(fields), Value::Array(records)) => {
                serializer.collect_seq(records.iter().map(|record| of(fields, record)))
            }
            (_, value) => value.serialize(serializer),
        }
    }
}
