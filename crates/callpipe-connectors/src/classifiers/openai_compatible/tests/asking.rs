//! Settings, addresses, bodies and fingerprints.

use std::sync::Arc;

use callpipe_core::analysis;
use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use callpipe_core::recording::Fingerprint;
use callpipe_core::taxonomy::{Taxonomy, schema};
use expect_test::expect;
use serde_json::{Value, json};

use super::super::client::{self, Asked, Manner};
use super::super::map::{InOrder, strict};
use super::{classifier, config};
use crate::classifiers::openai_compatible::{
    OpenAiCompatibleClassifier, OpenAiCompatibleConfig, StructuredOutput,
};
use crate::classifiers::testing::Standing;

fn body(settings: Value, effort: Effort, manner: Manner) -> Value {
    let schema = json!({ "type": "object" });
    let asked = Asked {
        instruction: "Label it.",
        question: "<transcript>",
        schema: &schema,
    };
    let model = ModelName("qwen3:8b".into());
    json!(client::request(
        &config(settings),
        &model,
        &asked,
        effort,
        manner
    ))
}

const FIRST: Manner = Manner {
    form: StructuredOutput::JsonSchema,
    uses_newer_limit: false,
};

#[test]
fn a_request_asks_for_json_by_the_schema_and_for_nothing_more() {
    let body = serde_json::to_string_pretty(&body(json!({}), Effort::Usual, FIRST)).unwrap();
    expect![[r#"
        {
          "max_tokens": 2048,
          "messages": [
            {
              "content": "Label it.",
              "role": "system"
            },
            {
              "content": "<transcript>",
              "role": "user"
            }
          ],
          "model": "qwen3:8b",
          "response_format": {
            "json_schema": {
              "name": "answer",
              "schema": {
                "type": "object"
              },
              "strict": true
            },
            "type": "json_schema"
          }
        }"#]]
    .assert_eq(&body);
}

#[test]
fn settings_and_what_was_found_out_reach_the_request() {
    let settings = json!({ "max_output_tokens": 500, "temperature": 0.25 });
    let newer = Manner {
        form: StructuredOutput::JsonObject,
        uses_newer_limit: true,
    };
    let enlarged = body(settings, Effort::Enlarged, newer);
    assert_eq!(enlarged["max_completion_tokens"], 2000);
    assert_eq!(enlarged.get("max_tokens"), None);
    assert_eq!(enlarged["temperature"], 0.25);
    assert_eq!(
        enlarged["response_format"],
        json!({ "type": "json_object" })
    );
    let none = Manner {
        form: StructuredOutput::None,
        ..FIRST
    };
    assert_eq!(
        body(json!({}), Effort::Usual, none).get("response_format"),
        None
    );
}

/// What OpenAI's strict mode asks for: each object lists all of its properties as required and
/// allows no others, and none is an object or null at once.
fn assert_strict(schema: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        let required = schema["required"].as_array().unwrap();
        assert!(
            properties
                .keys()
                .all(|name| required.contains(&json!(name)))
        );
        properties.values().for_each(assert_strict);
    }
    if schema["items"].is_object() {
        assert_strict(&schema["items"]);
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten();
    choices.for_each(assert_strict);
}

#[test]
fn schemas_are_strict_and_in_the_taxonomys_order() {
    let labels = strict(schema::schema(&Taxonomy::built_in()));
    assert_eq!(labels["type"], "object");
    assert_strict(&labels);
    let delivery = &labels["properties"]["delivery_tracking"];
    assert_eq!(delivery["anyOf"][1], json!({ "type": "null" }));
    assert!(delivery["anyOf"][0]["properties"].is_object());
    assert_strict(&strict(analysis::prompt::schema()));

    let text = serde_json::to_string(&InOrder(&labels)).unwrap();
    let places: Vec<usize> = labels["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| text.find(&format!("{name}:{{")).unwrap())
        .collect();
    assert!(places.len() > 5 && places.is_sorted(), "{places:?}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), labels);
    let partly = json!({ "properties": { "a": 1, "b": 2, "c": 3 }, "required": ["c", "x", "a"] });
    assert_eq!(
        serde_json::to_string(&InOrder(&partly)).unwrap(),
        r#"{"properties":{"c":3,"a":1,"b":2},"required":["c","x","a"]}"#
    );
}

#[test]
fn a_setting_that_does_not_exist_is_a_mistake() {
    for settings in [
        json!({ "modles": [] }),
        json!({ "in_flight_max": 0 }),
        json!({ "timeout_s": 0 }),
        json!({ "structured_output": "xml" }),
        json!({ "endpoint": "http://api.example.com/v1" }),
    ] {
        let read = serde_json::from_value::<OpenAiCompatibleConfig>(settings.clone());
        assert!(read.is_err(), "{settings}");
    }
    assert_eq!(classifier(config(json!({}))).in_flight_max(), 4);
}

#[test]
fn what_is_missing_or_unsafe_is_told_with_a_hint() {
    let complaint = |settings: Value| {
        let taxonomy = Arc::new(Taxonomy::built_in());
        let failure =
            OpenAiCompatibleClassifier::new(config(settings), taxonomy, Arc::new(Standing))
                .err()
                .unwrap();
        assert_eq!(failure.kind, FailureKind::Denied);
        let hint = failure.hint.as_deref().unwrap();
        format!("{failure} ({hint})")
    };
    let complaints = [
        complaint(json!({ "models": [] })),
        complaint(json!({ "models": ["a", " "] })),
        complaint(json!({ "endpoint": null })),
        complaint(json!({ "endpoint": null, "api_key": " " })),
        complaint(json!({ "endpoint": "http://10.0.0.7:8000/v1", "api_key": "sk-secret" })),
    ];
    expect![[r#"
        `classifier.openai_compatible.models` is empty or has an empty name (name the models that the server has: GET /v1/models lists them)
        `classifier.openai_compatible.models` is empty or has an empty name (name the models that the server has: GET /v1/models lists them)
        `classifier.openai_compatible.api_key` is not set (set the environment variable OPENAI_API_KEY, or `classifier.openai_compatible.api_key` in callpipe.toml)
        `classifier.openai_compatible.api_key` is not set (set the environment variable OPENAI_API_KEY, or `classifier.openai_compatible.api_key` in callpipe.toml)
        `classifier.openai_compatible.api_key` would travel readable to the endpoint (give `classifier.openai_compatible.endpoint` as https, or leave out the key and unset OPENAI_API_KEY where the server wants none)"#]]
    .assert_eq(&complaints.join("\n"));
    for fine in [
        json!({ "endpoint": "http://10.0.0.7:8000/v1" }),
        json!({ "endpoint": "https://10.0.0.7:8000/v1", "api_key": "k" }),
        json!({ "endpoint": "http://127.0.0.1:8000/v1", "api_key": "k" }),
        json!({ "endpoint": null, "api_key": "k" }),
    ] {
        classifier(config(fine));
    }
}

#[test]
fn what_changes_the_answer_changes_the_fingerprint_and_nothing_else_does() {
    let model = ModelName("sandbox-large".into());
    let said = "Agent: Hello?";
    let fingerprint = |settings: Value| classifier(config(settings)).fingerprint(said, &model);
    let plain = fingerprint(json!({}));
    for settings in [
        json!({ "endpoint": "https://elsewhere.example/v1", "api_key": "k" }),
        json!({ "max_output_tokens": 9 }),
        json!({ "models": ["x"] }),
        json!({ "timeout_s": 5 }),
    ] {
        assert_eq!(fingerprint(settings.clone()), plain, "{settings}");
    }
    let classifier = classifier(config(json!({})));
    let mut seen: Vec<Fingerprint> = vec![plain];
    seen.push(fingerprint(json!({ "temperature": 0.5 })));
    seen.push(fingerprint(json!({ "structured_output": "none" })));
    seen.push(classifier.fingerprint("Agent: Hello!", &model));
    seen.push(classifier.fingerprint(said, &ModelName("other".into())));
    seen.push(classifier.analysis_fingerprint(said, &model));
    seen.push(classifier.analysis_fingerprint("Agent: Hello!", &model));
    let changed = Taxonomy::built_in_text().replace("unclear", "unsaid");
    let taxonomy = Arc::new(Taxonomy::parse(&changed).unwrap());
    let other =
        OpenAiCompatibleClassifier::new(config(json!({})), taxonomy, Arc::new(Standing)).unwrap();
    seen.push(other.fingerprint(said, &model));
    let count = seen.len();
    let distinct: std::collections::HashSet<_> = seen.into_iter().collect();
    assert_eq!(distinct.len(), count);
}
