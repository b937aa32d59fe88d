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

use super::{GeminiClassifier, GeminiConfig};
use crate::classifiers::testing::Standing;
use crate::google::{GoogleConfig, Identity};
use crate::http::Endpoint;
use crate::secret::Secret;

const TOKEN: &str = "sandbox-google-token";

/// Settings as JSON: the form does not matter to them.
fn config(text: &str) -> GeminiConfig {
    let config: GeminiConfig = serde_json::from_str(text).unwrap();
    GeminiConfig {
        project: config.project.or(Some("sandbox-project".into())),
        ..config
    }
}

fn identity(token: &str) -> Identity {
    let config = GoogleConfig {
        access_token: Some(Secret::new(token)),
        ..GoogleConfig::default()
    };
    Identity::new(&config).unwrap()
}

fn config_at(endpoint: &str) -> GeminiConfig {
    GeminiConfig {
        endpoint: Some(Endpoint::parse(endpoint).unwrap()),
        ..config("{}")
    }
}

fn classifier(config: GeminiConfig) -> GeminiClassifier {
    classifier_as(config, &identity(TOKEN))
}

fn classifier_as(config: GeminiConfig, identity: &Identity) -> GeminiClassifier {
    let taxonomy = Arc::new(Taxonomy::built_in());
    GeminiClassifier::new(config, identity, taxonomy, Arc::new(Standing)).unwrap()
}

/// A reply whose text is this, ended so.
fn reply(text: &str, finish_reason: &str) -> Value {
    json!({
        "candidates": [{
            "index": 0,
            "content": { "role": "model", "parts": [{ "text": text }] },
            "finishReason": finish_reason,
        }],
        "usageMetadata": { "promptTokenCount": 900, "totalTokenCount": 1300 },
        "modelVersion": "gemini-3.5-flash-lite@default",
    })
}
