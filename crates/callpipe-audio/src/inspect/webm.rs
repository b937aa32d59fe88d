//! WebM and Matroska: elements of a number and a size (RFC 8794, RFC 9559).

use super::{Facts, big_endian, cut_off};
use crate::format::{AudioFormat, Codec};
use crate::input::Source;
use crate::problem::AudioProblem;

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1F43_B675;
const TRACKS: u64 = 0x1654_AE6B;
const INFO: u64 = 0x1549_A966;
const ELEMENTS_MAX: usize = 1_000_000;

/// The codec by its name in a track's entry.
pub(crate) fn codec_of(head: &[u8]) -> Codec {
    let names: [(&[u8], Codec); 6] = [
        (b"A_OPUS", Codec::Opus),
        (b"A_VORBIS", Codec::Vorbis),
        (b"A_AAC", Codec::Aac),
        (b"A_MPEG", Codec::Mpeg),
        (b"A_FLAC", Codec::Flac),
        (b"A_PCM", Codec::Pcm),
    ];
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    let found = names.into_iter().find(|(name, _)| holds(name));
    found.map_or(Codec::Unknown, |(_, codec)| codec)
}

/// An element's number, where its content begins, and its size where that is told.
struct Element {
    id: u64,
    content_at: u64,
    size: Option<u64>,
}

/// Walks through the elements of the segment. One that does not end within the file was cut.
pub(super) fn facts(
    source: &mut Source,
    size_bytes: u64,
    format: AudioFormat,
) -> Result<Facts, AudioProblem> {
    let mut facts = Facts::of(format);
    let (mut position, mut clusters) = (0, 0);
    for _ in 0..ELEMENTS_MAX {
        if position >= size_bytes {
            break;
        }
        let Some(element) = element(source, position)? else {
            return Err(cut_off(&facts.format, "its last element is not whole"));
        };
        if element.id == CLUSTER {
            clusters += 1;
        }
        if let Some(size) = element.size
            && element.content_at + size > size_bytes
        {
            return Err(cut_off(&facts.format, "it ends before its own header says"));
        }
        if matches!(element.id, TRACKS | INFO) {
            let length = element.size.unwrap_or(0).min(64 * 1024) as usize;
            let content = source.bytes_at(element.content_at, length)?;
            read(&mut facts, element.id, &content);
        }
        // What is in a segment is walked through; so is what has no size, up to the end.
        position = match (element.id, element.size) {
            (SEGMENT, _) | (_, None) => element.content_at,
            (_, Some(size)) => element.content_at + size,
        };
    }
    match clusters {
        0 => Err(AudioProblem::Empty),
        _ => Ok(facts),
    }
}

fn element(source: &mut Source, position: u64) -> Result<Option<Element>, AudioProblem> {
    let bytes = source.bytes_at(position, 12)?;
    Ok(parse(&bytes).map(|(id, size, header)| Element {
        id,
        content_at: position + header as u64,
        size,
    }))
}

/// Number, size and length of an element's header.
fn parse(bytes: &[u8]) -> Option<(u64, Option<u64>, usize)> {
    let id_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let id = big_endian(bytes.get(..id_bytes).filter(|id| id.len() <= 4)?);
    let rest = bytes.get(id_bytes..)?;
    let size_bytes = rest.first()?.leading_zeros() as usize + 1;
    let size = big_endian(rest.get(..size_bytes).filter(|size| size.len() <= 8)?);
    let mask = (1 << (7 * size_bytes)) - 1;
    let size = (size & mask != mask).then_some(size & mask);
    Some((id, size, id_bytes + size_bytes))
}

/// What tracks and general information tell: they nest, and the few numbers that matter have
/// numbers of their own.
fn read(facts: &mut Facts, id: u64, content: &[u8]) {
    if id == TRACKS {
        facts.format.codec = codec_of(content);
    }
    let (mut scale_ns, mut duration) = (1_000_000, None);
    let mut rest = content;
    while let Some((id, size, header)) = parse(rest) {
        let body = rest.get(header..).unwrap_or_default();
        let size = size.map_or(body.len(), |size| size.min(body.len() as u64) as usize);
        let value = &body[..size];
        match id {
            0x2A_D7B1 => scale_ns = big_endian(value),
            0x4489 => duration = float(value),
            0x9F => facts.channels = Some(big_endian(value) as u32),
            // What Opus puts in front of the sound, in nanoseconds.
            0x56AA => facts.priming_samples = (big_endian(value) * 48 / 1_000_000) as u32,
            0xB5 => facts.sample_rate_hz = float(value).map(|rate| rate as u32),
            _ => {}
        }
        // An entry of a track and its audio settings are gone into.
        rest = match id {
            0xAE | 0xE1 => body,
            _ => &body[size..],
        };
    }
    if let Some(duration) = duration {
        facts.duration_s = Some(duration * scale_ns as f64 / 1e9);
    }
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f64::from(f32::from_bits(big_endian(bytes) as u32))),
        8 => Some(f64::from_bits(big_endian(bytes))),
        _ => None,
    }
}
