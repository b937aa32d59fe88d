//! Audio containers, as far as the sandbox must know them: to make copies that sound the same and
//! hash differently, and to tell a whole file from a cut one.

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// Length of the label that makes a copy unique.
const LABEL_BYTES: usize = 64;

/// The kinds of file that the sandbox knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// ISO base media: `ftyp` comes first.
    Mp4,
    /// RIFF with the form type WAVE.
    Wav,
    /// Anything else.
    Other,
}

/// Looks at the first bytes.
pub(crate) fn container(audio: &[u8]) -> Container {
    match (audio.get(0..4), audio.get(4..8), audio.get(8..12)) {
        (_, Some(b"ftyp"), _) => Container::Mp4,
        (Some(b"RIFF"), _, Some(b"WAVE")) => Container::Wav,
        _ => Container::Other,
    }
}

/// Makes copies of one recording, each with a label in a place that players skip.
///
/// The label has a fixed length and comes last, so the hash of the common part is taken once.
#[derive(Debug, Clone)]
pub(crate) struct Press {
    common: Bytes,
    kind: Container,
    hasher: Sha256,
}

impl Press {
    pub(crate) fn new(audio: &Bytes) -> Press {
        let kind = container(audio);
        let common = match kind {
            Container::Wav => enlarged_wav(audio),
            Container::Mp4 | Container::Other => audio.clone(),
        };
        let hasher = Sha256::new_with_prefix(&common);
        Press {
            common,
            kind,
            hasher,
        }
    }

    /// The copy that carries this label.
    pub(crate) fn copy(&self, label: &str) -> Bytes {
        let tail = self.tail(label);
        let mut audio = BytesMut::with_capacity(self.common.len() + tail.len());
        audio.put_slice(&self.common);
        audio.put_slice(&tail);
        audio.freeze()
    }

    /// Its SHA-256, without making it.
    pub(crate) fn sha256(&self, label: &str) -> String {
        hex::encode(
            self.hasher
                .clone()
                .chain_update(self.tail(label))
                .finalize(),
        )
    }

    fn tail(&self, label: &str) -> Vec<u8> {
        let mut text = if label.len() > LABEL_BYTES {
            crate::chance::sha256_hex(label.as_bytes()).into_bytes()
        } else {
            label.as_bytes().to_vec()
        };
        text.resize(LABEL_BYTES, b' ');
        let mut tail = Vec::with_capacity(LABEL_BYTES + 8);
        match self.kind {
            Container::Mp4 => {
                tail.extend_from_slice(&((LABEL_BYTES + 8) as u32).to_be_bytes());
                tail.extend_from_slice(b"free");
            }
            Container::Wav => {
                tail.extend_from_slice(b"cpid");
                tail.extend_from_slice(&(LABEL_BYTES as u32).to_le_bytes());
            }
            Container::Other => {}
        }
        tail.extend_from_slice(&text);
        tail
    }
}

/// The RIFF size must count the chunk that will follow, which must start at an even offset.
fn enlarged_wav(audio: &Bytes) -> Bytes {
    let mut wav = BytesMut::from(&audio[..]);
    if wav.len() % 2 == 1 {
        wav.put_u8(0);
    }
    let riff_bytes = (wav.len() - 8 + LABEL_BYTES + 8) as u32;
    wav[4..8].copy_from_slice(&riff_bytes.to_le_bytes());
    wav.freeze()
}

/// What can be told of a file without decoding its sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outline {
    /// Seconds of sound, 0 where the container does not say.
    pub(crate) duration_s: f64,
    /// Number of channels, 1 where the container does not say.
    pub(crate) channels: usize,
}

/// None if the bytes are no audio or end before the container says that they do.
pub(crate) fn outline(audio: &[u8]) -> Option<Outline> {
    match container(audio) {
        Container::Mp4 => whole_mp4(audio).then_some(UNTOLD),
        Container::Wav => wav_outline(audio),
        Container::Other => begins_as_audio(audio).then_some(UNTOLD),
    }
}

/// What a container tells that says neither.
const UNTOLD: Outline = Outline {
    duration_s: 0.0,
    channels: 1,
};

/// FLAC, Ogg, WebM, MP3 with and without a tag, AAC in frames.
fn begins_as_audio(audio: &[u8]) -> bool {
    let frames = matches!(audio, [0xff, second, ..] if second & 0xe0 == 0xe0);
    let words: [&[u8]; 4] = [b"fLaC", b"OggS", b"ID3", &[0x1a, 0x45, 0xdf, 0xa3]];
    frames || words.iter().any(|word| audio.starts_with(word))
}

fn whole_mp4(audio: &[u8]) -> bool {
    let mut position = 0u64;
    while let Some(header) = slice(audio, position, 8) {
        let size = match be_number(&header[..4]) {
            // A size of 1 means that the real one follows the type; of 0, "up to the end".
            1 => slice(audio, position + 8, 8).map_or(0, be_number),
            0 => return true,
            size => size,
        };
        if size < 8 {
            return false;
        }
        position = position.saturating_add(size);
    }
    position == audio.len() as u64
}

fn wav_outline(audio: &[u8]) -> Option<Outline> {
    if le_number(audio.get(4..8)?) + 8 > audio.len() as u64 {
        return None;
    }
    let (mut channels, mut bytes_per_second, mut position) = (1, 0, 12u64);
    while let Some(header) = slice(audio, position, 8) {
        let size = le_number(&header[4..8]);
        match &header[..4] {
            b"fmt " => {
                let format = slice(audio, position + 8, 16)?;
                channels = le_number(&format[2..4]) as usize;
                bytes_per_second = le_number(&format[8..12]);
            }
            b"data" if bytes_per_second > 0 => {
                let duration_s = size as f64 / bytes_per_second as f64;
                return Some(Outline {
                    duration_s,
                    channels: channels.max(1),
                });
            }
            _ => {}
        }
        position += 8 + size + size % 2;
    }
    None
}

fn slice(audio: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    audio.get(start..start.checked_add(length as usize)?)
}

fn be_number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn le_number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(samples: usize) -> Bytes {
        Bytes::from(crate::testing::silent_wav(samples))
    }

    #[test]
    fn copies_differ_and_stay_whole() {
        for audio in [
            wav(8000),
            wav(8001),
            Bytes::from(crate::testing::small_mp4()),
        ] {
            let press = Press::new(&audio);
            let (one, two) = (press.copy("1/0"), press.copy("2/0"));
            assert_ne!(one, two);
            assert_eq!(press.sha256("1/0"), crate::chance::sha256_hex(&one));
            assert!(outline(&one).is_some());
            assert!(outline(&one[..one.len() - 1]).is_none());
            assert_ne!(press.copy(&"x".repeat(65)), press.copy(&"y".repeat(65)));
        }
    }

    #[test]
    fn wav_header_tells_the_duration() {
        let outline = outline(&wav(4000)).unwrap();
        assert_eq!(
            outline,
            Outline {
                duration_s: 0.5,
                channels: 1
            }
        );
    }

    #[test]
    fn other_bytes_are_no_audio() {
        assert_eq!(outline(b"<html>not audio</html>"), None);
        assert_eq!(outline(b""), None);
    }
}
