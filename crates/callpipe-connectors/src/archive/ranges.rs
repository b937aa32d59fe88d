//! Parts of recordings, for who listens from the middle on: in chunks, never a whole one in memory.

use std::ops::Range;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::ArchiveKey;
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetResultPayload};

use super::recordings::exactly;
use super::{Archive, AudioStream, directory, failures, object_path};

/// A part of a recording.
pub struct AudioPart {
    /// The size of the whole recording in bytes.
    pub whole_bytes: u64,
    /// The bytes of the part.
    pub bytes: AudioStream,
}

impl Archive {
    /// Some bytes of a recording, as many as asked for; none where the recording is missing. One that
    /// has no such bytes is not the one that was stored: a `CorruptTransfer`.
    pub async fn read_range(
        &self,
        key: &ArchiveKey,
        range: Range<u64>,
    ) -> Outside<Option<AudioPart>> {
        let doing = format!("reading a part of {key}");
        let (path, store) = (object_path(key)?, self.store());
        let options = GetOptions {
            range: Some(range.clone().into()),
            ..GetOptions::default()
        };
        let found = self.found(store.get_opts(&path, options), &doing).await;
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            // Stores have no kind of their own for a range that lies outside.
            Err(failure) if failure.kind == FailureKind::StoreFailed => {
                return match self.size_bytes(key, &doing).await? {
                    Some(size_bytes) if size_bytes < range.end => Err(too_short(&doing)),
                    _ => Err(failure),
                };
            }
            Err(failure) => return Err(failure),
        };
        if found.range != range {
            return Err(too_short(&doing));
        }
        let whole_bytes = found.meta.size;
        let chunks = match found.payload {
            GetResultPayload::File(file, _) => directory::chunks_of(file, range.clone()),
            _ => found.into_stream(),
        };
        let chunks = chunks.map_err({
            let doing = doing.clone();
            move |error| failures::from_store(&error, &doing)
        });
        let length_bytes = range.end - range.start;
        Ok(Some(AudioPart {
            whole_bytes,
            bytes: exactly(chunks.boxed(), length_bytes, doing),
        }))
    }

    async fn size_bytes(&self, key: &ArchiveKey, doing: &str) -> Outside<Option<u64>> {
        let (path, store) = (object_path(key)?, self.store());
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = self.found(store.get_opts(&path, options), doing).await?;
        Ok(found.map(|found| found.meta.size))
    }
}

fn too_short(doing: &str) -> Failure {
    Failure::new(
        FailureKind::CorruptTransfer,
        format!("{doing}: it is shorter than its entry says"),
    )
}
