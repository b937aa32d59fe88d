//! What recordings are, and which of them browsers play as they are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use callpipe_audio::{AudioFormat, Codec, Container, SNIFF_BYTES, sniff};
use callpipe_core::failure::Outside;
use callpipe_core::recording::{Recording, Sha256Hex};
use futures::TryStreamExt;

use super::Sounds;

/// So many formats are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// How a recording is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Playable {
    /// As it is, with this content type.
    AsItIs(&'static str),
    /// As a WAV that is made of it.
    Converted,
    /// Not at all: it is no sound that anybody knows.
    No,
}

/// What recordings are, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Formats(Mutex<HashMap<Sha256Hex, Playable>>);

impl Sounds {
    /// How a recording is to be sent; nothing where it is not in the archive. Its content says, not
    /// its source: what is no sound must not come to a browser as something else.
    pub(super) async fn playable(&self, recording: &Recording) -> Outside<Option<Playable>> {
        let remembered = &self.formats.0;
        {
            let formats = remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = formats.get(&recording.sha256) {
                return Ok(Some(known.clone()));
            }
        }
        let head_bytes = recording.size_bytes.min(SNIFF_BYTES as u64);
        if head_bytes == 0 {
            return Ok(Some(Playable::No));
        }
        let part = self
            .archive
            .read_range(&recording.key, 0..head_bytes)
            .await?;
        let Some(part) = part else {
            return Ok(None);
        };
        let head: Vec<bytes::Bytes> = part.bytes.try_collect().await?;
        let playable = of(&head.concat(), recording.key.file_name());
        let mut formats = remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if formats.len() >= REMEMBERED_MAX {
            formats.clear();
        }
        formats.insert(recording.sha256.clone(), playable.clone());
        Ok(Some(playable))
    }
}

fn of(head: &[u8], name: &str) -> Playable {
    match sniff(head, name) {
        Ok(format) if is_played(&format) => Playable::AsItIs(format.content_type()),
        Ok(_) => Playable::Converted,
        Err(_) => Playable::No,
    }
}

/// Whether Chromium, Firefox and Safari all play it. The codec inside an MP4 is not known by its first
/// bytes; it is AAC in recordings.
fn is_played(format: &AudioFormat) -> bool {
    match format.container {
        Container::Wav => matches!(format.codec, Codec::Pcm | Codec::MuLaw | Codec::ALaw),
        Container::Mp4 => matches!(format.codec, Codec::Aac | Codec::Unknown),
        Container::Mp3 | Container::Adts | Container::Flac => true,
        Container::Ogg | Container::WebM => matches!(
            format.codec,
            Codec::Opus | Codec::Vorbis | Codec::Flac | Codec::Unknown
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_lies_in_the_archive_is_no_sound() {
        for text in [
            "<!doctype html><script>",
            "{\"error\":1}",
            "%PDF-1.7",
            "\0\0\0",
        ] {
            assert_eq!(of(text.as_bytes(), "700123_voice-only.mp4"), Playable::No);
        }
    }

    #[test]
    fn old_codecs_are_converted() {
        assert_eq!(of(b"#!AMR\n\x3c\x08", "x.amr"), Playable::Converted);
        assert_eq!(of(b"\x55\xd5\x12", "x.alaw"), Playable::Converted);
        assert_eq!(of(b"fLaC\0\0\0\x22", "x"), Playable::AsItIs("audio/flac"));
        let wav = |codec| AudioFormat::new(Container::Wav, codec);
        assert!(is_played(&wav(Codec::MuLaw)) && !is_played(&wav(Codec::Gsm610)));
        assert!(!is_played(&AudioFormat::new(Container::Ogg, Codec::Speex)));
    }
}
