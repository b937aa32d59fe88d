//! What the archive promises, on a real directory and in memory.

use std::fs;
use std::path::{Path, PathBuf};

use callpipe_core::call::ContactId;
use callpipe_core::recording::{Fingerprint, Sha256Hex};
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use futures::{StreamExt, TryStreamExt, stream};

use super::*;

fn id(text: &str) -> ContactId {
    ContactId::parse(text).unwrap()
}

fn audio_key() -> ArchiveKey {
    ArchiveKey::recording(&id("700123"), "voice-only", 1, "mp4")
}

fn reply_key() -> ArchiveKey {
    ArchiveKey::reply("deepgram", &Fingerprint::of(&["a"]), 1)
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

/// Every file below a directory, staged ones too.
fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn on_disk() -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::directory(&directory.path().join("archive")).unwrap();
    (directory, archive)
}

#[tokio::test]
async fn a_recording_is_kept_with_hash_and_size() {
    let (_directory, on_disk) = on_disk();
    for archive in [on_disk, Archive::memory()] {
        assert_eq!(archive.recording(&audio_key()).await.unwrap(), None);
        let stored = archive
            .put_recording(&audio_key(), audio(vec![b"RI", b"FF"]))
            .await
            .unwrap();
        assert_eq!(stored.key, audio_key());
        assert_eq!(stored.sha256, Sha256Hex::of(b"RIFF"));
        assert_eq!(stored.size_bytes, 4);
        assert_eq!(bytes_of(&archive, &audio_key()).await, b"RIFF");
        assert_eq!(archive.recording(&audio_key()).await.unwrap(), Some(stored));
        assert_eq!(archive.link(&audio_key()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn hostile_ids_stay_inside() {
    let (directory, archive) = on_disk();
    let hostile = [
        "../../escaped",
        "/etc/passwd",
        "..",
        "a\\..\\b",
        "x#1",
        "%2e%2e/",
        "née 🦀'; --",
        "=2F",
    ];
    for text in hostile {
        let key = ArchiveKey::recording(&id(text), text, 1, text);
        let bytes = stream::iter([Ok(text.as_bytes().to_vec().into())]).boxed();
        archive.put_recording(&key, bytes).await.unwrap();
        assert_eq!(bytes_of(&archive, &key).await, text.as_bytes());
        archive
            .put_reply(
                &ArchiveKey::reply(text, &Fingerprint::of(&[text]), 1),
                b"{}",
            )
            .await
            .unwrap();
    }
    let recordings = directory.path().join("archive/recordings");
    assert_eq!(files(&recordings).len(), hostile.len());
    assert_eq!(files(directory.path()).len(), 2 * hostile.len());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_nothing_behind() {
    let (directory, archive) = on_disk();
    let nothing: AudioStream = stream::empty().boxed();
    for before in [nothing, audio(vec![b"RIFF"]), megabytes(20)] {
        let failure = archive
            .put_recording(&audio_key(), broken(before))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(failure.chain(), "the connection broke");
        assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn nothing_is_not_a_recording() {
    let (directory, archive) = on_disk();
    for empty in [audio(vec![]), audio(vec![b"", b""])] {
        let failure = archive
            .put_recording(&audio_key(), empty)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptTransfer);
    }
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_large_recording_is_whole_and_leaves_no_staged_object() {
    let (directory, archive) = on_disk();
    let stored = archive
        .put_recording(&audio_key(), megabytes(33))
        .await
        .unwrap();
    assert_eq!(stored.size_bytes, 33 << 20);
    let again = archive
        .put_recording(&audio_key(), megabytes(33))
        .await
        .unwrap();
    assert_eq!(again, stored);
    let expected = directory
        .path()
        .join("archive/recordings/700123_voice-only.mp4");
    assert_eq!(files(directory.path()), vec![expected]);
    assert_eq!(archive.recording(&audio_key()).await.unwrap(), Some(stored));
}

#[tokio::test]
async fn no_more_than_a_part_waits_in_memory() {
    let (directory, archive) = on_disk();
    let root = directory.path().to_owned();
    // While chunk N is asked for, all but the last part before it must be on the disk.
    let watched = stream::iter(0..40_u8)
        .map(move |number| {
            let written: u64 = files(&root)
                .iter()
                .map(|path| path.metadata().unwrap().len())
                .sum();
            let given = u64::from(number) << 20;
            assert!(
                given - written <= 8 << 20,
                "{given} given, {written} written"
            );
            Ok(vec![number; 1 << 20].into())
        })
        .boxed();
    archive.put_recording(&audio_key(), watched).await.unwrap();
}

#[tokio::test]
async fn two_recordings_never_share_a_name() {
    let (_directory, on_disk) = on_disk();
    for archive in [on_disk, Archive::memory()] {
        let put = |content: &'static [u8]| {
            let archive = archive.clone();
            async move {
                archive
                    .put_recording(&audio_key(), audio(vec![content]))
                    .await
                    .unwrap()
            }
        };
        let first = put(b"first").await;
        let second = put(b"second").await;
        assert_eq!(first.key, audio_key());
        assert_ne!(second.key, audio_key());
        assert_eq!(bytes_of(&archive, &first.key).await, b"first");
        assert_eq!(bytes_of(&archive, &second.key).await, b"second");
        // Whoever comes again gets the same answer.
        assert_eq!(put(b"second").await, second);
        assert_eq!(put(b"first").await, first);
        let large = archive
            .put_recording(&audio_key(), megabytes(9))
            .await
            .unwrap();
        assert_eq!(bytes_of(&archive, &large.key).await.len(), 9 << 20);
        assert_eq!(bytes_of(&archive, &first.key).await, b"first");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_one_creates_and_both_succeed() {
    let (directory, archive) = on_disk();
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
    assert_eq!(files(directory.path()).len(), 40);
}

#[tokio::test]
async fn a_missing_recording_concerns_its_call_alone() {
    let failure = Archive::memory()
        .read_recording(&audio_key())
        .await
        .map(|(size_bytes, _)| size_bytes)
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.hint.is_some());
}

#[tokio::test]
async fn a_recording_that_is_cut_while_it_is_read_is_no_endless_stream() {
    let (directory, archive) = on_disk();
    archive
        .put_recording(&audio_key(), megabytes(2))
        .await
        .unwrap();
    let (_, bytes) = archive.read_recording(&audio_key()).await.unwrap();
    let path = directory
        .path()
        .join("archive/recordings/700123_voice-only.mp4");
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let failure = bytes.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CorruptTransfer);
}

#[tokio::test]
async fn a_reply_is_kept_zipped_and_found_again() {
    let (directory, archive) = on_disk();
    assert_eq!(archive.reply(&reply_key()).await.unwrap(), None);
    archive.put_reply(&reply_key(), b"{\"a\":1}").await.unwrap();
    archive.put_reply(&reply_key(), b"{\"a\":1}").await.unwrap();
    let reply = archive.reply(&reply_key()).await.unwrap().unwrap();
    assert_eq!(reply, b"{\"a\":1}".as_slice());
    let stored = fs::read(&files(directory.path())[0]).unwrap();
    assert_eq!(stored[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn another_workers_reply_stays() {
    let archive = Archive::memory();
    archive.put_reply(&reply_key(), b"theirs").await.unwrap();
    let failure = archive.put_reply(&reply_key(), b"ours").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(
        archive.reply(&reply_key()).await.unwrap().unwrap(),
        "theirs"
    );
}

#[tokio::test]
async fn a_damaged_reply_is_none_and_is_replaced() {
    let archive = Archive::memory();
    archive.put_reply(&reply_key(), &[7; 5000]).await.unwrap();
    let whole = archive.read(&reply_key()).await.unwrap().unwrap();
    let mut flipped = whole.to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    for damaged in [&whole[..whole.len() - 5], &flipped, b"", b"{}"] {
        archive.overwrite(&reply_key(), damaged).await.unwrap();
        assert_eq!(archive.reply(&reply_key()).await.unwrap(), None);
        archive
            .put_reply(&reply_key(), b"bought again")
            .await
            .unwrap();
        assert_eq!(
            archive.reply(&reply_key()).await.unwrap().unwrap(),
            "bought again"
        );
    }
}

#[tokio::test]
async fn a_transcript_is_replaced_and_a_damaged_one_is_none() {
    let archive = Archive::memory();
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
    for transcript in [Transcript::default(), longer] {
        archive.put_transcript(&key, &transcript).await.unwrap();
        assert_eq!(archive.transcript(&key).await.unwrap(), Some(transcript));
    }
    archive.overwrite(&key, b"{\"recordings\":").await.unwrap();
    assert_eq!(archive.transcript(&key).await.unwrap(), None);
}

#[tokio::test]
async fn leases_are_created_once_listed_in_order_and_removed() {
    let (_directory, on_disk) = on_disk();
    for archive in [on_disk, Archive::memory()] {
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
    let (directory, archive) = on_disk();
    let report = archive.check().await.unwrap();
    assert!(report.contains(&archive.describe()), "{report}");
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
    Archive::memory().check().await.unwrap();
}

#[tokio::test]
async fn addresses_are_those_of_the_files() {
    let (directory, archive) = on_disk();
    let location = archive.location(&audio_key());
    assert_eq!(location, format!("{}/{}", archive.base_uri(), audio_key()));
    archive
        .put_recording(&audio_key(), audio(vec![b"x"]))
        .await
        .unwrap();
    let path = Url::parse(&location).unwrap().to_file_path().unwrap();
    assert_eq!(
        fs::canonicalize(path).unwrap(),
        fs::canonicalize(&files(directory.path())[0]).unwrap()
    );
    assert_eq!(
        Archive::memory().location(&audio_key()),
        "memory:///recordings/700123_voice-only.mp4"
    );
}

#[tokio::test]
async fn a_file_where_a_directory_should_be_is_told_with_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let failure = Archive::directory(&path).unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(failure.message.contains("file"), "{}", failure.message);
        assert!(failure.hint.is_some());
    }
    let archive = Archive::directory(directory.path()).unwrap();
    fs::write(directory.path().join("recordings"), "").unwrap();
    for bytes in [audio(vec![b"x"]), megabytes(9)] {
        let failure = archive
            .put_recording(&audio_key(), bytes)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(
            failure.chain().starts_with("storing recordings/"),
            "{}",
            failure.chain()
        );
        assert!(failure.hint.is_some(), "{}", failure.chain());
    }
    assert_eq!(files(directory.path()).len(), 2);
}

#[test]
fn a_full_disk_is_named() {
    let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(error),
    };
    let failure = failures::from_store(&error, "storing recordings/7.mp4");
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.hint.unwrap().contains("full"));
}
