//! What goes over the wire, byte for byte, and answers that the sandbox does not give.

use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::transcriber::{Audio, AudioLink, Transcriber};
use callpipe_core::failure::{Failure, FailureKind};
use futures::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{KEY, recording_of, transcriber};

const LINK: &str = "https://archive.example/recordings/700123.mp4?X-Sig=abc";

/// A server that answers one request and gives what it was sent.
async fn server(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        while !is_whole(&request) {
            match socket.read(&mut piece).await {
                Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                _ => break,
            }
        }
        // A client that has given up no longer listens.
        let _gone = socket.write_all(answer.as_bytes()).await;
        String::from_utf8_lossy(&request).into_owned()
    });
    (address, served)
}

/// Whether the body is as long as its header says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok());
    length.is_none_or(|length: usize| body.len() >= length)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn link() -> Audio {
    Audio::Link(AudioLink(LINK.into()))
}

fn stream_of(chunks: Vec<Result<Bytes, Failure>>) -> Audio {
    Audio::Stream(stream::iter(chunks).boxed())
}

#[tokio::test]
async fn a_link_is_sent_as_json_with_the_key_in_the_header() {
    let (address, served) = server(answer("200", "", "{}")).await;
    let reply = transcriber(&address)
        .buy(&recording_of(b"", vec![]), link())
        .await
        .unwrap();
    assert_eq!(reply, "{}");
    let request = served.await.unwrap();
    assert!(
        request.starts_with("POST /v1/listen?model=nova-3&smart_format=true&"),
        "{request}"
    );
    assert!(
        request.contains(&format!("authorization: Token {KEY}\r\n")),
        "{request}"
    );
    assert!(
        request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with(&format!("\r\n\r\n{{\"url\":\"{LINK}\"}}")),
        "{request}"
    );
}

#[tokio::test]
async fn a_stream_is_announced_with_its_length_and_type() {
    let (address, served) = server(answer("200", "", "{}")).await;
    let chunks = vec![Ok(Bytes::from("first ")), Ok(Bytes::from("second"))];
    let recording = recording_of(b"first second", vec![]);
    transcriber(&address)
        .buy(&recording, stream_of(chunks))
        .await
        .unwrap();
    let request = served.await.unwrap();
    assert!(request.contains("content-length: 12\r\n"), "{request}");
    assert!(request.contains("content-type: audio/mp4\r\n"), "{request}");
    assert!(!request.contains("transfer-encoding"), "{request}");
    assert!(request.ends_with("\r\n\r\nfirst second"), "{request}");
}

#[tokio::test]
async fn audio_of_no_usable_type_is_sent_as_bytes() {
    for content_type in ["", "audio/\nmp4", "application/json; charset=utf-8"] {
        let (address, served) = server(answer("200", "", "{}")).await;
        let mut recording = recording_of(b"audio", vec![]);
        recording.content_type = content_type.into();
        let audio = stream_of(vec![Ok(Bytes::from("audio"))]);
        let bought = transcriber(&address).buy(&recording, audio).await;
        assert!(bought.is_ok(), "{content_type}");
        let request = served.await.unwrap();
        assert!(
            request.contains("content-type: application/octet-stream\r\n"),
            "{request}"
        );
    }
}

/// Whether a request is given up when nothing has come for so many minutes.
async fn is_given_up_after(minutes: u64, audio: Audio) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let recording = recording_of(b"audio", vec![]);
    let buying = tokio::spawn(async move { transcriber(&address).buy(&recording, audio).await });
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 4096];
    assert!(socket.read(&mut request).await.unwrap() > 0);
    // The request is on its way: from here on time is the test's.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(minutes * 60)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let is_given_up = buying.is_finished();
    if is_given_up {
        let failure = buying.await.unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(
            failure.message,
            "asking Deepgram for a transcript: no answer in time"
        );
    }
    is_given_up
}

#[tokio::test]
async fn silence_is_borne_as_long_as_the_vendor_may_work() {
    assert!(!is_given_up_after(10, link()).await);
}

#[tokio::test]
async fn longer_silence_is_given_up() {
    assert!(is_given_up_after(12, link()).await);
}

#[tokio::test]
async fn an_upload_may_take_its_time_on_top() {
    let audio = || stream_of(vec![Ok(Bytes::from("audio"))]);
    assert!(!is_given_up_after(30, audio()).await);
}

#[tokio::test]
async fn what_breaks_in_the_archive_is_told_as_that() {
    let (address, _served) = server(answer("200", "", "{}")).await;
    let broken = Failure::new(FailureKind::StoreFailed, "the disk is gone");
    let chunks = vec![Ok(Bytes::from("first ")), Err(broken)];
    let recording = recording_of(b"first second", vec![]);
    let failure = transcriber(&address)
        .buy(&recording, stream_of(chunks))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.message.ends_with("the disk is gone"), "{failure}");
}

#[tokio::test]
async fn audio_of_another_length_than_noted_is_not_sent_as_whole() {
    for audio in ["first second third", "first"] {
        let (address, _served) = server(answer("200", "", "{}")).await;
        let recording = recording_of(b"first second", vec![]);
        let chunks = audio
            .split_inclusive(' ')
            .map(|chunk| Ok(Bytes::from(chunk.to_owned())));
        let bought = transcriber(&address)
            .buy(&recording, stream_of(chunks.collect()))
            .await;
        let failure = bought.unwrap_err();
        assert!(
            matches!(
                failure.kind,
                FailureKind::CorruptTransfer | FailureKind::Unavailable
            ),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_repeats_neither_link_nor_key() {
    for said in ["archive.example", "700123.mp4", "X-Sig=abc", LINK, KEY] {
        let body = format!("{{\"err_code\":\"REMOTE_CONTENT_ERROR\",\"err_msg\":\"see {said}\"}}");
        let (address, _served) = server(answer("400", "", &body)).await;
        let bought = transcriber(&address)
            .buy(&recording_of(b"", vec![]), link())
            .await;
        let failure = bought.unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptTransfer);
        assert_eq!(
            failure.chain(),
            "asking Deepgram for a transcript: HTTP 400: REMOTE_CONTENT_ERROR"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_no_reply() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"results\":";
    for (answer, kind) in [
        (cut.to_owned(), FailureKind::Unavailable),
        (answer("200", "", ""), FailureKind::CorruptTransfer),
        (String::new(), FailureKind::Unavailable),
    ] {
        let (address, _served) = server(answer).await;
        let bought = transcriber(&address)
            .buy(&recording_of(b"", vec![]), link())
            .await;
        let failure = bought.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(
            !failure.chain().contains("127.0.0.1"),
            "{}",
            failure.chain()
        );
    }
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_handed_on() {
    let (address, _served) = server(answer("429", "retry-after: 17\r\n", "")).await;
    let bought = transcriber(&address)
        .buy(&recording_of(b"", vec![]), link())
        .await;
    let failure = bought.unwrap_err();
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn the_check_sends_a_moment_of_silence() {
    for status in ["200", "201"] {
        let (address, served) = server(answer(status, "", "{}")).await;
        let report = transcriber(&address).check().await.unwrap();
        assert!(
            report.contains("transcribes with nova-3") && report.contains(&address),
            "{report}"
        );
        let request = served.await.unwrap();
        assert!(request.contains("content-type: audio/wav\r\n"), "{request}");
        assert!(
            request.contains("RIFF") && request.contains("summarize=v2"),
            "{request}"
        );
    }
    let dislikes_it = r#"{"err_code":"Bad Request","err_msg":"failed to process audio: corrupt or unsupported data"}"#;
    for (status, body, kind) in [
        ("401", "", FailureKind::Denied),
        (
            "400",
            r#"{"err_code":"INVALID_QUERY_PARAMETER"}"#,
            FailureKind::Denied,
        ),
        ("400", dislikes_it, FailureKind::Unsupported),
        ("503", "", FailureKind::Unavailable),
    ] {
        let (address, _served) = server(answer(status, "", body)).await;
        assert_eq!(transcriber(&address).check().await.unwrap_err().kind, kind);
    }
}
