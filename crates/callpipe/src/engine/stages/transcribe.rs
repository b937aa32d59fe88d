//! Transcribe: buys the words of each recording once, keeps the reply, and reads it.

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_connectors::archive::Archive;
use callpipe_core::analysis::Analysis;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::contracts::warehouse::{Change, PendingCall, TranscribedCall};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::measures::measures;
use callpipe_core::progress::{SkipReason, Stage};
use callpipe_core::recording::{ArchiveKey, Recording};
use callpipe_core::transcript::Transcript;

use super::{Places, REPLIES_MAX, StageWork, Verdict, Worked};
use crate::engine::estimate::{USUAL_CALL_S, USUAL_CHANNELS, Usual};
use crate::engine::paid::{Order, PaidReplies, Purchases};

/// The transcribe stage.
pub struct TranscribeStage {
    /// Who transcribes.
    pub transcriber: Arc<dyn Transcriber>,
    /// Where audio comes from and transcripts go.
    pub archive: Archive,
    /// The replies that were bought so far.
    pub paid: PaidReplies,
    /// How many requests the transcriber takes at once.
    pub places: Places,
}

#[async_trait]
impl StageWork for TranscribeStage {
    fn stage(&self) -> Stage {
        Stage::Transcribe
    }

    fn in_flight_max(&self) -> usize {
        self.places.calls_max()
    }

    fn usual(&self) -> Usual {
        Usual {
            pace: Some(Pace::InFlight {
                requests_max: self.transcriber.in_flight_max(),
                usual_delay: self.transcriber.usual_delay(USUAL_CALL_S),
            }),
            usd: self.transcriber.usual_price(USUAL_CALL_S, USUAL_CHANNELS),
        }
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.archive.check().await?;
        let _place = self.places.take().await;
        self.transcriber.check().await
    }

    async fn work(&self, call: &PendingCall, purchases: &Purchases) -> Outside<Worked> {
        let mut parts = Vec::with_capacity(call.recordings.len());
        let mut reply_keys = Vec::with_capacity(call.recordings.len());
        for recording in &call.recordings {
            let (part, reply_key) = self.transcribed(call, recording, purchases).await?;
            for warning in &part.warnings {
                tracing::info!(
                    contact_id = call.contact.id.as_str(),
                    warning,
                    "the transcriber warns"
                );
            }
            parts.push(part);
            reply_keys.push(reply_key);
        }
        let transcribed = self.put_together(call, parts, reply_keys).await?;
        let verdict = match transcribed.plain_text.is_empty() {
            true => Verdict::EndsHere(SkipReason::NoSpeech),
            false => Verdict::GoesOn,
        };
        Ok(Worked {
            change: Change::Transcribed(Box::new(transcribed)),
            verdict,
        })
    }
}

impl TranscribeStage {
    /// The reply about a recording, read. A reply that cannot be read is bought once more; when a
    /// person asks for the call again, once more than before.
    async fn transcribed(
        &self,
        call: &PendingCall,
        recording: &Recording,
        purchases: &Purchases,
    ) -> Outside<(TranscribedRecording, ArchiveKey)> {
        let fingerprint = self.transcriber.fingerprint(recording);
        let replies_max = REPLIES_MAX * (call.progress.redo_count + 1);
        let mut last_failure = None;
        for number in 1..=replies_max {
            let key = ArchiveKey::reply(self.transcriber.name(), &fingerprint, number);
            let order = Order {
                key: key.clone(),
                stage: Stage::Transcribe,
                contact_id: &call.contact.id,
                price_max: self.transcriber.price_max(recording),
                price: &|reply| self.transcriber.price(reply),
                purchases,
            };
            let reply = self.paid.get_or_buy(order, self.buy(recording)).await?;
            match self.transcriber.read(&reply, recording) {
                Ok(part) => return Ok((part, key)),
                Err(failure) if failure.kind == FailureKind::UnusableReply => {
                    last_failure = Some(failure)
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last_failure.unwrap_or_else(|| Failure::bug("no reply was asked for")))
    }

    async fn buy(&self, recording: &Recording) -> Outside<bytes::Bytes> {
        let _place = self.places.take().await;
        let link = match self.transcriber.takes_links() {
            true => self.archive.link(&recording.key).await,
            false => None,
        };
        if let Some(link) = link {
            let bought = self.transcriber.buy(recording, Audio::Link(link)).await;
            match bought {
                // Not every bucket lets strangers in, signed link or not.
                Err(failure) if is_about_the_link(&failure) => {
                    let reason = failure.chain();
                    tracing::info!(reason, "the audio is sent: the link to it was of no use");
                }
                bought => return bought,
            }
        }
        let audio = Audio::Stream(self.audio(recording).await?);
        self.transcriber.buy(recording, audio).await
    }

    async fn audio(
        &self,
        recording: &Recording,
    ) -> Outside<futures::stream::BoxStream<'static, Outside<bytes::Bytes>>> {
        let (size_bytes, bytes) = self.archive.read_recording(&recording.key).await?;
        if size_bytes != recording.size_bytes {
            let expected = recording.size_bytes;
            return Err(Failure::new(
                FailureKind::Rejected,
                format!("{} has {size_bytes} bytes in the archive where {expected} were fetched", recording.key),
            )
            .with_hint("remove the damaged object and run `callpipe calls redo --from fetch` for this call"));
        }
        Ok(bytes)
    }

    async fn put_together(
        &self,
        call: &PendingCall,
        parts: Vec<TranscribedRecording>,
        reply_keys: Vec<ArchiveKey>,
    ) -> Outside<TranscribedCall> {
        let model = parts
            .first()
            .map(|part| part.model.clone())
            .unwrap_or_default();
        let (recordings, analyses): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|part| {
                let duration_s = part.transcript.duration_s;
                (part.transcript, (part.analysis, duration_s))
            })
            .unzip();
        let transcript = Transcript { recordings };
        let transcript_key = ArchiveKey::transcript(&call.contact.id);
        self.archive
            .put_transcript(&transcript_key, &transcript)
            .await?;
        Ok(TranscribedCall {
            conversation: transcript.conversation(),
            plain_text: transcript.plain_text(),
            analysis: Analysis::merged(analyses),
            measures: measures(&transcript),
            model,
            transcript_key,
            reply_keys,
        })
    }
}

/// Whether a purchase failed because the transcriber could not follow the link. An answer that was lost
/// on its way is no such failure: it may be charged, and is not to be bought again at once.
fn is_about_the_link(failure: &Failure) -> bool {
    failure.kind == FailureKind::CorruptTransfer && !failure.perhaps_charged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_charged_is_not_bought_again_at_once() {
        let corrupt = || Failure::new(FailureKind::CorruptTransfer, "the link leads nowhere");
        assert!(is_about_the_link(&corrupt()));
        assert!(!is_about_the_link(&corrupt().perhaps_charged()));
        assert!(!is_about_the_link(&Failure::new(
            FailureKind::Unavailable,
            "503"
        )));
    }
}
