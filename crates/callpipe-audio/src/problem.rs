//! Why a recording cannot be listened to.

use std::io;

use callpipe_core::failure::{Failure, FailureKind};

use crate::format::AudioFormat;

/// Why a recording cannot be listened to. Never holds anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum AudioProblem {
    /// No bytes, or a header without any sound.
    #[error("it is empty")]
    Empty,
    /// The file ends before its own header says that it does.
    #[error("it is cut off: {format}, {missing}")]
    CutOff {
        /// What there is of it.
        format: AudioFormat,
        /// What is missing.
        missing: String,
    },
    /// Something else under an audio file's name.
    #[error("it is no audio but {what}")]
    NotAudio {
        /// What it is.
        what: &'static str,
    },
    /// Encrypted, as a file or inside.
    #[error("it is encrypted: {what}")]
    Encrypted {
        /// By what it can be told.
        what: String,
    },
    /// The container can be read and nothing in it makes sense.
    #[error("it is damaged: {format}, {problem}")]
    Damaged {
        /// What it claims to be.
        format: AudioFormat,
        /// What does not make sense.
        problem: String,
    },
    /// Only `ffmpeg` reads this, and it is not installed.
    #[error("{format} can be read only with ffmpeg, which is not installed")]
    FfmpegMissing {
        /// What it is.
        format: AudioFormat,
    },
    /// Nothing at hand reads this.
    #[error("{format} cannot be read: {problem}")]
    Unsupported {
        /// What it is.
        format: AudioFormat,
        /// What was said about it.
        problem: String,
    },
    /// Our own copy of it cannot be read or written.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
}

impl AudioProblem {
    /// Whether the file itself is of no use to anybody, whoever listens.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Empty
                | Self::CutOff { .. }
                | Self::NotAudio { .. }
                | Self::Encrypted { .. }
                | Self::Damaged { .. }
        )
    }

    /// As a failure of what was being done.
    pub fn into_failure(self, doing: &str) -> Failure {
        let message = format!("{doing}: {self}");
        let failure = match &self {
            Self::Io(error) => {
                let text = error.to_string();
                return Failure::new(FailureKind::StoreFailed, message).with_source(text);
            }
            Self::FfmpegMissing { .. } => Failure::new(FailureKind::Unsupported, message)
                .with_hint("install ffmpeg (`apt-get install ffmpeg`, `brew install ffmpeg`), then `callpipe calls retry`"),
            Self::Unsupported { .. } => Failure::new(FailureKind::Unsupported, message)
                .with_hint("convert the recording to WAV, MP3 or FLAC"),
            Self::Encrypted { .. } => Failure::new(FailureKind::Rejected, message)
                .with_hint("export the recording decrypted, then `callpipe calls redo --from fetch`"),
            _ => Failure::new(FailureKind::Rejected, message)
                .with_hint("look at the recording at its source; when it is whole there: `callpipe calls redo --from fetch`"),
        };
        failure.found_out_here()
    }
}
