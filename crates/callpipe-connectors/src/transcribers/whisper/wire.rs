//! The reply as it is kept: what the model heard, with everything that a later reading could want.
//! Ours, since no vendor is asked; what has been written is read for ever.

use serde::{Deserialize, Serialize};

/// Names this form of a reply.
pub(super) const FORMAT: &str = "callpipe-whisper/1";

/// What was heard on a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reply {
    /// [`FORMAT`].
    pub(super) format: String,
    /// The model that listened.
    pub(super) model: Model,
    /// The program that ran it: `whisper.cpp 1.8.3`.
    pub(super) engine: String,
    /// What it was told.
    pub(super) parameters: Parameters,
    /// The length of the audio in seconds.
    pub(super) duration_s: f64,
    /// Samples a second of the audio as it came.
    pub(super) sample_rate_hz: u32,
    /// Each channel by itself.
    pub(super) channels: Vec<Channel>,
}

/// A model, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Model {
    /// Its name, or its file's.
    pub(super) name: String,
    /// The SHA-256 of its file.
    pub(super) sha256: String,
}

/// What changes the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Parameters {
    pub(super) language: String,
    pub(super) prompt: Option<String>,
    pub(super) skip_silence: bool,
}

/// What was heard on one channel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Channel {
    /// The language, as it was told or found out.
    pub(super) language: Option<String>,
    /// How many seconds the model listened to; the rest was silence.
    pub(super) heard_s: f64,
    /// In the order of time.
    pub(super) segments: Vec<Segment>,
}

/// A stretch of speech as the model divides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Seconds from the beginning of the recording.
    pub(super) start_s: f64,
    /// Seconds from the beginning of the recording.
    pub(super) end_s: f64,
    /// The text as the model writes it.
    pub(super) text: String,
    /// How likely it is that nobody speaks, 0 to 1.
    pub(super) no_speech_probability: f64,
    /// Its words.
    pub(super) words: Vec<Word>,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Word {
    /// With its punctuation.
    pub(super) text: String,
    /// Seconds from the beginning of the recording.
    pub(super) start_s: f64,
    /// Seconds from the beginning of the recording.
    pub(super) end_s: f64,
    /// The mean probability of its tokens, 0 to 1.
    pub(super) probability: f64,
}
