//! Who turns audio into words. Buying an answer and reading it are apart, so that a better reader
//! costs nothing and quirks are tested on recorded bytes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::analysis::Analysis;
use crate::contracts::CheckReport;
use crate::failure::{Failure, Outside};
use crate::money::Usd;
use crate::recording::{Fingerprint, Recording};
use crate::transcript::RecordingTranscript;
use crate::triage::Heard;

/// A link that lets who holds it read a recording for a while. Not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct AudioLink(pub String);

impl fmt::Debug for AudioLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AudioLink(hidden)")
    }
}

/// The audio of a recording, in the way that the archive can give it.
pub enum Audio {
    /// The transcriber fetches it itself.
    Link(AudioLink),
    /// We send it.
    Stream(BoxStream<'static, Result<Bytes, Failure>>),
}

/// A paid answer that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscribedRecording {
    /// What was said.
    pub transcript: RecordingTranscript,
    /// What was understood.
    pub analysis: Analysis,
    /// The model that answered, for the record.
    pub model: String,
    /// The transcriber's name of the request, for asking its support.
    pub request_id: Option<String>,
    /// What the transcriber warned of (language not supported by a feature).
    pub warnings: Vec<String>,
}

/// A speech-to-text service.
#[async_trait]
pub trait Transcriber: Send + Sync {
    /// Its name for logs, messages and the archive, such as `deepgram`.
    fn name(&self) -> &'static str;

    /// How many requests may be in flight at once.
    fn in_flight_max(&self) -> usize;

    /// Whether it can fetch audio by a link. Who cannot is sent the audio itself.
    fn takes_links(&self) -> bool {
        true
    }

    /// Does what buying does, on next to nothing, and says what was reached. A failure with the call to
    /// blame is about that next to nothing: it was reached, and accepts key and parameters.
    async fn check(&self) -> Outside<CheckReport>;

    /// What makes the answer for this recording what it is: its audio and all settings that change
    /// the answer. Equal fingerprints are bought once.
    fn fingerprint(&self, recording: &Recording) -> Fingerprint;

    /// Buys the answer: the whole body of a successful reply, unread.
    async fn buy(&self, recording: &Recording, audio: Audio) -> Outside<Bytes>;

    /// Reads a bought answer. A missing section is a normal answer; an `UnusableReply` failure
    /// means that the bytes are no answer at all.
    fn read(&self, reply: &[u8], recording: &Recording) -> Outside<TranscribedRecording>;

    /// What a bought answer cost, by the figures in it; nothing where it has none. Who charges
    /// nothing leaves this and the other prices as they are.
    fn price(&self, _reply: &[u8]) -> Usd {
        Usd::ZERO
    }

    /// More than the answer for this recording can cost, by what was heard on it where it was listened
    /// to; none where no price is known.
    fn price_max(&self, _recording: &Recording, _heard: Option<&Heard>) -> Option<Usd> {
        Some(Usd::ZERO)
    }

    /// How long a request for a recording of so many seconds usually takes, for estimates.
    fn usual_delay(&self, duration_s: f64) -> Duration;

    /// What the answer for a recording of so many seconds and channels usually costs, for
    /// estimates; none where no price is known.
    fn usual_price(&self, _duration_s: f64, _channels: u32) -> Option<Usd> {
        Some(Usd::ZERO)
    }
}
