//! What tests need: an emulator where there is one, and a server that answers as it is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use callpipe_core::contracts::clock::Clock;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::http::Endpoint;

/// Names the emulator to test with, such as `http://127.0.0.1:9050`.
const EMULATOR: &str = "CALLPIPE_TEST_BIGQUERY_EMULATOR";

/// The emulator, or a word about what is left out without it.
pub(crate) fn emulator(left_out: &str) -> Option<Endpoint> {
    match std::env::var(EMULATOR) {
        Ok(address) => Some(Endpoint::parse(&address).unwrap()),
        Err(_) => {
            eprintln!("left out, since {EMULATOR} is not set: {left_out}");
            None
        }
    }
}

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock)
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Answers one request after the other, and keeps what was asked.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    /// A server on this machine. Whoever asks more often than there are answers gets 418.
    pub(crate) async fn serve(answers: Vec<(u16, Value)>) -> (Self, Endpoint) {
        let script = Self {
            answers: Arc::new(Mutex::new(answers)),
            asked: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (script, Endpoint::parse(&address).unwrap())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    script.asked.lock().unwrap().push(Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body,
    });
    let mut answers = script.answers.lock().unwrap();
    let (status, body) = match answers.is_empty() {
        true => (418, Value::Null),
        false => answers.remove(0),
    };
    Response::builder()
        .status(status)
        .body(Body::from(body.to_string()))
        .unwrap()
}
