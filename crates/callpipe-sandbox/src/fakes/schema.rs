//! Brings an answer into the form that the request's schema asks for, in either dialect.

use serde_json::{Map, Value, json};

/// How deep a schema is followed; none of ours is recursive.
const DEPTH_MAX: usize = 16;

/// Fits values into one schema.
#[derive(Debug)]
pub(in crate::fakes) struct Shape<'a> {
    /// Where `$ref` points into.
    root: &'a Value,
    /// Stands in for texts of which the corpus knows nothing, such as evidence.
    quote: &'a str,
}

impl<'a> Shape<'a> {
    pub(in crate::fakes) fn new(root: &'a Value, quote: &'a str) -> Shape<'a> {
        Shape { root, quote }
    }

    /// The value with the schema's properties and no others.
    pub(in crate::fakes) fn fit(&self, value: &Value) -> Value {
        self.fit_part(Some(value), self.root, 0)
    }

    fn fit_part(&self, value: Option<&Value>, schema: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if depth > DEPTH_MAX || (value.is_none_or(Value::is_null) && allows_null(schema)) {
            return Value::Null;
        }
        if let Some(choices) = choices(schema) {
            let choice = self.choose(value, choices);
            return choice.map_or(Value::Null, |choice| {
                self.fit_part(value, choice, depth + 1)
            });
        }
        match type_name(schema).as_str() {
            "object" => self.object(value, schema, depth),
            "array" => self.array(value, schema, depth),
            "number" => value
                .filter(|value| value.is_number())
                .cloned()
                .unwrap_or(json!(0.5)),
            "integer" => json!(value.and_then(Value::as_f64).unwrap_or(0.0).round() as i64),
            "boolean" => json!(value.and_then(Value::as_bool).unwrap_or(false)),
            "null" => Value::Null,
            _ => self.text(value, schema),
        }
    }

    fn object(&self, value: Option<&Value>, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let given = value.and_then(|value| value.get(name));
            let wanted = is_listed(&schema["required"], name);
            let unsaid = given.is_none_or(Value::is_null) && !allows_null(self.resolve(property));
            if wanted || (given.is_some() && !unsaid) {
                object.insert(name.clone(), self.fit_part(given, property, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&self, value: Option<&Value>, schema: &Value, depth: usize) -> Value {
        let items = self.resolve(&schema["items"]);
        let given: Vec<&Value> = match value {
            Some(Value::Array(given)) => given.iter().collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(single) => vec![single],
        };
        // A label that the schema does not know is left out rather than replaced.
        let known = |item: &&&Value| match items["enum"].as_array() {
            Some(labels) => labels.contains(item),
            None => true,
        };
        let max = limit(&schema["maxItems"]).unwrap_or(usize::MAX);
        let kept = given.iter().filter(known).take(max);
        let mut array: Vec<Value> = kept
            .map(|item| self.fit_part(Some(item), items, depth + 1))
            .collect();
        while array.len() < limit(&schema["minItems"]).unwrap_or(0) {
            array.push(self.fit_part(None, items, depth + 1));
        }
        Value::Array(array)
    }

    fn text(&self, value: Option<&Value>, schema: &Value) -> Value {
        let labels = schema["enum"].as_array();
        match (labels, value) {
            (Some(labels), Some(value)) if labels.contains(value) => value.clone(),
            (Some(labels), _) => unsure(labels),
            (None, Some(value @ Value::String(_))) => value.clone(),
            (None, _) => json!(self.quote),
        }
    }

    /// The first choice of the value's own type, or the first that is not null.
    fn choose<'b>(&self, value: Option<&Value>, choices: &'b [Value]) -> Option<&'b Value> {
        let is_of = |choice: &&Value, name: &str| type_name(self.resolve(choice)) == name;
        let wanted = match value {
            Some(Value::Object(_)) => "object",
            Some(Value::Array(_)) => "array",
            Some(Value::Number(_)) => "number",
            Some(Value::Bool(_)) => "boolean",
            _ => "string",
        };
        let same = choices.iter().find(|choice| is_of(choice, wanted));
        same.or_else(|| choices.iter().find(|choice| !is_of(choice, "null")))
    }

    fn resolve<'b>(&self, schema: &'b Value) -> &'b Value
    where
        'a: 'b,
    {
        let target = schema["$ref"].as_str().or_else(|| schema["ref"].as_str());
        let pointer = target.and_then(|target| target.strip_prefix('#'));
        pointer
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema)
    }
}

fn choices(schema: &Value) -> Option<&[Value]> {
    let choices = schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array());
    choices.map(Vec::as_slice)
}

fn allows_null(schema: &Value) -> bool {
    schema["nullable"] == json!(true)
        || is_listed(&schema["type"], "null")
        || schema["type"] == json!("null")
        || choices(schema).is_some_and(|choices| choices.iter().any(allows_null))
}

/// The lower-case type; of several, the first that is not null.
fn type_name(schema: &Value) -> String {
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        Value::String(name) => vec![name.as_str()],
        _ if schema["properties"].is_object() => vec!["object"],
        _ => vec!["string"],
    };
    let first = types.iter().find(|name| !name.eq_ignore_ascii_case("null"));
    first.copied().unwrap_or("null").to_lowercase()
}

fn is_listed(list: &Value, name: &str) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|item| item.as_str() == Some(name)))
}

/// In one dialect numbers of items are texts.
fn limit(value: &Value) -> Option<usize> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    usize::try_from(number).ok()
}

fn unsure(labels: &[Value]) -> Value {
    let other = labels
        .iter()
        .find(|label| label.as_str().is_some_and(|text| text.contains("other")));
    other.or(labels.first()).cloned().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects() {
        let value = json!({ "call_type": ["complaint", "other_thing"], "delivery": null,
            "sure": 0.9, "not_asked_for": 1 });
        let upper = json!({ "type": "OBJECT", "required": ["call_type", "why"], "properties": {
            "call_type": { "type": "ARRAY", "items": { "type": "STRING", "enum": ["complaint"] } },
            "delivery": { "type": "OBJECT", "nullable": true },
            "sure": { "type": "NUMBER" }, "why": { "type": "STRING" } } });
        let lower = json!({ "type": "object", "required": ["call_type", "why"], "properties": {
            "call_type": { "type": "array", "items": { "$ref": "#/$defs/label" } },
            "delivery": { "anyOf": [{ "type": "null" }, { "type": "object" }] },
            "sure": { "type": ["number", "null"] }, "why": { "type": "string" } },
            "$defs": { "label": { "type": "string", "enum": ["complaint"] } } });
        let wanted =
            json!({ "call_type": ["complaint"], "delivery": null, "sure": 0.9, "why": "Hi." });
        for schema in [upper, lower] {
            assert_eq!(Shape::new(&schema, "Hi.").fit(&value), wanted);
        }
    }
}
