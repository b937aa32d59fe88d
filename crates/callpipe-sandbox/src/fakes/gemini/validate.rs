//! Refuses the requests that the vendor refuses. Names may be in camelCase or in snake_case.

use serde_json::{Map, Value};

use super::models;

const REQUEST_FIELDS: &[&str] = &[
    "contents",
    "systemInstruction",
    "safetySettings",
    "labels",
    "cachedContent",
    "tools",
    "toolConfig",
    "modelArmorConfig",
    "generationConfig",
];

const GENERATION_FIELDS: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "thinkingConfig",
    "responseModalities",
    "mediaResolution",
    "audioTimestamp",
];

const THINKING_FIELDS: &[&str] = &["includeThoughts", "thinkingBudget", "thinkingLevel"];

const SCHEMA_FIELDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "default",
    "items",
    "minItems",
    "maxItems",
    "enum",
    "properties",
    "propertyOrdering",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "additionalProperties",
    "ref",
    "defs",
];

const SCHEMA_TYPES: &[&str] = &[
    "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL",
];

const OUTPUT_TOKENS_MAX: u64 = 65_536;

/// The error is the vendor's message.
pub(super) fn validate(request: &Value, model: &str) -> Result<(), String> {
    let fields = request
        .as_object()
        .ok_or("Invalid JSON payload received.")?;
    known_only(fields, REQUEST_FIELDS, "the request")?;
    contents(request)?;
    if let Some(labels) = request["labels"].as_object() {
        labels
            .iter()
            .try_for_each(|(key, value)| label(key, value))?;
    }
    match field(fields, "generationConfig") {
        Some(Value::Object(config)) => generation_config(config, model),
        Some(_) => Err("Invalid value at 'generation_config'.".to_owned()),
        None => Ok(()),
    }
}

fn contents(request: &Value) -> Result<(), String> {
    let contents = request["contents"]
        .as_array()
        .filter(|contents| !contents.is_empty());
    let contents = contents.ok_or("at least one contents field is required")?;
    for content in contents {
        if !["user", "model"].contains(&content["role"].as_str().unwrap_or_default()) {
            return Err("Please use a valid role: user, model.".to_owned());
        }
        if content["parts"].as_array().is_none_or(Vec::is_empty) {
            return Err(
                "Unable to submit request because it must include at least one parts \
                        field, which describes the prompt input."
                    .to_owned(),
            );
        }
    }
    Ok(())
}

fn label(key: &str, value: &Value) -> Result<(), String> {
    let sign =
        |sign: char| sign.is_lowercase() || sign.is_ascii_digit() || matches!(sign, '_' | '-');
    let fits = |text: &str| text.chars().count() <= 63 && text.chars().all(sign);
    let key_fits = fits(key) && key.starts_with(char::is_lowercase);
    if key_fits && value.as_str().is_some_and(fits) {
        Ok(())
    } else {
        Err(format!("Invalid label `{key}`: {value}"))
    }
}

fn generation_config(config: &Map<String, Value>, model: &str) -> Result<(), String> {
    known_only(config, GENERATION_FIELDS, "generation_config")?;
    let version = models::version(model);
    let number = |name: &str| field(config, name).and_then(Value::as_f64);
    if number("temperature").is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        return Err("The temperature must be from 0 to 2.".to_owned());
    }
    for penalty in ["frequencyPenalty", "presencePenalty"] {
        if field(config, penalty).is_some() && version >= (3, 5) {
            return Err(format!("{penalty} is not supported by this model."));
        }
    }
    let tokens = field(config, "maxOutputTokens").map(Value::as_u64);
    if tokens.is_some_and(|tokens| tokens.is_none_or(|n| n == 0 || n > OUTPUT_TOKENS_MAX)) {
        return Err(format!(
            "max_output_tokens must be from 1 to {OUTPUT_TOKENS_MAX}."
        ));
    }
    schemas(config)?;
    let Some(thinking) = field(config, "thinkingConfig").and_then(Value::as_object) else {
        return Ok(());
    };
    known_only(
        thinking,
        THINKING_FIELDS,
        "generation_config.thinking_config",
    )?;
    let level = field(thinking, "thinkingLevel").and_then(Value::as_str);
    let budget = field(thinking, "thinkingBudget").is_some();
    models::thinking_problem(model, level, budget).map_or(Ok(()), Err)
}

fn schemas(config: &Map<String, Value>) -> Result<(), String> {
    let open_api = field(config, "responseSchema");
    let json_schema = field(config, "responseJsonSchema");
    if open_api.is_some() && json_schema.is_some() {
        return Err("Only one of response_schema and response_json_schema can be set.".to_owned());
    }
    let media_type = field(config, "responseMimeType").and_then(Value::as_str);
    let structured = ["application/json", "text/x.enum"];
    if (open_api.is_some() || json_schema.is_some())
        && !media_type.is_some_and(|media_type| structured.contains(&media_type))
    {
        return Err("A response schema needs response_mime_type application/json.".to_owned());
    }
    open_api.map_or(Ok(()), open_api_schema)
}

/// One dialect is a message with fixed fields; the other may hold anything.
fn open_api_schema(schema: &Value) -> Result<(), String> {
    let fields = schema
        .as_object()
        .ok_or("Invalid value at 'response_schema'.")?;
    known_only(fields, SCHEMA_FIELDS, "generation_config.response_schema")?;
    let is_known = |kind: &Value| {
        kind.as_str()
            .is_some_and(|kind| SCHEMA_TYPES.contains(&kind))
    };
    if let Some(kind) = field(fields, "type").filter(|kind| !is_known(kind)) {
        return Err(format!(
            "Invalid value at 'generation_config.response_schema.type': {kind}"
        ));
    }
    field(fields, "items").map_or(Ok(()), open_api_schema)?;
    let properties = field(fields, "properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(Map::values)
        .try_for_each(open_api_schema)?;
    let choices = field(fields, "anyOf").and_then(Value::as_array);
    choices.into_iter().flatten().try_for_each(open_api_schema)
}

fn known_only(fields: &Map<String, Value>, known: &[&str], place: &str) -> Result<(), String> {
    let stranger = fields
        .keys()
        .find(|name| !known.contains(&camel(name).as_str()));
    match stranger {
        Some(name) => Err(format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
        )),
        None => Ok(()),
    }
}

/// A field by its name in camelCase, however it is spelt.
pub(super) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = fields.iter().find(|(key, _)| camel(key) == name);
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut parts = name.split('_');
    camel.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let mut signs = part.chars();
        camel.extend(signs.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(signs.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(config: Value, model: &str, problem: Option<&str>) {
        let request = json!({
            "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
            "generationConfig": config,
        });
        let result = validate(&request, model);
        match problem {
            None => assert_eq!(result, Ok(())),
            Some(text) => assert!(
                result.as_ref().is_err_and(|error| error.contains(text)),
                "{result:?}"
            ),
        }
    }

    #[test]
    fn generation_config_is_checked_as_the_vendor_does() {
        let lite = "gemini-3.5-flash-lite";
        check(json!({ "max_output_tokens": 100, "topK": 1 }), lite, None);
        check(
            json!({ "maxTokens": 100 }),
            lite,
            Some("Unknown name \"maxTokens\""),
        );
        check(
            json!({ "frequencyPenalty": 0.1 }),
            lite,
            Some("not supported"),
        );
        check(
            json!({ "frequencyPenalty": 0.1 }),
            "gemini-3.1-flash-lite",
            None,
        );
        check(json!({ "temperature": 3 }), lite, Some("temperature"));
        let level = |level: &str| json!({ "thinkingConfig": { "thinkingLevel": level } });
        check(level("MINIMAL"), lite, None);
        check(
            level("MINIMAL"),
            "gemini-3.7-flash",
            Some("'minimal' is not a supported"),
        );
        check(level("LOW"), "gemini-2.5-flash", Some("not supported"));
        let both = json!({ "thinkingConfig": { "thinkingLevel": "LOW", "thinkingBudget": 0 } });
        check(both, lite, Some("only one"));
    }

    #[test]
    fn schemas_are_of_one_dialect() {
        let lite = "gemini-3.5-flash-lite";
        let with = |name: &str, schema: Value| json!({ "responseMimeType": "application/json", name: schema });
        check(
            with("responseSchema", json!({ "type": "STRING" })),
            lite,
            None,
        );
        check(
            with("responseSchema", json!({ "type": "string" })),
            lite,
            Some("Invalid value"),
        );
        check(
            with("responseSchema", json!({ "$ref": "#/x" })),
            lite,
            Some("Unknown name \"$ref\""),
        );
        check(
            with("responseJsonSchema", json!({ "$ref": "#/x" })),
            lite,
            None,
        );
        check(
            json!({ "responseJsonSchema": {} }),
            lite,
            Some("response_mime_type"),
        );
        let both = json!({ "responseMimeType": "application/json", "responseSchema": {}, "responseJsonSchema": {} });
        check(both, lite, Some("Only one"));
    }
}
