//! For tests: what those of every classifier share. A usual answer, a bench on the sandbox, and a
//! server that gives one answer.

mod bench;
mod reader;

use std::time::Duration;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::Failure;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http;

pub(super) use bench::Bench;
pub(super) use reader::{Reader, assert_labels_or_none, assert_priced_labels_or_none};

/// A clock that stands.
pub(super) struct Standing;

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }
}

/// A usual answer by the built-in taxonomy.
pub(super) fn labels() -> Value {
    json!({
        "call_type": ["general_enquiry"],
        "sale_result": "not_sales_call",
        "no_sale_reasons": [],
        "product_family": "other",
        "product_category_detail": [],
        "problems_detected": [],
        "delivery_tracking": null,
        "agent_name": "Priya",
        "escalation_actions": ["none"],
        "confidence_scores": {
            "call_type_confidence": 0.9, "sale_result_confidence": 0.9,
            "product_classification_confidence": 0.5, "overall_confidence": 0.8,
        },
    })
}

/// A refusal by its status alone, with a wish to be left alone for 7 seconds.
pub(super) fn by_status(status: u16) -> Failure {
    let kind = http::status_kind(StatusCode::from_u16(status).unwrap());
    Failure::new(kind, format!("asking: HTTP {status}"))
        .with_retry_after(Some(Duration::from_secs(7)))
}

/// A server that gives one answer, whatever it is asked, and what it was asked.
pub(super) async fn server(answer: impl Into<String>) -> (String, JoinHandle<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1 << 20];
        let mut length = 0;
        // Its last byte closes the JSON.
        while !request[..length].ends_with(b"}") {
            let read = socket.read(&mut request[length..]).await.unwrap();
            assert!(read > 0, "the request ended early");
            length += read;
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (address, served)
}

/// An answer of such a server.
pub(super) fn answered(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
    )
}

/// An answer that ends before it is as long as it says.
pub(super) const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{}";
