//! Every kind of credentials, with the servers that issue tokens for them on this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use callpipe_core::failure::FailureKind;
use callpipe_sandbox::{GOOGLE_ACCOUNT_EMAIL, google_key_file};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{GoogleConfig, Identity};
use crate::http::Endpoint;
use crate::secret::Secret;

/// A server that gives one answer to all, and counts whom it gave it.
struct Issuer {
    host: String,
    requests: Arc<AtomicUsize>,
}

impl Issuer {
    async fn answering(status: &'static str, body: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, body) = (Arc::clone(&requests), body.to_string());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                answer(socket, status, &body).await;
            }
        });
        Self { host, requests }
    }

    fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}/token", self.host)
    }
}

async fn answer(mut socket: TcpStream, status: &str, body: &str) {
    let mut request = vec![0; 1 << 16];
    let read = socket.read(&mut request).await.unwrap();
    assert!(read > 0);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    socket.write_all(answer.as_bytes()).await.unwrap();
}

fn issued(token: &str) -> Value {
    json!({
        "access_token": token,
        "expires_in": 3600,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    })
}

fn file(folder: &TempDir, contents: &Value) -> GoogleConfig {
    text_file(folder, &contents.to_string())
}

fn text_file(folder: &TempDir, text: &str) -> GoogleConfig {
    let path = folder.path().join("credentials.json");
    std::fs::write(&path, text).unwrap();
    GoogleConfig {
        credentials_file: Some(path),
        ..GoogleConfig::default()
    }
}

fn metadata(host: &str) -> GoogleConfig {
    GoogleConfig {
        metadata_host: Some(host.into()),
        ..GoogleConfig::default()
    }
}

fn user(token_uri: &str) -> Value {
    json!({
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "client-secret",
        "refresh_token": "refresh-secret",
        "token_uri": token_uri,
    })
}

fn federated(folder: &TempDir, token_url: &str) -> Value {
    let subject = folder.path().join("subject_token");
    std::fs::write(&subject, "subject-secret").unwrap();
    json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": token_url,
        "credential_source": { "file": subject },
    })
}

async fn token(config: &GoogleConfig) -> String {
    let identity = Identity::new(config).unwrap();
    identity.token().await.unwrap().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_key_file_makes_its_own_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(&file(&folder, &google_key_file())).await;
    let parts: Vec<&str> = token.split('.').collect();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(parts.len(), 3);
    assert_eq!(claims["iss"], GOOGLE_ACCOUNT_EMAIL);
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/cloud-platform"
    );
}

#[tokio::test]
async fn a_metadata_server_is_asked_once_for_all() {
    let issuer = Issuer::answering("200 OK", &issued("from-metadata")).await;
    let identity = Identity::new(&metadata(&issuer.host)).unwrap();
    assert_eq!(issuer.count(), 0, "asked before anybody wanted a token");
    let (clone, another) = (identity.clone(), identity.clone());
    let (one, two, three) = tokio::join!(identity.token(), clone.token(), another.token());
    for token in [one, two, three, identity.token().await] {
        assert_eq!(token.unwrap().unwrap().expose(), "from-metadata");
    }
    assert_eq!(issuer.count(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_made_anew() {
    let issuer = Issuer::answering("200 OK", &issued("from-metadata")).await;
    let identity = Identity::new(&metadata(&issuer.host)).unwrap();
    for (heard, tokens) in [
        (StatusCode::OK, 1),
        (StatusCode::FORBIDDEN, 1),
        (StatusCode::UNAUTHORIZED, 2),
    ] {
        identity.token().await.unwrap();
        identity.clone().heard(heard);
        identity.token().await.unwrap();
        assert_eq!(issuer.count(), tokens, "{heard}");
    }
}

#[tokio::test]
async fn users_and_federated_accounts_exchange_what_they_have() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::answering("200 OK", &issued("exchanged")).await;
    let user = file(&folder, &user(&issuer.url()));
    assert_eq!(token(&user).await, "exchanged");
    let federated = federated(&folder, &issuer.url());
    assert_eq!(token(&file(&folder, &federated)).await, "exchanged");
    assert_eq!(issuer.count(), 2);
}

#[tokio::test]
async fn a_given_token_comes_first_and_is_used_as_it_is() {
    let config = GoogleConfig {
        access_token: Some(Secret::new(" given\n")),
        credentials_file: Some(PathBuf::from("/nowhere")),
        ..GoogleConfig::default()
    };
    assert_eq!(token(&config).await, "given");
}

#[tokio::test]
async fn only_unasked_for_credentials_stay_away_from_emulators() {
    let emulator = Endpoint::parse("http://127.0.0.1:9").unwrap();
    let google = Endpoint::parse("https://storage.googleapis.com").unwrap();
    let unasked = Identity::new(&GoogleConfig::default()).unwrap();
    assert!(
        unasked
            .for_endpoint(&emulator)
            .token()
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        format!("{:?}", unasked.for_endpoint(&google)),
        "Identity(default credentials)"
    );
    let given = Identity::new(&metadata("127.0.0.1:9")).unwrap();
    assert_eq!(
        format!("{:?}", given.for_endpoint(&emulator)),
        "Identity(metadata server)"
    );
    assert!(Identity::anonymous().token().await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_is_no_good_is_told_at_once_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let missing = GoogleConfig {
        credentials_file: Some(folder.path().join("missing.json")),
        ..GoogleConfig::default()
    };
    let truncated = r#"{"type":"authorized_user","refresh_token":"refresh-secret"#;
    let unknown = r#"{"type":"refresh-secret"}"#;
    let other_folder = tempfile::tempdir().unwrap();
    for config in [
        missing,
        text_file(&folder, truncated),
        text_file(&other_folder, unknown),
        metadata("http://host/path"),
    ] {
        let failure = Identity::new(&config).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.hint.is_some());
        assert!(
            !failure.told().contains("refresh-secret"),
            "{}",
            failure.told()
        );
    }
}

#[tokio::test]
async fn what_is_refused_is_the_setups_and_what_fails_the_moments() {
    let folder = tempfile::tempdir().unwrap();
    let said = json!({ "error": "invalid_grant", "error_description": "refresh-secret" });
    for (status, kind) in [
        ("400 Bad Request", FailureKind::Denied),
        ("401 Unauthorized", FailureKind::Denied),
        ("503 Service Unavailable", FailureKind::Unavailable),
    ] {
        let issuer = Issuer::answering(status, &said).await;
        let identity = Identity::new(&file(&folder, &user(&issuer.url()))).unwrap();
        for asked in 1..=2 {
            let failure = identity.token().await.unwrap_err();
            assert_eq!(failure.kind, kind, "{status}");
            assert!(failure.hint.is_some());
            assert!(failure.message.contains(&status[..3]), "{failure}");
            assert!(
                !failure.told().contains("refresh-secret"),
                "{}",
                failure.told()
            );
            assert_eq!(issuer.count(), asked, "a failure is not the last word");
        }
    }
    let nobody = Identity::new(&metadata("127.0.0.1:1")).unwrap();
    let failure = nobody.token().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let lacking = json!({ "type": "authorized_user", "client_secret": 7 });
    let identity = Identity::new(&file(&folder, &lacking)).unwrap();
    let failure = identity.token().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.is_some());
}
