//! ISO media (ISO 14496-12): boxes of a size and a name. Those of a whole file fill it exactly.

use super::{AAC_PRIMING_SAMPLES_USUAL, Facts, big_endian, cut_off, damaged, exactly};
use crate::format::{AudioFormat, Codec, Container};
use crate::input::Source;
use crate::problem::AudioProblem;

/// The most of a description of the file that is read: the tables of many hours.
const DESCRIPTION_BYTES_MAX: u64 = 64 * 1024 * 1024;

const BOXES_MAX: usize = 1_000_000;

/// Walks through the file's boxes, and reads what its description says of the first track of sound.
pub(super) fn facts(source: &mut Source, size_bytes: u64) -> Result<Facts, AudioProblem> {
    let mut facts = Facts::of(AudioFormat::new(Container::Mp4, Codec::Unknown));
    let (mut position, mut description, mut has_sound) = (0, None, false);
    for _ in 0..BOXES_MAX {
        if position >= size_bytes {
            break;
        }
        let header = exactly(source, position, 8)?;
        let header = header.ok_or_else(|| cut_off(&facts.format, "its last box is not whole"))?;
        let (size, header_bytes) = match big_endian(&header[..4]) {
            0 => (size_bytes - position, 8),
            1 => {
                let large = exactly(source, position + 8, 8)?;
                let large =
                    large.ok_or_else(|| cut_off(&facts.format, "its last box is not whole"))?;
                (big_endian(&large), 16)
            }
            size => (size, 8),
        };
        if size < header_bytes {
            return Err(damaged(&facts.format, "its boxes make no sense"));
        }
        if size > size_bytes - position {
            let there = size_bytes - position;
            return Err(cut_off(
                &facts.format,
                format!("{there} of {size} bytes of its last box are there"),
            ));
        }
        let body_bytes = size - header_bytes;
        match &header[4..8] {
            b"moov" if body_bytes > DESCRIPTION_BYTES_MAX => {
                return Err(damaged(&facts.format, "its description is too long"));
            }
            b"moov" => {
                description = Some(source.bytes_at(position + header_bytes, body_bytes as usize)?)
            }
            b"mdat" => has_sound |= body_bytes > 0,
            _ => {}
        }
        position += size;
    }
    let description =
        description.ok_or_else(|| cut_off(&facts.format, "its description is missing"))?;
    let track = sound_track(&description).ok_or(AudioProblem::NotAudio {
        what: "an MP4 file without sound",
    })?;
    read_track(&mut facts, track, &description);
    match has_sound {
        true => Ok(facts),
        false => Err(AudioProblem::Empty),
    }
}

/// The boxes inside a box.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let size = big_endian(bytes.get(..4)?) as usize;
        let size = if size == 0 { bytes.len() } else { size };
        let (name, body) = (bytes.get(4..8)?, bytes.get(8..size)?);
        bytes = &bytes[size..];
        Some((name, body))
    })
}

/// The body of the box at a path of names.
fn inner<'a>(body: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(body, |body, name| {
        let found = boxes(body).find(|(found, _)| found == name);
        found.map(|(_, body)| body)
    })
}

fn sound_track(description: &[u8]) -> Option<&[u8]> {
    boxes(description).find_map(|(name, body)| {
        let handler = inner(body, &[b"mdia", b"hdlr"]).filter(|_| name == b"trak")?;
        (handler.get(8..12)? == b"soun").then_some(body)
    })
}

fn read_track(facts: &mut Facts, track: &[u8], description: &[u8]) {
    let entries = inner(track, &[b"mdia", b"minf", b"stbl", b"stsd"]).unwrap_or_default();
    if let Some((name, entry)) = boxes(entries.get(8..).unwrap_or_default()).next() {
        facts.format.codec = codec(name);
        // Muxers write two channels for any AAC; decoding tells.
        let channels = entry
            .get(16..18)
            .filter(|_| facts.format.codec != Codec::Aac);
        facts.channels = channels.map(|count| big_endian(count) as u32);
        facts.sample_rate_hz = entry.get(24..26).map(|rate| big_endian(rate) as u32);
    }
    facts.sample_rate_hz = facts.sample_rate_hz.filter(|rate| *rate > 0);
    facts.channels = facts.channels.filter(|count| *count > 0);
    let of_track = inner(track, &[b"mdia", b"mdhd"]).and_then(timed);
    let of_movie = inner(description, &[b"mvhd"]).and_then(timed);
    let duration = of_track.filter(|(_, duration)| *duration > 0).or(of_movie);
    let fragments = inner(description, &[b"mvex", b"mehd"]);
    facts.duration_s = match (duration, fragments) {
        (Some((scale, duration)), _) if scale > 0 && duration > 0 => {
            Some(duration as f64 / scale as f64)
        }
        _ => None,
    };
    if facts.format.codec == Codec::Aac {
        facts.priming_samples = priming(track, of_track).unwrap_or(AAC_PRIMING_SAMPLES_USUAL);
    }
}

/// Ticks a second and length in ticks, of a header of a movie or of a medium.
fn timed(body: &[u8]) -> Option<(u64, u64)> {
    let (scale, duration) = match body.first()? {
        1 => (body.get(20..24)?, body.get(24..32)?),
        _ => (body.get(12..16)?, body.get(16..20)?),
    };
    Some((big_endian(scale), big_endian(duration)))
}

/// Where the sound begins by the file's list of edits, in samples. What is more than a second was
/// cut out by somebody and is no priming.
fn priming(track: &[u8], scale: Option<(u64, u64)>) -> Option<u32> {
    let list = inner(track, &[b"edts", b"elst"])?;
    let media_time = match list.first()? {
        1 => big_endian(list.get(16..24)?),
        _ => big_endian(list.get(12..16)?),
    };
    let (ticks_a_second, _) = scale?;
    (media_time <= ticks_a_second).then_some(media_time as u32)
}

fn codec(name: &[u8]) -> Codec {
    match name {
        b"mp4a" => Codec::Aac,
        b"alac" => Codec::Alac,
        b"Opus" => Codec::Opus,
        b"fLaC" => Codec::Flac,
        b".mp3" => Codec::Mpeg,
        b"samr" | b"sawb" => Codec::Amr,
        b"ulaw" => Codec::MuLaw,
        b"alaw" => Codec::ALaw,
        b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"raw " => Codec::Pcm,
        b"agsm" => Codec::Gsm610,
        b"enca" | b"drms" => Codec::Encrypted,
        name => Codec::Other(name.escape_ascii().to_string()),
    }
}
