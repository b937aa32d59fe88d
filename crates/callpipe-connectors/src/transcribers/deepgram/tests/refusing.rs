//! What each refusal means, in each of the three forms.

use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind};
use reqwest::StatusCode;
use serde_json::json;

use super::super::map::{Refusal, refusal};
use crate::http;

fn refused(status: u16, body: &str) -> Failure {
    let kind = http::status_kind(StatusCode::from_u16(status).unwrap());
    let by_status = Failure::new(kind, format!("asking: HTTP {status}"))
        .with_retry_after(Some(Duration::from_secs(7)));
    let hidden = ["the-key", "archive.example", "X-Sig=abc"];
    let refused = Refusal {
        status,
        body: body.as_bytes(),
        hidden: &hidden,
    };
    refusal(&refused, by_status)
}

fn coded(code: &str, text: &str) -> String {
    json!({ "err_code": code, "err_msg": text, "request_id": "r" }).to_string()
}

#[track_caller]
fn check(status: u16, body: &str, kind: FailureKind) {
    let failure = refused(status, body);
    assert_eq!(failure.kind, kind, "{status} {body}");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn every_line_of_the_documents_has_its_meaning() {
    use FailureKind::*;
    check(
        400,
        &coded(
            "Bad Request",
            "Bad Request: failed to process audio: corrupt or unsupported data",
        ),
        Unsupported,
    );
    check(
        400,
        &coded("INVALID_QUERY_PARAMETER", "Invalid query string."),
        Denied,
    );
    check(
        400,
        &coded(
            "Bad Request",
            "Bad Request: No such model/language/tier combination found.",
        ),
        Denied,
    );
    check(
        400,
        &coded("Bad Request", "Keyterm limit exceeded."),
        Denied,
    );
    check(400, &coded("Bad Request", "Something else."), Rejected);
    check(414, "", Denied);
    let cut = coded("ASR_UNPROCESSABLE_ENTITY", "The audio ended early.");
    check(422, &cut, Unavailable);
    check(
        400,
        &coded("TOKEN_LIMIT_EXCEEDED", "Too many tokens."),
        Rejected,
    );
    check(
        400,
        &coded(
            "REMOTE_CONTENT_ERROR",
            "Could not determine if URL was valid.",
        ),
        CorruptTransfer,
    );
    check(401, &coded("INVALID_AUTH", "Invalid credentials."), Denied);
    check(
        401,
        &coded("INSUFFICIENT_PERMISSIONS", "Not yours."),
        Denied,
    );
    check(402, &coded("ASR_PAYMENT_REQUIRED", "No credit."), Denied);
    check(
        403,
        &coded("INSUFFICIENT_PERMISSIONS", "Not yours."),
        Denied,
    );
    check(404, &coded("PROJECT_NOT_FOUND", "No such project."), Denied);
    check(408, "", Unavailable);
    check(400, &coded("SLOW_UPLOAD", "Too slow."), Unavailable);
    for status in [411, 413] {
        check(status, "", Rejected);
    }
    check(429, &coded("TOO_MANY_REQUESTS", "Too many."), RateLimited);
    for status in [499, 500, 502, 503, 504] {
        check(status, "", Unavailable);
    }
    // Whoever answers so is not the vendor.
    for status in [301, 302, 404, 405] {
        check(status, "<html></html>", Denied);
    }
}

#[test]
fn all_three_forms_are_understood() {
    let old = coded("REMOTE_CONTENT_ERROR", "Not there.");
    let misspelt = r#"{"error_code":"REMOTE_CONTENT_ERROR","err_msg":"Not there."}"#;
    let new = r#"{"category":"REMOTE_CONTENT_ERROR","message":"Not there.","details":null}"#;
    for body in [&old, misspelt, new] {
        let failure = refused(400, body);
        assert_eq!(failure.kind, FailureKind::CorruptTransfer);
        assert_eq!(
            failure.message,
            "asking: HTTP 400: REMOTE_CONTENT_ERROR: Not there."
        );
    }
    let plain = "failed to process audio: corrupt or unsupported data";
    for body in [plain, &json!(plain).to_string()] {
        let failure = refused(400, body);
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert_eq!(failure.message, format!("asking: HTTP 400: {plain}"));
    }
    for body in ["", "{", "[1]", "null", "{\"err_msg\":{}}", "\u{0}\u{1}"] {
        assert_eq!(refused(503, body).message, "asking: HTTP 503", "{body:?}");
    }
}

#[test]
fn what_is_the_setups_fault_has_a_hint() {
    for (status, code, word) in [
        (401, "INVALID_AUTH", "DEEPGRAM_API_KEY"),
        (402, "ASR_PAYMENT_REQUIRED", "credit"),
        (404, "PROJECT_NOT_FOUND", "DEEPGRAM_API_KEY"),
        (404, "", "endpoint"),
        (400, "INVALID_QUERY_PARAMETER", "callpipe check"),
        (400, "REMOTE_CONTENT_ERROR", "internet"),
    ] {
        let hint = refused(status, &coded(code, "x")).hint.unwrap();
        assert!(hint.contains(word), "{hint}");
    }
    assert_eq!(refused(503, "").hint, None);
}

#[test]
fn nothing_dangerous_is_repeated() {
    for text in [
        "could not fetch https://a.example/b.mp4?sig=1",
        "host archive.example said no",
        "403 for X-Sig=abc",
        "the key the-key is unknown",
        "<!doctype html><p>Sign in</p>",
        &"word ".repeat(60),
        "bell \u{7}",
    ] {
        assert_eq!(
            refused(500, &coded("", text)).message,
            "asking: HTTP 500",
            "{text}"
        );
        assert_eq!(refused(500, text).message, "asking: HTTP 500", "{text}");
        assert_eq!(
            refused(500, &coded(text, "")).message,
            "asking: HTTP 500",
            "{text}"
        );
    }
    assert_eq!(
        refused(500, "two\nlines").message,
        "asking: HTTP 500: two lines"
    );
}
