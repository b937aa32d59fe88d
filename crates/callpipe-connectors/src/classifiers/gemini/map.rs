//! Between Vertex AI's JSON and ours. Pure: Gemini's quirks live here.

mod answer;
mod failure;

use serde_json::Value;

use super::config::ThinkingLevel;
use crate::classifiers::text;

pub(super) use answer::written;
pub(super) use failure::refusal;

/// Gives each object of a schema its order of fields, which a JSON object does not have: the model
/// answers in this order, and its later answers build on its earlier ones.
pub(super) fn with_property_ordering(mut schema: Value) -> Value {
    order(&mut schema);
    schema
}

fn order(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(order);
            if object.get("properties").is_some_and(Value::is_object)
                && let Some(required @ Value::Array(_)) = object.get("required").cloned()
            {
                object.insert("propertyOrdering".into(), required);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(order),
        _ => {}
    }
}

/// Google's word for how much is thought.
pub(super) fn thinking_level(level: ThinkingLevel) -> &'static str {
    match level {
        ThinkingLevel::Minimal => "MINIMAL",
        ThinkingLevel::Low => "LOW",
        ThinkingLevel::Medium => "MEDIUM",
        ThinkingLevel::High => "HIGH",
    }
}

/// A word of Google's as it may stand in a log: capitals and underscores, as its enums are.
fn word(text: &str) -> &str {
    text::word(text, u8::is_ascii_uppercase)
}
