//! Answers that no server should give: none stops the program, tells of the call, or becomes a label
//! or a part of an analysis that its check would refuse.

use callpipe_core::analysis::check;
use callpipe_core::contracts::classifier::ModelName;
use serde_json::{Value, json};

use super::super::map;
use super::{classifier, config, reply};
use crate::classifiers::testing::{Reader, assert_priced_labels_or_none, labels};
use crate::damage::{self, MARKER, assert_discreet};

fn samples() -> Vec<Value> {
    let mut labelled = labels();
    labelled["agent_name"] = json!(MARKER);
    let mut whole = reply(labelled.to_string(), "stop");
    whole["usage"]["prompt_tokens_details"] = json!({ "cached_tokens": 100 });
    let thoughts = format!("<think>{MARKER} wants chains.</think>{labelled}");
    let parts = json!([{ "type": "text", "text": labelled.to_string() },
        { "type": "image_url", "image_url": { "url": MARKER } }]);
    let mut refused = reply(MARKER, "stop");
    refused["choices"][0]["message"]["refusal"] = json!(MARKER);
    vec![
        whole,
        reply(thoughts, "stop"),
        reply(parts, "stop"),
        refused,
        reply(format!("{MARKER} {{"), "length"),
    ]
}

#[test]
fn a_damaged_answer_becomes_labels_of_the_taxonomy_or_none() {
    let prices = json!({ "qwen3": { "input_usd": 4.0, "output_usd": 20.0 } });
    let classifier = classifier(config(json!({ "prices": prices })));
    let model = ModelName("qwen3:8b".into());
    assert_priced_labels_or_none(&samples(), &classifier, &model);
}

/// The text that the model writes is damaged by itself: it is JSON within JSON.
#[test]
fn a_damaged_analysis_is_within_its_bounds_or_none() {
    let analysis = json!({
        "summary": "The customer wants chains.",
        "topics": [{ "topic": "Snow chains", "confidence": 0.9, "text": "chains" }],
        "intents": [{ "intent": "Buy chains", "confidence": 0.5, "text": "I want chains" }],
        "sentiment": {
            "average": { "sentiment": "neutral", "sentiment_score": -0.1 },
            "segments": [
                { "text": "at last", "sentiment": "positive", "sentiment_score": 0.5 },
            ],
        },
    });
    let whole = check::check(&analysis).unwrap();
    assert_eq!((whole.topics.len(), whole.intents.len()), (1, 1));
    damage::of_json(&[analysis], |text| {
        let answer = reply(String::from_utf8_lossy(text), "stop").to_string();
        match Reader(map::written).analysis(answer.as_bytes()) {
            Ok(read) => {
                let shares = read.topics.iter().map(|topic| topic.confidence);
                let shares = shares.chain(read.intents.iter().map(|intent| intent.confidence));
                shares.for_each(|share| assert!((0.0..=1.0).contains(&share)));
                let average = read
                    .sentiment
                    .iter()
                    .flat_map(|sentiment| &sentiment.average);
                average.for_each(|one| assert!((-1.0..=1.0).contains(&one.sentiment_score)));
                assert!(read.topics.len() <= 10 && read.intents.len() <= 10);
            }
            Err(unusable) => assert_discreet(&unusable.to_string()),
        }
    });
}
