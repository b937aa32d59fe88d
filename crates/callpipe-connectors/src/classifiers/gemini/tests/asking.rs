//! Settings, addresses, bodies and fingerprints.

use std::sync::Arc;

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use callpipe_core::recording::Fingerprint;
use callpipe_core::taxonomy::{Taxonomy, prompt, schema};
use expect_test::expect;
use serde_json::{Value, json};

use super::super::client::{self, GeminiClient, Prepared};
use super::super::map::with_property_ordering;
use super::{TOKEN, classifier, config, identity};
use crate::classifiers::gemini::{GeminiClassifier, GeminiConfig};
use crate::classifiers::task::Task;
use crate::classifiers::testing::Standing;
use crate::google::Identity;

fn url(text: &str, model: &str) -> String {
    let config = config(text);
    let client = GeminiClient::new(&config, &Identity::anonymous(), Arc::new(Standing)).unwrap();
    client
        .url(&config.location, &ModelName(model.into()))
        .to_string()
}

fn body(text: &str, effort: Effort) -> Value {
    let config = config(text);
    let prepared = Prepared::of(Task {
        instruction: "Label it.".into(),
        schema: json!({ "type": "object" }),
        schema_text: r#"{"type":"object"}"#.into(),
        prompt_version: "1",
    })
    .unwrap();
    json!(client::request(&config, &prepared, "<transcript>", effort))
}

#[test]
fn the_host_follows_from_the_location() {
    let model = "gemini-3.5-flash-lite";
    let path = |location: &str| {
        format!(
            "/v1/projects/sandbox-project/locations/{location}/publishers/google/models/{model}:generateContent"
        )
    };
    for (location, host) in [
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        (
            "europe-west4",
            "https://europe-west4-aiplatform.googleapis.com",
        ),
    ] {
        let settings = format!("{{\"location\":\"{location}\"}}");
        assert_eq!(url(&settings, model), format!("{host}{}", path(location)));
    }
    assert_eq!(
        url("{}", model),
        format!("https://aiplatform.googleapis.com{}", path("global"))
    );
    let own = r#"{"endpoint":"http://127.0.0.1:9","location":"us"}"#;
    assert_eq!(url(own, model), format!("http://127.0.0.1:9{}", path("us")));
    let odd = url(r#"{"project":"a/../b"}"#, "x/y?z");
    assert!(
        odd.contains("/projects/a%2F..%2Fb/") && odd.ends_with("/x%2Fy%3Fz:generateContent"),
        "{odd}"
    );
}

#[test]
fn a_request_asks_for_json_by_the_schema_and_for_nothing_more() {
    let body = serde_json::to_string_pretty(&body("{}", Effort::Usual)).unwrap();
    expect![[r#"
        {
          "contents": [
            {
              "parts": [
                {
                  "text": "<transcript>"
                }
              ],
              "role": "user"
            }
          ],
          "generationConfig": {
            "maxOutputTokens": 2048,
            "responseJsonSchema": {
              "type": "object"
            },
            "responseMimeType": "application/json"
          },
          "safetySettings": [
            {
              "category": "HARM_CATEGORY_HATE_SPEECH",
              "threshold": "OFF"
            },
            {
              "category": "HARM_CATEGORY_HARASSMENT",
              "threshold": "OFF"
            },
            {
              "category": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
              "threshold": "OFF"
            },
            {
              "category": "HARM_CATEGORY_DANGEROUS_CONTENT",
              "threshold": "OFF"
            }
          ],
          "systemInstruction": {
            "parts": [
              {
                "text": "Label it."
              }
            ]
          }
        }"#]]
    .assert_eq(&body);
}

#[test]
fn settings_reach_the_request() {
    let text = r#"{"max_output_tokens":500,"thinking_level":"low","labels":{"team":"parts"}}"#;
    let usual = body(text, Effort::Usual);
    assert_eq!(usual["generationConfig"]["maxOutputTokens"], 500);
    assert_eq!(
        usual["generationConfig"]["thinkingConfig"],
        json!({ "thinkingLevel": "LOW" })
    );
    assert_eq!(usual["labels"], json!({ "team": "parts" }));
    let room =
        |text: &str| body(text, Effort::Enlarged)["generationConfig"]["maxOutputTokens"].clone();
    assert_eq!(room(text), 2000);
    assert_eq!(room("{}"), 8192);
    assert_eq!(room(r#"{"max_output_tokens":40000}"#), 65_536);
    assert_eq!(
        room(r#"{"max_output_tokens":4294967295}"#),
        4_294_967_295_u32
    );
}

#[test]
fn each_object_of_the_schema_has_its_order() {
    let plain = schema::schema(&Taxonomy::built_in());
    let ordered = with_property_ordering(plain.clone());
    let objects = [
        "",
        "/properties/delivery_tracking",
        "/properties/confidence_scores",
    ];
    for place in objects {
        let object = ordered.pointer(place).unwrap();
        assert_eq!(object["propertyOrdering"], object["required"], "{place}");
        assert!(object["propertyOrdering"].as_array().unwrap().len() > 2);
    }
    assert_eq!(ordered["propertyOrdering"][0], "call_type");
    assert_eq!(
        ordered.to_string().matches("propertyOrdering").count(),
        objects.len()
    );
}

#[test]
fn a_setting_that_does_not_exist_is_a_mistake() {
    for text in [
        r#"{"modles":[]}"#,
        r#"{"in_flight_max":0}"#,
        r#"{"max_output_tokens":0}"#,
        r#"{"thinking_level":"a lot"}"#,
        r#"{"endpoint":"http://aiplatform.googleapis.com"}"#,
    ] {
        assert!(
            serde_json::from_str::<GeminiConfig>(text).is_err(),
            "{text}"
        );
    }
    assert_eq!(
        classifier(config(r#"{"in_flight_max":3}"#)).in_flight_max(),
        3
    );
    assert_eq!(classifier(config("{}")).in_flight_max(), 8);
}

#[test]
fn what_is_missing_is_told_with_a_hint() {
    let complaint = |config: GeminiConfig| {
        let taxonomy = Arc::new(Taxonomy::built_in());
        let failure = GeminiClassifier::new(config, &identity(TOKEN), taxonomy, Arc::new(Standing))
            .err()
            .unwrap();
        assert_eq!(failure.kind, FailureKind::Denied);
        format!(
            "{failure} ({})",
            failure.hint.as_deref().unwrap_or("no hint")
        )
    };
    let whole = || config("{}");
    let complaints = [
        complaint(GeminiConfig {
            project: None,
            ..whole()
        }),
        complaint(GeminiConfig {
            models: vec![],
            ..whole()
        }),
        complaint(GeminiConfig {
            models: vec![" ".into()],
            ..whole()
        }),
        complaint(GeminiConfig {
            location: "evil.example/".into(),
            ..whole()
        }),
    ];
    expect![[r#"
        `classifier.gemini.project` is not set to anything usable (set the environment variable GCP_PROJECT_ID, or `classifier.gemini.project` in callpipe.toml)
        `classifier.gemini.models` is empty or has an empty name (name models such as gemini-3.5-flash-lite, gemini-3.1-flash-lite)
        `classifier.gemini.models` is empty or has an empty name (name models such as gemini-3.5-flash-lite, gemini-3.1-flash-lite)
        `classifier.gemini.location` is not set to anything usable (`classifier.gemini.location` (VERTEX_AI_LOCATION) is `global`, `us`, `eu` or a region such as `europe-west4`)"#]].assert_eq(&complaints.join("\n"));
}

#[test]
fn what_changes_the_answer_changes_the_fingerprint_and_nothing_else_does() {
    let model = ModelName("gemini-3.5-flash-lite".into());
    let said = "Agent: Hello?";
    let fingerprint = |text: &str| classifier(config(text)).fingerprint(said, &model);
    let plain = fingerprint("{}");
    for text in [
        r#"{"endpoint":"http://127.0.0.1:9"}"#,
        r#"{"location":"eu"}"#,
        r#"{"max_output_tokens":9}"#,
        r#"{"labels":{"a":"b"}}"#,
        r#"{"models":["x"]}"#,
    ] {
        assert_eq!(fingerprint(text), plain, "{text}");
    }
    let classifier = classifier(config("{}"));
    let mut seen: Vec<Fingerprint> = vec![plain];
    seen.push(fingerprint(r#"{"thinking_level":"low"}"#));
    seen.push(classifier.fingerprint("Agent: Hello!", &model));
    seen.push(classifier.fingerprint(said, &ModelName("other".into())));
    let changed = Taxonomy::built_in_text().replace("unclear", "unsaid");
    let told = Taxonomy::built_in_text().replace("job offers", "offers of jobs");
    for text in [changed, told] {
        let taxonomy = Arc::new(Taxonomy::parse(&text).unwrap());
        let other = GeminiClassifier::new(
            config("{}"),
            &Identity::anonymous(),
            taxonomy,
            Arc::new(Standing),
        )
        .unwrap();
        seen.push(other.fingerprint(said, &model));
    }
    let count = seen.len();
    let distinct: std::collections::HashSet<_> = seen.into_iter().collect();
    assert_eq!(distinct.len(), count);
}

#[test]
fn the_prompt_is_the_taxonomys() {
    let classifier = classifier(config("{}"));
    assert_eq!(
        classifier.labelling.task.instruction,
        prompt::instruction(&Taxonomy::built_in())
    );
}
