//! Small objects: paid replies, transcripts, and what leases are made of.

use std::sync::Arc;

use bytes::Bytes;
use callpipe_core::call::ContactId;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::recording::ArchiveKey;
use callpipe_core::transcript::Transcript;
use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{Error, GetResultPayload, ObjectStoreExt, PutMode};

use super::bounded::{self, DOCUMENT_BYTES_MAX, NOTE_BYTES_MAX};
use super::{Archive, failures, object_path, packing};

/// A paid reply that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReply {
    /// What the vendor sent.
    pub bytes: Bytes,
    /// The call that it was bought for; unknown where an older program kept it.
    pub bought_for: Option<ContactId>,
    /// What was found out before it was bought, for whoever finds it here; left out above 60 KiB.
    pub note: Option<String>,
}

impl Archive {
    /// A paid reply, as it was bought. One that is damaged is as good as none, and is told of in
    /// the log.
    pub async fn reply(&self, key: &ArchiveKey) -> Outside<Option<KeptReply>> {
        let Some(packed) = self.read_up_to(key, DOCUMENT_BYTES_MAX).await? else {
            return Ok(None);
        };
        let size_bytes = packed.len();
        let unpacked = move || packing::unpack(&packed, DOCUMENT_BYTES_MAX);
        match at_once_or_aside(size_bytes, unpacked).await? {
            Ok(reply) => Ok(Some(reply)),
            Err(error) => {
                tracing::warn!(%key, %error, "a stored reply is damaged and is left out");
                Ok(None)
            }
        }
    }

    /// Keeps a paid reply, and gives the one that is kept from now on: this one, or a different one
    /// that another worker has kept meanwhile, which stays. The same one may be put again; a damaged
    /// one is replaced.
    pub async fn put_reply(&self, key: &ArchiveKey, reply: KeptReply) -> Outside<KeptReply> {
        let (owned, packer) = (reply.clone(), Arc::clone(&self.packer));
        let packed = at_once_or_aside(reply.bytes.len(), move || packer.pack(&owned))
            .await?
            .map_err(|error| failures::from_io(&error, &format!("compressing {key}")))?;
        if self.create(key, &packed).await? {
            return Ok(reply);
        }
        if let Some(existing) = self.reply(key).await? {
            return Ok(existing);
        }
        self.overwrite(key, &packed).await?;
        Ok(reply)
    }

    /// Keeps a transcript, in place of an earlier one.
    pub async fn put_transcript(&self, key: &ArchiveKey, transcript: &Transcript) -> Outside<()> {
        let json = serde_json::to_vec(transcript)
            .map_err(|error| Failure::bug(format!("{key} cannot be written")).with_source(error))?;
        self.overwrite(key, &json).await
    }

    /// A transcript. One that is damaged is as good as none, and is told of in the log.
    pub async fn transcript(&self, key: &ArchiveKey) -> Outside<Option<Transcript>> {
        let Some(json) = self.read_up_to(key, DOCUMENT_BYTES_MAX).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&json) {
            Ok(transcript) => Ok(Some(transcript)),
            Err(error) => {
                // Where, not what: the error's own words may quote the call.
                let (line, column) = (error.line(), error.column());
                tracing::warn!(%key, line, column, "a stored transcript is damaged and is left out");
                Ok(None)
            }
        }
    }

    /// Writes an object unless it exists. Says whether it was written.
    pub async fn create(&self, key: &ArchiveKey, bytes: &[u8]) -> Outside<bool> {
        let payload = Bytes::copy_from_slice(bytes).into();
        let created = self
            .store
            .put_opts(&object_path(key)?, payload, PutMode::Create.into())
            .await;
        match created {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failures::from_store(&error, &format!("storing {key}"))),
        }
    }

    /// Writes an object in place of what was there.
    pub async fn overwrite(&self, key: &ArchiveKey, bytes: &[u8]) -> Outside<()> {
        let payload = Bytes::copy_from_slice(bytes).into();
        self.store
            .put(&object_path(key)?, payload)
            .await
            .map(drop)
            .map_err(|error| failures::from_store(&error, &format!("storing {key}")))
    }

    /// Reads a small object, such as a lease. One that is larger than a MiB is none of ours: it is
    /// as good as none, and is told of in the log.
    pub async fn read(&self, key: &ArchiveKey) -> Outside<Option<Bytes>> {
        self.read_up_to(key, NOTE_BYTES_MAX).await
    }

    async fn read_up_to(&self, key: &ArchiveKey, bytes_max: usize) -> Outside<Option<Bytes>> {
        let path = object_path(key)?;
        let whole = async {
            let found = self.store.get(&path).await?;
            if found.meta.size > bytes_max as u64 {
                return Ok(None);
            }
            match found.payload {
                GetResultPayload::File(..) => found.bytes().await.map(Some),
                GetResultPayload::Stream(stream) => bounded::whole(stream, bytes_max).await,
            }
        };
        let Some(read) = self.found(whole, &format!("reading {key}")).await? else {
            return Ok(None);
        };
        if read.is_none() {
            tracing::warn!(%key, bytes_max, "an object is larger than ours are and is left out");
        }
        Ok(read)
    }

    /// The keys of all objects below a folder such as `leases/fetch`, in their order.
    pub async fn list_names(&self, folder: &str) -> Outside<Vec<String>> {
        let path = ObjectPath::parse(folder).map_err(|error| {
            Failure::bug(format!("{folder} is no folder's name")).with_source(error)
        })?;
        let mut names: Vec<String> = self
            .store
            .list(Some(&path))
            .map_ok(|object| object.location.to_string())
            .try_collect()
            .await
            .map_err(|error| failures::from_store(&error, &format!("listing {folder}")))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Removes an object. One that is missing is fine.
    pub async fn delete(&self, key: &ArchiveKey) -> Outside<()> {
        self.remove(&object_path(key)?, &format!("removing {key}"))
            .await
    }
}

/// Packing or unpacking so many bytes takes less than reading them, which a task does as well.
const PACKED_AT_ONCE_BYTES: usize = 256 * 1024;

/// Replies can be megabytes: packing one takes longer than a task may hold a thread of the runtime.
async fn at_once_or_aside<T: Send + 'static>(
    size_bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Outside<T> {
    if size_bytes <= PACKED_AT_ONCE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::bug("packing a reply broke off").with_source(error))
}
