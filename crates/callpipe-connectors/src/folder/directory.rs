//! The files of a directory. Symbolic links are followed to files inside of it, and nowhere else.
//!
//! A directory may be a disk or a share that is not there at the moment. So a file is missing only where
//! the directory is there; everything else is an outage, and no call's fault.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream;
use tokio::io::AsyncReadExt;

use super::files::{File, cut_short, empty, gone, is_refused_name};
use crate::archive::AudioStream;
use crate::root::Root;

/// Deeper folders are a mistake.
const DEPTH_MAX: usize = 64;

/// What is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

const LOOKING: &str = "looking for a recording in the folder";

/// A directory, by its true path.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    path: PathBuf,
    /// What tells it from another. None if it was empty when it was opened: then it may be where a
    /// disk will be mounted, which is another directory.
    root: Option<Arc<Root>>,
}

impl Directory {
    /// A directory that must exist.
    pub(super) fn open(path: &Path) -> Outside<Self> {
        let doing = format!("opening the folder {}", path.display());
        let path = fs::canonicalize(path).map_err(|error| from_io(&error, &doing))?;
        if !path.is_dir() {
            return Err(Failure::new(
                FailureKind::Denied,
                format!("{doing}: it is no directory"),
            ));
        }
        let root = match is_empty(&path) {
            Ok(true) => None,
            // Files can be read where they cannot be listed.
            _ => Some(Root::at(&path).map_err(|error| from_io(&error, &doing))?),
        };
        Ok(Self {
            path,
            root: root.map(Arc::new),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails where the directory is gone, or another stands in its place.
    fn expect_there(&self) -> Outside<()> {
        let there = match &self.root {
            Some(root) => root.expect_there(),
            None => Root::at(&self.path).map(drop),
        };
        there.map_err(|error| from_io(&error, "looking for the folder"))
    }

    /// Fails also where nothing is in the directory: so looks what is not mounted.
    pub(super) fn expect_filled(&self) -> Outside<()> {
        self.expect_there()?;
        match is_empty(&self.path) {
            Ok(false) => Ok(()),
            Ok(true) => Err(empty()),
            Err(error) => Err(self.failure(&error, "looking into the folder")),
        }
    }

    /// What an error means: where the directory is not there, that is told instead.
    fn failure(&self, error: &io::Error, doing: &str) -> Failure {
        match self.expect_there() {
            Ok(()) => from_io(error, doing),
            Err(away) => away,
        }
    }

    /// All files in it, in no order, and how many names were not UTF-8 or led outside.
    pub(super) fn list(&self) -> Outside<(Vec<File>, u64)> {
        let doing = "listing the folder";
        let (mut files, mut left_out) = (Vec::new(), 0);
        let mut folders = vec![(self.path.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| self.failure(&error, doing))?;
            for entry in entries {
                let entry = entry.map_err(|error| self.failure(&error, doing))?;
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                    left_out += 1;
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                match self.kind(&entry) {
                    Kind::Folder if depth < DEPTH_MAX => folders.push((entry.path(), depth + 1)),
                    Kind::File(metadata) => match self.relative(&entry.path()) {
                        Some(path) => files.push(file(path, &metadata)),
                        None => left_out += 1,
                    },
                    Kind::Folder | Kind::Outside => left_out += 1,
                    Kind::Gone => {}
                }
            }
        }
        // Of another directory, or of one that went away meanwhile, nothing is believed.
        self.expect_there()?;
        Ok((files, left_out))
    }

    fn kind(&self, entry: &fs::DirEntry) -> Kind {
        let Ok(own_type) = entry.file_type() else {
            return Kind::Gone;
        };
        let path = match own_type.is_symlink() {
            false if own_type.is_dir() => return Kind::Folder,
            false => entry.path(),
            true => match fs::canonicalize(entry.path()) {
                Ok(target) if target.starts_with(&self.path) => target,
                Ok(_) => return Kind::Outside,
                Err(_) => return Kind::Gone,
            },
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Kind::File(metadata),
            // A link to a folder would show its files twice; a pipe has no end.
            Ok(_) => Kind::Outside,
            Err(_) => Kind::Gone,
        }
    }

    /// A path below the root with forward slashes.
    fn relative(&self, path: &Path) -> Option<String> {
        let parts: Option<Vec<&str>> = path
            .strip_prefix(&self.path)
            .ok()?
            .components()
            .map(|part| part.as_os_str().to_str())
            .collect();
        Some(parts?.join("/"))
    }

    /// The true path of a file, if it is inside the directory.
    fn inside(&self, path: &str) -> Outside<Option<PathBuf>> {
        let relative = Path::new(path);
        let is_plain = relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if is_refused_name(path) || !is_plain {
            return Err(outside());
        }
        match fs::canonicalize(self.path.join(relative)) {
            Ok(true_path) if true_path.starts_with(&self.path) => Ok(Some(true_path)),
            // A link in the directory's own place may lead elsewhere, too.
            Ok(_) => self.expect_there().and_then(|()| Err(outside())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.expect_there().map(|()| None)
            }
            Err(error) => Err(self.failure(&error, LOOKING)),
        }
    }

    /// A file, if it is there.
    pub(super) fn stat(&self, path: &str) -> Outside<Option<File>> {
        let Some(true_path) = self.inside(path)? else {
            return Ok(None);
        };
        match fs::metadata(true_path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(file(path.to_owned(), &metadata))),
            Ok(_) => Ok(None),
            Err(error) => Err(self.failure(&error, LOOKING)),
        }
    }

    /// The bytes of a file. The stream fails if they are not as many as the file had at first.
    pub(super) async fn read(&self, path: &str) -> Outside<(u64, AudioStream)> {
        let doing = "reading a recording of the folder";
        let Some(true_path) = self.inside(path)? else {
            self.expect_filled()?;
            return Err(gone());
        };
        let file = tokio::fs::File::open(true_path).await;
        let file = file.map_err(|error| self.failure(&error, doing))?;
        let size_bytes = file
            .metadata()
            .await
            .map_err(|error| self.failure(&error, doing))?
            .len();
        let bytes = stream::try_unfold((file, size_bytes), move |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
            let read = file.read(&mut chunk).await;
            let read = read.map_err(|error| from_io(&error, doing))?;
            if read == 0 {
                return Err(cut_short());
            }
            chunk.truncate(read);
            Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
        });
        Ok((size_bytes, bytes.boxed()))
    }
}

enum Kind {
    Folder,
    File(Metadata),
    Outside,
    Gone,
}

fn file(path: String, metadata: &Metadata) -> File {
    let modified_at = metadata.modified().map(DateTime::<Utc>::from);
    File {
        path,
        size_bytes: metadata.len(),
        modified_at: modified_at.unwrap_or(DateTime::UNIX_EPOCH),
    }
}

fn outside() -> Failure {
    Failure::new(
        FailureKind::Rejected,
        "the recording's name leads outside of the folder",
    )
}

fn is_empty(path: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(path)?.next().transpose()?.is_none())
}

fn from_io(error: &io::Error, doing: &str) -> Failure {
    let failure = Failure::new(FailureKind::StoreFailed, doing).with_source(error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => failure
            .with_hint("correct `path` under [recordings.folder]; if it was there, bring it back"),
        io::ErrorKind::StaleNetworkFileHandle => failure.with_hint(
            "the folder was moved, or its disk taken away: bring it back where it was; if it is \
             there under another device, start again",
        ),
        io::ErrorKind::PermissionDenied => {
            failure.with_hint("let the user that runs callpipe read the folder")
        }
        _ => failure,
    }
}
