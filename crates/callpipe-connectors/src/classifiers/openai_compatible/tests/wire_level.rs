//! What goes over the wire, and answers that the sandbox does not give.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{classifier, config};
use crate::classifiers::testing::{CUT, answered, server};

fn model() -> ModelName {
    ModelName("qwen3:8b".into())
}

#[tokio::test]
async fn a_key_is_sent_where_there_is_one() {
    for (settings, key) in [
        (json!({}), None),
        (json!({ "api_key": "" }), None),
        (
            json!({ "api_key": "k-1\n" }),
            Some("authorization: Bearer k-1\r\n"),
        ),
    ] {
        let (address, served) = server(answered("200 OK", "", "{}")).await;
        let mut config = config(settings);
        config.endpoint = Some(format!("{address}/v1").try_into().unwrap());
        let bought = classifier(config)
            .buy("Agent: Hello?", &model(), Effort::Usual)
            .await;
        assert_eq!(bought.unwrap(), "{}");
        let request = served.await.unwrap();
        assert!(
            request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
            "{request}"
        );
        match key {
            Some(key) => assert!(request.contains(key), "{request}"),
            None => assert!(!request.contains("authorization"), "{request}"),
        }
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["model"], "qwen3:8b");
        assert!(
            body["messages"][1]["content"]
                .as_str()
                .unwrap()
                .contains("Agent: Hello?")
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_no_reply_and_no_redirect_is_followed() {
    for (answer, kind, charged) in [
        (
            answered("200 OK", "", ""),
            FailureKind::CorruptTransfer,
            true,
        ),
        (CUT.to_owned(), FailureKind::Unavailable, true),
        (String::new(), FailureKind::Unavailable, false),
        (
            answered(
                "307 Temporary Redirect",
                "location: http://127.0.0.1:1/\r\n",
                "",
            ),
            FailureKind::Denied,
            false,
        ),
    ] {
        let (address, served) = server(answer.clone()).await;
        let config = config(json!({ "endpoint": format!("{address}/v1"), "api_key": "k-1" }));
        let bought = classifier(config)
            .buy("Agent: Hello?", &model(), Effort::Usual)
            .await;
        let failure = bought.unwrap_err();
        assert_eq!(
            (failure.kind, failure.perhaps_charged),
            (kind, charged),
            "{answer}"
        );
        assert!(!failure.told().contains("k-1"));
        served.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_after_the_configured_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let config = config(json!({ "endpoint": address, "timeout_s": 500 }));
    let failure = classifier(config)
        .buy("Agent: Hello?", &model(), Effort::Usual)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("no answer in time"), "{failure}");
    drop(listener);
}
