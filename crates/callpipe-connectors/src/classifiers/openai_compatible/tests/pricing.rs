//! What answers cost.

use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::money::Usd;
use serde_json::{Value, json};

use super::{classifier, config};

const FAR: &str = "https://api.example.com/v1";

fn model(name: &str) -> ModelName {
    ModelName(name.into())
}

fn reply(usage: Value) -> Vec<u8> {
    json!({ "usage": usage }).to_string().into_bytes()
}

#[test]
fn a_server_near_by_charges_nothing_and_the_prices_of_any_other_are_not_known() {
    let reply = reply(json!({ "prompt_tokens": 1_000_000, "completion_tokens": 1_000_000 }));
    for (endpoint, most) in [
        ("http://127.0.0.1:9/v1", Some(Usd::ZERO)),
        ("http://10.0.0.7/v1", Some(Usd::ZERO)),
        (FAR, None),
    ] {
        let classifier = classifier(config(json!({ "endpoint": endpoint })));
        assert_eq!(classifier.price(&reply, &model("m")), Usd::ZERO);
        assert_eq!(classifier.price_max("Hi", &model("m"), Effort::Usual), most);
        assert_eq!(
            classifier.analysis_price_max("Hi", &model("m"), Effort::Usual),
            most
        );
        assert_eq!(classifier.usual_price(4_000), most);
        assert_eq!(classifier.usual_analysis_price(4_000), most);
    }
}

#[test]
fn the_operators_prices_are_those_of_the_longest_name_that_fits() {
    let settings = json!({ "endpoint": FAR, "prices": {
        "gpt": { "input_usd": 1.0, "output_usd": 10.0 },
        "gpt-mini": { "input_usd": 0.25, "output_usd": 2.0, "cached_usd": 0.025 },
    } });
    let classifier = classifier(config(settings));
    let usage = json!({
        "prompt_tokens": 1_000_000, "completion_tokens": 1_000_000,
        "prompt_tokens_details": { "cached_tokens": 400_000 },
        "completion_tokens_details": { "reasoning_tokens": 300_000 },
    });
    let price = |name| {
        classifier
            .price(&reply(usage.clone()), &model(name))
            .dollars()
    };
    assert_eq!(price("gpt-mini-2026"), 0.6 * 0.25 + 0.4 * 0.025 + 2.0);
    assert_eq!(price("gpt-large"), 11.0, "nothing is taken off unasked");
    assert_eq!(price("somebody-elses"), 0.0);
    let most = |effort| classifier.price_max("Agent: Hello", &model("gpt-mini"), effort);
    assert!(most(Effort::Enlarged) > most(Effort::Usual));
    // 2,048 tokens of an answer at least.
    assert!(most(Effort::Usual).unwrap().dollars() > 0.004);
}

#[test]
fn thoughts_are_paid_for_where_the_total_alone_counts_them() {
    let settings = json!({ "prices": { "m": { "input_usd": 1.0, "output_usd": 10.0 } } });
    let classifier = classifier(config(settings));
    let price = |usage| classifier.price(&reply(usage), &model("m")).dollars();
    let thinking = json!({ "prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623 });
    assert_eq!(price(thinking), 0.000_02 + 0.006_03);
    let odd = json!({ "prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 3 });
    assert_eq!(price(odd), 0.000_02 + 0.001_98);
    let oddly_written = json!({
        "prompt_tokens": 20.0, "completion_tokens": 198, "total_tokens": "many",
        "prompt_tokens_details": [],
    });
    assert_eq!(price(oddly_written), 0.000_02 + 0.001_98);
    let impossible = json!({ "prompt_tokens": -1, "completion_tokens": 1e300 });
    assert_eq!(price(impossible), 0.0);
}

#[test]
fn a_reply_without_figures_costs_nothing_that_is_known() {
    let settings = json!({ "prices": { "m": { "input_usd": 1.0, "output_usd": 1.0 } } });
    let classifier = classifier(config(settings));
    for usage in [
        json!(null),
        json!({}),
        json!({ "prompt_tokens": null, "prompt_tokens_details": null }),
        json!("odd"),
    ] {
        assert_eq!(classifier.price(&reply(usage), &model("m")), Usd::ZERO);
    }
}
