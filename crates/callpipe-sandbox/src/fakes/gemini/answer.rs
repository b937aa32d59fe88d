//! What Gemini answers: the right classification of the call that it was shown.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::validate::field;
use super::{Target, models, prompt_text, spoil};
use crate::corpus::CorpusCall;
use crate::fakes::model::{self, Answer};
use crate::fakes::schema::Shape;
use crate::fakes::understood;
use crate::faults::{Fault, FaultKind};
use crate::shared::Shared;

pub(super) fn answer(
    shared: &Shared,
    request: &Value,
    target: &Target,
    call: Option<&CorpusCall>,
    fault: Option<&Fault>,
) -> Answer {
    let fault = fault.map(|fault| fault.kind);
    let empty = Map::new();
    let fields = request.as_object().unwrap_or(&empty);
    let config = field(fields, "generationConfig")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let text = model_text(config, call, fault);
    let thoughts = thought_tokens(config, &target.model);
    let cap = field(config, "maxOutputTokens")
        .and_then(Value::as_u64)
        .unwrap_or(65_536) as usize;
    let is_cut = fault == Some(FaultKind::GeminiMaxTokens);
    let room_tokens = Some(cap.saturating_sub(thoughts));
    let (text, is_cut) = model::within_room(text, room_tokens, is_cut);
    let finish_reason = if is_cut { "MAX_TOKENS" } else { "STOP" };
    let input = model::tokens(&prompt_text(request)) + model::tokens(&instructions(fields));
    let output = model::tokens(&text);
    let mut body = json!({
        "candidates": [candidate(shared, config, &text, finish_reason)],
        "usageMetadata": {
            "promptTokenCount": input, "candidatesTokenCount": output,
            "totalTokenCount": input + output + thoughts, "trafficType": "ON_DEMAND",
        },
        "modelVersion": target.model,
        "createTime": shared.now().to_rfc3339_opts(SecondsFormat::Micros, true),
        "responseId": shared.next_uuid().replace('-', ""),
    });
    if thoughts > 0 {
        body["usageMetadata"]["thoughtsTokenCount"] = json!(thoughts);
    }
    let mut output = output + thoughts;
    if fault.is_some_and(|fault| spoil::spoil_candidates(fault, &mut body)) {
        output = 0;
    }
    Answer {
        body,
        input_tokens: input,
        output_tokens: output,
    }
}

fn model_text(
    config: &Map<String, Value>,
    call: Option<&CorpusCall>,
    fault: Option<FaultKind>,
) -> String {
    let mut value = understood::labels(call);
    let schema = field(config, "responseSchema").or_else(|| field(config, "responseJsonSchema"));
    if let Some(schema) = schema {
        value = Shape::new(schema, model::quote(call)).fit(&understood::everything(call));
    }
    if let Some(fault) = fault {
        spoil::spoil_value(fault, &mut value);
    }
    let is_label = field(config, "responseMimeType") == Some(&json!("text/x.enum"));
    let text = match (&value, is_label) {
        (Value::String(label), true) => label.clone(),
        _ => value.to_string(),
    };
    match fault {
        Some(fault) => spoil::spoil_text(fault, text),
        None => text,
    }
}

fn candidate(shared: &Shared, config: &Map<String, Value>, text: &str, finish: &str) -> Value {
    let mut parts = Vec::new();
    let thinking = field(config, "thinkingConfig").and_then(Value::as_object);
    if thinking.and_then(|one| field(one, "includeThoughts")) == Some(&json!(true)) {
        parts.push(json!({ "text": "The customer's wish comes first.", "thought": true }));
    }
    // Every third answer comes in two parts, as answers now and then do.
    let length = text.chars().count();
    if length > 20 && crate::chance::draw(shared.world.seed(), &["parts", text]).is_multiple_of(3) {
        let first = model::head(text, length / 2);
        parts.push(json!({ "text": &text[first.len()..] }));
        parts.insert(parts.len() - 1, json!({ "text": first }));
    } else {
        parts.push(json!({ "text": text }));
    }
    json!({
        "index": 0, "content": { "role": "model", "parts": parts }, "finishReason": finish,
        "avgLogprobs": -0.05,
    })
}

fn thought_tokens(config: &Map<String, Value>, model: &str) -> usize {
    let thinking = field(config, "thinkingConfig").and_then(Value::as_object);
    let budget = thinking
        .and_then(|one| field(one, "thinkingBudget"))
        .and_then(Value::as_u64);
    let level = thinking
        .and_then(|one| field(one, "thinkingLevel"))
        .and_then(Value::as_str);
    match (budget, level.unwrap_or(models::default_level(model))) {
        (Some(budget), _) => budget.min(200) as usize,
        (None, "LOW") => 60,
        (None, "MEDIUM") => 200,
        (None, "HIGH") => 800,
        (None, _) => 0,
    }
}

fn instructions(fields: &Map<String, Value>) -> String {
    let parts = field(fields, "systemInstruction").and_then(|value| value["parts"].as_array());
    let texts = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part["text"].as_str());
    texts.collect::<Vec<&str>>().join("\n")
}
