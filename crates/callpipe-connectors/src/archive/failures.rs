//! What an error of the store means to who runs the program.

use std::error::Error;
use std::io;

use callpipe_core::failure::{Failure, FailureKind};

/// An error of `object_store`, by the cause at its root: the texts in between repeat each other.
pub(super) fn from_store(error: &object_store::Error, doing: &str) -> Failure {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return from_io(error, doing);
        }
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    Failure::new(FailureKind::StoreFailed, doing).with_source(cause.to_string())
}

/// An error of the file system.
pub(super) fn from_io(error: &io::Error, doing: &str) -> Failure {
    let failure = Failure::new(FailureKind::StoreFailed, doing).with_source(error.to_string());
    match hint(error.kind()) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("the disk is full: make room where the archive lies, or move the archive")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("let the user that runs callpipe write to the archive's directory")
        }
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => {
            Some("a file and a directory have the same name: move one of them away")
        }
        _ => None,
    }
}
