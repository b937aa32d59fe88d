//! Ogg: pages that each say where they end (RFC 3533), and what Opus says in its first (RFC 7845).

use super::{Facts, cut_off, little_endian};
use crate::format::{AudioFormat, Codec};
use crate::input::Source;
use crate::problem::AudioProblem;

const PAGE_HEADER_BYTES: usize = 27;

/// No page is longer: a header, 255 sizes, and as many segments of 255 bytes.
const PAGE_BYTES_MAX: u64 = 27 + 255 + 255 * 255;

/// The codec that the first page tells.
pub(crate) fn codec_of(head: &[u8]) -> Codec {
    match first_packet(head) {
        packet if packet.starts_with(b"OpusHead") => Codec::Opus,
        packet if packet.starts_with(b"\x01vorbis") => Codec::Vorbis,
        packet if packet.starts_with(b"Speex   ") => Codec::Speex,
        packet if packet.starts_with(b"\x7FFLAC") => Codec::Flac,
        _ => Codec::Unknown,
    }
}

/// What the first page holds: where its stream begins.
fn first_packet(head: &[u8]) -> &[u8] {
    head.get(26)
        .and_then(|segments| head.get(PAGE_HEADER_BYTES + usize::from(*segments)..))
        .unwrap_or_default()
}

/// What the first and the last page say.
pub(super) fn facts(
    source: &mut Source,
    size_bytes: u64,
    format: AudioFormat,
) -> Result<Facts, AudioProblem> {
    let mut facts = Facts::of(format);
    let head = source.bytes_at(0, 128)?;
    let packet = first_packet(&head);
    let (rate_hz, channels, delay) = match facts.format.codec {
        // Opus counts at 48 kHz whatever was recorded.
        Codec::Opus => (
            48_000,
            packet.get(9).copied().map(u32::from),
            packet.get(10..12),
        ),
        Codec::Vorbis => (
            packet
                .get(12..16)
                .map_or(0, |rate| little_endian(rate) as u32),
            packet.get(11).copied().map(u32::from),
            None,
        ),
        _ => (0, None, None),
    };
    let tail_at = size_bytes.saturating_sub(PAGE_BYTES_MAX);
    let tail = source.bytes_at(tail_at, PAGE_BYTES_MAX as usize)?;
    let samples = last_page(&tail, &facts.format)?;
    facts.channels = channels;
    facts.sample_rate_hz = (rate_hz > 0).then_some(rate_hz);
    let delay = delay.map_or(0, little_endian);
    facts.duration_s = samples
        .filter(|_| rate_hz > 0)
        .map(|samples| samples.saturating_sub(delay) as f64 / f64::from(rate_hz));
    match samples {
        Some(0) | None if size_bytes < PAGE_BYTES_MAX && pages(&tail) < 3 => {
            Err(AudioProblem::Empty)
        }
        _ => Ok(facts),
    }
}

/// Where the sound ends, in samples, by the last page, which must end where the file does.
fn last_page(tail: &[u8], format: &AudioFormat) -> Result<Option<u64>, AudioProblem> {
    let cut = || cut_off(format, "its last page is not whole");
    let start = tail.windows(4).rposition(|window| window == b"OggS");
    let page = start.and_then(|start| tail.get(start..)).ok_or_else(cut)?;
    let segments = usize::from(*page.get(26).ok_or_else(cut)?);
    let sizes = page.get(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + segments);
    let body: usize = sizes
        .ok_or_else(cut)?
        .iter()
        .map(|size| usize::from(*size))
        .sum();
    if page.len() < PAGE_HEADER_BYTES + segments + body {
        return Err(cut());
    }
    let position = little_endian(&page[6..14]);
    // No packet ends on this page: the one before would know.
    Ok((position != u64::MAX).then_some(position))
}

fn pages(bytes: &[u8]) -> usize {
    bytes.windows(4).filter(|window| window == b"OggS").count()
}
