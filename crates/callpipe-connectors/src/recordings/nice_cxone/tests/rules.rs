//! The rules that need no network: what answers mean, which hosts are asked, what files are.

use bytes::Bytes;
use callpipe_core::contracts::recording_source::{Found, RecordingReference};
use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::progress::SkipReason;
use callpipe_core::recording::Role;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use url::Url;

use super::super::hosts::MediaHosts;
use super::super::{MediaType, RecordingsConfig, kinds, map, media};
use crate::http::Endpoint;

const SIGNED: &str =
    "https://recordings.s3.us-west-2.amazonaws.com/call.mp4?X-Amz-Signature=signed";

fn found(answer: &Value) -> Found {
    map::found(answer.to_string().as_bytes(), "asking").unwrap()
}

fn recordings(answer: &Value) -> Vec<RecordingReference> {
    found(answer).recordings.unwrap()
}

fn links(answer: &Value) -> Vec<String> {
    let recordings = recordings(answer).into_iter();
    recordings.map(|recording| recording.locator.0).collect()
}

fn voice(start: &str, url: &str) -> Value {
    json!({ "@type": "call", "mediaType": "voice-only", "startTime": start,
            "data": { "fileToPlayUrl": url } })
}

#[test]
fn every_documented_shape_is_read() {
    let item = voice("2026-11-20T08:00:00Z", SIGNED);
    for answer in [
        json!({ "contactId": "x", "interactions": [item] }),
        json!({ "contactId": "x", "Interactions": [item] }),
        json!({ "contactId": "x", "interactions": null, "Interactions": [item] }),
        json!({ "value": { "contactId": "x", "Interactions": [{ "Interaction": item }] } }),
        json!({ "value": { "interactions": [item] } }),
        json!({ "redirectUrl": SIGNED }),
    ] {
        let recordings = recordings(&answer);
        assert_eq!(recordings.len(), 1, "{answer}");
        assert_eq!(recordings[0].locator.0, SIGNED, "{answer}");
        assert_eq!(recordings[0].media_type, "voice-only");
    }
}

#[test]
fn null_empty_and_missing_lists_and_interactions_without_a_link_are_no_recording() {
    let without_link = json!({ "mediaType": "voice-only", "data": { "segmentsDataList": null } });
    for answer in [
        json!({ "contactId": "x" }),
        json!({ "interactions": null }),
        json!({ "interactions": [] }),
        json!({ "Interactions": [null] }),
        json!({ "value": null }),
        json!({ "value": { "Interactions": null } }),
        json!({ "interactions": [without_link] }),
        json!({ "interactions": [{ "mediaType": "voice-only", "data": null }] }),
        json!({ "interactions": [voice("", " ")] }),
        json!({ "redirectUrl": "" , "interactions": null }),
    ] {
        let found = found(&answer);
        assert_eq!(found.recordings, Err(SkipReason::NoRecording), "{answer}");
        assert!(found.raw_metadata.is_some(), "{answer}");
    }
}

#[test]
fn what_is_no_answer_about_a_contact_is_worth_another_attempt() {
    for body in [
        "",
        "<html>Sign in</html>",
        "{\"interactions\": [",
        "[]",
        "null",
        "{}",
        "{\"interactions\": [5, \"x\"]}",
        "{\"message\":\"try later\"}",
        "{\"interactions\": {}}",
        "{\"interactions\": \"none\"}",
    ] {
        let failure = map::found(body.as_bytes(), "asking").unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptTransfer, "{body}");
    }
}

#[test]
fn every_recording_with_voice_is_kept_in_the_order_of_the_call() {
    let answer = json!({ "interactions": [
        voice("2026-11-20T08:10:00Z", "https://h/second"),
        { "mediaType": "chat", "data": { "fileToPlayUrl": "https://h/chat" } },
        { "mediaType": "email-and-screen", "data": { "fileToPlayUrl": "https://h/mail" } },
        { "mediaType": "Voice-And-Screen", "data": {
            "startTime": "2026-11-20T08:00:00Z", "fileToPlayUrl": "https://h/first" } },
        voice("", "https://h/undated"),
        { "channelType": "PHONE_CALL_IVR", "startTime": "2026-11-20T08:20:00Z",
          "data": { "fileToPlayUrl": "https://h/third" } },
        { "@type": "chat", "data": { "fileToPlayUrl": "https://h/chat-2" } },
    ] });
    assert_eq!(
        links(&answer),
        [
            "https://h/first",
            "https://h/second",
            "https://h/third",
            "https://h/undated"
        ]
    );
    assert_eq!(recordings(&answer)[0].media_type, "Voice-And-Screen");
}

#[test]
fn a_recording_that_is_listed_twice_is_kept_once_whatever_its_signature() {
    let answer = json!({ "interactions": [
        voice("", "https://h/one?X-Amz-Signature=a&X-Amz-Date=1"),
        voice("", "https://h/one?X-Amz-Signature=b&X-Amz-Date=2"),
        voice("", "https://h/play?id=1"),
        voice("", "https://h/play?id=2"),
        voice("", "https://h/play?id=1"),
    ] });
    assert_eq!(
        links(&answer),
        [
            "https://h/one?X-Amz-Signature=a&X-Amz-Date=1",
            "https://h/play?id=1",
            "https://h/play?id=2"
        ]
    );
}

#[test]
fn fields_of_unknown_types_take_nothing_else_with_them() {
    let answer = json!({ "interactions": [7, {
        "@type": 1, "mediaType": "voice-only", "startTime": 5, "channelType": [],
        "data": {
            "startTime": "2026-11-20T08:00:00.250Z", "fileToPlayUrl": SIGNED,
            "participantDataList": [
                { "participantType": "AGENT", "agentName": " Priya ", "channel": 1 },
                { "participantType": "AGENT", "agentName": "Priya", "channel": 1 },
                { "participantType": "CUSTOMER", "agentName": "+61491570156", "channel": "0" },
                { "participantType": "SUPERVISOR" }, null, 7,
            ],
        },
    }] });
    let recordings = recordings(&answer);
    let recording = &recordings[0];
    assert_eq!(
        recording.started_at.unwrap().to_rfc3339(),
        "2026-11-20T08:00:00.250+00:00"
    );
    let heard: Vec<(Option<u32>, Role, Option<&str>)> = recording
        .participants
        .iter()
        .map(|one| (one.channel, one.role, one.name.as_deref()))
        .collect();
    assert_eq!(
        heard,
        [
            (Some(1), Role::Agent, Some("Priya")),
            (None, Role::Customer, None)
        ]
    );
}

#[test]
fn raw_metadata_keeps_the_vendors_words_without_signatures() {
    let answer = json!({ "contactId": "x", "more": [1, null], "interactions": [
        { "mediaType": "voice-only",
          "data": { "fileToPlayUrl": SIGNED, "videoImageUrl": SIGNED } }] });
    let raw = found(&answer).raw_metadata.unwrap();
    assert!(!raw.contains("Signature"), "{raw}");
    let raw: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(raw["more"], answer["more"]);
    assert_eq!(
        raw["interactions"][0]["data"]["videoImageUrl"],
        "https://recordings.s3.us-west-2.amazonaws.com/call.mp4"
    );
    let redirect = found(&json!({ "redirectUrl": SIGNED }))
        .raw_metadata
        .unwrap();
    assert!(!redirect.contains("signed"), "{redirect}");

    let unknown = map::not_found(br#"{"message":"Interaction Not Found"}"#);
    assert_eq!(unknown.recordings, Err(SkipReason::NotFound));
    assert_eq!(
        unknown.raw_metadata.unwrap(),
        r#"{"message":"Interaction Not Found"}"#
    );
    assert_eq!(map::not_found(b"").raw_metadata, None);
}

#[test]
fn only_the_vendors_hosts_are_asked_for_recordings() {
    let issuer = Endpoint::parse("https://cxone.niceincontact.com").unwrap();
    let more = ["media.example.com".to_owned(), " *.Example.ORG".to_owned()];
    let hosts = MediaHosts::new(&more, &issuer).unwrap();
    for accepted in [
        SIGNED,
        "https://na1.nice-incontact.com/x",
        "https://a.b.niceincontact.com:8443/x",
        "https://media.example.com/x",
        "https://a.example.org/x",
        "https://BUCKET.AmazonAWS.com/x",
    ] {
        assert!(hosts.parse(accepted, "downloading").is_ok(), "{accepted}");
    }
    for refused in [
        "http://bucket.amazonaws.com/x",
        "https://amazonaws.com/x",
        "https://evilamazonaws.com/x",
        "https://bucket.amazonaws.com.evil.example/x",
        "https://bucket.amazonaws.com@evil.example/x",
        "https://user:word@bucket.amazonaws.com/x",
        "https://more.media.example.com/x",
        "https://example.org/x",
        "https://169.254.169.254/latest",
        "http://127.0.0.1:1/x",
        "https://localhost/x",
        "file:///etc/passwd",
        "call.mp4",
    ] {
        let failure = hosts.parse(refused, "downloading").unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptTransfer, "{refused}");
        assert!(!failure.chain().contains("word"), "{failure}");
    }
    let failure = hosts
        .parse("https://h.example.net/x?secret", "downloading")
        .unwrap_err();
    assert!(failure.hint.as_ref().unwrap().contains("media_hosts"));
    assert!(failure.chain().contains("h.example.net") && !failure.chain().contains("secret"));
}

#[test]
fn this_machine_is_asked_only_by_an_issuer_on_it_and_not_by_other_names() {
    let issuer = Endpoint::parse("http://127.0.0.1:9").unwrap();
    let hosts = MediaHosts::new(&[], &issuer).unwrap();
    let accepts = |link: &str| {
        hosts
            .check(&Url::parse(link).unwrap(), "downloading")
            .is_ok()
    };
    assert!(accepts("http://127.0.0.1:80/x"));
    assert!(accepts("http://[::1]/x"));
    assert!(accepts("http://localhost/x"));
    assert!(!accepts("http://10.0.0.1/x"));
    let issuer = Endpoint::parse("http://localhost:9").unwrap();
    let hosts = MediaHosts::new(&[], &issuer).unwrap();
    assert!(hosts.parse("http://localhost:80/x", "downloading").is_ok());
    assert!(hosts.parse("ftp://localhost:80/x", "downloading").is_err());
}

#[test]
fn a_media_host_in_the_configuration_is_a_host_name() {
    let issuer = Endpoint::parse("https://cxone.niceincontact.com").unwrap();
    for wrong in [
        "",
        "*",
        "*.com",
        "https://x.example",
        "x.*.example",
        ".x.example",
        "x.example.",
    ] {
        let failure = MediaHosts::new(&[wrong.to_owned()], &issuer).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{wrong}");
    }
}

#[test]
fn a_file_is_what_its_header_says_or_else_its_name() {
    let of = |content_type, path| {
        let kind = kinds::of(content_type, path);
        (kind.content_type, kind.extension)
    };
    assert_eq!(of("audio/mp4", "/x.wav"), ("audio/mp4", "mp4"));
    assert_eq!(of("Video/MP4; codecs=x", "/x"), ("video/mp4", "mp4"));
    assert_eq!(of("audio/x-wav", "/x.mp4"), ("audio/wav", "wav"));
    assert_eq!(of("audio/wave", "/x"), ("audio/wav", "wav"));
    assert_eq!(of("audio/mpeg", "/x"), ("audio/mpeg", "mp3"));
    assert_eq!(of("audio/x-m4a", "/x"), ("audio/mp4", "m4a"));
    assert_eq!(of("audio/webm", "/x"), ("audio/webm", "webm"));
    assert_eq!(
        of("binary/octet-stream", "/a.b/x.WAV"),
        ("audio/wav", "wav")
    );
    assert_eq!(of("", "/x.flac"), ("audio/flac", "flac"));
    assert_eq!(
        of("application/octet-stream", "/x.exe"),
        ("audio/mp4", "mp4")
    );
    assert_eq!(of("", "/x"), ("audio/mp4", "mp4"));
    for no_media in [
        "text/html; charset=utf-8",
        "application/json",
        "application/xml",
    ] {
        assert!(kinds::is_no_media(no_media), "{no_media}");
    }
    assert!(!kinds::is_no_media("binary/octet-stream") && !kinds::is_no_media(""));
}

#[tokio::test]
async fn a_body_of_another_length_than_promised_ends_with_a_failure() {
    let received = async |chunks: Vec<Result<&'static str, Failure>>, length_bytes| {
        let chunks = chunks
            .into_iter()
            .map(|chunk| chunk.map(|text| text.into()));
        let received = media::whole(stream::iter(chunks), length_bytes);
        let received = received.map(|chunk| chunk.map_err(|failure| failure.kind));
        received.collect::<Vec<_>>().await
    };
    let corrupt = || Err(FailureKind::CorruptTransfer);
    let two = || vec![Ok("ab"), Ok("c")];
    let all = [Ok("ab".into()), Ok("c".into())];
    assert_eq!(received(two(), Some(3)).await, all);
    assert_eq!(received(two(), None).await, all);
    assert_eq!(received(two(), Some(4)).await[2..], [corrupt()]);
    assert_eq!(received(two(), Some(2)).await[2..], [corrupt()]);
    let broken = Failure::new(FailureKind::CorruptTransfer, "broken");
    let after_an_error = vec![Ok("ab"), Err(broken), Ok("c")];
    assert_eq!(received(after_an_error, Some(3)).await[1..], [corrupt()]);
}

#[test]
fn a_table_takes_plain_keys_and_refuses_unknown_ones() {
    let table = json!({ "issuer": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b",
        "access_key_id": "c", "access_key_secret": "d" });
    let config: RecordingsConfig = serde_json::from_value(table).unwrap();
    assert_eq!(config.account().access_key_secret.unwrap().expose(), "d");
    assert_eq!(config.requests_per_5_minutes, 150);
    assert_eq!(config.media_type, MediaType::All);
    let default: RecordingsConfig = serde_json::from_value(json!({})).unwrap();
    assert_eq!(
        default.issuer.to_string(),
        "https://cxone.niceincontact.com"
    );
    for wrong in [
        json!({ "isuer": "https://x" }),
        json!({ "issuer": "http://cxone.niceincontact.com" }),
        json!({ "media_type": "chat" }),
    ] {
        assert!(
            serde_json::from_value::<RecordingsConfig>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_trickles_is_given_up_in_time() {
    let begin = tokio::time::Instant::now();
    let trickle = stream::repeat(()).then(|()| async {
        tokio::time::sleep(std::time::Duration::from_secs(50)).await;
        Ok(Bytes::from_static(b"x"))
    });
    let came: Vec<_> = media::in_time(trickle.boxed()).collect().await;
    let failure = came.last().unwrap().as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::CorruptTransfer);
    assert_eq!((came.len(), begin.elapsed().as_secs()), (73, 3_600));
    // One that ends is not touched.
    let short = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
    let came: Vec<_> = media::in_time(short).collect().await;
    assert!(matches!(&came[..], [Ok(chunk)] if chunk == "x"));
}
