//! Who turns audio into words.

pub mod deepgram;
