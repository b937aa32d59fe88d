//! The suite of [`Classifier`].

use super::{assert_name, good};
use crate::contracts::analyst::Analyst;
use crate::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use crate::money::Usd;
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
    assert_fingerprints(classifier, changed, conversation, model);

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

    for garbage in [&b""[..], b"not JSON", b"{}", &reply[..reply.len() / 2]] {
        match classifier.read(garbage, model) {
            Err(UnusableAnswer::Faulty { .. }) => {}
            other => panic!("bytes that are no answer were read as {other:?}"),
        }
    }
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
    let fingerprint = analyst.analysis_fingerprint(conversation, model);
    let again = analyst.analysis_fingerprint(conversation, model);
    assert_eq!(fingerprint, again, "fingerprints are stable");
    let other = ModelName("another-model".into());
    for (other, what) in [
        (
            classifier.fingerprint(conversation, model),
            "the question of labels",
        ),
        (
            analyst.analysis_fingerprint("Agent: Something else.", model),
            "another conversation",
        ),
        (
            analyst.analysis_fingerprint(conversation, &other),
            "another model",
        ),
    ] {
        assert_ne!(fingerprint, other, "{what} has another answer");
    }

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
    for garbage in [&b""[..], b"not JSON", b"{}", &reply[..reply.len() / 2]] {
        match analyst.read_analysis(garbage, model) {
            Err(UnusableAnswer::Faulty { .. }) => {}
            other => panic!("bytes that are no analysis were read as {other:?}"),
        }
    }
}

fn assert_fingerprints(
    classifier: &dyn Classifier,
    changed: &dyn Classifier,
    conversation: &str,
    model: &ModelName,
) {
    let fingerprint = classifier.fingerprint(conversation, model);
    let again = classifier.fingerprint(conversation, model);
    assert_eq!(fingerprint, again, "fingerprints are stable");
    for (other, what) in [
        (
            classifier.fingerprint("Agent: Something else.", model),
            "another conversation",
        ),
        (
            classifier.fingerprint(conversation, &ModelName("another-model".into())),
            "another model",
        ),
        (changed.fingerprint(conversation, model), "another setting"),
    ] {
        assert_ne!(fingerprint, other, "{what} makes another answer");
    }
}
