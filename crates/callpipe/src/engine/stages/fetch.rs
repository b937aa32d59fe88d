//! Fetch: finds the recordings of a call and streams them into the archive.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callpipe_connectors::archive::Archive;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::recording_source::{
    OpenRecording, RecordingReference, RecordingSource,
};
use callpipe_core::contracts::warehouse::{Change, PendingCall};
use callpipe_core::failure::{FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::recording::{ArchiveKey, Recording};

use super::{StageWork, Verdict, Worked};
use crate::engine::estimate::Usual;
use crate::engine::paid::Purchases;

/// The wait before a transfer that broke in the middle is tried again from the same link. A second
/// failure is left to the state machine: the next attempt asks for a fresh link.
const SAME_LINK_DELAY: Duration = Duration::from_secs(1);

/// The fetch stage.
pub struct FetchStage {
    /// Where recordings come from.
    pub source: Arc<dyn RecordingSource>,
    /// Where they go.
    pub archive: Archive,
    /// How many calls at once.
    pub in_flight_max: usize,
}

#[async_trait]
impl StageWork for FetchStage {
    fn stage(&self) -> Stage {
        Stage::Fetch
    }

    fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    fn usual(&self) -> Usual {
        Usual {
            pace: self.source.pace(),
            usd: Some(Usd::ZERO),
        }
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.archive.check().await?;
        self.source.check().await
    }

    async fn work(&self, call: &PendingCall, _purchases: &Purchases) -> Outside<Worked> {
        if let Some(recording) = self.archived(call).await? {
            let change = Change::Fetched {
                recordings: vec![recording],
                raw_metadata: None,
            };
            let verdict = Verdict::GoesOn;
            return Ok(Worked { change, verdict });
        }
        let found = self.source.find(&call.contact).await?;
        let raw_metadata = found.raw_metadata;
        let references = match found.recordings {
            Ok(references) => references,
            Err(reason) => {
                let change = Change::NothingFound { raw_metadata };
                return Ok(Worked {
                    change,
                    verdict: Verdict::EndsHere(reason),
                });
            }
        };
        let mut recordings = Vec::with_capacity(references.len());
        for (position, reference) in references.iter().enumerate() {
            recordings.push(self.bring(call, reference, position + 1).await?);
        }
        Ok(Worked {
            change: Change::Fetched {
                recordings,
                raw_metadata,
            },
            verdict: Verdict::GoesOn,
        })
    }

    async fn close(&self) -> Outside<()> {
        self.source.close().await
    }
}

impl FetchStage {
    /// The audio that others put into the archive for this call: it is only looked at, so that it
    /// need not be asked for again.
    async fn archived(&self, call: &PendingCall) -> Outside<Option<Recording>> {
        let Some(key) = &call.archived_audio else {
            return Ok(None);
        };
        let started_at = call.contact.started_at_utc();
        self.archive.adopted_recording(key, started_at).await
    }

    async fn bring(
        &self,
        call: &PendingCall,
        reference: &RecordingReference,
        number: usize,
    ) -> Outside<Recording> {
        let open = self.source.open(reference).await?;
        match self.keep(call, reference, number, open).await {
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::CorruptTransfer | FailureKind::Unavailable
                ) =>
            {
                let (contact_id, reason) = (call.contact.id.as_str(), failure.chain());
                tracing::debug!(contact_id, reason, "the same link is tried again");
                tokio::time::sleep(SAME_LINK_DELAY).await;
                let open = self.source.open(reference).await?;
                self.keep(call, reference, number, open).await
            }
            kept => kept,
        }
    }

    async fn keep(
        &self,
        call: &PendingCall,
        reference: &RecordingReference,
        number: usize,
        open: OpenRecording,
    ) -> Outside<Recording> {
        let contact_id = &call.contact.id;
        let media_type = &reference.media_type;
        let key = ArchiveKey::recording(contact_id, media_type, number, &open.extension);
        let stored = self.archive.put_recording(&key, open.bytes).await?;
        Ok(Recording {
            key: stored.key,
            media_type: media_type.clone(),
            content_type: open.content_type,
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
            started_at: reference.started_at,
            participants: reference.participants.clone(),
        })
    }
}
