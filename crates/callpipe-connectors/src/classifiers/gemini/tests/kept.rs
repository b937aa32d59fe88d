//! By what paid replies are found again.

use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, ModelName};
use expect_test::expect;

use super::{classifier, config};

/// Whoever changes this has every call paid for again: with another prompt, schema or taxonomy that is
/// what is wanted, with anything else it is not.
#[test]
fn replies_that_were_kept_are_found_by_this_version() {
    let classifier = classifier(config("{}"));
    let model = ModelName("some-model".into());
    let labels = classifier.fingerprint("Agent: Hello.", &model);
    let analysis = classifier.analysis_fingerprint("Agent: Hello.", &model);
    expect!["b6823acbaaebfbaf434a999fd65b26551835c3ffa415c649ceca5bacc95679eb"]
        .assert_eq(labels.as_str());
    expect!["c32c98e2808bf5f9e84f575c15378f712bba4949038484d1c29c4767b92a78d2"]
        .assert_eq(analysis.as_str());
}
