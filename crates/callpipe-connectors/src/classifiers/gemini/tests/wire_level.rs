//! What goes over the wire, and answers that the sandbox does not give.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{TOKEN, classifier, classifier_as, config_at};
use crate::google::{GoogleConfig, Identity};

/// A server that gives one answer, whatever it is asked, and the beginning of what it was asked.
async fn server(answer: &'static str) -> (String, JoinHandle<String>) {
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

#[tokio::test]
async fn an_answer_that_is_not_whole_is_no_reply() {
    for (answer, kind) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            FailureKind::CorruptTransfer,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{}",
            FailureKind::Unavailable,
        ),
        ("", FailureKind::Unavailable),
    ] {
        let (address, served) = server(answer).await;
        let model = ModelName("gemini-3.5-flash-lite".into());
        let bought = classifier(config_at(&address))
            .buy("Agent: Hello?", &model, Effort::Usual)
            .await;
        assert_eq!(bought.unwrap_err().kind, kind, "{answer}");
        let request = served.await.unwrap();
        assert!(
            request.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
            "{request}"
        );
        assert!(
            request.starts_with("POST /v1/projects/sandbox-project/locations/global/"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn an_emulator_needs_no_credentials() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let (address, served) = server(answer).await;
    let model = ModelName("gemini-3.5-flash-lite".into());
    let nobody = Identity::new(&GoogleConfig::default()).unwrap();
    let bought = classifier_as(config_at(&address), &nobody)
        .buy("Agent: Hello?", &model, Effort::Usual)
        .await;
    assert_eq!(bought.unwrap(), "{}");
    let request = served.await.unwrap();
    assert!(!request.contains("authorization"), "{request}");
}
