//! The whole answer of `/v1/listen`, and the ways in which a fault spoils it.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::Heard;
use super::listen_query::ListenQuery;
use super::{intelligence, speech};
use crate::shared::Shared;

/// The answer for what was heard.
pub(super) fn reply(
    shared: &Shared,
    query: &ListenQuery,
    heard: &Heard<'_>,
    request_id: &str,
) -> Value {
    let channels = speech::channels(heard.call, query, query.channels(heard.channels));
    let mut metadata = metadata(shared, query, heard, request_id, channels.len());
    let mut results = json!({
        "channels": channels.iter().map(|words| speech::channel(words, query)).collect::<Vec<_>>(),
    });
    let is_silent = channels.iter().all(Vec::is_empty);
    if query.utterances && !is_silent {
        results["utterances"] = json!(speech::utterances(&channels, query));
    }
    let transcripts: Vec<String> = channels
        .iter()
        .map(|words| speech::transcript(words, query))
        .collect();
    let transcript = transcripts.join(" ");
    intelligence::add(&mut metadata, &mut results, query, heard.call, &transcript);
    json!({ "metadata": metadata, "results": results })
}

fn metadata(
    shared: &Shared,
    query: &ListenQuery,
    heard: &Heard<'_>,
    request_id: &str,
    channels: usize,
) -> Value {
    let model_id = crate::chance::uuid(0, &["model", &query.model]);
    let (name, arch) = model_names(&query.model);
    let mut metadata = json!({
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": heard.sha256,
        "created": shared.now().to_rfc3339_opts(SecondsFormat::Millis, true),
        "duration": heard.duration_s,
        "channels": channels,
        "models": [model_id],
        "model_info": { &model_id: { "name": name, "version": "2025-07-31.0", "arch": arch } },
    });
    if !query.tags.is_empty() {
        metadata["tags"] = json!(query.tags);
    }
    if !query.extra.is_empty() {
        let extra = query
            .extra
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)));
        metadata["extra"] = Value::Object(extra.collect::<Map<String, Value>>());
    }
    metadata
}

/// `nova-3-medical` is `medical-nova-3` in the answer.
fn model_names(model: &str) -> (String, String) {
    let mut parts: Vec<&str> = model.split('-').collect();
    let last_is_domain =
        parts.len() > 1 && parts.last().is_none_or(|part| part.parse::<u32>().is_err());
    let domain = if last_is_domain {
        parts.pop().unwrap_or("general")
    } else {
        "general"
    };
    let arch = parts.join("-");
    (format!("{domain}-{arch}"), arch)
}

/// Leaves the channels and nothing else.
pub(super) fn drop_sections(body: &mut Value) {
    if let Some(results) = body["results"].as_object_mut() {
        results.retain(|name, _| name == "channels");
    }
    let metadata = body["metadata"].as_object_mut();
    metadata
        .into_iter()
        .for_each(|metadata| metadata.retain(|name, _| !name.ends_with("_info")));
}

/// `results.topics.results.topics.segments`, as the vendor's OpenAPI file has it.
pub(super) fn wrap_topics(body: &mut Value) {
    for section in ["topics", "intents"] {
        if let Some(value) = body["results"].get_mut(section) {
            let direct = value.take();
            *value = json!({ "results": { section: direct } });
        }
    }
}

/// Numbers that no audio can have.
pub(super) fn make_absurd(body: &mut Value) {
    body["metadata"]["duration"] = json!(-3.5);
    for path in [
        "/results/channels/0/alternatives/0/words/0",
        "/results/utterances/0",
    ] {
        if let Some(word) = body.pointer_mut(path) {
            word["start"] = json!(1e12);
            word["end"] = json!(-1.0);
            word["confidence"] = json!(7.5);
        }
    }
    if let Some(alternative) = body.pointer_mut("/results/channels/0/alternatives/0") {
        alternative["confidence"] = json!(-2.0);
    }
    if let Some(average) = body.pointer_mut("/results/sentiments/average") {
        average["sentiment_score"] = json!(99.0);
    }
}
