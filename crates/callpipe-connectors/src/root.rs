//! The directory that an archive or a folder is, told from another that stands in its place.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A directory and what tells it from others of its name.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode; elsewhere a directory is known by its name alone.
type Identity = Option<(u64, u64)>;

impl Root {
    /// The directory that has this name now.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&fs::metadata(path)?),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails where the directory is gone, or another has its name: one that was moved, or whose disk
    /// was taken away, is not made anew, and what is not found then may be there all the same.
    pub(crate) fn expect_there(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() && identity(&metadata) == self.identity => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::new(
                ErrorKind::StaleNetworkFileHandle,
                "the directory is gone, or is another one",
            )),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Identity {
    None
}
