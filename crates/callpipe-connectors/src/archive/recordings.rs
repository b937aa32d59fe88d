//! Recordings: streamed in and out with bounded memory, hashed on the way, never overwritten.

use std::mem;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use callpipe_core::contracts::transcriber::AudioLink;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::{ArchiveKey, Recording, Sha256Hex};
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{Error, GetResultPayload, MultipartUpload, ObjectStoreExt, PutMode, PutPayload};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Archive, directory, failures, object_path};
use crate::random;

/// Bytes of audio on their way. Ends with an error if they do not arrive whole.
pub type AudioStream = BoxStream<'static, Result<Bytes, Failure>>;

/// The first bytes of a stream, that many unless it has fewer, and what comes after them.
pub async fn split(mut bytes: AudioStream, head_bytes: usize) -> Outside<(Bytes, AudioStream)> {
    let mut head = BytesMut::new();
    while head.len() < head_bytes {
        match bytes.try_next().await? {
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok((head.freeze(), bytes))
}

/// So much of every recording may wait in memory. Many recordings are smaller.
const SMALL_PART_BYTES: usize = 256 * 1024;

/// Buckets take a larger recording in parts of 5 MiB at least.
const LARGE_PART_BYTES: usize = 5 * 1024 * 1024;

/// So many recordings at once may have such a part in memory; others wait for their turn. Who has
/// one waits for nothing but its own transfer.
const LARGE_PARTS_MAX: usize = 8;

/// How recordings are cut into parts on their way into a store.
#[derive(Clone)]
pub(super) struct Parts {
    size_bytes: usize,
    /// None where parts are small enough for all to have one.
    large: Option<Arc<Semaphore>>,
}

impl Parts {
    /// A file grows by what there is.
    pub(super) fn of_a_directory() -> Self {
        Self {
            size_bytes: SMALL_PART_BYTES,
            large: None,
        }
    }

    pub(super) fn of_a_bucket() -> Self {
        Self {
            size_bytes: LARGE_PART_BYTES,
            large: Some(Arc::new(Semaphore::new(LARGE_PARTS_MAX))),
        }
    }

    /// The right to a large part, where one is needed for that.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let large = Arc::clone(self.large.as_ref()?);
        // It is never closed.
        large.acquire_owned().await.ok()
    }
}

/// A recording that is in the archive, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudio {
    /// Where it lies: usually the key that was asked for.
    pub key: ArchiveKey,
    /// The hash of its bytes.
    pub sha256: Sha256Hex,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Archive {
    /// Puts a recording into the archive. It can be seen only once it is whole.
    ///
    /// Nothing is ever overwritten. If the same bytes are there already, that is as good as storing
    /// them. If *other* bytes have the name (the source has changed its mind, or the file system
    /// takes two ids for one), both are kept: the new ones under a name of their own, which is
    /// [`StoredAudio::key`].
    ///
    /// An error of the stream is returned as it is and leaves nothing behind; a stream without
    /// bytes is a `CorruptTransfer`.
    pub async fn put_recording(
        &self,
        key: &ArchiveKey,
        bytes: AudioStream,
    ) -> Outside<StoredAudio> {
        let doing = format!("storing {key}");
        let mut incoming = Incoming::new(bytes);
        let mut first = incoming.part(SMALL_PART_BYTES).await?;
        if incoming.size_bytes == 0 {
            return Err(Failure::new(
                FailureKind::CorruptTransfer,
                format!("{doing}: the recording is empty"),
            ));
        }
        let mut permit = None;
        if !incoming.ended && self.parts.size_bytes > SMALL_PART_BYTES {
            permit = self.parts.permit().await;
            let rest_bytes = self.parts.size_bytes - SMALL_PART_BYTES;
            first.extend(incoming.part(rest_bytes).await?);
        }
        let first = first.into_iter().collect();
        let staged = match incoming.ended {
            true => Staged::Memory(first),
            false => self.stage(key, first, &mut incoming, &doing).await?,
        };
        let stored = incoming.stored_as(key.clone());
        // A task of its own is finished even if the caller is no longer interested, so that no
        // staged object stays behind.
        let archive = self.clone();
        let published = tokio::spawn(async move {
            let _permit = permit;
            archive.publish_and_clean(stored, staged, &doing).await
        });
        published
            .await
            .map_err(|error| Failure::bug("storing a recording broke off").with_source(error))?
    }

    /// A recording that is there, hashed by reading it whole.
    pub async fn recording(&self, key: &ArchiveKey) -> Outside<Option<StoredAudio>> {
        let doing = format!("reading {key}");
        let Some((_, bytes)) = self.open(key, &doing).await? else {
            return Ok(None);
        };
        let mut incoming = Incoming::new(bytes);
        while !incoming.ended {
            drop(incoming.part(SMALL_PART_BYTES).await?);
        }
        Ok(Some(incoming.stored_as(key.clone())))
    }

    /// A recording that others have put into the archive under a name like ours. Who is heard on it is
    /// not known. It is read whole, for its hash.
    pub async fn adopted_recording(
        &self,
        key: &ArchiveKey,
        started_at: Option<DateTime<Utc>>,
    ) -> Outside<Option<Recording>> {
        let Some(stored) = self.recording(key).await? else {
            return Ok(None);
        };
        let (stem, extension) = key.file_name().rsplit_once('.').unwrap_or_default();
        let media_type = stem.rsplit_once('_').map_or("voice-only", |(_, kind)| kind);
        Ok(Some(Recording {
            key: stored.key,
            media_type: media_type.to_owned(),
            content_type: content_type(extension).to_owned(),
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
            started_at,
            participants: Vec::new(),
        }))
    }

    /// The size of a recording in bytes, and its bytes. A recording that is missing is `Rejected`:
    /// to mend it is to fetch this one call again, not to stop all others.
    pub async fn read_recording(&self, key: &ArchiveKey) -> Outside<(u64, AudioStream)> {
        let doing = format!("reading {key}");
        self.open(key, &doing).await?.ok_or_else(|| {
            Failure::new(
                FailureKind::Rejected,
                format!("{doing}: it is not in the archive"),
            )
            .with_hint("fetch the call again: callpipe calls redo")
        })
    }

    /// A link by which others can read a recording for 15 minutes, if one can be made: a directory
    /// and memory have none, a bucket has some if our account can sign.
    pub async fn link(&self, key: &ArchiveKey) -> Option<AudioLink> {
        let links = self.links.as_ref()?;
        links.link(&format!("{}{key}", self.prefix)).await
    }

    async fn open(&self, key: &ArchiveKey, doing: &str) -> Outside<Option<(u64, AudioStream)>> {
        let path = object_path(key)?;
        let Some(found) = self.found(self.store.get(&path), doing).await? else {
            return Ok(None);
        };
        let size_bytes = found.meta.size;
        let doing = doing.to_owned();
        let chunks = match found.payload {
            GetResultPayload::File(file, _) => directory::chunks(file),
            _ => found.into_stream(),
        };
        let bytes = chunks
            .map_err({
                let doing = doing.clone();
                move |error| failures::from_store(&error, &doing)
            })
            .boxed();
        Ok(Some((size_bytes, exactly(bytes, size_bytes, doing))))
    }

    /// Writes a recording that does not fit into memory to a place where nobody looks.
    async fn stage(
        &self,
        key: &ArchiveKey,
        first: PutPayload,
        incoming: &mut Incoming,
        doing: &str,
    ) -> Outside<Staged> {
        // The ending says what kind of media it is.
        let ending = key.file_name().rsplit_once('.');
        let ending = ending.map_or_else(String::new, |(_, ending)| format!(".{ending}"));
        let path = format!("{}/{}{ending}", self.staging, random::name());
        let path = ObjectPath::from(path);
        let mut upload = self
            .store
            .put_multipart(&path)
            .await
            .map_err(|error| failures::from_store(&error, doing))?;
        let part_bytes = self.parts.size_bytes;
        match upload_parts(upload.as_mut(), first, incoming, part_bytes, doing).await {
            Ok(()) => Ok(Staged::Object(path)),
            Err(failure) => {
                // The failure that matters is the first one.
                let _ = upload.abort().await;
                Err(failure)
            }
        }
    }

    async fn publish_and_clean(
        &self,
        stored: StoredAudio,
        staged: Staged,
        doing: &str,
    ) -> Outside<StoredAudio> {
        let published = self.publish(stored, &staged, doing).await;
        let removed = match &staged {
            Staged::Memory(_) => Ok(()),
            Staged::Object(path) => self.remove(path, doing).await,
        };
        let stored = published?;
        removed.map(|()| stored)
    }

    /// Gives a staged recording its name, or the name beside it if others have that one.
    async fn publish(
        &self,
        stored: StoredAudio,
        staged: &Staged,
        doing: &str,
    ) -> Outside<StoredAudio> {
        let beside = stored.key.beside(&stored.sha256);
        for key in [stored.key.clone(), beside] {
            let candidate = StoredAudio {
                key,
                ..stored.clone()
            };
            if self.publish_as(&candidate.key, staged, doing).await? {
                return Ok(candidate);
            }
            if self.recording(&candidate.key).await?.as_ref() == Some(&candidate) {
                return Ok(candidate);
            }
            tracing::warn!(key = %candidate.key, "another recording has this name; both are kept");
        }
        Err(Failure::new(
            FailureKind::StoreFailed,
            format!("{doing}: both of its names hold other bytes"),
        )
        .with_hint("something else writes to the archive: compare the files with their hashes"))
    }

    /// Whether the name was free.
    async fn publish_as(&self, key: &ArchiveKey, staged: &Staged, doing: &str) -> Outside<bool> {
        let path = object_path(key)?;
        let published = match staged {
            Staged::Memory(payload) => self
                .store
                .put_opts(&path, payload.clone(), PutMode::Create.into())
                .await
                .map(drop),
            Staged::Object(from) => self.store.copy_if_not_exists(from, &path).await,
        };
        match published {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failures::from_store(&error, doing)),
        }
    }
}

/// A recording that has arrived and has no name yet.
enum Staged {
    Memory(PutPayload),
    Object(ObjectPath),
}

/// A stream that is counted and hashed while it is cut into parts.
struct Incoming {
    bytes: AudioStream,
    hasher: Sha256,
    size_bytes: u64,
    ended: bool,
}

impl Incoming {
    fn new(bytes: AudioStream) -> Self {
        Self {
            // A last part that is full is followed by one more question, and not every stream
            // bears to be asked after its end.
            bytes: bytes.fuse().boxed(),
            hasher: Sha256::new(),
            size_bytes: 0,
            ended: false,
        }
    }

    /// The next part, in the chunks that it came in: full, unless it is the last one.
    async fn part(&mut self, size_bytes: usize) -> Outside<Vec<Bytes>> {
        let mut chunks = Vec::new();
        let mut part_bytes = 0;
        while part_bytes < size_bytes {
            let Some(chunk) = self.bytes.next().await else {
                self.ended = true;
                break;
            };
            let chunk = chunk?;
            self.hasher.update(&chunk);
            part_bytes += chunk.len();
            chunks.push(chunk);
        }
        self.size_bytes += part_bytes as u64;
        Ok(chunks)
    }

    fn stored_as(&mut self, key: ArchiveKey) -> StoredAudio {
        StoredAudio {
            key,
            sha256: Sha256Hex::from_digest(mem::take(&mut self.hasher).finalize().into()),
            size_bytes: self.size_bytes,
        }
    }
}

async fn upload_parts(
    upload: &mut dyn MultipartUpload,
    first: PutPayload,
    incoming: &mut Incoming,
    part_bytes: usize,
    doing: &str,
) -> Outside<()> {
    let mut part: PutPayload = first;
    while part.content_length() > 0 {
        upload
            .put_part(part)
            .await
            .map_err(|error| failures::from_store(&error, doing))?;
        part = incoming.part(part_bytes).await?.into_iter().collect();
    }
    upload
        .complete()
        .await
        .map(drop)
        .map_err(|error| failures::from_store(&error, doing))
}

/// A stream that fails if it is not exactly as long as was said. A file that is cut while it is
/// read would otherwise give empty chunks for ever.
pub(super) fn exactly(bytes: AudioStream, size_bytes: u64, doing: String) -> AudioStream {
    stream::try_unfold((bytes, size_bytes), move |(mut bytes, missing_bytes)| {
        let cut = Failure::new(
            FailureKind::CorruptTransfer,
            format!("{doing}: it has another size than its entry says"),
        );
        async move {
            let chunk = bytes.try_next().await?.unwrap_or_default();
            match missing_bytes.checked_sub(chunk.len() as u64) {
                Some(0) if chunk.is_empty() => Ok(None),
                Some(left_bytes) if !chunk.is_empty() => Ok(Some((chunk, (bytes, left_bytes)))),
                _ => Err(cut),
            }
        }
    })
    .boxed()
}

/// The MIME type of audio by the extension of its name.
fn content_type(extension: &str) -> &'static str {
    match extension.to_ascii_lowercase().as_str() {
        "mp4" | "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "webm" => "audio/webm",
        _ => "application/octet-stream",
    }
}
