//! Streams of frames, each with its own length: MPEG audio (ISO 11172-3, 13818-3) and AAC in ADTS
//! (ISO 13818-7).

use super::{AAC_PRIMING_SAMPLES_USUAL, Facts, big_endian, cut_off, damaged};
use crate::format::{AudioFormat, Codec, Container};
use crate::input::Source;
use crate::problem::AudioProblem;

/// What is read at once while walking.
const WINDOW_BYTES: usize = 64 * 1024;

/// Of a stream of frames, so much may be something else before the next frame is found.
const STRAY_BYTES_MAX: u64 = 64 * 1024;

/// Which frames a stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    Mpeg,
    Adts,
}

/// What the header of a frame says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    kind: Frames,
    length: u64,
    samples: u32,
    rate_hz: u32,
    channels: u32,
}

/// What a head is made of: two frames that follow each other, or one that is all there is.
pub(crate) fn frames_of(head: &[u8]) -> Option<Frames> {
    let first = frame(head)?;
    match head.get(first.length as usize..) {
        Some(rest) if !rest.is_empty() => frame(rest).filter(|second| second.kind == first.kind)?,
        _ => first,
    };
    Some(first.kind)
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    let &[first, second, third, fourth, ..] = bytes else {
        return None;
    };
    if first != 0xFF || second & 0xE0 != 0xE0 {
        return None;
    }
    if second & 0xF6 == 0xF0 {
        return adts(bytes);
    }
    mpeg(second, third, fourth)
}

fn mpeg(second: u8, third: u8, fourth: u8) -> Option<Frame> {
    const KBITS: [[u64; 15]; 4] = [
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [
            0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
        ],
    ];
    let version = (second >> 3) & 3;
    let layer = (second >> 1) & 3;
    let is_first_version = version == 3;
    let row = match (is_first_version, layer) {
        (true, 1) => 0,
        (true, 2) => 1,
        (false, 1 | 2) => 2,
        (true, 3) => 3,
        _ => return None,
    };
    let kbits = *KBITS[row]
        .get(usize::from(third >> 4))
        .filter(|kbits| **kbits > 0)?;
    let rate_hz = *[44_100, 48_000, 32_000].get(usize::from((third >> 2) & 3))?;
    let rate_hz = match version {
        3 => rate_hz,
        2 => rate_hz / 2,
        0 => rate_hz / 4,
        _ => return None,
    };
    let padding = u64::from((third >> 1) & 1);
    let samples = match layer {
        3 => 384,
        1 if !is_first_version => 576,
        _ => 1152,
    };
    let length = match layer {
        3 => (12 * kbits * 1000 / rate_hz + padding) * 4,
        _ => u64::from(samples) / 8 * kbits * 1000 / rate_hz + padding,
    };
    let channels = if fourth >> 6 == 3 { 1 } else { 2 };
    Some(Frame {
        kind: Frames::Mpeg,
        length,
        samples,
        rate_hz: rate_hz as u32,
        channels,
    })
}

fn adts(bytes: &[u8]) -> Option<Frame> {
    const RATES_HZ: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let header = big_endian(bytes.get(..7)?);
    let rate_hz = *RATES_HZ.get((header >> 34) as usize & 0xF)?;
    let channels = (header >> 30) as u32 & 7;
    let length = (header >> 13) & 0x1FFF;
    let blocks = header as u32 & 3;
    (length > 7).then_some(Frame {
        kind: Frames::Adts,
        length,
        samples: 1024 * (blocks + 1),
        rate_hz,
        channels,
    })
}

/// Walks from frame to frame. The last one must end within the file.
pub(super) fn facts(
    source: &mut Source,
    size_bytes: u64,
    format: AudioFormat,
) -> Result<Facts, AudioProblem> {
    let mut window = Window {
        bytes: Vec::new(),
        start: 0,
    };
    let mut position = after_tags(&mut window, source)?;
    if position >= size_bytes {
        return Err(match position {
            position if position > size_bytes => cut_off(&format, "it ends within its tags"),
            _ => AudioProblem::Empty,
        });
    }
    let (mut first, mut samples, mut stray_bytes) = (None::<Frame>, 0, 0);
    while position < size_bytes {
        let head = window.at(source, position)?;
        if first.is_some() && is_trailer(head) {
            break;
        }
        let like_first = |frame: &Frame| {
            first.is_none_or(|first| first.kind == frame.kind && first.rate_hz == frame.rate_hz)
        };
        match frame(head).filter(like_first) {
            Some(frame) if position + frame.length > size_bytes => {
                return Err(cut_off(&format, "its last frame is not whole"));
            }
            Some(frame) => {
                match told_bytes(head).filter(|_| first.is_none()) {
                    Some(bytes) if position + bytes > size_bytes => {
                        let there = size_bytes - position;
                        let missing = format!("{there} of {bytes} bytes are there");
                        return Err(cut_off(&format, missing));
                    }
                    // The frame that tells holds no sound.
                    Some(_) => {}
                    None => samples += u64::from(frame.samples),
                }
                first.get_or_insert(frame);
                position += frame.length;
            }
            None => {
                position += 1;
                stray_bytes += 1;
                if first.is_none() && stray_bytes > STRAY_BYTES_MAX {
                    return Err(damaged(&format, "no frame is found in it"));
                }
            }
        }
    }
    match first {
        Some(first) => Ok(told_by(&first, samples)),
        None => Err(cut_off(&format, "no whole frame is there")),
    }
}

/// Whether what follows the frames begins here.
fn is_trailer(head: &[u8]) -> bool {
    let marks = [&b"TAG"[..], b"APETAGEX", b"LYRICS"];
    marks.iter().any(|mark| head.starts_with(mark))
}

/// What a stream is that begins with this frame and has so many samples.
fn told_by(first: &Frame, samples: u64) -> Facts {
    let (container, codec, priming_samples) = match first.kind {
        Frames::Mpeg => (Container::Mp3, Codec::Mpeg, 0),
        Frames::Adts => (Container::Adts, Codec::Aac, AAC_PRIMING_SAMPLES_USUAL),
    };
    Facts {
        format: AudioFormat::new(container, codec),
        duration_s: Some(samples as f64 / f64::from(first.rate_hz)),
        channels: Some(first.channels.max(1)),
        sample_rate_hz: Some(first.rate_hz),
        priming_samples,
        plain: None,
    }
}

/// Where the frames begin: behind ID3v2 tags, of which there may be several.
fn after_tags(window: &mut Window, source: &mut Source) -> Result<u64, AudioProblem> {
    let mut position = 0;
    for _ in 0..16 {
        let head = window.at(source, position)?;
        let Some(size) = head.get(6..10).filter(|_| head.starts_with(b"ID3")) else {
            break;
        };
        let size = size
            .iter()
            .fold(0, |size, byte| (size << 7) | u64::from(byte & 0x7F));
        let footer = if head.get(5).is_some_and(|flags| flags & 0x10 != 0) {
            10
        } else {
            0
        };
        position += 10 + size + footer;
    }
    Ok(position)
}

/// How many bytes the first frame says that there are (Xing's and Info's header), all told.
fn told_bytes(frame: &[u8]) -> Option<u64> {
    let head = frame.get(..64.min(frame.len()))?;
    let mark = |mark: &[u8]| head.windows(4).position(|window| window == mark);
    let at = mark(b"Xing").or_else(|| mark(b"Info"))?;
    let flags = big_endian(frame.get(at + 4..at + 8)?);
    let bytes_at = at + 8 + if flags & 1 != 0 { 4 } else { 0 };
    let bytes = frame.get(bytes_at..bytes_at + 4)?;
    (flags & 2 != 0).then(|| big_endian(bytes))
}

/// A part of the file that is at hand.
struct Window {
    bytes: Vec<u8>,
    start: u64,
}

impl Window {
    /// What is at a position: at least the header of a frame, unless the file ends before.
    fn at(&mut self, source: &mut Source, position: u64) -> Result<&[u8], AudioProblem> {
        const NEEDED: usize = 256;
        let end = self.start + self.bytes.len() as u64;
        if position < self.start || position + NEEDED as u64 > end {
            self.bytes = source.bytes_at(position, WINDOW_BYTES)?;
            self.start = position;
        }
        let offset = (position - self.start) as usize;
        Ok(self.bytes.get(offset..).unwrap_or_default())
    }
}
