//! The files of a directory. Symbolic links are followed to files inside of it, and nowhere else.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream;
use tokio::io::AsyncReadExt;

use super::files::{File, cut_short, gone, is_refused_name};
use crate::archive::AudioStream;

/// Deeper folders are a mistake.
const DEPTH_MAX: usize = 64;

/// What is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A directory, by its true path.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// A directory that must exist.
    pub(super) fn open(path: &Path) -> Outside<Self> {
        let doing = format!("opening the folder {}", path.display());
        let root = fs::canonicalize(path).map_err(|error| from_io(&error, &doing))?;
        match root.is_dir() {
            true => Ok(Self { root }),
            false => Err(Failure::new(
                FailureKind::Denied,
                format!("{doing}: it is no directory"),
            )),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// All files in it, in no order, and how many names were not UTF-8 or led outside.
    pub(super) fn list(&self) -> Outside<(Vec<File>, u64)> {
        let (mut files, mut left_out) = (Vec::new(), 0);
        let mut folders = vec![(self.root.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries =
                fs::read_dir(&folder).map_err(|error| from_io(&error, "listing the folder"))?;
            for entry in entries {
                let entry = entry.map_err(|error| from_io(&error, "listing the folder"))?;
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
                Ok(target) if target.starts_with(&self.root) => target,
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
            .strip_prefix(&self.root)
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
        match fs::canonicalize(self.root.join(relative)) {
            Ok(true_path) if true_path.starts_with(&self.root) => Ok(Some(true_path)),
            Ok(_) => Err(outside()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_io(&error, "looking for a recording in the folder")),
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
            Err(error) => Err(from_io(&error, "looking for a recording in the folder")),
        }
    }

    /// The bytes of a file. The stream fails if they are not as many as the file had at first.
    pub(super) async fn read(&self, path: &str) -> Outside<(u64, AudioStream)> {
        let doing = "reading a recording of the folder";
        let true_path = self.inside(path)?.ok_or_else(gone)?;
        let file = tokio::fs::File::open(true_path).await;
        let file = file.map_err(|error| from_io(&error, doing))?;
        let size_bytes = file
            .metadata()
            .await
            .map_err(|error| from_io(&error, doing))?
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

fn from_io(error: &io::Error, doing: &str) -> Failure {
    let failure = Failure::new(FailureKind::StoreFailed, doing).with_source(error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => failure.with_hint("correct `path` under [recordings.folder]"),
        io::ErrorKind::PermissionDenied => {
            failure.with_hint("let the user that runs callpipe read the folder")
        }
        _ => failure,
    }
}
