//! The files of a folder, whether it is a directory or a bucket's prefix.

use std::sync::Arc;

use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::config::FolderConfig;
use super::directory::Directory;
use crate::archive::{Archive, AudioStream, GcsConfig, S3Config, from_store};
use crate::google::Identity;

/// A file beside a recording that is longer than this is no description of it.
const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Below the folder, with forward slashes.
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    pub(crate) modified_at: DateTime<Utc>,
}

/// Where the files are.
#[derive(Clone)]
pub(super) enum Files {
    Directory(Directory),
    Bucket {
        store: Arc<dyn ObjectStore>,
        address: String,
    },
}

impl Files {
    /// The folder that is configured. Of a bucket, nothing is asked yet.
    pub(super) fn open(
        config: &FolderConfig,
        identity: impl FnOnce() -> Outside<Identity>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        match (&config.path, &config.url) {
            (Some(path), None) if !path.as_os_str().is_empty() => {
                Ok(Self::Directory(Directory::open(path)?))
            }
            (None, Some(url)) => bucket(config, url, identity, clock),
            _ => Err(Failure::new(
                FailureKind::Denied,
                "one of `path` and `url` must say where the recordings are",
            )
            .with_hint(
                "set `path` (a directory) or `url` (gs://bucket/prefix) under [recordings.folder]",
            )),
        }
    }

    /// What and where it is, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Directory(directory) => format!("directory {}", directory.path().display()),
            Self::Bucket { address, .. } => address.clone(),
        }
    }

    /// What stands before a file's path when others name it in full.
    pub(super) fn prefix(&self) -> String {
        match self {
            Self::Directory(directory) => directory.path().to_string_lossy().replace('\\', "/"),
            Self::Bucket { address, .. } => address.clone(),
        }
    }

    /// All files, and how many could not be taken up because of their names or where they lead.
    pub(super) async fn list(&self) -> Outside<(Vec<File>, u64)> {
        match self {
            Self::Directory(directory) => {
                let directory = directory.clone();
                in_a_thread(move || directory.list()).await
            }
            Self::Bucket { store, .. } => {
                let listed: Result<Vec<ObjectMeta>, Error> = store.list(None).try_collect().await;
                let listed = listed.map_err(|error| from_store(&error, "listing the folder"))?;
                let is_hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
                let files = listed.into_iter().map(file);
                // An empty object whose name ends in a slash stands for a folder.
                Ok((files.filter(|file| !is_hidden(&file.path)).collect(), 0))
            }
        }
    }

    /// A file, if it is there.
    pub(super) async fn stat(&self, path: &str) -> Outside<Option<File>> {
        match self {
            Self::Directory(directory) => {
                let (directory, path) = (directory.clone(), path.to_owned());
                in_a_thread(move || directory.stat(&path)).await
            }
            Self::Bucket { store, .. } => match store.head(&object_path(path)?).await {
                Ok(found) => Ok(Some(file(found))),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(from_store(&error, "looking for a recording in the folder")),
            },
        }
    }

    /// Fails where the folder is away, or nothing at all is in it. A bucket that does not exist answers
    /// so only to a list: the answer to the question for an object has no text.
    pub(super) async fn expect_filled(&self) -> Outside<()> {
        match self {
            Self::Directory(directory) => {
                let directory = directory.clone();
                in_a_thread(move || directory.expect_filled()).await
            }
            Self::Bucket { store, .. } => match store.list(None).try_next().await {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(empty()),
                Err(error) => Err(from_store(&error, "looking into the folder")),
            },
        }
    }

    /// The size and the bytes of a file.
    pub(super) async fn read(&self, path: &str) -> Outside<(u64, AudioStream)> {
        let doing = "reading a recording of the folder";
        match self {
            Self::Directory(directory) => directory.read(path).await,
            Self::Bucket { store, .. } => {
                let found = match store.get(&object_path(path)?).await {
                    Ok(found) => found,
                    Err(Error::NotFound { .. }) => return Err(gone()),
                    Err(error) => return Err(from_store(&error, doing)),
                };
                let size_bytes = found.meta.size;
                let bytes = found.into_stream();
                let bytes = bytes
                    .map_err(move |error| from_store(&error, doing))
                    .boxed();
                Ok((size_bytes, counted(bytes, size_bytes)))
            }
        }
    }

    /// A small file, if it is there.
    pub(super) async fn read_small(&self, path: &str) -> Outside<Option<Vec<u8>>> {
        let Some(file) = self.stat(path).await? else {
            return Ok(None);
        };
        if file.size_bytes > SMALL_BYTES_MAX {
            return Ok(None);
        }
        let (_, bytes) = self.read(path).await?;
        let chunks: Vec<Bytes> = bytes.try_collect().await?;
        Ok(Some(chunks.concat()))
    }
}

fn bucket(
    config: &FolderConfig,
    url: &str,
    identity: impl FnOnce() -> Outside<Identity>,
    clock: Arc<dyn Clock>,
) -> Outside<Files> {
    let wrong = || {
        Failure::new(
            FailureKind::Denied,
            "`recordings.folder.url` is no bucket's address",
        )
        .with_hint("write gs://bucket/prefix or s3://bucket/prefix")
    };
    let (scheme, rest) = url.trim().split_once("://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let (bucket, prefix) = (Some(bucket.to_owned()), Some(prefix.to_owned()));
    let archive = match scheme {
        "gs" => {
            let mut gcs = GcsConfig {
                bucket,
                prefix,
                links: Some(false),
                ..GcsConfig::default()
            };
            if let Some(endpoint) = &config.endpoint {
                gcs.endpoint = GcsConfig::endpoint_of(endpoint).map_err(|error| {
                    Failure::new(
                        FailureKind::Denied,
                        format!("`recordings.folder.endpoint`: {error}"),
                    )
                })?;
            }
            Archive::gcs(&gcs, &identity()?, clock)?
        }
        "s3" => {
            let endpoint = config
                .endpoint
                .as_deref()
                .map(GcsConfig::endpoint_of)
                .transpose();
            let endpoint = endpoint.map_err(|error| {
                Failure::new(
                    FailureKind::Denied,
                    format!("`recordings.folder.endpoint`: {error}"),
                )
            })?;
            Archive::s3(&S3Config {
                bucket,
                prefix,
                region: config.region.clone(),
                endpoint,
            })?
        }
        _ => return Err(wrong()),
    };
    Ok(Files::Bucket {
        address: archive.base_uri().to_owned(),
        store: archive.store(),
    })
}

fn file(found: ObjectMeta) -> File {
    File {
        path: found.location.to_string(),
        size_bytes: found.size,
        modified_at: found.last_modified,
    }
}

fn object_path(path: &str) -> Outside<ObjectPath> {
    let refused = || {
        Failure::new(
            FailureKind::Rejected,
            "the recording's name leads outside of the folder",
        )
    };
    if is_refused_name(path) {
        return Err(refused());
    }
    ObjectPath::parse(path).map_err(|_| refused())
}

/// Whether a path could lead anywhere else, on any system.
pub(super) fn is_refused_name(path: &str) -> bool {
    path.is_empty()
        || path.starts_with('/')
        || path.contains(['\0', '\\'])
        || path.split('/').any(|part| matches!(part, "" | "." | ".."))
}

/// A stream that fails if it has not as many bytes as was said.
fn counted(bytes: AudioStream, size_bytes: u64) -> AudioStream {
    stream::try_unfold((bytes, size_bytes), |(mut bytes, left)| async move {
        match (bytes.try_next().await?, left) {
            (Some(chunk), left) if chunk.len() as u64 <= left => {
                let left = left - chunk.len() as u64;
                Ok(Some((chunk, (bytes, left))))
            }
            (None, 0) => Ok(None),
            _ => Err(cut_short()),
        }
    })
    .boxed()
}

async fn in_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Outside<T> + Send + 'static,
) -> Outside<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::bug("looking into the folder broke off").with_source(error))?
}

pub(super) fn empty() -> Failure {
    Failure::new(FailureKind::StoreFailed, "the folder is empty").with_hint(
        "is it mounted? bring its files back, or put any file into it if it is to be empty",
    )
}

pub(super) fn gone() -> Failure {
    Failure::new(
        FailureKind::Rejected,
        "the recording is not in the folder any more",
    )
}

pub(super) fn cut_short() -> Failure {
    Failure::new(
        FailureKind::CorruptTransfer,
        "the recording changed while it was read",
    )
}
