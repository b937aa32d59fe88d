//! The whole source against the sandbox and its faults, and against a server that lies.

mod damaged;
mod rules;

use std::sync::Arc;

use callpipe_core::call::{Contact, ContactId};
use callpipe_core::conformance;
use callpipe_core::contracts::recording_source::{
    Found, Locator, OpenRecording, RecordingReference, RecordingSource,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::SkipReason;
use callpipe_core::recording::{Role, Sha256Hex};
use callpipe_sandbox::{ExpectedOutcome, System};
use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::{NiceCxoneRecordings, RecordingsConfig};
use crate::nice_cxone::testing::{
    Bench, Stub, TestClock, account, assert_discreet, bench, reply, reply_json,
};

const PLAYBACK: &str = "/media-playback/v1/contacts";
const HIERARCHY: &str = "/contacts/hierarchy";

fn config(issuer: &str) -> RecordingsConfig {
    let account = account(issuer);
    RecordingsConfig {
        issuer: account.issuer,
        client_id: account.client_id,
        client_secret: account.client_secret,
        access_key_id: account.access_key_id,
        access_key_secret: account.access_key_secret,
        ..RecordingsConfig::default()
    }
}

fn source(issuer: &str) -> NiceCxoneRecordings {
    NiceCxoneRecordings::new(config(issuer), Arc::new(TestClock::default())).unwrap()
}

fn source_of(bench: &Bench) -> NiceCxoneRecordings {
    let config = config(&bench.sandbox.nice_cxone_url);
    NiceCxoneRecordings::new(config, Arc::new(bench.clock.clone())).unwrap()
}

fn id(text: &str) -> ContactId {
    ContactId::parse(text).unwrap()
}

fn contact(text: &str) -> Contact {
    Contact::new(id(text), None)
}

fn child(text: &str, master: &str) -> Contact {
    Contact {
        master_id: Some(id(master)),
        ..contact(text)
    }
}

fn reference(link: &str) -> RecordingReference {
    RecordingReference {
        locator: Locator(link.to_owned()),
        media_type: "voice-only".to_owned(),
        started_at: None,
        participants: Vec::new(),
    }
}

/// All bytes, or the failure that their stream ended with.
async fn bytes(opened: OpenRecording) -> Outside<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunks = opened.bytes;
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// The failure of opening or of reading the only recording of contact 101.
async fn download_failure(source: &NiceCxoneRecordings) -> Failure {
    let found = source.find(&contact("101")).await.unwrap();
    let failure = match source.open(&found.recordings.unwrap()[0]).await {
        Ok(opened) => bytes(opened).await.unwrap_err(),
        Err(failure) => failure,
    };
    assert_discreet(&failure);
    failure
}

#[tokio::test]
async fn it_is_a_recording_source() {
    for recorded in ["101", "102", "103", "104"] {
        let bench = bench().await;
        let (recorded, unknown) = (contact(recorded), contact("301"));
        let source = source_of(&bench);
        conformance::recording_source::recording_source(&source, &recorded, &unknown).await;
    }
}

#[tokio::test]
async fn every_contact_comes_to_what_the_world_holds() {
    let bench = bench().await;
    let source = source_of(&bench);
    for expected in bench.sandbox.world().expected() {
        let found = source.find(&contact(&expected.contact_id)).await.unwrap();
        let mut hashes = Vec::new();
        for reference in found.recordings.clone().unwrap_or_default() {
            let opened = source.open(&reference).await.unwrap();
            hashes.push(Sha256Hex::of(&bytes(opened).await.unwrap()).to_string());
        }
        assert_eq!(hashes, expected.audio_sha256s, "{}", expected.contact_id);
        let skipped = found.recordings.err();
        match expected.outcome {
            ExpectedOutcome::NotFound => assert_eq!(skipped, Some(SkipReason::NotFound)),
            // The vendor answers 404 for contacts without a recording as well.
            ExpectedOutcome::NoRecording => assert!(skipped.is_some()),
            _ => assert_eq!(skipped, None),
        }
        let raw = found.raw_metadata.unwrap();
        assert!(!raw.contains("X-Amz-"), "{raw}");
    }
    assert_eq!(bench.sandbox.journal().violations(), []);
}

#[tokio::test]
async fn a_recording_tells_its_kind_start_and_participants() {
    let bench = bench().await;
    let source = source_of(&bench);
    let found = source.find(&contact("103")).await.unwrap();
    let recordings = found.recordings.unwrap();
    let (mono, stereo) = (&recordings[0], &recordings[1]);
    assert!(mono.started_at < stereo.started_at);
    let heard: Vec<_> = stereo
        .participants
        .iter()
        .map(|one| (one.channel, one.role))
        .collect();
    assert_eq!(heard, [(Some(0), Role::Agent), (Some(1), Role::Customer)]);
    let opened = source.open(mono).await.unwrap();
    assert_eq!(
        (opened.content_type.as_str(), opened.extension.as_str()),
        ("audio/wav", "wav")
    );
    let opened = source.open(stereo).await.unwrap();
    assert_eq!(
        (opened.content_type.as_str(), opened.extension.as_str()),
        ("audio/mp4", "mp4")
    );
}

#[tokio::test]
async fn a_contact_is_looked_up_by_its_other_id_once_more() {
    for (asked, playback, hierarchy) in [
        // By its master's id at once.
        (child("104", "904"), 1, 0),
        // By its own id, and by the master's that the reporting API knows.
        (contact("104"), 2, 1),
        // By a master that has nothing, and by its own id.
        (child("101", "999"), 2, 0),
    ] {
        let bench = bench().await;
        let found = source_of(&bench).find(&asked).await.unwrap();
        assert_eq!(found.recordings.unwrap().len(), 1, "{asked:?}");
        assert_eq!(bench.count(PLAYBACK), playback, "{asked:?}");
        assert_eq!(bench.count(HIERARCHY), hierarchy, "{asked:?}");
    }
}

#[tokio::test]
async fn a_contact_that_nobody_knows_costs_one_request_of_the_quota() {
    for (asked, hierarchy) in [
        (contact("301"), 1),
        (child("301", "301"), 0),
        (contact("201"), 1),
    ] {
        let bench = bench().await;
        let found = source_of(&bench).find(&asked).await.unwrap();
        assert_eq!(found.recordings, Err(SkipReason::NotFound));
        assert!(found.raw_metadata.unwrap().contains("MCR-404"));
        assert_eq!(
            (bench.count(PLAYBACK), bench.count(HIERARCHY)),
            (1, hierarchy)
        );
    }
}

#[tokio::test]
async fn every_trouble_of_the_playback_service_has_its_meaning() {
    for (fault, kind) in [
        ("cxone.metadata_401_once:times=2", FailureKind::Denied),
        ("cxone.metadata_403", FailureKind::Denied),
        ("cxone.metadata_429", FailureKind::RateLimited),
        ("cxone.metadata_500", FailureKind::Unavailable),
        ("cxone.metadata_503", FailureKind::Unavailable),
        (
            "cxone.metadata_malformed_json",
            FailureKind::CorruptTransfer,
        ),
        ("cxone.metadata_html", FailureKind::CorruptTransfer),
        (
            "cxone.connection_reset:times=always",
            FailureKind::Unavailable,
        ),
    ] {
        let bench = bench().await;
        bench.arm(fault);
        let failure = source_of(&bench).find(&contact("101")).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{fault}");
        assert!(
            failure
                .message
                .starts_with("asking CXone for the recordings"),
            "{failure}"
        );
        assert_discreet(&failure);
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let bench = bench().await;
    bench.arm("cxone.metadata_403");
    let failure = source_of(&bench).find(&contact("101")).await.unwrap_err();
    assert!(
        failure
            .hint
            .unwrap()
            .contains("Play/download recordings: Play Any")
    );
    assert!(failure.message.contains("MCR-403-1"));
}

#[tokio::test]
async fn lists_that_are_null_do_no_harm() {
    let bench = bench().await;
    bench.arm("cxone.metadata_null_lists");
    let found = source_of(&bench).find(&contact("103")).await.unwrap();
    assert_eq!(found.recordings.unwrap().len(), 2);
}

#[tokio::test]
async fn a_429_holds_everybody_for_as_long_as_the_vendor_asks() {
    for (fault, held_s) in [
        ("cxone.metadata_429:retry_after_s=70", 70),
        ("cxone.metadata_503:retry_after_s=5", 5),
        ("cxone.metadata_429", 10),
    ] {
        let bench = bench().await;
        let source = source_of(&bench);
        bench.arm(fault);
        let failure = source.find(&contact("101")).await.unwrap_err();
        let told_s = failure.retry_after.map(|retry_after| retry_after.as_secs());
        assert_eq!(told_s, (held_s != 10).then_some(held_s), "{fault}");
        tokio::time::pause();
        let begin = Instant::now();
        source.client.limit.slot().await.unwrap();
        let waited_s = begin.elapsed().as_secs_f64().round();
        assert!(
            (waited_s - held_s as f64).abs() <= 1.0,
            "{fault}: {waited_s}"
        );
        tokio::time::resume();
    }
}

#[tokio::test]
async fn the_quota_counts_every_question_of_the_playback_service_and_no_other() {
    let bench = bench().await;
    let config = RecordingsConfig {
        requests_per_5_minutes: 3,
        ..config(&bench.sandbox.nice_cxone_url)
    };
    let source = NiceCxoneRecordings::new(config, Arc::new(bench.clock.clone())).unwrap();
    // Two questions of the quota and one of another API.
    source.find(&contact("104")).await.unwrap();
    let third = source.client.limit.slot().now_or_never();
    assert!(third.is_some());
    assert!(source.client.limit.slot().now_or_never().is_none());
}

#[tokio::test]
async fn every_trouble_of_the_media_host_has_its_meaning() {
    for (fault, kind) in [
        ("media.wrong_host", FailureKind::CorruptTransfer),
        ("media.cut_body", FailureKind::CorruptTransfer),
        ("media.cut_chunked", FailureKind::CorruptTransfer),
        ("media.expired_url", FailureKind::CorruptTransfer),
        ("media.403", FailureKind::CorruptTransfer),
        ("media.500", FailureKind::Unavailable),
        (
            "media.503_slow_down:retry_after_s=9",
            FailureKind::Unavailable,
        ),
        ("media.empty_body", FailureKind::CorruptTransfer),
        ("media.redirect_elsewhere", FailureKind::CorruptTransfer),
        (
            "media.connection_reset:times=always",
            FailureKind::Unavailable,
        ),
    ] {
        let bench = bench().await;
        bench.arm(fault);
        let failure = download_failure(&source_of(&bench)).await;
        assert_eq!(failure.kind, kind, "{fault}: {}", failure.chain());
        assert_eq!(failure.retry_after.is_some(), fault.contains("retry_after"));
        assert_eq!(bench.sandbox.journal().violations(), [], "{fault}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_first_byte_is_made_once_more() {
    let bench = bench().await;
    let source = source_of(&bench);
    let found = source.find(&contact("101")).await.unwrap();
    bench.arm("media.connection_reset");
    let opened = source.open(&found.recordings.unwrap()[0]).await.unwrap();
    assert_eq!(
        bytes(opened).await.unwrap().len(),
        300_000 + label_bytes(&bench)
    );
    assert_eq!(bench.sandbox.journal().count(System::Media), 2);
}

/// What the sandbox adds to a copy of a recording, to tell copies apart.
fn label_bytes(bench: &Bench) -> usize {
    let world = bench.sandbox.world();
    world.audio(world.contact("101").unwrap(), 0).unwrap().len() - 300_000
}

#[tokio::test]
async fn a_body_that_breaks_begins_before_it_fails() {
    let bench = bench().await;
    let source = source_of(&bench);
    let found = source.find(&contact("101")).await.unwrap();
    bench.arm("media.cut_body");
    let mut opened = source.open(&found.recordings.unwrap()[0]).await.unwrap();
    assert!(opened.bytes.next().await.unwrap().is_ok());
    let rest: Vec<_> = opened.bytes.collect().await;
    let failures = rest.iter().filter(|chunk| chunk.is_err()).count();
    assert_eq!(failures, 1);
    assert!(rest.last().unwrap().is_err());
    assert_eq!(bench.sandbox.journal().count(System::Media), 1);
}

#[tokio::test]
async fn redirects_are_followed_among_known_hosts_three_times() {
    let stub = Stub::start(|asked, _| match asked.target.as_str() {
        "/0" => reply(200, "content-type: audio/mpeg\r\n", "sound"),
        target => {
            let left: u32 = target[1..].parse().unwrap();
            reply(307, &format!("location: /{}\r\n", left - 1), "")
        }
    })
    .await;
    let source = source(&stub.url);
    let opened = source
        .open(&reference(&format!("{}/3", stub.url)))
        .await
        .unwrap();
    assert_eq!(opened.extension, "mp3");
    assert_eq!(bytes(opened).await.unwrap(), b"sound");
    let too_many = source.open(&reference(&format!("{}/4", stub.url))).await;
    assert_eq!(too_many.err().unwrap().kind, FailureKind::CorruptTransfer);
    let asked = stub.asked("/");
    assert!(
        asked
            .iter()
            .all(|asked| !asked.head.contains("authorization"))
    );
}

#[tokio::test]
async fn what_is_surely_no_recording_is_not_kept_as_one() {
    for answer in [
        reply(200, "content-type: text/html\r\n", "<html>Sign in</html>"),
        reply(206, "content-type: audio/mp4\r\n", "half"),
        reply(204, "", ""),
        reply(302, "", ""),
        "HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nfour".to_owned(),
    ] {
        let stub = Stub::start(move |_, _| answer.clone()).await;
        let failure = match source(&stub.url).open(&reference(&stub.url)).await {
            Ok(opened) => bytes(opened).await.unwrap_err(),
            Err(failure) => failure,
        };
        assert_eq!(failure.kind, FailureKind::CorruptTransfer, "{failure}");
    }
    let stub = Stub::start(|_, _| reply(404, "", "")).await;
    let failure = source(&stub.url)
        .open(&reference(&stub.url))
        .await
        .err()
        .unwrap();
    assert_eq!(failure.kind, FailureKind::Unavailable);
}

async fn find_at(answer: String) -> Outside<Found> {
    let stub = Stub::signing_in(move |_| answer.clone()).await;
    source(&stub.url).find(&child("101", "101")).await
}

#[tokio::test]
async fn answers_of_the_playback_service_that_the_sandbox_does_not_give() {
    let too_large = reply(200, "", &" ".repeat(8 * 1024 * 1024 + 1));
    let failure = find_at(too_large).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    let failure = find_at(reply(400, "", "{}")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    // Taken for the service's word, a wrong address would end every call as not found.
    let failure = find_at(reply(404, "", "<html>")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("api_endpoint"));
    let found = find_at(reply(404, "", "")).await.unwrap();
    assert_eq!(found.recordings, Err(SkipReason::NotFound));
    let redirect = json!({ "redirectUrl": "https://x.amazonaws.com/call.mp4?X-Amz-Signature=s" });
    let found = find_at(reply_json(&redirect)).await.unwrap();
    assert_eq!(found.recordings.unwrap().len(), 1);
}

#[tokio::test]
async fn a_contact_id_cannot_change_the_question() {
    let stub = Stub::signing_in(|_| reply(404, "", "{}")).await;
    let hostile = contact("1&media-type=chat/../é");
    source(&stub.url).find(&hostile).await.unwrap();
    let targets: Vec<String> = stub
        .asked("/media")
        .into_iter()
        .map(|asked| asked.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/media-playback/v1/contacts?acd-call-id=1%26media-type%3Dchat%2F..%2F%C3%A9\
          &media-type=all&exclude-waveforms=true"
        ]
    );
    assert_eq!(
        stub.asked("/incontactapi")[0].target,
        "/incontactapi/services/v34.0/contacts/1&media-type=chat%2F..%2F%C3%A9/hierarchy"
    );
}

#[tokio::test]
async fn trouble_of_the_master_lookup_is_told_only_if_it_may_pass() {
    for (status, kind) in [
        (403, None),
        (400, None),
        // Not a missing permission: the token is refused altogether.
        (401, Some(FailureKind::Denied)),
        (503, Some(FailureKind::Unavailable)),
        (429, Some(FailureKind::RateLimited)),
    ] {
        let stub = Stub::signing_in(move |asked| {
            let is_playback = asked.target.starts_with("/media-playback");
            reply(if is_playback { 404 } else { status }, "", "{}")
        })
        .await;
        let found = source(&stub.url).find(&contact("101")).await;
        let failed = found.as_ref().err().map(|failure| failure.kind);
        assert_eq!(failed, kind, "{status}");
    }
}

#[tokio::test]
async fn a_check_asks_what_fetching_asks() {
    let bench = bench().await;
    let report = source_of(&bench).check().await.unwrap();
    assert_eq!(
        report,
        format!(
            "tenant {}, API {}",
            bench.sandbox.credentials.cxone_tenant_id, bench.sandbox.nice_cxone_url
        )
    );
    assert_eq!(bench.count(PLAYBACK), 1);
    for fault in ["cxone.metadata_403", "cxone.token_invalid_grant"] {
        bench.arm(fault);
        let failure = source_of(&bench).check().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{fault}");
        assert!(failure.hint.is_some(), "{fault}");
    }
}

/// Somewhere nobody listens yet, and a link to a recording there.
fn nobody() -> (TcpSocket, RecordingReference) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let link = format!("http://{}/1.mp4?key=k", socket.local_addr().unwrap());
    (socket, reference(&link))
}

#[tokio::test]
async fn a_link_to_a_host_of_its_own_that_is_out_of_reach_is_that_calls_trouble() {
    let stub = Stub::signing_in(|_| reply(404, "", "{}")).await;
    let source = source(&stub.url);
    let (_socket, dead) = nobody();
    source.open(&dead).await.err().unwrap();
    source.check().await.unwrap_err();
    let works = reference(&format!("{}/2.mp4", stub.url));
    for _ in 0..2 {
        // It is there, though it has no such recording.
        source.open(&works).await.err().unwrap();
        source.check().await.unwrap();
        source.open(&dead).await.err().unwrap();
        source.check().await.unwrap();
    }
}

/// The playback service works, and its links lead to a host that a firewall keeps from us.
#[tokio::test]
async fn a_check_sees_that_the_media_host_is_out_of_reach_until_it_answers() {
    let stub = Stub::signing_in(|_| reply(404, "", "{}")).await;
    let source = source(&stub.url);
    source.check().await.unwrap();
    let (socket, dead) = nobody();
    let failure = source.open(&dead).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let failure = source.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.to_string().contains("127.0.0.1"), "{failure}");
    assert!(failure.hint.unwrap().contains("firewall"));
    // That cost nothing of the quota.
    assert_eq!(stub.asked(PLAYBACK).len(), 1);
    let media = Stub::listening(socket.listen(8).unwrap(), |_, _| reply(403, "", ""));
    source.check().await.unwrap();
    source.check().await.unwrap();
    let asked = media.asked("/");
    assert_eq!(asked.len(), 1, "it has answered");
    assert_eq!(asked[0].target, "/");
    assert_eq!(stub.asked(PLAYBACK).len(), 3);
}
