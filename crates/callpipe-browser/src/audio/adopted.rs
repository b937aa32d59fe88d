//! Audio that others have put into the archive: the tables have its address, and nothing else of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::Outside;
use callpipe_core::recording::{ArchiveKey, Recording};

use super::Sounds;

/// So many are known at once; then all are forgotten.
const KNOWN_MAX: usize = 4_096;

/// What is known of such audio, since to find that out it is read whole.
#[derive(Default)]
pub(super) struct Adopted(Mutex<HashMap<ArchiveKey, Recording>>);

impl Adopted {
    fn get(&self, key: &ArchiveKey) -> Option<Recording> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    fn put(&self, recording: Recording) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(recording.key.clone(), recording);
    }
}

impl Sounds {
    /// Whether there may be something to hear of a call.
    pub(crate) fn may_have(&self, call: &ExportedCall) -> bool {
        !call.recordings.is_empty() || self.adopted_key(call).is_some()
    }

    /// The recordings of a call. Where the tables have none, that at the address which they have, if
    /// it is one of the archive's own and something is there.
    pub(crate) async fn recordings(&self, call: &ExportedCall) -> Outside<Vec<Recording>> {
        let Some(key) = self.adopted_key(call) else {
            return Ok(call.recordings.clone());
        };
        if let Some(known) = self.adopted.get(&key) {
            return Ok(vec![known]);
        }
        let started_at = call.contact.started_at_utc();
        let adopted = self.archive.adopted_recording(&key, started_at).await?;
        if let Some(recording) = &adopted {
            self.adopted.put(recording.clone());
        }
        Ok(adopted.into_iter().collect())
    }

    fn adopted_key(&self, call: &ExportedCall) -> Option<ArchiveKey> {
        let uri = call.audio_uri.as_deref();
        let uri = uri.filter(|_| call.recordings.is_empty())?;
        ArchiveKey::adopted_from(uri, self.archive.base_uri())
    }
}
