//! Who turns audio into words.

pub mod deepgram;
mod sides;
pub mod whisper;
