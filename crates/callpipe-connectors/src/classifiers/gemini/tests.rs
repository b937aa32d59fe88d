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

use callpipe_core::contracts::clock::Clock;
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{GeminiClassifier, GeminiConfig};
use crate::google::{GoogleConfig, Identity};
use crate::http::Endpoint;
use crate::secret::Secret;

const TOKEN: &str = "sandbox-google-token";

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }
}

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

/// A usual answer by the built-in taxonomy.
fn labels() -> Value {
    json!({
        "call_type": ["general_enquiry"],
        "sale_result": "not_sales_call",
        "no_sale_reasons": [],
        "product_family": "other",
        "product_category_detail": [],
        "problems_detected": [],
        "delivery_tracking": null,
        "agent_name": "Priya",
        "escalation_actions": ["none"],
        "confidence_scores": {
            "call_type_confidence": 0.9, "sale_result_confidence": 0.9,
            "product_classification_confidence": 0.5, "overall_confidence": 0.8,
        },
    })
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
