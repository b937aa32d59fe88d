//! Recordings as sound: what a file is, whether it is whole, its samples, and whether anybody speaks.
//!
//! Everything here blocks and computes: call it off a runtime's threads. Nothing is ever held in
//! memory whole but what the caller has there already.

mod aac;
mod decode;
mod ffmpeg;
mod format;
mod input;
mod inspect;
mod opus;
mod pcm;
mod problem;
mod sniff;
mod speech;
mod wav_file;

pub use decode::{Block, Decoder};
pub use ffmpeg::is_installed as ffmpeg_is_installed;
pub use format::{AudioFormat, Codec, Container};
pub use input::Input;
pub use inspect::{Facts, inspect, inspect_what_is_there};
pub use problem::AudioProblem;
pub use sniff::{SNIFF_BYTES, sniff};
pub use speech::{Heard, SpeechMeter};
pub use wav_file::WavWriter;
