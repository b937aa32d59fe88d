//! What was made of a call: transcripts, summary, sentiment, figures, labels.

use callpipe_core::exported::{ExportedCall, ExportedLabels};
use serde_json::{Value, json};

use super::super::record::correction;
use super::parties::Parties;
use super::{Source, moment, object, transcripts};

/// Where nobody says who made something.
const US: &str = "callpipe";

/// Who made an entry: `vendor` and `product`.
type Maker<'a> = (Option<&'a String>, Option<&'a String>);

/// What is in an entry.
enum Body {
    Text(String),
    Json(Value),
}

/// An entry about all of a call's dialogs.
fn entry(
    r#type: &str,
    dialogs: usize,
    maker: Maker<'_>,
    schema: Option<&str>,
    body: Body,
) -> Value {
    let (mediatype, encoding, body) = match body {
        Body::Text(text) => ("text/plain", "none", Value::String(text)),
        Body::Json(value) => ("application/json", "json", value),
    };
    let dialog: Vec<usize> = (0..dialogs).collect();
    object([
        ("type", json!(r#type)),
        // What was derived from no dialog names none, which not every reader lets us leave out.
        ("dialog", json!(dialog)),
        ("mediatype", json!(mediatype)),
        ("vendor", json!(maker.0.map_or(US, String::as_str))),
        ("product", json!(maker.1)),
        ("schema", json!(schema)),
        ("body", body),
        ("encoding", json!(encoding)),
    ])
}

/// All entries, and the extensions that the document uses.
pub(super) fn entries(
    source: &Source<'_>,
    parties: &Parties,
    dialogs: usize,
) -> (Vec<Value>, Vec<&'static str>) {
    let mut extensions = vec!["CC"];
    let mut entries = transcribed(source, parties);
    if !entries.is_empty() {
        extensions.push(transcripts::NAME);
    }
    entries.extend(understood(source, dialogs));
    if let Some(labels) = &source.reviewed.call.labels {
        entries.push(labelled(labels, dialogs));
    }
    entries.extend(reviewed(source, dialogs));
    entries.push(state(source));
    (entries, extensions)
}

/// The transcript of each recording, word by word.
fn transcribed(source: &Source<'_>, parties: &Parties) -> Vec<Value> {
    let call = &source.reviewed.call;
    let known = &call.transcript;
    let created_at = moment(call.state.listed_at.unwrap_or(source.now));
    let of_recording = |(number, recording): (usize, &callpipe_core::recording::Recording)| {
        let part = source.part(&recording.key, number)?;
        // A transcript has a segment, at least.
        part.turns.first()?;
        let body = transcripts::body(part, known, Some(recording), &created_at);
        let maker = (known.provider.as_ref(), known.model.as_ref());
        let mut entry = entry(
            transcripts::NAME,
            0,
            maker,
            Some("wtf-02"),
            Body::Json(body),
        );
        entry["dialog"] = json!(number);
        if let Some(at) = known.at {
            entry["start"] = json!(moment(at));
        }
        if let Some(party) = only_speaker(part, parties) {
            entry["party"] = json!(party);
        }
        Some(entry)
    };
    call.recordings
        .iter()
        .enumerate()
        .filter_map(of_recording)
        .collect()
}

/// The party who alone is heard.
fn only_speaker(
    part: &callpipe_core::transcript::RecordingTranscript,
    parties: &Parties,
) -> Option<usize> {
    use callpipe_core::transcript::Speaker;
    let first = part.turns.first()?.speaker;
    let alone = part.turns.iter().all(|turn| turn.speaker == first);
    match first {
        Speaker::Side(role) if alone => parties.only(role),
        _ => None,
    }
}

/// The conversation as people read it, and what was understood of it.
fn understood(source: &Source<'_>, dialogs: usize) -> Vec<Value> {
    let known = &source.reviewed.call.transcript;
    let analysis = &known.analysis;
    let transcriber = (known.provider.as_ref(), known.model.as_ref());
    let mut entries = Vec::new();
    if let Some(conversation) = known.conversation.clone() {
        let body = Body::Text(conversation);
        entries.push(entry("transcript", dialogs, transcriber, None, body));
    }
    let maker = who_understood(&source.reviewed.call);
    let entry = |r#type, schema, body| entry(r#type, dialogs, maker, schema, body);
    if let Some(summary) = analysis.summary.clone() {
        entries.push(entry("summary", None, Body::Text(summary)));
    }
    if let Some(sentiment) = &analysis.sentiment {
        let body = Body::Json(json!(sentiment));
        entries.push(entry("sentiment", Some("callpipe-sentiment-1"), body));
    }
    if !(analysis.topics.is_empty() && analysis.intents.is_empty()) {
        let body = json!({ "topics": analysis.topics, "intents": analysis.intents });
        entries.push(entry("report", Some("callpipe-topics-1"), Body::Json(body)));
    }
    if let Some(measures) = &known.measures {
        let ours = (None, None);
        let (schema, body) = (Some("callpipe-measures-1"), Body::Json(json!(measures)));
        entries.push(self::entry("report", dialogs, ours, schema, body));
    }
    entries
}

/// The transcriber, unless it was the model that labels. Earlier programs knew the former only.
fn who_understood(call: &ExportedCall) -> Maker<'_> {
    let known = &call.transcript;
    let other = known.analysis_model.as_ref();
    match other.filter(|model| Some(*model) != known.model.as_ref()) {
        Some(model) => {
            let labels = call.labels.as_ref();
            (
                labels.and_then(|labels| labels.provider.as_ref()),
                Some(model),
            )
        }
        None => (known.provider.as_ref(), known.model.as_ref()),
    }
}

fn labelled(labels: &ExportedLabels, dialogs: usize) -> Value {
    let maker = (labels.provider.as_ref(), labels.model.as_ref());
    let body = json!({
        "taxonomy_version": labels.taxonomy_version,
        "prompt_version": labels.prompt_version,
        "classified_at": labels.at.map(moment),
        "labels": labels.values,
    });
    entry(
        "report",
        dialogs,
        maker,
        Some("callpipe-labels-1"),
        Body::Json(body),
    )
}

/// What people said of the labels, and what counts because of it: beside the model's own.
fn reviewed(source: &Source<'_>, dialogs: usize) -> Option<Value> {
    let corrections = &source.reviewed.corrections;
    if corrections.is_empty() {
        return None;
    }
    let body = json!({
        "labels": source.reviewed.corrected(),
        "corrections": corrections.iter().map(correction).collect::<Vec<_>>(),
    });
    let (schema, body) = (Some("callpipe-corrections-1"), Body::Json(body));
    Some(entry("report", dialogs, (None, None), schema, body))
}

/// Where the call stands and what its source said: derived from no dialog.
fn state(source: &Source<'_>) -> Value {
    let call = &source.reviewed.call;
    let state = &call.state;
    let failure = state.last_failure.as_ref();
    let base = source.archive_base_uri;
    let recordings: Vec<Value> = call
        .recordings
        .iter()
        .map(|recording| {
            json!({
                "location": format!("{base}/{}", recording.key),
                "content_type": recording.content_type,
                "sha256": recording.sha256,
                "size_bytes": recording.size_bytes,
            })
        })
        .collect();
    let body = json!({
        "contact_id": call.contact.id,
        "master_contact_id": call.contact.master_id,
        "started_at": call.contact.started_at.map(|start| start.to_rfc3339()),
        "metadata": call.contact.metadata,
        "stage": state.stage.as_str(),
        "status": state.status,
        "skip_reason": state.skip_reason,
        "failure_kind": failure.map(|failure| failure.kind.as_str()),
        "failure_reason": failure.map(|failure| &failure.reason),
        "transcribe_cost_usd": call.transcribe_cost,
        "classify_cost_usd": call.classify_cost,
        "recordings": recordings,
    });
    entry(
        "report",
        0,
        (None, None),
        Some("callpipe-call-1"),
        Body::Json(body),
    )
}
