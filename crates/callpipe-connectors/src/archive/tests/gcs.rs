//! What is only so in Cloud Storage: checksums, media types, refusals, requests that cost money.

use callpipe_sandbox::{Sandbox, System};

use super::bench::{clock, config, sandbox};
use super::*;
use crate::google::{GoogleConfig, Identity};
use crate::secret::Secret;

struct Bench {
    sandbox: Sandbox,
    archive: Archive,
}

async fn bench() -> Bench {
    let sandbox = sandbox().await;
    Bench {
        archive: Archive::gcs(&config(&sandbox), &Identity::anonymous(), clock()).unwrap(),
        sandbox,
    }
}

impl Bench {
    fn arm(&self, fault: &str) {
        self.sandbox.faults().arm_text(fault).unwrap();
    }

    async fn put(&self) -> Outside<StoredAudio> {
        self.archive
            .put_recording(&audio_key(), audio(vec![b"RIFF"]))
            .await
    }
}

#[tokio::test]
async fn what_was_damaged_on_the_way_has_no_name() {
    let bench = bench().await;
    for fault in ["storage.damaged_upload", "storage.corrupted"] {
        // Beginning a large upload stores nothing that could be damaged.
        for (recording, after) in [(audio(vec![b"RIFF"]), 0), (megabytes(9), 1)] {
            bench.arm(&format!("{fault}:after={after}"));
            let failure = bench
                .archive
                .put_recording(&audio_key(), recording)
                .await
                .unwrap_err();
            assert_eq!(
                failure.kind,
                FailureKind::CorruptTransfer,
                "{}",
                failure.told()
            );
            assert_eq!(bench.sandbox.stored(), (vec![], 0));
        }
        // Damage on the way is found out before anything is stored.
        let removed = bench
            .sandbox
            .journal()
            .count_route(System::Storage, "DELETE object");
        assert_eq!(removed, usize::from(fault == "storage.corrupted"));
    }
    bench.put().await.unwrap();
}

#[tokio::test]
async fn players_are_told_what_they_get() {
    let bench = bench().await;
    bench.put().await.unwrap();
    bench
        .archive
        .put_reply(&reply_key(), kept(b"{}"))
        .await
        .unwrap();
    let transcript = ArchiveKey::transcript(&id("7"));
    let large = ArchiveKey::recording(&id("8"), "voice-only", 1, "wav");
    bench
        .archive
        .put_recording(&large, megabytes(9))
        .await
        .unwrap();
    let empty = Transcript::default();
    bench
        .archive
        .put_transcript(&transcript, &empty)
        .await
        .unwrap();
    for (key, media_type) in [
        (audio_key(), "video/mp4"),
        (large, "audio/wav"),
        (reply_key(), "application/gzip"),
        (transcript, "application/json"),
    ] {
        let (stored, _) = bench.sandbox.stored_object(key.as_str()).unwrap();
        assert_eq!(stored, media_type);
    }
}

#[tokio::test]
async fn a_recording_costs_one_request() {
    let bench = bench().await;
    // The first request to this machine asks which emulator is there.
    assert_eq!(bench.archive.reply(&reply_key()).await.unwrap(), None);
    bench.sandbox.journal().clear();
    bench.put().await.unwrap();
    let routes = bench.sandbox.journal().entries();
    let routes: Vec<&str> = routes.iter().map(|entry| entry.route).collect();
    assert_eq!(routes, ["PUT object"]);
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_lasts_is_the_moments() {
    let bench = bench().await;
    bench.arm("storage.503:times=2");
    bench.put().await.unwrap();
    bench.arm("storage.connection_reset");
    assert!(
        bench
            .archive
            .recording(&audio_key())
            .await
            .unwrap()
            .is_some()
    );
    for fault in [
        "storage.503:times=always",
        "storage.429:times=always,retry_after_s=7",
    ] {
        bench.arm(fault);
        let failure = bench.archive.list_names("leases").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{}", failure.told());
        bench.sandbox.faults().disarm_all();
    }
    let failure = {
        bench.arm("storage.429:times=always,retry_after_s=7");
        bench.archive.reply(&reply_key()).await.unwrap_err()
    };
    assert_eq!(failure.retry_after.unwrap().as_secs(), 7);
    assert!(failure.message.ends_with("HTTP 429 SlowDown"), "{failure}");
}

#[tokio::test]
async fn a_recording_whose_answer_was_lost_is_stored_once() {
    let bench = bench().await;
    bench.arm("storage.503_stored");
    let stored = bench.put().await.unwrap();
    assert_eq!(stored.key, audio_key());
    assert_eq!(bench.sandbox.stored().0, [audio_key().to_string()]);
    assert_eq!(bench.sandbox.faults().armed()[0].1, 1);
}

#[tokio::test]
async fn nobody_there_is_the_moments() {
    let bench = bench().await;
    let archive = bench.archive.clone();
    bench.sandbox.stop().await;
    let failure = archive.reply(&reply_key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.ends_with("no connection"), "{failure}");
}

#[tokio::test]
async fn who_is_refused_is_told_which_role_is_needed() {
    let bench = bench().await;
    bench.arm("storage.403:times=always");
    let refused = [
        bench.put().await.unwrap_err(),
        bench.archive.reply(&reply_key()).await.unwrap_err(),
        bench.archive.list_names("leases").await.unwrap_err(),
        bench.archive.check().await.unwrap_err(),
    ];
    bench.sandbox.faults().disarm_all();
    let wrong = GoogleConfig {
        access_token: Some(Secret::new("wrong-token")),
        ..GoogleConfig::default()
    };
    let identity = Identity::new(&wrong).unwrap();
    let archive = Archive::gcs(&config(&bench.sandbox), &identity, clock()).unwrap();
    let unknown = archive.check().await.unwrap_err();
    for failure in refused.into_iter().chain([unknown]) {
        assert_eq!(failure.kind, FailureKind::Denied, "{}", failure.told());
        assert!(
            failure
                .hint
                .as_ref()
                .unwrap()
                .contains("roles/storage.objectUser")
        );
        assert!(!failure.told().contains("wrong-token"));
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_no_empty_archive() {
    let sandbox = sandbox().await;
    let config = GcsConfig {
        bucket: Some("elsewhere".into()),
        ..config(&sandbox)
    };
    let archive = Archive::gcs(&config, &Identity::anonymous(), clock()).unwrap();
    for failure in [
        archive.reply(&reply_key()).await.unwrap_err(),
        archive.list_names("leases").await.unwrap_err(),
        archive.check().await.unwrap_err(),
    ] {
        assert_eq!(failure.kind, FailureKind::StoreFailed, "{}", failure.told());
        assert!(failure.hint.as_ref().unwrap().contains("buckets create"));
    }
}

#[tokio::test]
async fn failures_of_the_credentials_come_through() {
    let sandbox = sandbox().await;
    let nobody = GoogleConfig {
        metadata_host: Some("127.0.0.1:1".into()),
        ..GoogleConfig::default()
    };
    let identity = Identity::new(&nobody).unwrap();
    let archive = Archive::gcs(&config(&sandbox), &identity, clock()).unwrap();
    let failure = archive.reply(&reply_key()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.hint.unwrap().contains("GCE_METADATA_HOST"));
    assert_eq!(sandbox.journal().count(System::Storage), 0);
}

#[test]
fn settings_are_checked() {
    let parsed = |text: &str| serde_json::from_str::<GcsConfig>(text);
    let host = parsed(r#"{"endpoint":"127.0.0.1:4443"}"#).unwrap();
    assert_eq!(host.endpoint.to_string(), "http://127.0.0.1:4443");
    for wrong in [
        r#"{"endpoint":"storage.example.com:80"}"#,
        r#"{"endpoint":"http://storage.example.com"}"#,
        r#"{"buckets":"x"}"#,
    ] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    for wrong in [
        r#"{}"#,
        r#"{"bucket":" "}"#,
        r#"{"bucket":"b","prefix":"a/../b"}"#,
    ] {
        let config = parsed(wrong).unwrap();
        let failure = Archive::gcs(&config, &Identity::anonymous(), clock()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{wrong}");
        assert!(failure.hint.is_some());
    }
    let config = parsed(r#"{"bucket":"b","prefix":"/x/y/"}"#).unwrap();
    let archive = Archive::gcs(&config, &Identity::anonymous(), clock()).unwrap();
    assert_eq!(archive.base_uri(), "gs://b/x/y");
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_a_store_says_how_to_have_it() {
    let failure = Archive::s3(&S3Config::default()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert_eq!(
        failure.hint.as_deref(),
        Some("build it with `--features aws`")
    );
}

#[tokio::test]
async fn what_a_killed_worker_left_is_swept() {
    let bench = bench().await;
    let archive = &bench.archive;
    for name in ["staging/fetch/a.wav", "staging/fetch-2-of-4/b.wav"] {
        let path = ObjectPath::from(name);
        archive.store.put(&path, "half".into()).await.unwrap();
    }
    let swept = archive.sweep(|worker| worker == "fetch").await.unwrap();
    assert_eq!(swept, 1);
    let left = archive.list_names("staging").await.unwrap();
    assert_eq!(left, ["staging/fetch-2-of-4/b.wav"]);
}

/// A check that a run breaks off, or that is killed, leaves what the next run sweeps.
#[tokio::test]
async fn what_a_check_left_is_swept() {
    let bench = bench().await;
    let archive = bench.archive.for_worker("fetch").unwrap();
    // Its first three requests write, read and list.
    bench.arm("storage.403:after=3");
    archive.check().await.unwrap_err();
    assert_eq!(archive.list_names("").await.unwrap().len(), 1);
    let swept = archive.sweep(|worker| worker == "fetch").await.unwrap();
    assert_eq!(swept, 1);
}
