//! The suite of [`RecordingSource`].

use futures::TryStreamExt;

use super::{assert_name, good};
use crate::call::Contact;
use crate::contracts::recording_source::{Found, RecordingReference, RecordingSource};
use crate::recording::ArchiveKey;

/// `recorded` is a call with recordings, `unknown` one that the source does not know.
pub async fn recording_source(source: &dyn RecordingSource, recorded: &Contact, unknown: &Contact) {
    assert_name(source.name());
    let report = good(source.check().await, "checking the recording source");
    assert!(!report.trim().is_empty(), "a check has something to say");

    let first = references(source, recorded).await;
    let second = references(source, recorded).await;
    assert!(!first.is_empty(), "a recorded call has recordings");
    assert_eq!(first.len(), second.len(), "looking twice finds as much");
    for (number, (first, second)) in first.iter().zip(&second).enumerate() {
        // Locators may differ: links are signed anew.
        assert_eq!(first.media_type, second.media_type, "media type");
        assert_eq!(first.started_at, second.started_at, "start");
        assert_eq!(first.participants, second.participants, "participants");
        let bytes = read(source, recorded, first, number + 1).await;
        assert_eq!(
            bytes,
            read(source, recorded, second, number + 1).await,
            "reading twice reads the same"
        );
    }

    let nothing = find(source, unknown).await;
    assert!(
        nothing.recordings.is_err(),
        "a call that is not known is a reason to skip it, not a failure and not an empty list"
    );
}

async fn find(source: &dyn RecordingSource, contact: &Contact) -> Found {
    let found = good(source.find(contact).await, "looking for recordings");
    let raw_metadata = found.raw_metadata.as_deref().unwrap_or_default();
    for signature in ["X-Amz-Signature=", "X-Goog-Signature=", "Signature="] {
        assert!(
            !raw_metadata.contains(signature),
            "stored metadata holds a signed link"
        );
    }
    found
}

async fn references(source: &dyn RecordingSource, contact: &Contact) -> Vec<RecordingReference> {
    match find(source, contact).await.recordings {
        Ok(references) => references,
        Err(reason) => panic!("a recorded call was skipped: {reason}"),
    }
}

async fn read(
    source: &dyn RecordingSource,
    contact: &Contact,
    reference: &RecordingReference,
    number: usize,
) -> Vec<u8> {
    let open = good(source.open(reference).await, "opening a recording");
    assert!(
        open.content_type.contains('/'),
        "`{}` is no MIME type",
        open.content_type
    );
    let key = ArchiveKey::recording(&contact.id, &reference.media_type, number, &open.extension);
    assert!(
        !open.extension.is_empty()
            && open
                .extension
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric()),
        "`{key}` has no plain extension"
    );
    let chunks: Vec<_> = good(open.bytes.try_collect().await, "reading a recording");
    let bytes = chunks.concat();
    assert!(!bytes.is_empty(), "a recording has bytes");
    bytes
}
