//! Answers that no model should give: none stops the program, tells of the call, or becomes a label.

use callpipe_core::contracts::classifier::ModelName;
use callpipe_core::failure::{Failure, FailureKind};
use serde_json::{Value, json};

use super::super::map;
use super::{classifier, config, reply};
use crate::classifiers::testing::{
    Reader, assert_labels_or_none, assert_priced_labels_or_none, labels,
};
use crate::damage::{self, MARKER};

fn samples() -> Vec<Value> {
    let mut labelled = labels();
    labelled["agent_name"] = json!(MARKER);
    let mut whole = reply(&labelled.to_string(), "STOP");
    whole["candidates"][0]["avgLogprobs"] = json!(-0.1);
    whole["usageMetadata"] = json!({ "promptTokenCount": 264, "candidatesTokenCount": 110,
        "thoughtsTokenCount": 20, "cachedContentTokenCount": 100, "totalTokenCount": 494 });
    let mut thinking = whole.clone();
    thinking["candidates"][0]["content"]["parts"] = json!([
        { "text": format!("{MARKER} wants chains."), "thought": true },
        { "text": labelled.to_string() },
    ]);
    let blocked = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
        "usageMetadata": { "promptTokenCount": 7, "totalTokenCount": 7 } });
    vec![
        whole,
        thinking,
        blocked,
        reply(&format!("{MARKER} {{"), "MAX_TOKENS"),
    ]
}

#[test]
fn a_damaged_answer_becomes_labels_of_the_taxonomy_or_none() {
    let classifier = classifier(config("{}"));
    let model = ModelName("gemini-3.5-flash-lite".into());
    assert_priced_labels_or_none(&samples(), &classifier, &model);
}

/// The text that the model writes is damaged by itself: it is JSON within JSON.
#[test]
fn damaged_labels_become_labels_of_the_taxonomy_or_none() {
    let mut labelled = labels();
    labelled["agent_name"] = json!(MARKER);
    labelled["delivery_tracking"] = json!({ "carrier_name": MARKER });
    damage::of_json(&[labels(), labelled], |text| {
        let answer = reply(&String::from_utf8_lossy(text), "STOP").to_string();
        let answer = answer.as_bytes();
        assert_labels_or_none(&Reader(map::written).read_bytes(answer), answer);
    });
}

#[test]
fn a_damaged_refusal_blames_whom_its_status_blames() {
    use FailureKind::*;
    let error = |code: u16, status: &str| {
        json!({ "error": { "code": code, "status": status,
            "message": format!("Your prompt was: {MARKER}"),
            "details": [{ "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "labels", "description": MARKER }] }] } })
    };
    let bodies = [
        error(429, "RESOURCE_EXHAUSTED"),
        error(404, "NOT_FOUND"),
        error(400, "INVALID_ARGUMENT"),
    ];
    damage::of_json(&bodies, |body| {
        for (status, by_status, kinds) in [
            (400, Rejected, &[Rejected, Denied][..]),
            (401, Denied, &[Denied]),
            (404, Rejected, &[ModelRetired]),
            (429, RateLimited, &[RateLimited]),
            (503, Unavailable, &[Unavailable]),
        ] {
            let asked = Failure::new(by_status, format!("asking: HTTP {status}"));
            let failure = map::refusal(status, body, asked);
            damage::assert_fit(&failure, kinds);
        }
    });
}
