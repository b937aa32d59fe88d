//! What answers cost.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::money::Usd;
use serde_json::json;

use super::{classifier, config};

fn model(name: &str) -> ModelName {
    ModelName(name.into())
}

#[test]
fn a_model_is_priced_by_the_longest_name_that_fits() {
    let reply = json!({ "usageMetadata": {
        "promptTokenCount": 1_000_000, "candidatesTokenCount": 600_000, "thoughtsTokenCount": 400_000,
    } });
    let reply = reply.to_string();
    let own = r#"{ "prices": { "gemini-3.5-flash": { "input_usd": 1.0, "output_usd": 2.0 } } }"#;
    let (list, own) = (classifier(config("{}")), classifier(config(own)));
    let price = |name| list.price(reply.as_bytes(), &model(name)).dollars();
    assert_eq!(price("gemini-3.5-flash-lite"), 0.30 + 2.50);
    assert_eq!(price("gemini-3.5-flash"), 1.50 + 9.00);
    assert_eq!(price("gemini-3.1-flash-lite-preview"), 0.25 + 1.50);
    assert_eq!(price("somebody-elses"), 0.0);
    let price = own.price(reply.as_bytes(), &model("gemini-3.5-flash-lite"));
    assert_eq!(price.dollars(), 3.0, "the operator's comes first");
}

#[test]
fn what_was_cached_costs_a_tenth() {
    let reply = json!({ "usageMetadata": {
        "promptTokenCount": 1_000_000, "cachedContentTokenCount": 500_000,
    } });
    let price = classifier(config("{}")).price(
        reply.to_string().as_bytes(),
        &model("gemini-3.5-flash-lite"),
    );
    assert_eq!(price, Usd::from_dollars(0.15 + 0.015));
}

#[test]
fn a_figure_that_cannot_be_is_no_price() {
    let reply = json!({ "usageMetadata": { "promptTokenCount": u64::MAX } }).to_string();
    let price = classifier(config("{}")).price(reply.as_bytes(), &model("gemini-3.5-flash-lite"));
    assert_eq!(price, Usd::ZERO);
}

#[test]
fn a_model_without_a_price_has_no_highest_one() {
    let classifier = classifier(config("{}"));
    let most = |name, effort| classifier.price_max("Agent: Hello", &model(name), effort);
    assert_eq!(most("somebody-elses", Effort::Usual), None);
    let (usual, enlarged) = (
        most("gemini-3.5-flash-lite", Effort::Usual).unwrap(),
        most("gemini-3.5-flash-lite", Effort::Enlarged).unwrap(),
    );
    // 2,048 tokens of an answer at least, and four times as many.
    assert!(usual.dollars() > 0.005 && enlarged > usual);
}
