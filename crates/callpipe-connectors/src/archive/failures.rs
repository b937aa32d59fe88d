//! What an error of the store means to who runs the program.

use std::error::Error;
use std::io;

use callpipe_core::failure::{Failure, FailureKind};
use object_store::client::{HttpError, HttpErrorKind};

use super::cloud::{Carried, Refusal};

const BUCKET_HINT: &str = "the bucket does not exist, or is another project's: make it (`gcloud storage buckets create \
    gs://NAME`), or correct its name under `[archive]`";
const ELSEWHERE_HINT: &str =
    "the bucket is at another endpoint or in another region: correct them under `[archive]`";

/// An error of `object_store`, by the cause at its root: the texts in between repeat each other.
pub(crate) fn from_store(error: &object_store::Error, doing: &str) -> Failure {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return from_io(error, doing);
        }
        if let Some(Carried(failure)) = cause.downcast_ref::<Carried>() {
            return carried(failure, doing);
        }
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return from_refusal(refusal, doing);
        }
        match cause.source() {
            // What is below says the same in more words.
            Some(_) if cause.is::<HttpError>() && !is_ours(cause) => break,
            Some(source) => cause = source,
            None => break,
        }
    }
    match cause.downcast_ref::<HttpError>() {
        Some(error) => from_transport(error, doing),
        None => Failure::new(FailureKind::StoreFailed, doing).with_source(cause.to_string()),
    }
}

/// Whether the error of a request is one that we put there.
fn is_ours(error: &(dyn Error + 'static)) -> bool {
    error
        .source()
        .is_some_and(|source| source.is::<Carried>() || source.is::<Refusal>())
}

fn carried(failure: &Failure, doing: &str) -> Failure {
    let carried = Failure::new(failure.kind, format!("{doing}: {}", failure.message))
        .with_retry_after(failure.retry_after);
    match &failure.hint {
        Some(hint) => carried.with_hint(hint.clone()),
        None => carried,
    }
}

/// An answer of a cloud store that is no success.
fn from_refusal(refusal: &Refusal, doing: &str) -> Failure {
    let message = format!("{doing}: {refusal}");
    match refusal.status.as_u16() {
        401 | 403 => Failure::new(FailureKind::Denied, message).with_hint(refusal.role_hint),
        400 if refusal.is_about_damage() => Failure::new(FailureKind::CorruptTransfer, message),
        404 => Failure::new(FailureKind::StoreFailed, message).with_hint(BUCKET_HINT),
        301 | 307 | 308 => {
            Failure::new(FailureKind::StoreFailed, message).with_hint(ELSEWHERE_HINT)
        }
        _ if refusal.is_of_the_moment() => {
            Failure::new(FailureKind::Unavailable, message).with_retry_after(refusal.retry_after)
        }
        _ => Failure::new(FailureKind::StoreFailed, message),
    }
}

/// A request to a cloud store that got no answer.
fn from_transport(error: &HttpError, doing: &str) -> Failure {
    let what = match error.kind() {
        HttpErrorKind::Connect => "no connection",
        HttpErrorKind::Timeout => "no answer in time",
        HttpErrorKind::Decode => "the answer makes no sense",
        _ => "the connection broke",
    };
    Failure::new(FailureKind::Unavailable, format!("{doing}: {what}"))
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
        io::ErrorKind::StaleNetworkFileHandle => {
            Some("the archive was moved, or its disk taken away: bring it back where it was")
        }
        io::ErrorKind::CrossesDevices => {
            Some("a folder of the archive lies on another disk: let all of it be on one")
        }
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => {
            Some("a file and a directory have the same name: move one of them away")
        }
        _ => None,
    }
}
