//! The JSON Schema of an answer.
//!
//! Kept to types, enums, `required` and `additionalProperties`: limits and patterns make vendors'
//! constrained decoders refuse a schema as too complex (Gemini's "too many states"), so those are
//! stated in the prompt and enforced by [`super::check`]. What may be left unanswered may be null.

use serde_json::{Map, Value, json};

use super::{Label, Rule, Section, Taxonomy};

/// The schema of a whole answer.
pub fn schema(taxonomy: &Taxonomy) -> Value {
    object(&taxonomy.sections)
}

fn object(sections: &[Section]) -> Value {
    let properties: Map<String, Value> = sections
        .iter()
        .map(|section| (section.field.to_string(), property(section)))
        .collect();
    let names: Vec<&str> = sections
        .iter()
        .map(|section| section.field.as_str())
        .collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

fn property(section: &Section) -> Value {
    let is_optional = section.only_when.is_some();
    match &section.rule {
        // A null beside the labels of an enum would contradict its type.
        Rule::Label { labels } if is_optional => {
            json!({ "anyOf": [one_of(labels), { "type": "null" }] })
        }
        Rule::Label { labels } => one_of(labels),
        Rule::Labels { labels, .. } => json!({ "type": "array", "items": one_of(labels) }),
        Rule::Text { .. } => json!({ "type": ["string", "null"] }),
        Rule::Scores { names } => scores(names, is_optional),
        Rule::Group { parts } => {
            let mut schema = object(parts);
            schema["type"] = json!(["object", "null"]);
            schema
        }
    }
}

fn scores(names: &[Label], is_optional: bool) -> Value {
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| (name.value.clone(), json!({ "type": "number" })))
        .collect();
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    let kind = if is_optional {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    json!({ "type": kind, "properties": properties, "required": names, "additionalProperties": false })
}

fn one_of(labels: &[Label]) -> Value {
    let values: Vec<&str> = labels.iter().map(|label| label.value.as_str()).collect();
    json!({ "type": "string", "enum": values })
}
