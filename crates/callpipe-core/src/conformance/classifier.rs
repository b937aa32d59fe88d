//! The suite of [`Classifier`].

use std::fmt::Debug;

use super::{assert_name, good};
use crate::contracts::analyst::Analyst;
use crate::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use crate::money::Usd;
use crate::recording::Fingerprint;
use crate::taxonomy::Taxonomy;

/// `conversation` is one that the model answers well. `changed` is the same classifier with another
/// setting that changes its answers, such as another taxonomy.
pub async fn classifier(
    classifier: &dyn Classifier,
    changed: &dyn Classifier,
    taxonomy: &Taxonomy,
    conversation: &str,
) {
    assert_name(classifier.name());
    assert!(classifier.in_flight_max() > 0, "some request is allowed");
    let report = good(classifier.check().await, "checking the classifier");
    assert!(!report.trim().is_empty(), "a check has something to say");
    let models = classifier.models();
    let Some(model) = models.first() else {
        panic!("no model can be asked");
    };
    assert_fingerprints(
        |conversation, model| classifier.fingerprint(conversation, model),
        (conversation, model),
        &changed.fingerprint(conversation, model),
        "another setting",
    );

    let bought = classifier.buy(conversation, model, Effort::Usual).await;
    let reply = good(bought, "buying a classification");
    let read = || match classifier.read(&reply, model) {
        Ok(classification) => classification,
        Err(answer) => panic!("a good answer was not understood: {answer}"),
    };
    let classification = read();
    assert_eq!(classification, read(), "reading twice gives the same");
    assert_eq!(classification.taxonomy_version, taxonomy.version);
    assert!(!classification.model.is_empty(), "the model is named");
    for section in &taxonomy.sections {
        assert!(
            classification.values().contains_key(section.field.as_str()),
            "{} has a value, if only an empty one",
            section.field
        );
    }

    let price = classifier.price(&reply, model);
    if let Some(price_max) = classifier.price_max(conversation, model, Effort::Usual) {
        assert!(price <= price_max, "{price} is more than {price_max}");
    }
    assert_eq!(
        classifier.price(b"not JSON", model),
        Usd::ZERO,
        "no figures"
    );

    assert_garbage_is_faulty(&reply, |garbage| classifier.read(garbage, model));
    if let Some(analyst) = classifier.analyst() {
        assert_analyst(classifier, analyst, conversation, model).await;
    }
}

async fn assert_analyst(
    classifier: &dyn Classifier,
    analyst: &dyn Analyst,
    conversation: &str,
    model: &ModelName,
) {
    assert_fingerprints(
        |conversation, model| analyst.analysis_fingerprint(conversation, model),
        (conversation, model),
        &classifier.fingerprint(conversation, model),
        "the question of labels",
    );

    let bought = analyst.buy_analysis(conversation, model, Effort::Usual);
    let reply = good(bought.await, "buying an analysis");
    let analysis = match analyst.read_analysis(&reply, model) {
        Ok(analysis) => analysis,
        Err(answer) => panic!("a good analysis was not understood: {answer}"),
    };
    assert!(analysis.summary.is_some(), "a call has a summary");
    let price = classifier.price(&reply, model);
    let price_max = analyst.analysis_price_max(conversation, model, Effort::Usual);
    if let Some(price_max) = price_max {
        assert!(price <= price_max, "{price} is more than {price_max}");
    }
    assert_garbage_is_faulty(&reply, |garbage| analyst.read_analysis(garbage, model));
}

/// What no model answers is faulty.
fn assert_garbage_is_faulty<Answer: Debug>(
    reply: &[u8],
    read: impl Fn(&[u8]) -> Result<Answer, UnusableAnswer>,
) {
    for garbage in [&b""[..], b"not JSON", b"{}", &reply[..reply.len() / 2]] {
        match read(garbage) {
            Err(UnusableAnswer::Faulty { .. }) => {}
            other => panic!("bytes that are no answer were read as {other:?}"),
        }
    }
}

/// The same is asked with the same fingerprint, and anything else with another one; so is `other`.
fn assert_fingerprints(
    fingerprint_of: impl Fn(&str, &ModelName) -> Fingerprint,
    (conversation, model): (&str, &ModelName),
    other: &Fingerprint,
    what: &str,
) {
    let fingerprint = fingerprint_of(conversation, model);
    let again = fingerprint_of(conversation, model);
    assert_eq!(fingerprint, again, "fingerprints are stable");
    let elsewhere = fingerprint_of("Agent: Something else.", model);
    let model = fingerprint_of(conversation, &ModelName("another-model".into()));
    for (other, what) in [
        (&elsewhere, "another conversation"),
        (&model, "another model"),
        (other, what),
    ] {
        assert_ne!(fingerprint, *other, "{what} makes another answer");
    }
}
