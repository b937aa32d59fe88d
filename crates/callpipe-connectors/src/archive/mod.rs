//! The archive: audio, raw replies, transcripts and leases, as domain verbs over `object_store`.
//!
//! Every object becomes visible whole or not at all. What was paid for or fetched is created, never
//! overwritten; only transcripts and leases change. Names come from [`ArchiveKey`] alone, so that
//! nothing is written outside the archive, whatever a contact is called.

mod azure;
mod bounded;
mod cloud;
mod directory;
mod documents;
mod failures;
mod gcs;
mod packing;
mod ranges;
mod recordings;
mod s3;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callpipe_core::contracts::CheckReport;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::ArchiveKey;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use url::Url;

use crate::random;
use directory::DirectoryStore;
use packing::Packer;
use recordings::Parts;

pub use azure::AzureConfig;
pub use bounded::DOCUMENT_BYTES_MAX;
pub use documents::KeptReply;
pub(crate) use failures::from_store;
pub use gcs::GcsConfig;
pub use ranges::AudioPart;
pub use recordings::{AudioStream, StoredAudio, split};
pub use s3::S3Config;

use gcs::Links;

/// The folder of all that is unfinished, with a folder for each worker.
const STAGING: &str = "staging";

/// How often a check writes its probe before it says that the store does not keep it.
const PROBES_MAX: usize = 3;

/// The folders of what is kept for good.
const FOLDERS: [&str; 3] = ["recordings", "replies", "transcripts"];

/// The worker that nobody has named: leases, and commands that are no runs. In a directory it writes
/// small objects alone, which may be swept at any time: they are written again.
pub const STAGING_DEFAULT: &str = "commands";

/// A store of objects. Cheap to clone; clones share the store.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// Where it is, if it is a directory.
    root: Option<PathBuf>,
    /// The folder for what is not whole yet.
    staging: String,
    parts: Parts,
    packer: Arc<Packer>,
    description: String,
    base_uri: String,
    /// What all names begin with, and `/`; or nothing.
    prefix: String,
    links: Option<Arc<Links>>,
}

impl fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Archive({})", self.base_uri)
    }
}

impl Archive {
    /// A directory, which is made if it is missing. What was written is on the disk before a verb
    /// returns.
    pub fn directory(path: &Path) -> Outside<Self> {
        let doing = format!("opening the archive directory {}", path.display());
        let root = std::fs::create_dir_all(path)
            .and_then(|()| std::fs::canonicalize(path))
            .map_err(|error| failures::from_io(&error, &doing))?;
        let staging = format!("{STAGING}/{STAGING_DEFAULT}");
        let store = DirectoryStore::new(&root, &staging)
            .map_err(|error| failures::from_store(&error, &doing))?;
        let base_uri = Url::from_directory_path(&root)
            .map_err(|()| Failure::bug(format!("{doing}: the path has no address")))?;
        Ok(Self {
            store: Arc::new(store),
            description: format!("directory {}", root.display()),
            root: Some(root),
            staging,
            parts: Parts::of_a_directory(),
            packer: Arc::default(),
            base_uri: base_uri.as_str().trim_end_matches('/').to_owned(),
            prefix: String::new(),
            links: None,
        })
    }

    /// Kept in memory and gone with it: for tests.
    pub fn memory() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    /// Over a store that others made, such as one that fails on purpose: for tests.
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            root: None,
            staging: format!("{STAGING}/{STAGING_DEFAULT}"),
            parts: Parts::of_a_bucket(),
            packer: Arc::default(),
            description: "memory".into(),
            base_uri: "memory://".into(),
            prefix: String::new(),
            links: None,
        }
    }

    /// A cloud's store. `address` is what stands before a name, such as `gs://bucket`.
    fn cloud(store: impl ObjectStore, address: String, prefix: Option<&str>) -> Outside<Self> {
        let prefix = prefix.unwrap_or_default().trim_matches('/');
        let path = ObjectPath::parse(prefix).map_err(|error| {
            let message = format!("`prefix` cannot begin the names of an archive: {error}");
            Failure::new(FailureKind::Denied, message)
                .with_hint("use letters, digits, `-`, `_`, `/`")
        })?;
        let base_uri = match prefix {
            "" => address,
            prefix => format!("{address}/{prefix}"),
        };
        Ok(Self {
            store: match prefix {
                "" => Arc::new(store),
                _ => Arc::new(PrefixStore::new(store, path)),
            },
            root: None,
            staging: format!("{STAGING}/{STAGING_DEFAULT}"),
            parts: Parts::of_a_bucket(),
            packer: Arc::default(),
            description: base_uri.clone(),
            base_uri,
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
            links: None,
        })
    }

    /// The store itself, for who only reads what others put there.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The same archive for a worker of a name, whose unfinished things lie apart from those of
    /// others: see [`Archive::sweep`].
    pub fn for_worker(&self, name: &str) -> Outside<Self> {
        let mut archive = self.clone();
        archive.staging = format!("{STAGING}/{name}");
        if let Some(root) = &self.root {
            let store = DirectoryStore::new(root, &archive.staging);
            let doing = format!("opening {}", self.description);
            archive.store = Arc::new(store.map_err(|error| failures::from_store(&error, &doing))?);
        }
        Ok(archive)
    }

    /// Removes what workers that were killed left unfinished, if `is_left` says of a worker's name
    /// that nobody works under it. Says how many objects that were.
    pub async fn sweep(
        &self,
        is_left: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Outside<usize> {
        let doing = "removing what a killed run left unfinished";
        if let Some(root) = self.root.clone() {
            let swept = tokio::task::spawn_blocking(move || directory::sweep(&root, &is_left));
            let swept = swept
                .await
                .map_err(|error| Failure::bug(format!("{doing} broke off")).with_source(error))?;
            return swept.map_err(|error| failures::from_io(&error, doing));
        }
        let mut swept = 0;
        for name in self.list_names(STAGING).await? {
            let worker = name.split('/').nth(1).unwrap_or_default();
            if is_left(worker) {
                let path = ObjectPath::from(name.as_str());
                self.remove(&path, doing).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// What and where it is, for messages.
    pub fn describe(&self) -> String {
        self.description.clone()
    }

    /// What stands before `/` and an object's key in its address, such as `file:///data/archive`.
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }

    /// The address of an object for other programs.
    pub fn location(&self, key: &ArchiveKey) -> String {
        format!("{}/{key}", self.base_uri)
    }

    /// Writes, reads, lists and removes an object, and says what was reached.
    pub async fn check(&self) -> Outside<CheckReport> {
        self.try_objects().await?;
        self.try_folders().await?;
        let report = format!("{} can be written, read and listed", self.description);
        let signer = match &self.links {
            Some(links) => links.account().await,
            None => None,
        };
        Ok(match signer {
            Some(account) => format!("{report}; links are signed by {account}"),
            None => report,
        })
    }

    /// In a directory each folder is tried, since each may be a disk of its own.
    async fn try_folders(&self) -> Outside<()> {
        let Some(root) = self.root.clone() else {
            return Ok(());
        };
        let (staging, doing) = (
            self.staging.clone(),
            format!("checking {}", self.description),
        );
        let tried =
            tokio::task::spawn_blocking(move || directory::try_folders(&root, &staging, &FOLDERS));
        let tried = tried
            .await
            .map_err(|error| Failure::bug(format!("{doing} broke off")).with_source(error))?;
        tried.map_err(|error| failures::from_io(&error, &doing))
    }

    /// A probe that a check leaves because it is broken off is swept like anything else that is
    /// unfinished; one that is swept too early, because a run begins, is written again.
    async fn try_objects(&self) -> Outside<()> {
        for _ in 0..PROBES_MAX {
            let key = ArchiveKey::probe(&self.staging, &random::name());
            let kept = self.probe(&key).await;
            let removed = self.delete(&key).await;
            let kept = kept?;
            removed?;
            if kept {
                return Ok(());
            }
        }
        let place = &self.description;
        let message = format!("checking {place}: it does not keep what is written");
        Err(Failure::new(FailureKind::StoreFailed, message))
    }

    /// As much as an object that can be read at once: a disk that has room for a few bytes and for no
    /// recording is full, and no call is to blame. Says whether it is there as it was written.
    async fn probe(&self, key: &ArchiveKey) -> Outside<bool> {
        let name = key.as_str().bytes().cycle();
        let content: Vec<u8> = name.take(bounded::NOTE_BYTES_MAX).collect();
        let created = self.create(key, &content).await?;
        let read = self.read(key).await?;
        let names = self.list_names(&self.staging).await?;
        let is_whole = read.is_some_and(|read| read == content);
        let is_listed = names.iter().any(|name| name == key.as_str());
        Ok(created && is_whole && is_listed)
    }

    /// A result of the store, where a missing object is none.
    async fn found<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        doing: &str,
    ) -> Outside<Option<T>> {
        match work.await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failures::from_store(&error, doing)),
        }
    }

    async fn remove(&self, path: &ObjectPath, doing: &str) -> Outside<()> {
        self.found(self.store.delete(path), doing).await.map(drop)
    }
}

fn object_path(key: &ArchiveKey) -> Outside<ObjectPath> {
    ObjectPath::parse(key.as_str())
        .map_err(|error| Failure::bug(format!("{key} is no name of an object")).with_source(error))
}
