//! By what paid replies are found again.

use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, ModelName};
use expect_test::expect;
use serde_json::json;

use super::{classifier, config};

/// Whoever changes this has every call paid for again: with another prompt, schema or taxonomy that is
/// what is wanted, with anything else it is not.
#[test]
fn replies_that_were_kept_are_found_by_this_version() {
    let classifier = classifier(config(json!({ "temperature": 0.5 })));
    let model = ModelName("some-model".into());
    let labels = classifier.fingerprint("Agent: Hello.", &model);
    let analysis = classifier.analysis_fingerprint("Agent: Hello.", &model);
    expect!["0caa80f35fdfa9c3ed487a04f17986e5fdb41b77fdb1d824752e966342f6fcb5"]
        .assert_eq(labels.as_str());
    expect!["47250781d9cba0bab932a57905b88e343c6e257257a3b16b728e2e6aa810110b"]
        .assert_eq(analysis.as_str());
}
