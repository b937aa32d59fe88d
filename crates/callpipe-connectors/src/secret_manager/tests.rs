//! Against a small server that answers as the discovery document says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callpipe_core::failure::FailureKind;
use chrono::{DateTime, Utc};
use crc32c::crc32c;
use serde_json::{Value, json};

use super::*;
use crate::google::GoogleConfig;
use crate::http::Endpoint;
use crate::secret::Secret;

const NAME: &str = "projects/p/secrets/deepgram/versions/3";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn payload(value: &[u8], crc32c: u32) -> Value {
    json!({
        "name": NAME,
        "payload": { "data": STANDARD.encode(value), "dataCrc32c": crc32c.to_string() },
    })
}

/// A server that gives one answer after the other, and the last one again and again.
async fn server(answers: Vec<(u16, Value)>) -> (SecretManager, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let app = Router::new().fallback(move |request: Request| {
        let number = counter
            .fetch_add(1, Ordering::SeqCst)
            .min(answers.len() - 1);
        let (status, body) = answers[number].clone();
        async move {
            let authorization = request.headers().get("authorization");
            let is_right = request.uri().path() == format!("/v1/{NAME}:access")
                && authorization.is_some_and(|header| header == "Bearer token-of-ours");
            let (status, body) = match is_right {
                true => (status, body),
                false => (418, json!({})),
            };
            (StatusCode::from_u16(status).unwrap(), body.to_string())
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = GoogleConfig {
        access_token: Some(Secret::new("token-of-ours")),
        secret_manager_endpoint: Endpoint::parse(&format!("http://{address}")).unwrap(),
        ..GoogleConfig::default()
    };
    (SecretManager::new(&config).unwrap(), asked)
}

async fn accessed(answers: Vec<(u16, Value)>) -> Result<String, callpipe_core::failure::Failure> {
    let (manager, _) = server(answers).await;
    let name = SecretName::parse(NAME).unwrap();
    let secret = manager.access(&name, now()).await?;
    Ok(secret.expose().to_owned())
}

#[test]
fn names_are_full_or_without_a_version() {
    let pinned = SecretName::parse(NAME).unwrap();
    assert!(pinned.names_version() && pinned.to_string() == NAME);
    let newest = SecretName::parse("projects/p/secrets/deepgram").unwrap();
    assert!(!newest.names_version());
    assert_eq!(
        newest.to_string(),
        "projects/p/secrets/deepgram/versions/latest"
    );
    for nonsense in [
        "",
        "deepgram",
        "projects//secrets/x",
        "projects/p/secrets/..",
        "projects/p/secrets/a b",
    ] {
        assert!(SecretName::parse(nonsense).is_err(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_value_comes_without_its_line_end() {
    let value = b"dg-key\n";
    let answer = payload(value, crc32c(value));
    assert_eq!(accessed(vec![(200, answer)]).await.unwrap(), "dg-key");
}

#[tokio::test]
async fn what_fails_for_the_moment_is_tried_again() {
    let good = payload(b"dg-key", crc32c(b"dg-key"));
    let damaged = payload(b"dg-kex", crc32c(b"dg-key"));
    let answers = vec![(503, json!({})), (200, damaged.clone()), (200, good)];
    assert_eq!(accessed(answers).await.unwrap(), "dg-key");
    let failure = accessed(vec![(200, damaged)]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CorruptTransfer);
    assert!(!failure.told().contains("dg-kex"));
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_is_not_repeated() {
    let error =
        |message: &str| json!({ "error": { "code": 1, "message": message, "status": "X" } });
    let cases = [
        (403, "roles/secretmanager.secretAccessor"),
        (404, "no such secret or version"),
        (400, "disabled or destroyed"),
        (401, "[google]"),
    ];
    for (status, hint) in cases {
        let (manager, asked) = server(vec![(status, error("in Google's words"))]).await;
        let name = SecretName::parse(NAME).unwrap();
        let failure = manager.access(&name, now()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{status}");
        let told = failure.told();
        assert!(
            told.contains(NAME) && told.contains(hint) && told.contains("in Google's words"),
            "{told}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_value() {
    let value = [0xff, 0xfe];
    let failure = accessed(vec![(200, payload(&value, crc32c(&value)))])
        .await
        .unwrap_err();
    assert!(
        failure.message.ends_with("bytes of another kind"),
        "{failure}"
    );
    let failure = accessed(vec![(200, json!({ "payload": {} }))])
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
}
