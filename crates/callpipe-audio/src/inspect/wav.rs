//! RIFF WAVE: chunks with a size each. Format tags by Microsoft's mmreg.h.

use super::{Facts, Plain, cut_off, damaged, exactly, little_endian};
use crate::format::{AudioFormat, Codec, Container};
use crate::input::Source;
use crate::problem::AudioProblem;

/// A size that recorders write when they do not know it yet.
const SIZE_UNKNOWN: u64 = 0xFFFF_FFFF;

/// No sane file has more chunks before its sound.
const CHUNKS_MAX: usize = 1_000;

/// The codec that a head tells.
pub(crate) fn codec_of(head: &[u8]) -> Codec {
    let mut position = 12;
    while let Some(header) = head.get(position..position + 8) {
        let size = little_endian(&header[4..8]) as usize;
        if header.starts_with(b"fmt ") {
            let format = head.get(position + 8..).unwrap_or_default();
            return codec(&format[..format.len().min(size)]);
        }
        position = position.saturating_add(8 + size + size % 2);
    }
    Codec::Unknown
}

fn codec(format: &[u8]) -> Codec {
    let tag = match little_endian(format.get(..2).unwrap_or_default()) {
        // Extensible: the tag is the beginning of a GUID further on.
        0xFFFE => little_endian(format.get(24..26).unwrap_or_default()),
        tag => tag,
    };
    match tag {
        0x01 | 0x03 => Codec::Pcm,
        0x02 => Codec::AdpcmMs,
        0x06 => Codec::ALaw,
        0x07 => Codec::MuLaw,
        0x11 => Codec::AdpcmIma,
        0x31 => Codec::Gsm610,
        0x42 | 0x111 => Codec::G7231,
        0x40 | 0x45 | 0x64 => Codec::G726,
        0x65 | 0x28F => Codec::G722,
        0x83 | 0x133 => Codec::G729,
        0x50 | 0x55 => Codec::Mpeg,
        0xFF | 0x1600 | 0x1610 => Codec::Aac,
        0x160..=0x163 => Codec::Wma,
        tag => Codec::Other(format!("codec 0x{tag:04X}")),
    }
}

/// What the chunks say. Sizes that were never filled in are taken for "up to the end".
pub(super) fn facts(source: &mut Source, size_bytes: u64) -> Result<Facts, AudioProblem> {
    let mut facts = Facts::of(AudioFormat::new(Container::Wav, Codec::Unknown));
    let is_large = exactly(source, 0, 4)?.is_some_and(|magic| magic != b"RIFF");
    let (mut header, mut large_data_bytes, mut position) = (Vec::new(), None, 12);
    for _ in 0..CHUNKS_MAX {
        let Some(chunk) = exactly(source, position, 8)? else {
            break;
        };
        let size = little_endian(&chunk[4..8]);
        match &chunk[..4] {
            b"fmt " => {
                let format = source.bytes_at(position + 8, size.min(64) as usize)?;
                if format.len() < 16 {
                    return Err(cut_off(&facts.format, "its header is not whole"));
                }
                facts.format.codec = codec(&format);
                facts.channels = Some(little_endian(&format[2..4]) as u32);
                facts.sample_rate_hz = Some(little_endian(&format[4..8]) as u32);
                header = format;
            }
            b"ds64" => {
                let sizes = exactly(source, position + 8, 16)?;
                large_data_bytes = sizes.map(|sizes| little_endian(&sizes[8..16]));
            }
            b"data" => {
                let declared = match large_data_bytes {
                    Some(bytes) if is_large && size == SIZE_UNKNOWN => bytes,
                    _ => size,
                };
                let there = size_bytes.saturating_sub(position + 8);
                return with_sound(facts, &header, position + 8, declared, there);
            }
            _ => {}
        }
        position = position.saturating_add(8 + size + size % 2);
    }
    Err(cut_off(&facts.format, "it ends before its sound begins"))
}

fn with_sound(
    mut facts: Facts,
    header: &[u8],
    data_at: u64,
    declared_bytes: u64,
    there_bytes: u64,
) -> Result<Facts, AudioProblem> {
    let is_told = !matches!(declared_bytes, 0 | SIZE_UNKNOWN | 0x7FFF_FFFF..=0x8000_0000)
        && declared_bytes != 0x7FFF_F000;
    if there_bytes == 0 && (declared_bytes == 0 || !is_told) {
        return Err(AudioProblem::Empty);
    }
    let needs = [facts.channels, facts.sample_rate_hz];
    if needs
        .iter()
        .any(|number| number.is_none_or(|number| number == 0))
    {
        return Err(damaged(&facts.format, "its header makes no sense"));
    }
    if is_told && declared_bytes > there_bytes {
        let missing = format!("{there_bytes} of {declared_bytes} bytes of sound are there");
        return Err(cut_off(&facts.format, missing));
    }
    // A size of nothing with something behind it: other chunks, or a header never filled in.
    let bytes = if is_told { declared_bytes } else { there_bytes };
    facts.plain = plain(&facts, header, data_at, bytes);
    facts.duration_s = seconds_a_byte(&facts, header).map(|seconds| seconds * bytes as f64);
    Ok(facts)
}

/// Where the samples lie, if they are plain and their header makes sense.
fn plain(facts: &Facts, header: &[u8], data_at: u64, data_bytes: u64) -> Option<Plain> {
    let channels = facts.channels? as usize;
    let block_bytes = little_endian(header.get(12..14)?) as usize;
    let sample_bytes = block_bytes / channels;
    let tag = match little_endian(header.get(..2)?) {
        0xFFFE => little_endian(header.get(24..26)?),
        tag => tag,
    };
    let fits = match facts.format.codec {
        Codec::MuLaw | Codec::ALaw => sample_bytes == 1,
        Codec::Pcm if tag == 3 => matches!(sample_bytes, 4 | 8),
        Codec::Pcm => (1..=4).contains(&sample_bytes),
        _ => false,
    };
    (fits && block_bytes == sample_bytes * channels).then_some(Plain {
        data_at,
        data_bytes,
        channels,
        sample_bytes,
        is_float: tag == 3,
    })
}

/// By the samples of a block and its bytes. The average of bytes a second, which the header tells
/// too, is wrong in many files.
fn seconds_a_byte(facts: &Facts, header: &[u8]) -> Option<f64> {
    let number = |range: std::ops::Range<usize>| header.get(range).map(little_endian);
    let block_samples = match facts.format.codec {
        Codec::Pcm | Codec::MuLaw | Codec::ALaw => 1,
        Codec::AdpcmMs | Codec::AdpcmIma | Codec::Gsm610 => number(18..20)?,
        _ => {
            return number(8..12)
                .filter(|rate| *rate > 0)
                .map(|rate| 1.0 / rate as f64);
        }
    };
    let block_bytes = number(12..14).filter(|bytes| *bytes > 0)?;
    let rate_hz = facts.sample_rate_hz.map(f64::from)?;
    Some(block_samples as f64 / rate_hz / block_bytes as f64)
}
