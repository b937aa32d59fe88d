//! The suite of the contract, and files of every kind.

use std::time::Duration;

use bytes::Bytes;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::conformance;
use serde_json::json;

use super::*;
use crate::folder::testing::{Bench, fixture, wav};

fn contact(id: &str) -> Contact {
    Contact::new(ContactId::parse(id).unwrap(), None)
}

fn named(id: &str, file: &str) -> Contact {
    let mut contact = contact(id);
    contact.metadata.insert("File Name".into(), json!(file));
    contact
}

/// A call as the folder's own list has it.
fn listed(id: &str, file: &str) -> Contact {
    let mut contact = contact(id);
    let recordings = json!([{ "file": file }]);
    contact.metadata.insert("recordings".into(), recordings);
    contact
}

async fn references(source: &FolderRecordings, contact: &Contact) -> Vec<RecordingReference> {
    source.find(contact).await.unwrap().recordings.unwrap()
}

async fn opened(source: &FolderRecordings, path: &str) -> Outside<(String, String, Vec<u8>)> {
    let reference = RecordingReference {
        locator: Locator(path.into()),
        media_type: MEDIA_TYPE.into(),
        started_at: None,
        participants: Vec::new(),
    };
    let open = source.open(&reference).await?;
    let bytes: Vec<Bytes> = open.bytes.try_collect().await?;
    Ok((open.content_type, open.extension, bytes.concat()))
}

#[tokio::test]
async fn the_suite() {
    let bench = Bench::with(&[("1_b.wav", &wav()), ("1_a.wav", &fixture("speech.mp3"))]);
    let source = FolderRecordings::new(bench.folder(|config| {
        config.pattern = Some("{id}_{part}".into());
    }));
    conformance::recording_source::recording_source(&source, &contact("1"), &contact("2")).await;
    let listing = bench.folder(|config| config.pattern = Some("{id}_{part}".into()));
    let listed = listing.look().await.unwrap();
    let call = listed.calls.values().next().unwrap();
    conformance::recording_source::recording_source(&source, call, &contact("2")).await;
    assert_eq!(references(&source, call).await.len(), 2);
}

#[tokio::test]
async fn files_are_taken_for_what_they_are_and_not_for_what_they_are_called() {
    let bench = Bench::with(&[
        ("1.wav", &fixture("speech.mp3")),
        ("2.mp3", &fixture("gsm610.wav")),
        ("3", &fixture("speech.opus")),
        ("4.GSM", &fixture("raw.gsm")),
        ("5.wav", b"<html>Sign in</html>"),
        ("6.wav", b""),
        ("7.wav", &[0; 100]),
    ]);
    let source = FolderRecordings::new(bench.folder(|_| {}));
    for (path, content_type, extension) in [
        ("1.wav", "audio/mpeg", "mp3"),
        ("2.mp3", "audio/wav", "wav"),
        ("3", "audio/ogg", "ogg"),
        ("4.GSM", "application/octet-stream", "gsm"),
    ] {
        let (told_type, told_extension, bytes) = opened(&source, path).await.unwrap();
        assert_eq!(
            (told_type.as_str(), told_extension.as_str()),
            (content_type, extension)
        );
        assert_eq!(bytes, std::fs::read(bench.root().join(path)).unwrap());
    }
    for (path, problem) in [
        ("5.wav", "it is no audio but a web page"),
        ("6.wav", "it is empty"),
        ("7.wav", "nothing but zero bytes"),
        ("8.wav", "not in the folder any more"),
        ("../calls/1.wav", "leads outside"),
    ] {
        let failure = opened(&source, path).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected, "{path}");
        assert!(
            failure.message.contains(problem),
            "{path}: {}",
            failure.told()
        );
    }
    let report = source.check().await.unwrap();
    for part in [
        "7 recordings",
        "1 MP3",
        "1 Ogg with Opus",
        "1 WAV with GSM 6.10",
        "1 it is empty",
        "`1.wav` is call 1, no start",
    ] {
        assert!(report.contains(part), "{part} is missing in {report}");
    }
}

#[tokio::test]
async fn a_list_of_another_names_files() {
    let bench = Bench::with(&[("2026/a.wav", &wav()), ("42.wav", &wav())]);
    let source = FolderRecordings::new(bench.folder(|_| {}));
    let found = references(&source, &named("700", "a.wav")).await;
    assert_eq!(found[0].locator, Locator("2026/a.wav".into()));
    let found = references(&source, &contact("42")).await;
    assert_eq!(found[0].locator, Locator("42.wav".into()));
    let unknown = source.find(&named("42", "no.wav")).await.unwrap();
    assert_eq!(unknown.recordings, Err(SkipReason::NotFound));
    let mut hostile = contact("1");
    let stolen = json!([{ "file": "../../etc/passwd" }]);
    hostile.metadata.insert("recordings".into(), stolen);
    assert_eq!(
        source.find(&hostile).await.unwrap_err().kind,
        FailureKind::Rejected
    );
}

#[tokio::test]
async fn what_is_still_being_written_waits() {
    let bench = Bench::new();
    bench.write_before("1.wav", &wav(), Duration::from_secs(20));
    let source = FolderRecordings::new(bench.folder(|_| {}));
    let failure = source.find(&named("1", "1.wav")).await;
    // It is not listed yet, so that nobody knows it.
    assert_eq!(failure.unwrap().recordings, Err(SkipReason::NotFound));
    let mut call = contact("1");
    call.metadata
        .insert("recordings".into(), json!([{ "file": "1.wav" }]));
    let failure = source.find(&call).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(40)));
}

/// Asks for everything of a file that cannot be seen: no call ends, and no check is good.
async fn assert_is_waited_for(source: &FolderRecordings, file: &str, hint: &str) {
    let failures = [
        source.find(&listed("1", file)).await.err(),
        source.find(&named("1", file)).await.err(),
        source.find(&contact("1")).await.err(),
        opened(source, file).await.err(),
        source.check().await.err(),
    ];
    for failure in failures {
        let failure = failure.unwrap();
        assert_eq!(failure.kind, FailureKind::StoreFailed, "{failure:?}");
        assert!(failure.told().contains(hint), "{}", failure.told());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_taken_away_ends_no_call() {
    let bench = Bench::with(&[("1.wav", &wav()), ("2.wav", &wav())]);
    let (here, elsewhere) = (bench.root(), bench.directory.path().join("elsewhere"));
    let source = FolderRecordings::new(bench.folder(|_| {}));
    std::fs::rename(&here, &elsewhere).unwrap();
    assert_is_waited_for(&source, "1.wav", "bring it back").await;
    std::fs::create_dir(&here).unwrap();
    assert_is_waited_for(&source, "1.wav", "bring it back").await;
    bench.write("3.wav", &wav());
    assert_is_waited_for(&source, "1.wav", "bring it back").await;
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::rename(&elsewhere, &here).unwrap();
    assert_eq!(references(&source, &listed("1", "1.wav")).await.len(), 1);
    source.check().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_mounted_ends_no_call() {
    let (bench, disk) = (Bench::new(), Bench::with(&[("1.wav", &wav())]));
    let source = FolderRecordings::new(bench.folder(|_| {}));
    assert_is_waited_for(&source, "1.wav", "is it mounted?").await;
    std::fs::remove_dir(bench.root()).unwrap();
    std::fs::rename(disk.root(), bench.root()).unwrap();
    for call in [listed("1", "1.wav"), named("9", "1.wav"), contact("1")] {
        assert_eq!(references(&source, &call).await.len(), 1);
    }
    source.check().await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_deleted_is_no_recording() {
    let bench = Bench::with(&[("1.wav", &wav()), ("2.wav", &wav())]);
    let source = FolderRecordings::new(bench.folder(|_| {}));
    std::fs::remove_file(bench.root().join("1.wav")).unwrap();
    let found = source.find(&listed("1", "1.wav")).await.unwrap();
    assert_eq!(found.recordings, Err(SkipReason::NoRecording));
    let failure = opened(&source, "1.wav").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
}
