//! For the tests of both CXone connectors: a clock that the test moves, a sandbox with a few
//! contacts, and a server that answers what no vendor should.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::Failure;
use callpipe_sandbox as sandbox;
use callpipe_sandbox::{Corpus, CorpusCall, NoRecordingForm, Sandbox, SandboxOptions, World};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::Endpoint;
use crate::nice_cxone::{AccountConfig, ClientAuthentication};
use crate::secret::Secret;

/// A secret that must appear in no message, and a number that must not either.
pub(crate) const PHONE: &str = "+61491570156";

/// A clock that stands still until the test moves it.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn pass_s(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        start + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn account(issuer: &str) -> AccountConfig {
    let credentials = sandbox::CREDENTIALS;
    AccountConfig {
        table: "recordings.nice_cxone",
        issuer: Endpoint::parse(issuer).unwrap(),
        client_id: Some(Secret::new(credentials.cxone_client_id)),
        client_secret: Some(Secret::new(credentials.cxone_client_secret)),
        access_key_id: Some(Secret::new(credentials.cxone_access_key_id)),
        access_key_secret: Some(Secret::new(credentials.cxone_access_key_secret)),
        client_authentication: ClientAuthentication::Auto,
        api_endpoint: None,
    }
}

/// Fails if anything that is nobody's business is in what a failure tells.
pub(crate) fn assert_discreet(failure: &Failure) {
    let credentials = sandbox::CREDENTIALS;
    let told = format!("{failure:?} {} {:?}", failure.chain(), failure.hint);
    for secret in [
        credentials.cxone_client_id,
        credentials.cxone_client_secret,
        credentials.cxone_access_key_id,
        credentials.cxone_access_key_secret,
        PHONE,
        "X-Amz-",
        "eyJ",
    ] {
        assert!(!told.contains(secret), "{told}");
    }
}

/// A sandbox and the clock that it shares with the client.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: TestClock,
}

impl Bench {
    pub(crate) fn arm(&self, fault: &str) {
        self.sandbox.faults().arm_text(fault).unwrap();
    }

    /// How many requests a route of CXone had.
    pub(crate) fn count(&self, route: &str) -> usize {
        let journal = self.sandbox.journal();
        journal.count_route(sandbox::System::NiceCxone, route)
    }
}

/// The contacts that most tests use, oldest first.
pub(crate) fn contacts() -> Vec<sandbox::Contact> {
    use sandbox::{BodyShape, Contact};
    let at = |minutes: i64| TestClock::default().now() - TimeDelta::minutes(minutes);
    vec![
        Contact::recorded("101", at(90), &["stereo"]),
        Contact::recorded("102", at(80), &["mono"]).with_body_shape(BodyShape::Capital),
        Contact::recorded("103", at(70), &["mono", "stereo"])
            .with_chat()
            .with_body_shape(BodyShape::Nested),
        Contact::recorded("104", at(60), &["stereo"]).with_master("904"),
        Contact::without_recording("201", at(50), NoRecordingForm::Status404),
        Contact::without_recording("202", at(40), NoRecordingForm::EmptyList),
        Contact::without_recording("203", at(30), NoRecordingForm::NullList),
        Contact::without_recording("204", at(20), NoRecordingForm::NoUrl),
        Contact::not_found("301", at(10)),
    ]
}

pub(crate) async fn bench() -> Bench {
    bench_with(SandboxOptions::default(), contacts()).await
}

pub(crate) async fn bench_with(options: SandboxOptions, contacts: Vec<sandbox::Contact>) -> Bench {
    let calls: Vec<CorpusCall> = serde_json::from_value(json!([
        { "id": "stereo", "title": "Stereo", "audio_file": "stereo.mp4", "content_type": "audio/mp4",
          "channels": 2, "duration_s": 30.0, "agent_channel": 0, "agent_name": "Priya" },
        { "id": "mono", "title": "Mono", "audio_file": "mono.wav", "content_type": "audio/x-wav",
          "channels": 1, "duration_s": 5.0 },
    ]))
    .unwrap();
    let audio = HashMap::from([
        ("stereo.mp4".to_owned(), Bytes::from(vec![7; 300_000])),
        ("mono.wav".to_owned(), Bytes::from(vec![8; 3_000])),
    ]);
    let corpus = Arc::new(Corpus::new(calls, audio).unwrap());
    let clock = TestClock::default();
    let shared = clock.clone();
    let options = SandboxOptions {
        clock: sandbox::Clock::new(move || shared.now()),
        ..options
    };
    let world = World::exact(corpus, 1, contacts);
    Bench {
        sandbox: Sandbox::start(world, options).await.unwrap(),
        clock,
    }
}

/// A request as a [`Stub`] saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    /// Line and headers, in lower case.
    pub(crate) head: String,
    /// The form.
    pub(crate) body: String,
}

/// A server that answers whatever a function says, one request a connection.
pub(crate) struct Stub {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Stub {
    /// The function gets the request and the server's own address.
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Asked, &str) -> String + Send + Sync + 'static,
    {
        Self::listening(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    /// The same where somebody listens already.
    pub(crate) fn listening<F>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(&Asked, &str) -> String + Send + Sync + 'static,
    {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (own_url, seen) = (url.clone(), Arc::clone(&asked));
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let asked = read(&mut stream).await;
                seen.lock().unwrap().push(asked.clone());
                let answer = answer(&asked, &own_url);
                stream.write_all(answer.as_bytes()).await.ok();
                stream.shutdown().await.ok();
            }
        });
        Self { url, asked, server }
    }

    /// A server that signs everybody in, and answers other requests as the function says.
    pub(crate) async fn signing_in<F>(answer: F) -> Self
    where
        F: Fn(&Asked) -> String + Send + Sync + 'static,
    {
        Self::start(move |asked, url| sign_in(asked, url).unwrap_or_else(|| answer(asked))).await
    }

    /// The requests whose path begins so.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.target.starts_with(path))
            .cloned()
            .collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Asked {
                    target: head.split(' ').nth(1).unwrap_or_default().to_owned(),
                    head: lower,
                    body: body.to_owned(),
                };
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return Asked {
                target: String::new(),
                head: String::new(),
                body: String::new(),
            };
        }
    }
}

/// An answer with a body, and headers each of which ends its line.
pub(crate) fn reply(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

pub(crate) fn reply_json(value: &Value) -> String {
    reply(
        200,
        "content-type: application/json\r\n",
        &value.to_string(),
    )
}

/// A token whose claims are these.
pub(crate) fn token(claims: &Value) -> String {
    format!(
        "eyJ9.{}.signature",
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

fn sign_in(asked: &Asked, url: &str) -> Option<String> {
    let path = asked.target.split('?').next().unwrap_or_default();
    Some(reply_json(&match path {
        "/.well-known/openid-configuration" => {
            json!({ "token_endpoint": format!("{url}/auth/token") })
        }
        "/.well-known/cxone-configuration" => json!({ "api_endpoint": url }),
        "/auth/token" => json!({
            "access_token": token(&json!({ "tenantId": "tenant-1" })), "expires_in": 3600,
        }),
        _ => return None,
    }))
}
