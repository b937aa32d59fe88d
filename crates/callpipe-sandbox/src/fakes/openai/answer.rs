//! What the model answers: what is right about the call that it was shown, in the form that was
//! asked for.

use serde_json::{Value, json};

use super::{messages, prompt_text};
use crate::corpus::CorpusCall;
use crate::fakes::model::{self, Answer};
use crate::fakes::schema::Shape;
use crate::fakes::understood;
use crate::faults::{Fault, FaultKind};
use crate::shared::Shared;

/// Of a model that thinks aloud before it answers.
const THOUGHTS: &str = "The customer's wish comes first. {\"Not\": \"the answer\"} yet.";

pub(super) fn answer(
    shared: &Shared,
    request: &Value,
    call: Option<&CorpusCall>,
    fault: Option<&Fault>,
) -> Answer {
    let fault = fault.map(|fault| fault.kind);
    let text = model_text(request, call, fault);
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| request[name].as_u64());
    let room_tokens = limit.map(|tokens| tokens as usize);
    let is_cut = fault == Some(FaultKind::OpenAiCutJson);
    let (text, is_cut) = model::within_room(text, room_tokens, is_cut);
    let finish_reason = if is_cut { "length" } else { "stop" };
    let instructions = messages(request, |role| role != "user").join("\n");
    let input = model::tokens(&prompt_text(request)) + model::tokens(&instructions);
    let output = model::tokens(&text);
    let mut body = json!({
        "id": format!("chatcmpl-{}", shared.next_uuid().replace('-', "")),
        "object": "chat.completion", "created": shared.now().timestamp(), "model": request["model"],
        "choices": [{
            "index": 0, "finish_reason": finish_reason, "logprobs": null,
            "message": { "role": "assistant", "content": text, "refusal": null },
        }],
        "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": 0 },
        },
        "system_fingerprint": null,
    });
    if let Some(fault) = fault {
        spoil(fault, &mut body);
    }
    Answer {
        body,
        input_tokens: input,
        output_tokens: output,
    }
}

fn model_text(request: &Value, call: Option<&CorpusCall>, fault: Option<FaultKind>) -> String {
    let format = &request["response_format"];
    let mut value = understood::everything(call);
    if format["type"] == json!("json_schema") {
        value = Shape::new(&format["json_schema"]["schema"], model::quote(call)).fit(&value);
    }
    if fault == Some(FaultKind::OpenAiOffList) {
        value = off_list(value);
    }
    let text = value.to_string();
    match fault {
        Some(FaultKind::OpenAiFenced) => format!("```json\n{text}\n```"),
        Some(FaultKind::OpenAiThinkTags) => format!("<think>\n{THOUGHTS}\n</think>\n\n{text}"),
        Some(FaultKind::OpenAiThinkEnd) => format!("{THOUGHTS}\n</think>\n\n{text}"),
        Some(FaultKind::OpenAiProseAround) => format!("Here it is:\n\n{text}\n\nAnything else?"),
        Some(FaultKind::OpenAiEmptyContent) => String::new(),
        _ => text,
    }
}

/// A label, and a sentiment, that is on no list.
fn off_list(mut value: Value) -> Value {
    for place in ["/product_family", "/sentiment/average/sentiment"] {
        if let Some(part) = value.pointer_mut(place) {
            *part = json!("garden_spaceships");
        }
    }
    value
}

/// Changes the envelope.
fn spoil(fault: FaultKind, body: &mut Value) {
    let choice = &mut body["choices"][0];
    match fault {
        FaultKind::OpenAiRefusal => {
            choice["message"]["content"] = Value::Null;
            choice["message"]["refusal"] = json!("I'm sorry, I cannot assist with that request.");
        }
        FaultKind::OpenAiContentFilter => {
            choice["message"]["content"] = json!("");
            choice["finish_reason"] = json!("content_filter");
        }
        FaultKind::OpenAiContentParts => {
            let text = choice["message"]["content"].take();
            choice["message"]["content"] = json!([
                { "type": "thinking", "thinking": [{ "type": "text", "text": THOUGHTS }] },
                { "type": "text", "text": text },
            ]);
        }
        FaultKind::OpenAiNoChoices => body["choices"] = json!([]),
        FaultKind::OpenAiNoUsage => body["usage"] = Value::Null,
        _ => {}
    }
}
