//! What a file says about its sound, and whether it is as long as it says: by its headers alone,
//! without decoding.

mod flac;
mod mp4;
pub(crate) mod mpeg;
pub(crate) mod ogg;
pub(crate) mod wav;
pub(crate) mod webm;

use crate::format::{AudioFormat, Codec, Container};
use crate::input::{Input, Source};
use crate::problem::AudioProblem;
use crate::sniff::{SNIFF_BYTES, sniff};

/// What AAC's encoders put in front of the sound, in samples, where the file does not tell.
const AAC_PRIMING_SAMPLES_USUAL: u32 = 1024;

/// What a file says about its sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What it is.
    pub format: AudioFormat,
    /// How long, in seconds, where that follows from headers.
    pub duration_s: Option<f64>,
    /// How many channels, where the headers say so.
    pub channels: Option<u32>,
    /// Samples a second, where the headers say so.
    pub sample_rate_hz: Option<u32>,
    /// Samples at the beginning that the encoder put there and nobody said.
    pub(crate) priming_samples: u32,
    /// Where samples lie that need no decoder.
    pub(crate) plain: Option<Plain>,
}

/// Samples that lie one after the other, channel by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) data_at: u64,
    pub(crate) data_bytes: u64,
    pub(crate) channels: usize,
    /// Of one sample of one channel: 1 to 4, or 8.
    pub(crate) sample_bytes: usize,
    pub(crate) is_float: bool,
}

impl Facts {
    fn of(format: AudioFormat) -> Self {
        Self {
            format,
            duration_s: None,
            channels: None,
            sample_rate_hz: None,
            priming_samples: 0,
            plain: None,
        }
    }
}

/// Looks at a file's headers. `name` is the file's; it counts only where the content says nothing.
/// A file that ends too early, has no sound, or is something else, is a problem.
pub fn inspect(input: &Input, name: &str) -> Result<Facts, AudioProblem> {
    let size_bytes = input.size_bytes()?;
    let mut source = input.open()?;
    let head = source.bytes_at(0, SNIFF_BYTES)?;
    let format = sniff(&head, name)?;
    let facts = match format.container {
        Container::Wav => wav::facts(&mut source, size_bytes),
        Container::Mp4 => mp4::facts(&mut source, size_bytes),
        Container::Mp3 | Container::Adts => mpeg::facts(&mut source, size_bytes, format),
        Container::Ogg => ogg::facts(&mut source, size_bytes, format),
        Container::WebM => webm::facts(&mut source, size_bytes, format),
        Container::Flac => flac::facts(&head, input),
        _ => Ok(Facts::of(format)),
    }?;
    match facts.format.codec {
        Codec::Encrypted => Err(AudioProblem::Encrypted {
            what: "the sound inside its container".into(),
        }),
        _ => Ok(facts),
    }
}

/// As [`inspect`], for who wants what is there of a file that was cut off: that is told beside.
pub fn inspect_what_is_there(
    input: &Input,
    name: &str,
) -> Result<(Facts, Option<AudioProblem>), AudioProblem> {
    match inspect(input, name) {
        Ok(facts) => Ok((facts, None)),
        Err(problem @ AudioProblem::CutOff { .. }) => {
            let head = input.open()?.bytes_at(0, SNIFF_BYTES)?;
            let mut facts = Facts::of(sniff(&head, name)?);
            if facts.format == AudioFormat::new(Container::Mp4, Codec::Unknown) {
                facts.format.codec = Codec::Aac;
            }
            Ok((facts, Some(problem)))
        }
        Err(problem) => Err(problem),
    }
}

/// A problem of a file that ends too early.
fn cut_off(format: &AudioFormat, missing: impl Into<String>) -> AudioProblem {
    AudioProblem::CutOff {
        format: format.clone(),
        missing: missing.into(),
    }
}

fn damaged(format: &AudioFormat, problem: impl Into<String>) -> AudioProblem {
    AudioProblem::Damaged {
        format: format.clone(),
        problem: problem.into(),
    }
}

/// An unsigned number of up to eight bytes, the greatest byte first.
fn big_endian(bytes: &[u8]) -> u64 {
    let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
    bytes.iter().fold(0, add)
}

/// An unsigned number of up to eight bytes, the least byte first.
fn little_endian(bytes: &[u8]) -> u64 {
    let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
    bytes.iter().rev().fold(0, add)
}

/// Exactly so many bytes at a position; none where the file has fewer.
fn exactly(
    source: &mut Source,
    position: u64,
    length: usize,
) -> Result<Option<Vec<u8>>, AudioProblem> {
    let bytes = source.bytes_at(position, length)?;
    Ok((bytes.len() == length).then_some(bytes))
}
