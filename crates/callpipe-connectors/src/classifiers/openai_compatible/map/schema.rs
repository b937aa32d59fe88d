//! The schema in the form that OpenAI's strict mode asks for and that the grammars of llama.cpp
//! (and so Ollama) and vLLM follow.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Value, json};

/// Takes apart objects that may be null: a list of types beside properties is read differently by
/// different servers, a choice by all of them in the same way. All else that strict mode asks for
/// (every property required, no others) our schemas have.
pub(in super::super) fn strict(schema: Value) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.into_iter().map(strict).collect()),
        Value::Object(object) => {
            let mut schema: Value = object
                .into_iter()
                .map(|(name, part)| (name, strict(part)))
                .collect();
            if schema["type"] == json!(["object", "null"]) {
                schema["type"] = json!("object");
                return json!({ "anyOf": [schema, { "type": "null" }] });
            }
            schema
        }
        other => other,
    }
}

/// A schema whose properties are written in the order of `required`: a model answers in this order,
/// and its later answers build on its earlier ones.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct InOrder<'a>(pub(in super::super) &'a Value);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (name, part) in object {
                    match (name.as_str(), object.get("required")) {
                        ("properties", Some(Value::Array(order))) => {
                            map.serialize_entry(name, &Properties { part, order })?;
                        }
                        _ => map.serialize_entry(name, &InOrder(part))?,
                    }
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&InOrder(item))?;
                }
                list.end()
            }
            other => other.serialize(serializer),
        }
    }
}

struct Properties<'a> {
    part: &'a Value,
    order: &'a [Value],
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let named = self.order.iter().filter_map(Value::as_str);
        for (name, part) in named.filter_map(|name| Some((name, self.part.get(name)?))) {
            map.serialize_entry(name, &InOrder(part))?;
        }
        let rest = self.part.as_object().into_iter().flatten();
        for (name, part) in rest.filter(|(name, _)| !self.order.contains(&json!(name))) {
            map.serialize_entry(name, &InOrder(part))?;
        }
        map.end()
    }
}
