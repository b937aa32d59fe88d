//! What the archive promises, on every store: a directory, memory, the sandbox's Cloud Storage, and
//! an emulator of Cloud Storage if `CALLPIPE_TEST_STORAGE_EMULATOR` says where one is.

mod bench;
mod directory;
mod gcs;
mod links;
mod ranges;

use callpipe_core::call::ContactId;
use callpipe_core::recording::{Fingerprint, Sha256Hex};
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use futures::{StreamExt, TryStreamExt, stream};

use super::*;
use bench::benches;

fn id(text: &str) -> ContactId {
    ContactId::parse(text).unwrap()
}

fn audio_key() -> ArchiveKey {
    ArchiveKey::recording(&id("700123"), "voice-only", 1, "mp4")
}

fn reply_key() -> ArchiveKey {
    ArchiveKey::reply("deepgram", &Fingerprint::of(&["a"]), 1)
}

/// A reply that was bought for call 700123.
fn kept(bytes: &'static [u8]) -> KeptReply {
    KeptReply {
        bytes: bytes.into(),
        bought_for: Some(id("700123")),
        note: Some("a note".into()),
    }
}

fn audio(chunks: Vec<&'static [u8]>) -> AudioStream {
    stream::iter(chunks).map(|chunk| Ok(chunk.into())).boxed()
}

/// `count` chunks of a megabyte, each of other bytes. It panics if it is asked after its end, as
/// the streams of real connectors do.
fn megabytes(count: u8) -> AudioStream {
    stream::unfold(0, move |number| async move {
        (number < count).then(|| (Ok(vec![number; 1 << 20].into()), number + 1))
    })
    .boxed()
}

/// A stream that breaks after what `before` gives.
fn broken(before: AudioStream) -> AudioStream {
    let failure = Failure::new(FailureKind::Unavailable, "the connection broke");
    before.chain(stream::iter([Err(failure)])).boxed()
}

async fn bytes_of(archive: &Archive, key: &ArchiveKey) -> Vec<u8> {
    let (size_bytes, bytes) = archive.read_recording(key).await.unwrap();
    let bytes = bytes.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(size_bytes, bytes.len() as u64);
    bytes
}

#[tokio::test]
async fn a_recording_is_kept_with_hash_and_size() {
    for bench in benches().await {
        let archive = &bench.archive;
        assert_eq!(archive.recording(&audio_key()).await.unwrap(), None);
        let stored = archive
            .put_recording(&audio_key(), audio(vec![b"RI", b"FF"]))
            .await
            .unwrap();
        assert_eq!(stored.key, audio_key());
        assert_eq!(stored.sha256, Sha256Hex::of(b"RIFF"));
        assert_eq!(stored.size_bytes, 4);
        assert_eq!(bytes_of(archive, &audio_key()).await, b"RIFF");
        assert_eq!(archive.recording(&audio_key()).await.unwrap(), Some(stored));
        assert_eq!(archive.link(&audio_key()).await, None);
    }
}

#[tokio::test]
async fn hostile_ids_stay_inside() {
    let hostile = [
        "../../escaped",
        "/etc/passwd",
        "..",
        "a\\..\\b",
        "x#1",
        "%2e%2e/",
        "née 🦀'; --",
        "=2F",
        "a&b<c>?d=e",
    ];
    for bench in benches().await {
        let archive = &bench.archive;
        for text in hostile {
            let key = ArchiveKey::recording(&id(text), text, 1, text);
            let bytes = stream::iter([Ok(text.as_bytes().to_vec().into())]).boxed();
            archive.put_recording(&key, bytes).await.unwrap();
            assert_eq!(bytes_of(archive, &key).await, text.as_bytes());
            let key = ArchiveKey::reply(text, &Fingerprint::of(&[text]), 1);
            archive.put_reply(&key, kept(b"{}")).await.unwrap();
        }
        let names = archive.list_names("recordings").await.unwrap();
        assert_eq!(names.len(), hostile.len(), "{names:?}");
        assert_eq!(bench.names().await.len(), 2 * hostile.len());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_nothing_behind() {
    for bench in benches().await {
        let nothing: AudioStream = stream::empty().boxed();
        for before in [nothing, audio(vec![b"RIFF"]), megabytes(20)] {
            let failure = bench
                .archive
                .put_recording(&audio_key(), broken(before))
                .await
                .unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unavailable);
            assert_eq!(failure.chain(), "the connection broke");
            assert_eq!(bench.names().await, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn nothing_is_not_a_recording() {
    for bench in benches().await {
        for empty in [audio(vec![]), audio(vec![b"", b""])] {
            let failure = bench
                .archive
                .put_recording(&audio_key(), empty)
                .await
                .unwrap_err();
            assert_eq!(failure.kind, FailureKind::CorruptTransfer);
        }
        assert_eq!(bench.names().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_large_recording_is_whole_and_leaves_no_staged_object() {
    for bench in benches().await {
        let archive = &bench.archive;
        let stored = archive
            .put_recording(&audio_key(), megabytes(19))
            .await
            .unwrap();
        assert_eq!(stored.size_bytes, 19 << 20);
        let again = archive
            .put_recording(&audio_key(), megabytes(19))
            .await
            .unwrap();
        assert_eq!(again, stored);
        assert_eq!(bench.names().await, ["recordings/700123_voice-only.mp4"]);
        assert_eq!(archive.recording(&audio_key()).await.unwrap(), Some(stored));
    }
}

#[tokio::test]
async fn two_recordings_never_share_a_name() {
    for bench in benches().await {
        let archive = &bench.archive;
        let put = |content: &'static [u8]| async move {
            archive
                .put_recording(&audio_key(), audio(vec![content]))
                .await
                .unwrap()
        };
        let first = put(b"first").await;
        let second = put(b"second").await;
        assert_eq!(first.key, audio_key());
        assert_ne!(second.key, audio_key());
        assert_eq!(bytes_of(archive, &first.key).await, b"first");
        assert_eq!(bytes_of(archive, &second.key).await, b"second");
        // Whoever comes again gets the same answer.
        assert_eq!(put(b"second").await, second);
        assert_eq!(put(b"first").await, first);
        let large = archive
            .put_recording(&audio_key(), megabytes(9))
            .await
            .unwrap();
        assert_eq!(bytes_of(archive, &large.key).await.len(), 9 << 20);
        assert_eq!(bytes_of(archive, &first.key).await, b"first");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_one_creates_and_both_succeed() {
    for bench in benches().await {
        let archive = &bench.archive;
        for number in 1..=20 {
            let key = ArchiveKey::recording(&id("7"), "voice", number, "mp4");
            let (left, right) = tokio::join!(
                archive.put_recording(&key, audio(vec![b"same"])),
                archive.put_recording(&key, audio(vec![b"same"])),
            );
            assert_eq!(left.unwrap(), right.unwrap());
            let lease = ArchiveKey::lease("fetch", number as u64);
            let (left, right) =
                tokio::join!(archive.create(&lease, b"l"), archive.create(&lease, b"r"));
            assert!(left.unwrap() ^ right.unwrap());
        }
        assert_eq!(bench.names().await.len(), 40);
    }
}

#[tokio::test]
async fn a_missing_recording_concerns_its_call_alone() {
    for bench in benches().await {
        let failure = bench
            .archive
            .read_recording(&audio_key())
            .await
            .map(|(size_bytes, _)| size_bytes)
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert!(failure.hint.is_some());
    }
}

#[tokio::test]
async fn a_reply_is_kept_zipped_and_found_again() {
    for bench in benches().await {
        let archive = &bench.archive;
        assert_eq!(archive.reply(&reply_key()).await.unwrap(), None);
        archive
            .put_reply(&reply_key(), kept(b"{\"a\":1}"))
            .await
            .unwrap();
        archive
            .put_reply(&reply_key(), kept(b"{\"a\":1}"))
            .await
            .unwrap();
        let reply = archive.reply(&reply_key()).await.unwrap().unwrap();
        assert_eq!(reply, kept(b"{\"a\":1}"));
        let stored = archive.read(&reply_key()).await.unwrap().unwrap();
        assert_eq!(stored[..2], [0x1f, 0x8b]);
    }
}

#[tokio::test]
async fn another_workers_reply_stays() {
    for bench in benches().await {
        let archive = &bench.archive;
        archive
            .put_reply(&reply_key(), kept(b"theirs"))
            .await
            .unwrap();
        let stays = archive.put_reply(&reply_key(), kept(b"ours")).await;
        assert_eq!(stays.unwrap(), kept(b"theirs"));
        assert_eq!(
            archive.reply(&reply_key()).await.unwrap().unwrap().bytes,
            "theirs"
        );
    }
}

#[tokio::test]
async fn a_damaged_reply_is_none_and_is_replaced() {
    for bench in benches().await {
        let archive = &bench.archive;
        archive
            .put_reply(&reply_key(), kept(&[7; 5000]))
            .await
            .unwrap();
        let whole = archive.read(&reply_key()).await.unwrap().unwrap();
        let mut flipped = whole.to_vec();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xff;
        for damaged in [&whole[..whole.len() - 5], &flipped, b"", b"{}"] {
            archive.overwrite(&reply_key(), damaged).await.unwrap();
            assert_eq!(archive.reply(&reply_key()).await.unwrap(), None);
            archive
                .put_reply(&reply_key(), kept(b"bought again"))
                .await
                .unwrap();
            assert_eq!(
                archive.reply(&reply_key()).await.unwrap().unwrap().bytes,
                "bought again"
            );
        }
    }
}

#[tokio::test]
async fn a_transcript_is_replaced_and_a_damaged_one_is_none() {
    for bench in benches().await {
        let archive = &bench.archive;
        let key = ArchiveKey::transcript(&id("7"));
        let part = RecordingTranscript {
            recording: audio_key(),
            duration_s: 12.5,
            channels: 2,
            language: Some("en".into()),
            turns: vec![],
        };
        let longer = Transcript {
            recordings: vec![part],
        };
        assert_eq!(archive.transcript(&key).await.unwrap(), None);
        for transcript in [Transcript::default(), longer.clone()] {
            archive.put_transcript(&key, &transcript).await.unwrap();
            assert_eq!(archive.transcript(&key).await.unwrap(), Some(transcript));
        }
        archive.overwrite(&key, b"{\"recordings\":").await.unwrap();
        assert_eq!(archive.transcript(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn leases_are_created_once_listed_in_order_and_removed() {
    for bench in benches().await {
        let archive = &bench.archive;
        let key = |number| ArchiveKey::lease("fetch", number);
        assert_eq!(
            archive.list_names("leases/fetch").await.unwrap(),
            Vec::<String>::new()
        );
        for number in [10, 9, 11] {
            assert!(archive.create(&key(number), b"me").await.unwrap());
        }
        assert!(!archive.create(&key(9), b"you").await.unwrap());
        archive
            .create(&ArchiveKey::lease("fetching", 1), b"")
            .await
            .unwrap();
        assert_eq!(archive.read(&key(9)).await.unwrap().unwrap(), "me");
        archive.overwrite(&key(9), b"still me").await.unwrap();
        assert_eq!(archive.read(&key(9)).await.unwrap().unwrap(), "still me");
        archive.delete(&key(10)).await.unwrap();
        archive.delete(&key(10)).await.unwrap();
        assert_eq!(archive.read(&key(10)).await.unwrap(), None);
        let names = archive.list_names("leases/fetch").await.unwrap();
        assert_eq!(names, [key(9).to_string(), key(11).to_string()]);
    }
}

#[tokio::test]
async fn a_check_leaves_nothing_and_names_the_place() {
    for bench in benches().await {
        let report = bench.archive.check().await.unwrap();
        assert!(report.contains(&bench.archive.describe()), "{report}");
        assert_eq!(bench.names().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_address_is_the_base_and_the_key() {
    for bench in benches().await {
        let location = bench.archive.location(&audio_key());
        let expected = format!("{}/{}", bench.archive.base_uri(), audio_key());
        assert_eq!(location, expected);
    }
    assert_eq!(
        Archive::memory().location(&audio_key()),
        "memory:///recordings/700123_voice-only.mp4"
    );
}
