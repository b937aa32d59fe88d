//! Recordings as sound for browsers: parts of them, converted where browsers do not play them, and
//! what their waveforms look like.
//!
//! ```text
//!   archive ─► fetched, decoded ─► peaks, kept beside the index
//!           │                   └► WAV, kept while the program runs ─┐
//!           └──────── what browsers play as it is ───────────────────┴─► a part of it
//! ```

mod adopted;
mod convert;
mod fetch;
mod kept_peaks;
mod peaks;
mod playable;
mod range;
mod serve;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use callpipe_connectors::archive::Archive;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Sha256Hex;
use tempfile::TempDir;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

pub(crate) use peaks::{WIDTHS_MAX, peaks};
pub(crate) use serve::routes;

use adopted::Adopted;
use convert::Converted;
use kept_peaks::KeptPeaks;
use playable::Formats;

/// So many recordings are decoded at once: each takes a processor.
const DECODED_AT_ONCE_MAX: usize = 2;

/// What is kept of recordings while the program runs, and beside the index.
pub(crate) struct Sounds {
    archive: Archive,
    /// Removed when the program ends.
    folder: TempDir,
    decoding: Arc<Semaphore>,
    /// A recording is decoded once, however many ask.
    at_work: Mutex<HashMap<Sha256Hex, Weak<tokio::sync::Mutex<()>>>>,
    formats: Formats,
    converted: Arc<Converted>,
    kept_peaks: KeptPeaks,
    adopted: Adopted,
}

impl Sounds {
    pub(crate) fn new(archive: Archive, index_path: &Path) -> Outside<Self> {
        let folder = tempfile::Builder::new().prefix("callpipe-").tempdir();
        let folder = folder.map_err(|error| {
            Failure::new(
                FailureKind::StoreFailed,
                "making a folder for passing files",
            )
            .with_source(error)
            .with_hint("let callpipe write to the folder that TMPDIR names")
        })?;
        Ok(Self {
            archive,
            folder,
            decoding: Arc::new(Semaphore::new(DECODED_AT_ONCE_MAX)),
            at_work: Mutex::default(),
            formats: Formats::default(),
            converted: Arc::default(),
            kept_peaks: KeptPeaks::open(index_path),
            adopted: Adopted::default(),
        })
    }

    /// Waits until nobody else works on a recording.
    async fn alone_with(&self, sha256: &Sha256Hex) -> OwnedMutexGuard<()> {
        let lock = {
            let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            at_work.retain(|_, lock| lock.strong_count() > 0);
            let known = at_work.get(sha256).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                at_work.insert(sha256.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    /// Waits for the right to decode.
    async fn decoding(&self) -> Outside<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.decoding).acquire_owned().await;
        permit.map_err(|error| Failure::bug("nothing is decoded any more").with_source(error))
    }
}
