//! What each refusal means. Servers may quote the request in it, so that nothing is repeated.

use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind};
use serde_json::{Value, json};

use super::super::map::{Objection, objection, refusal};
use crate::classifiers::testing::by_status;

fn refused(status: u16, body: &str) -> Failure {
    refusal(status, body.as_bytes(), by_status(status))
}

/// As OpenAI says it, and as most others do.
fn openai(message: &str, kind: &str, code: Value) -> String {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
        .to_string()
}

#[test]
fn every_server_s_words_have_their_meaning() {
    use FailureKind::*;
    let ollama = |message: &str| openai(message, "api_error", json!(null));
    let llama = |code: u16, message: &str, kind: &str| openai(message, kind, json!(code));
    let vllm = |message: &str, kind: &str, code: u16| {
        json!({ "object": "error", "message": message, "type": kind, "param": null, "code": code })
            .to_string()
    };
    let context = "This model's maximum context length is 4096 tokens. However, you requested 9000 \
                   tokens. my card";
    let too_large = "'max_tokens' or 'max_completion_tokens' is too large: 2048. This model's maximum \
                     context length is 4096 tokens and your request has 3000 input tokens";
    for (status, body, kind) in [
        (
            401,
            openai(
                "Incorrect API key",
                "invalid_request_error",
                json!("invalid_api_key"),
            ),
            Denied,
        ),
        (
            403,
            openai("Country not supported", "request_forbidden", json!(null)),
            Denied,
        ),
        (
            403,
            openai(
                "no access to model",
                "invalid_request_error",
                json!("model_not_found"),
            ),
            ModelRetired,
        ),
        (
            404,
            openai(
                "The model `x` does not exist",
                "invalid_request_error",
                json!("model_not_found"),
            ),
            ModelRetired,
        ),
        (
            404,
            ollama("model \"x\" not found, try pulling it first"),
            ModelRetired,
        ),
        (
            404,
            vllm("The model `x` does not exist.", "NotFoundError", 404),
            ModelRetired,
        ),
        (
            404,
            r#"{"error":"model 'x' not found"}"#.into(),
            ModelRetired,
        ),
        (
            400,
            openai(
                "The model x has been decommissioned",
                "invalid_request_error",
                json!("model_decommissioned"),
            ),
            ModelRetired,
        ),
        (404, llama(404, "File Not Found", "not_found_error"), Denied),
        (404, "404 page not found".into(), Denied),
        (404, r#"{"detail":"Not Found"}"#.into(), Denied),
        (405, String::new(), Denied),
        (302, String::new(), Denied),
        (
            429,
            openai(
                "Rate limit reached",
                "requests",
                json!("rate_limit_exceeded"),
            ),
            RateLimited,
        ),
        (
            429,
            openai(
                "You exceeded your quota",
                "insufficient_quota",
                json!("insufficient_quota"),
            ),
            Denied,
        ),
        (402, String::new(), Denied),
        (
            400,
            openai(
                context,
                "invalid_request_error",
                json!("context_length_exceeded"),
            ),
            Rejected,
        ),
        (400, vllm(context, "BadRequestError", 400), Rejected),
        (400, vllm(too_large, "BadRequestError", 400), Rejected),
        (
            400,
            llama(
                400,
                "the request exceeds the available context size",
                "exceed_context_size_error",
            ),
            Rejected,
        ),
        (500, ollama("input exceeds the context window"), Rejected),
        (
            400,
            openai(
                "Unsupported value: 'temperature'",
                "invalid_request_error",
                json!("unsupported_value"),
            ),
            Denied,
        ),
        (
            400,
            openai("my card", "invalid_request_error", json!(null)),
            Rejected,
        ),
        (
            500,
            openai("The server had an error", "server_error", json!(null)),
            Unavailable,
        ),
        (
            500,
            ollama("model requires more system memory (9 GiB) than is available"),
            Unavailable,
        ),
        (
            503,
            llama(503, "Loading model", "unavailable_error"),
            Unavailable,
        ),
        (503, String::new(), Unavailable),
        (504, "<html>my card</html>".into(), Unavailable),
    ] {
        let failure = refused(status, &body);
        assert_eq!(failure.kind, kind, "{status} {body}");
        assert!(!failure.told().contains("card"), "{}", failure.told());
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        let is_moment = matches!(kind, Unavailable | RateLimited);
        let is_unknown = body.contains("my card") && !body.contains("context");
        assert_eq!(
            failure.hint.is_some(),
            !is_moment && !is_unknown,
            "{status} {body}"
        );
    }
}

#[test]
fn only_words_of_the_api_are_told() {
    for (body, told) in [
        (
            openai("my card", "server_error", json!("my card")),
            "asking: HTTP 500 server_error",
        ),
        (openai("my card", "My card", json!(500)), "asking: HTTP 500"),
        (
            openai("", "x", json!("rate_limit_exceeded")),
            "asking: HTTP 500 rate_limit_exceeded",
        ),
        (r#"{"error":7}"#.into(), "asking: HTTP 500"),
        ("[]".into(), "asking: HTTP 500"),
    ] {
        assert_eq!(refused(500, &body).message, told);
    }
}

#[test]
fn what_can_be_asked_for_in_another_way_is_told_apart() {
    let by_param = |param: &str, message: &str| {
        json!({ "error": { "message": message, "type": "invalid_request_error", "param": param } })
            .to_string()
    };
    let form = Some(Objection::ResponseFormat);
    let limit = Some(Objection::MaxTokens);
    for (status, body, expected) in [
        (400, by_param("response_format", "Invalid parameter"), form),
        (
            400,
            by_param("response_format.json_schema", "Missing"),
            form,
        ),
        (
            400,
            by_param(
                "",
                "Unrecognized request argument supplied: response_format",
            ),
            form,
        ),
        (
            400,
            by_param("", "json_schema is not supported by this model"),
            form,
        ),
        (500, by_param("", "failed to parse grammar"), form),
        (422, by_param("", "guided decoding is not available"), form),
        (
            400,
            by_param("max_tokens", "Unsupported parameter: 'max_tokens'"),
            limit,
        ),
        (
            400,
            by_param(
                "",
                "'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            ),
            limit,
        ),
        (
            400,
            by_param(
                "messages",
                "maximum context length, see max_tokens, response_format",
            ),
            None,
        ),
        (401, by_param("response_format", "x"), None),
        (500, by_param("", "the database schema is broken"), None),
        (400, by_param("messages", "bad role"), None),
        (400, "not JSON".into(), None),
    ] {
        assert_eq!(
            objection(status, body.as_bytes()),
            expected,
            "{status} {body}"
        );
    }
}
