//! Refuses the requests that the vendor refuses.

use serde_json::{Map, Value, json};

use super::errors::refuse;
use crate::reply::Refusal;

const REQUEST_FIELDS: &[&str] = &[
    "model",
    "messages",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stream",
    "stop",
    "seed",
    "user",
    "store",
    "metadata",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "service_tier",
];

const ROLES: [&str; 4] = ["system", "developer", "user", "assistant"];

/// Words of JSON Schema that strict mode takes.
const SCHEMA_FIELDS: &[&str] = &[
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "description",
    "title",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "$ref",
    "$defs",
];

/// Properties of all objects of a strict schema.
const PROPERTIES_MAX: usize = 5_000;

/// How deep a strict schema may be nested.
const DEPTH_MAX: usize = 10;

pub(super) fn validate(request: &Value) -> Result<(), Refusal> {
    let Some(fields) = request.as_object() else {
        return Err(refuse("", "The body is not a JSON object."));
    };
    if let Some(name) = fields
        .keys()
        .find(|name| !REQUEST_FIELDS.contains(&name.as_str()))
    {
        let message = format!("Unrecognized request argument supplied: {name}");
        return Err(refuse("", &message));
    }
    if fields.get("model").and_then(Value::as_str).is_none() {
        return Err(refuse("", "you must provide a model parameter"));
    }
    messages(fields)?;
    numbers(fields)?;
    match fields.get("response_format") {
        Some(format) => response_format(format, &fields["messages"]),
        None => Ok(()),
    }
}

fn messages(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let messages = fields.get("messages").and_then(Value::as_array);
    let Some(messages) = messages.filter(|messages| !messages.is_empty()) else {
        return Err(refuse(
            "messages",
            "Missing required parameter: 'messages'.",
        ));
    };
    for (number, message) in messages.iter().enumerate() {
        let has_role = message["role"]
            .as_str()
            .is_some_and(|role| ROLES.contains(&role));
        if !has_role || !(message["content"].is_string() || message["content"].is_array()) {
            let param = format!("messages[{number}]");
            return Err(refuse(&param, &format!("Invalid value: '{param}'.")));
        }
    }
    Ok(())
}

fn numbers(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let limits = ["max_tokens", "max_completion_tokens"];
    for name in limits {
        let is_good = |value: &Value| value.as_u64().is_some_and(|tokens| tokens > 0);
        if fields.get(name).is_some_and(|value| !is_good(value)) {
            return Err(refuse(
                name,
                &format!("Invalid '{name}': integer below minimum value."),
            ));
        }
    }
    if limits.iter().all(|name| fields.contains_key(*name)) {
        let message =
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(refuse("max_tokens", message));
    }
    let temperature = fields.get("temperature").map(Value::as_f64);
    match temperature {
        Some(Some(temperature)) if (0.0..=2.0).contains(&temperature) => Ok(()),
        None => Ok(()),
        Some(_) => Err(refuse("temperature", "Invalid 'temperature'.")),
    }
}

fn response_format(format: &Value, messages: &Value) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(refuse("response_format", message));
    match format["type"].as_str() {
        Some("text") => Ok(()),
        Some("json_object") if messages.to_string().to_lowercase().contains("json") => Ok(()),
        Some("json_object") => invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        ),
        Some("json_schema") => {
            let named = &format["json_schema"];
            let is_name = |name: &str| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
            };
            if !named["name"].as_str().is_some_and(is_name) {
                return invalid("Missing required parameter: 'response_format.json_schema.name'.");
            }
            if !named["schema"].is_object() {
                return invalid(
                    "Missing required parameter: 'response_format.json_schema.schema'.",
                );
            }
            match named["strict"] == json!(true) {
                true => strict(&named["schema"]),
                false => Ok(()),
            }
        }
        _ => invalid("Invalid value: 'response_format.type'."),
    }
}

fn strict(schema: &Value) -> Result<(), Refusal> {
    let invalid = |why: &str| {
        let message = format!("Invalid schema for response_format: In context=(), {why}.");
        refuse("response_format", &message)
    };
    if schema["type"] != json!("object") {
        return Err(invalid("the root must be of type 'object'"));
    }
    let mut properties = 0;
    strict_part(schema, 0, &mut properties).map_err(|why| invalid(&why))?;
    match properties > PROPERTIES_MAX {
        true => Err(invalid("there are too many properties")),
        false => Ok(()),
    }
}

fn strict_part(schema: &Value, depth: usize, properties: &mut usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("it is nested too deeply".to_owned());
    }
    let Some(parts) = schema.as_object() else {
        return Err("a schema is no object".to_owned());
    };
    if let Some(name) = parts
        .keys()
        .find(|name| !SCHEMA_FIELDS.contains(&name.as_str()))
    {
        return Err(format!("'{name}' is not permitted"));
    }
    if !["type", "anyOf", "enum", "const", "$ref"]
        .iter()
        .any(|name| parts.contains_key(*name))
    {
        return Err("schema must have a 'type' key".to_owned());
    }
    if let Some(inside) = parts.get("properties").and_then(Value::as_object) {
        if parts.get("additionalProperties") != Some(&json!(false)) {
            return Err(
                "'additionalProperties' is required to be supplied and to be false".to_owned(),
            );
        }
        let required = parts.get("required").and_then(Value::as_array);
        let is_required = |name: &String| required.is_some_and(|list| list.contains(&json!(name)));
        if !inside.keys().all(is_required) {
            return Err("'required' must include every key in properties".to_owned());
        }
        *properties += inside.len();
        for part in inside.values() {
            strict_part(part, depth + 1, properties)?;
        }
    }
    if let Some(items) = parts.get("items") {
        strict_part(items, depth + 1, properties)?;
    }
    for choice in parts
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        strict_part(choice, depth + 1, properties)?;
    }
    Ok(())
}
