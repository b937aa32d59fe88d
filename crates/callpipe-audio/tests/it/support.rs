//! What the tests share.

use std::path::PathBuf;

use bytes::Bytes;
use callpipe_audio::{AudioProblem, Decoder, Input};

/// A file with a format in it, and what decoding needs.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    /// As it is told to people.
    pub(crate) format: &'static str,
    pub(crate) needs_ffmpeg: bool,
}

const fn here(name: &'static str, format: &'static str) -> Fixture {
    Fixture {
        name,
        format,
        needs_ffmpeg: false,
    }
}

const fn by_ffmpeg(name: &'static str, format: &'static str) -> Fixture {
    Fixture {
        name,
        format,
        needs_ffmpeg: true,
    }
}

pub(crate) const FIXTURES: [Fixture; 17] = [
    here("pcm.wav", "WAV with PCM"),
    here("mulaw.wav", "WAV with mu-law"),
    here("alaw.wav", "WAV with A-law"),
    here("adpcm_ms.wav", "WAV with MS ADPCM"),
    here("adpcm_ima.wav", "WAV with IMA ADPCM"),
    by_ffmpeg("gsm610.wav", "WAV with GSM 6.10"),
    by_ffmpeg("g726.wav", "WAV with G.726"),
    here("speech.mp3", "MP3"),
    here("speech.m4a", "MP4 with AAC"),
    here("fragmented.mp4", "MP4 with AAC"),
    here("speech.aac", "ADTS with AAC"),
    here("speech.opus", "Ogg with Opus"),
    here("speech.webm", "WebM with Opus"),
    here("music.opus", "Ogg with Opus"),
    here("vorbis.ogg", "Ogg with Vorbis"),
    here("speech.flac", "FLAC"),
    by_ffmpeg("raw.gsm", "a raw stream with GSM 6.10"),
];

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name]
        .iter()
        .collect()
}

pub(crate) fn memory(bytes: impl Into<Bytes>) -> Input {
    Input::Memory(bytes.into())
}

/// All samples of the first channel, and their rate.
pub(crate) fn decoded(input: &Input, name: &str) -> Result<(Vec<f32>, u32), AudioProblem> {
    let mut decoder = Decoder::open(input, name)?;
    let (mut samples, mut rate_hz) = (Vec::new(), 0);
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(&block.channels[0]);
        rate_hz = block.sample_rate_hz;
    }
    Ok((samples, rate_hz))
}

/// Whether what needs `ffmpeg` can be tested here.
pub(crate) fn has_ffmpeg() -> bool {
    let has_it = callpipe_audio::ffmpeg_is_installed();
    if !has_it {
        println!("left out: what needs ffmpeg, which is not installed");
    }
    has_it
}
