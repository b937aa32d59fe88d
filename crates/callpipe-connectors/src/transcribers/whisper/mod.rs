//! Transcription on this machine by whisper.cpp: nothing leaves it, nothing is paid. In builds with
//! the feature `whisper` only; the models are fetched by any build.
//!
//! Each channel is listened to by itself (`window`, `listen`), and what was heard is kept whole
//! (`wire`) before it is read (`map`), as the reply of a vendor would be.

mod config;
#[cfg(feature = "whisper")]
mod ggml;
#[cfg(feature = "whisper")]
mod hearing;
#[cfg(feature = "whisper")]
mod listen;
#[cfg(feature = "whisper")]
mod map;
pub mod models;
#[cfg(feature = "whisper")]
mod processor;
#[cfg(feature = "whisper")]
mod resample;
#[cfg(feature = "whisper")]
mod transcriber;
#[cfg(feature = "whisper")]
mod window;
#[cfg(feature = "whisper")]
mod wire;

use std::sync::Arc;

use callpipe_core::contracts::transcriber::Transcriber;
use callpipe_core::failure::Outside;
#[cfg(not(feature = "whisper"))]
use callpipe_core::failure::{Failure, FailureKind};

pub use config::{LANGUAGE_AUTO, WhisperConfig};
#[cfg(feature = "whisper")]
pub use transcriber::WhisperTranscriber;

/// Whether this build can transcribe.
pub const IS_BUILT_IN: bool = cfg!(feature = "whisper");

/// The transcriber of a configuration. Its model must be there; it is read once for its checksum,
/// which is part of every fingerprint.
#[cfg(feature = "whisper")]
pub fn transcriber(config: &WhisperConfig) -> Outside<Arc<dyn Transcriber>> {
    Ok(Arc::new(WhisperTranscriber::new(config.clone())?))
}

/// Says that this build cannot.
#[cfg(not(feature = "whisper"))]
pub fn transcriber(_config: &WhisperConfig) -> Outside<Arc<dyn Transcriber>> {
    let message = "this callpipe was built without local transcription";
    Err(Failure::new(FailureKind::Denied, message).with_hint(
        "build it with `--features whisper`, which needs cmake and a C++ compiler; the container image has it",
    ))
}

#[cfg(feature = "whisper")]
#[cfg(test)]
mod tests;
