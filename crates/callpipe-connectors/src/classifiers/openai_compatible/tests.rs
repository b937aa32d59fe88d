//! Answers of every kind, refusals of every form, and the contract against the sandbox.

mod answering;
mod asking;
mod damaged;
mod kept;
mod pricing;
mod refusing;
mod sandbox;
mod wire_level;

use std::sync::Arc;

use callpipe_core::taxonomy::Taxonomy;
use serde_json::{Value, json};

use super::{OpenAiCompatibleClassifier, OpenAiCompatibleConfig};
use crate::classifiers::testing::Standing;

const KEY: &str = "sandbox-openai-key";

/// Settings as JSON: the form does not matter to them. On this machine and with the sandbox's
/// models, unless they say otherwise.
fn config(settings: Value) -> OpenAiCompatibleConfig {
    let mut whole = json!({
        "endpoint": "http://127.0.0.1:9/v1", "models": ["sandbox-large", "sandbox-small"],
    });
    let own = settings.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(own);
    serde_json::from_value(whole).unwrap()
}

fn classifier(config: OpenAiCompatibleConfig) -> OpenAiCompatibleClassifier {
    let taxonomy = Arc::new(Taxonomy::built_in());
    OpenAiCompatibleClassifier::new(config, taxonomy, Arc::new(Standing)).unwrap()
}

/// A reply whose content is this, ended so.
fn reply(content: impl Into<Value>, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "qwen3:8b",
        "choices": [{
            "index": 0, "finish_reason": finish_reason,
            "message": { "role": "assistant", "content": content.into() },
        }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 400, "total_tokens": 1300 },
    })
}
