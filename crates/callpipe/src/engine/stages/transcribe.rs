//! Transcribe: buys the words of each recording once, keeps the reply, and reads it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use callpipe_connectors::archive::Archive;
use callpipe_core::analysis::Analysis;
use callpipe_core::call::ContactId;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::contracts::warehouse::{Change, PendingCall, TranscribedCall};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::measures::measures;
use callpipe_core::progress::{SkipReason, Stage};
use callpipe_core::recording::{ArchiveKey, Recording};
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use callpipe_core::triage::{RecordingTriage, decide};
use futures::{StreamExt, stream};

use super::{Places, REPLIES_MAX, StageWork, Verdict, Worked};
use crate::engine::estimate::{USUAL_CALL_S, USUAL_CHANNELS, Usual};
use crate::engine::paid::{Order, PaidReplies, Purchases, Wanted};
use crate::engine::triage::{Listened, Triage, Turn};

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
    /// How recordings are listened to before anything is bought.
    pub triage: Triage,
}

/// What there is about one recording.
struct Part {
    transcribed: TranscribedRecording,
    /// Nothing where nothing was bought.
    reply_key: Option<ArchiveKey>,
    triage: Option<RecordingTriage>,
    /// The other call that the reply was bought for.
    bought_for: Option<ContactId>,
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
        self.triage.check().await?;
        let _place = self.places.take().await;
        self.transcriber.check().await
    }

    async fn work(&self, call: &PendingCall, purchases: &Purchases) -> Outside<Worked> {
        let mut parts = Vec::with_capacity(call.recordings.len());
        for recording in &call.recordings {
            let part = self.transcribed(call, recording, purchases).await?;
            for warning in &part.transcribed.warnings {
                tracing::info!(
                    contact_id = call.contact.id.as_str(),
                    warning,
                    "the transcriber warns"
                );
            }
            if let Some(other) = &part.bought_for {
                let (contact_id, other) = (call.contact.id.as_str(), other.as_str());
                tracing::info!(
                    contact_id,
                    other,
                    "another call has the same audio: its transcript is used"
                );
            }
            parts.push(part);
        }
        let transcribed = self.put_together(call, parts).await?;
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
    ) -> Outside<Part> {
        let fingerprint = self.transcriber.fingerprint(recording);
        let replies_max = REPLIES_MAX * (call.progress.redo_count + 1);
        let mut last_failure = None;
        for number in 1..=replies_max {
            let key = ArchiveKey::reply(self.transcriber.name(), &fingerprint, number);
            let order = Order {
                key: key.clone(),
                stage: Stage::Transcribe,
                contact_id: &call.contact.id,
                price: &|reply| self.transcriber.price(reply),
                purchases,
            };
            let in_vain = Mutex::new(None);
            let reply = self
                .paid
                .get_or_buy_if(order, self.listen(recording, &in_vain), |listened| {
                    self.buy(recording, listened)
                })
                .await?;
            let Some(reply) = reply else {
                let triage = in_vain.into_inner();
                let triage = triage.unwrap_or_else(PoisonError::into_inner);
                return Ok(not_bought(recording, triage));
            };
            // Whoever bought it had listened: this call, another one, or a run that was killed.
            let noted = reply.note.as_deref();
            let triage = noted.and_then(|noted| serde_json::from_str(noted).ok());
            match self.transcriber.read(&reply.bytes, recording) {
                Ok(transcribed) => {
                    let bought_for = reply.bought_for.filter(|id| *id != call.contact.id);
                    return Ok(Part {
                        transcribed,
                        reply_key: Some(key),
                        triage,
                        bought_for,
                    });
                }
                Err(failure) if failure.kind == FailureKind::UnusableReply => {
                    last_failure = Some(failure)
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last_failure.unwrap_or_else(|| Failure::bug("no reply was asked for")))
    }

    /// Listens to a recording. None where nobody speaks; then what was heard is told by `in_vain`, and by the
    /// kept reply's note where one is bought.
    async fn listen(
        &self,
        recording: &Recording,
        in_vain: &Mutex<Option<RecordingTriage>>,
    ) -> Outside<Option<Wanted<Listened>>> {
        let wanted = |listened: Listened, triage: Option<&RecordingTriage>| {
            let price_max = self
                .transcriber
                .price_max(recording, listened.heard.as_ref());
            Some(Wanted {
                look: listened,
                price_max,
                note: triage.and_then(|triage| serde_json::to_string(triage).ok()),
            })
        };
        if self.triage.looks_away(recording) {
            return Ok(wanted(Listened::default(), None));
        }
        let turn = Turn::of(recording).await;
        let bytes = self.audio(recording).await?;
        let listened = self.triage.listen(turn, recording, bytes).await?;
        let (Some(heard), Some(thresholds)) = (&listened.heard, &self.triage.thresholds) else {
            return Ok(wanted(listened, None));
        };
        let reason = decide(heard, thresholds);
        let saved_usd = || {
            let duration_s = heard.duration_s.unwrap_or(heard.listened_s);
            let channels = u32::try_from(heard.channels.len()).unwrap_or(1);
            self.transcriber.usual_price(duration_s, channels)
        };
        let triage = RecordingTriage {
            heard: heard.clone(),
            bought: reason.buys(),
            reason,
            saved_usd: (!reason.buys()).then(saved_usd).flatten(),
        };
        if reason.buys() {
            return Ok(wanted(listened, Some(&triage)));
        }
        *in_vain.lock().unwrap_or_else(PoisonError::into_inner) = Some(triage);
        Ok(None)
    }

    async fn buy(&self, recording: &Recording, listened: Listened) -> Outside<bytes::Bytes> {
        let _place = self.places.take().await;
        if let Some(converted) = &listened.instead {
            let audio = Audio::Stream(converted.stream());
            return self
                .transcriber
                .buy(&converted.recording(recording), audio)
                .await;
        }
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
        let bytes = match listened.kept {
            Some(kept) => stream::iter([Ok(kept)]).boxed(),
            None => self.audio(recording).await?,
        };
        self.transcriber.buy(recording, Audio::Stream(bytes)).await
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
            .with_hint("remove the damaged object and run `callpipe calls redo --from fetch` for this call")
            .found_out_here());
        }
        Ok(bytes)
    }

    async fn put_together(&self, call: &PendingCall, parts: Vec<Part>) -> Outside<TranscribedCall> {
        let bought = parts.iter().find(|part| part.reply_key.is_some());
        let model = bought.map(|part| part.transcribed.model.clone());
        let same_audio_as = parts.iter().find_map(|part| part.bought_for.clone());
        let reply_keys = parts
            .iter()
            .filter_map(|part| part.reply_key.clone())
            .collect();
        let triage = parts
            .iter()
            .filter_map(|part| part.triage.clone())
            .collect();
        let (recordings, analyses): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|part| {
                let transcribed = part.transcribed;
                let duration_s = transcribed.transcript.duration_s;
                (transcribed.transcript, (transcribed.analysis, duration_s))
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
            model: model.unwrap_or_default(),
            transcript_key,
            reply_keys,
            triage,
            same_audio_as,
        })
    }
}

/// Whether a purchase failed because the transcriber could not follow the link. An answer that was lost
/// on its way is no such failure: it may be charged, and is not to be bought again at once.
fn is_about_the_link(failure: &Failure) -> bool {
    failure.kind == FailureKind::CorruptTransfer && !failure.perhaps_charged
}

/// A recording on which nobody speaks: a transcript without words.
fn not_bought(recording: &Recording, triage: Option<RecordingTriage>) -> Part {
    let heard = triage
        .as_ref()
        .map(|triage| triage.heard.clone())
        .unwrap_or_default();
    Part {
        transcribed: TranscribedRecording {
            transcript: RecordingTranscript {
                recording: recording.key.clone(),
                duration_s: heard.duration_s.unwrap_or(heard.listened_s),
                channels: u32::try_from(heard.channels.len()).unwrap_or(1).max(1),
                language: None,
                turns: Vec::new(),
            },
            analysis: Analysis::default(),
            model: String::new(),
            request_id: None,
            warnings: Vec::new(),
        },
        reply_key: None,
        triage,
        bought_for: None,
    }
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
