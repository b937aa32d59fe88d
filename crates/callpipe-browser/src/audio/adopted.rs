//! Audio that others have put into the archive: the tables have its address, and nothing else of it.

use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::Outside;
use callpipe_core::recording::{ArchiveKey, Recording};
use quick_cache::sync::Cache;

use super::Sounds;

/// So many are known at once.
const KNOWN_MAX: usize = 4_096;

/// What is known of such audio: to find that out it is read whole, once for all who ask meanwhile.
pub(super) struct Adopted(Cache<ArchiveKey, Recording>);

impl Default for Adopted {
    fn default() -> Self {
        Self(Cache::new(KNOWN_MAX))
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
        let started_at = call.contact.started_at_utc();
        let read = async {
            let adopted = self.archive.adopted_recording(&key, started_at).await;
            adopted.map_err(Some)?.ok_or(None)
        };
        match self.adopted.0.get_or_insert_async(&key, read).await {
            Ok(recording) => Ok(vec![recording]),
            Err(None) => Ok(Vec::new()),
            Err(Some(failure)) => Err(failure),
        }
    }

    fn adopted_key(&self, call: &ExportedCall) -> Option<ArchiveKey> {
        let uri = call.audio_uri.as_deref();
        let uri = uri.filter(|_| call.recordings.is_empty())?;
        ArchiveKey::adopted_from(uri, self.archive.base_uri())
    }
}
