//! What each refusal means. Google may quote the request in it, so that nothing is repeated.

use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind};
use serde_json::json;

use super::super::map::refusal;
use crate::classifiers::testing::by_status;

fn refused(status: u16, body: &str) -> Failure {
    refusal(status, body.as_bytes(), by_status(status))
}

fn body(status: &str, message: &str, violation: &str) -> String {
    json!({ "error": { "code": 400, "status": status, "message": message, "details": [
        { "@type": "type.googleapis.com/google.rpc.BadRequest",
          "fieldViolations": [{ "field": violation, "description": "my card is 4111" }] },
    ] } })
    .to_string()
}

#[test]
fn every_line_of_the_documents_has_its_meaning() {
    use FailureKind::*;
    for (status, word, kind) in [
        (400, "INVALID_ARGUMENT", Rejected),
        (400, "FAILED_PRECONDITION", Denied),
        (401, "UNAUTHENTICATED", Denied),
        (403, "PERMISSION_DENIED", Denied),
        (404, "NOT_FOUND", ModelRetired),
        (429, "RESOURCE_EXHAUSTED", RateLimited),
        (499, "CANCELLED", Unavailable),
        (500, "INTERNAL", Unavailable),
        (503, "UNAVAILABLE", Unavailable),
        (504, "DEADLINE_EXCEEDED", Unavailable),
        (302, "", Denied),
    ] {
        let failure = refused(status, &body(word, "my card is 4111", ""));
        assert_eq!(failure.kind, kind, "{status} {word}");
        assert_eq!(
            failure.message,
            format!("asking: HTTP {status} {word}").trim_end()
        );
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    }
}

#[test]
fn a_form_that_is_refused_is_the_setups_fault() {
    let states = "The specified schema produces a constraint that has too many states for serving.";
    let thinking = "'minimal' is not a supported thinking level for this model.";
    for (message, violation) in [
        (states, ""),
        (thinking, ""),
        (
            "Request contains an invalid argument.",
            "generation_config.response_json_schema",
        ),
        (
            "Request contains an invalid argument.",
            "generationConfig.thinkingConfig",
        ),
        ("Request contains an invalid argument.", ""),
        ("Invalid value at 'safety_settings[0]'", ""),
        ("Invalid value at 'labels[0].key'", ""),
    ] {
        let failure = refused(400, &body("INVALID_ARGUMENT", message, violation));
        assert_eq!(failure.kind, FailureKind::Denied, "{message} {violation}");
        assert!(failure.hint.unwrap().contains("taxonomy"));
    }
    let long = "The input token count exceeds the maximum number of tokens allowed.";
    let opaque = "Request contains an invalid argument.";
    for message in [long, opaque] {
        let refusal = body("INVALID_ARGUMENT", message, "contents");
        assert_eq!(refused(400, &refusal).kind, FailureKind::Rejected);
    }
}

#[test]
fn what_is_the_setups_fault_has_a_hint() {
    for (status, word) in [
        (401, "gcloud auth print-access-token"),
        (403, "roles/aiplatform.user"),
        (404, "location"),
        (405, "endpoint"),
    ] {
        assert!(refused(status, "").hint.unwrap().contains(word), "{status}");
    }
    assert_eq!(refused(503, "").hint, None);
}

#[test]
fn a_body_of_any_form_is_taken() {
    for body in [
        "",
        "my card",
        "<html>my card</html>",
        "[{\"error\":{\"status\":\"my card\"}}]",
        "{\"error\":\"my card\"}",
        "{\"error\":{\"status\":7}}",
    ] {
        let failure = refused(503, body);
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (FailureKind::Unavailable, "asking: HTTP 503")
        );
    }
    let odd = refused(503, &body("my card", "", ""));
    assert_eq!(odd.message, "asking: HTTP 503 an unknown reason");
}
