//! A recording as a file, for decoders, which read here and there.

use std::path::Path;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Recording;
use futures::TryStreamExt;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use callpipe_connectors::archive::Archive;

/// A larger recording is not decoded, in bytes.
const DECODED_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// The bytes of a recording in a file of their own, which is gone when it is dropped; none where the
/// recording is not in the archive.
pub(super) async fn fetched(
    archive: &Archive,
    recording: &Recording,
    folder: &Path,
) -> Outside<Option<NamedTempFile>> {
    let size_bytes = recording.size_bytes;
    if size_bytes == 0 || size_bytes > DECODED_BYTES_MAX {
        return Ok(None);
    }
    let Some(part) = archive.read_range(&recording.key, 0..size_bytes).await? else {
        return Ok(None);
    };
    let file = NamedTempFile::new_in(folder).map_err(|error| of_a_file(&error))?;
    let copy = file.reopen().map_err(|error| of_a_file(&error))?;
    let mut writer = tokio::fs::File::from_std(copy);
    let mut bytes = part.bytes;
    while let Some(chunk) = bytes.try_next().await? {
        let written = writer.write_all(&chunk).await;
        written.map_err(|error| of_a_file(&error))?;
    }
    writer.flush().await.map_err(|error| of_a_file(&error))?;
    Ok(Some(file))
}

/// What an error with a passing file means.
pub(super) fn of_a_file(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::StoreFailed, "keeping sound in a passing file")
        .with_source(error.to_string())
        .with_hint("make room in the folder that TMPDIR names")
}
