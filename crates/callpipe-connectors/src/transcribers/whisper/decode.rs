//! A recording's bytes as samples, block by block, whatever container and codec they come in:
//! WAV (PCM, mu-law, A-law, ADPCM), MP3, MP4 with AAC, FLAC, Ogg or WebM with Vorbis.

use std::io::{Cursor, ErrorKind};

use callpipe_core::failure::{Failure, FailureKind, Outside};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;

/// AAC encoders begin with so many samples of nothing, which the decoder does not take away.
const AAC_PRIMING: usize = 1024;

/// Samples of all channels at the same time.
pub(super) struct Block {
    /// Samples a second.
    pub(super) rate_hz: u32,
    /// The samples of each channel; all of one length.
    pub(super) channels: Vec<Vec<f32>>,
}

/// Decodes a recording and hands over its samples in order. Gives what was damaged on the way, if
/// something was.
///
/// # Errors
///
/// `Rejected` where it is no audio, or empty; `Unsupported` where nothing here knows the codec; what
/// the taker fails with.
pub(super) fn decode(
    audio: Vec<u8>,
    name: &str,
    take: &mut dyn FnMut(Block) -> Outside<()>,
) -> Outside<Option<String>> {
    if audio.is_empty() {
        return Err(rejected("the recording is empty"));
    }
    let mut format = opened(audio, name)?;
    let track = format.default_track(TrackType::Audio);
    let track = track.ok_or_else(|| rejected("the recording has no audio in it"))?;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return Err(rejected(
            "the recording does not say how its audio is coded",
        ));
    };
    let track_id = track.id;
    let priming = match parameters.codec == CODEC_ID_AAC {
        true => AAC_PRIMING,
        false => 0,
    };
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| {
            let message = "the recording's codec cannot be decoded on this machine";
            Failure::new(FailureKind::Unsupported, message)
                .with_source(error)
                .with_hint("convert it first: ffmpeg -i recording -c:a flac recording.flac")
        })?;
    let mut blocks = Blocks {
        shape: None,
        skip: priming,
        taken: 0,
        damaged: 0,
    };
    let cut = blocks.run(format.as_mut(), decoder.as_mut(), track_id, take)?;
    if blocks.taken == 0 {
        return Err(rejected("nothing in the recording can be decoded"));
    }
    Ok(match (cut, blocks.damaged) {
        (Some(cut), _) => Some(format!(
            "the recording is damaged and was read up to there: {cut}"
        )),
        (None, 0) => None,
        (None, damaged) => Some(format!("{damaged} parts of the recording are damaged")),
    })
}

fn opened(audio: Vec<u8>, name: &str) -> Outside<Box<dyn FormatReader>> {
    let mut hint = Hint::new();
    if let Some((_, extension)) = name.rsplit_once('.') {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(Cursor::new(audio)), Default::default());
    symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(|error| match error {
            Error::Unsupported(_) | Error::IoError(_) => {
                rejected("it is no audio of a kind that is known here").with_hint(
                    "known are WAV, MP3, MP4 with AAC, FLAC, Ogg and WebM with Vorbis; \
                     ffmpeg converts others: ffmpeg -i recording -c:a flac recording.flac",
                )
            }
            error => rejected("the recording is damaged").with_source(error),
        })
}

fn rejected(message: &str) -> Failure {
    Failure::new(FailureKind::Rejected, message)
}

/// A recording on its way through the decoder.
struct Blocks {
    /// Samples a second and channels, which cannot change.
    shape: Option<(u32, usize)>,
    /// Samples of each channel that are still to be left out.
    skip: usize,
    /// Samples of each channel so far.
    taken: u64,
    /// Packets that could not be decoded.
    damaged: u64,
}

impl Blocks {
    /// To the end; or to where it cannot go on, with the reason.
    fn run(
        &mut self,
        format: &mut dyn FormatReader,
        decoder: &mut dyn AudioDecoder,
        track_id: u32,
        take: &mut dyn FnMut(Block) -> Outside<()>,
    ) -> Outside<Option<String>> {
        loop {
            let packet = match format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                // Recorders that do not know the length write one that is never reached.
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(None);
                }
                Err(error) => return Ok(Some(error.to_string())),
            };
            if packet.track_id != track_id {
                continue;
            }
            let decoded = match decoder.decode(&packet) {
                Ok(decoded) => decoded,
                Err(Error::DecodeError(_) | Error::IoError(_)) => {
                    self.damaged += 1;
                    continue;
                }
                Err(error) => return Ok(Some(error.to_string())),
            };
            let mut channels: Vec<Vec<f32>> = Vec::new();
            decoded.copy_to_vecs_planar(&mut channels);
            let shape = (decoded.spec().rate(), channels.len());
            if *self.shape.get_or_insert(shape) != shape {
                return Ok(Some("sample rate or channels change in the middle".into()));
            }
            self.hand_over(shape.0, channels, take)?;
        }
    }

    fn hand_over(
        &mut self,
        rate_hz: u32,
        mut channels: Vec<Vec<f32>>,
        take: &mut dyn FnMut(Block) -> Outside<()>,
    ) -> Outside<()> {
        let length = channels.first().map_or(0, Vec::len);
        let skip = self.skip.min(length);
        self.skip -= skip;
        for channel in &mut channels {
            channel.drain(..skip.min(channel.len()));
        }
        self.taken += (length - skip) as u64;
        match length > skip {
            true => take(Block { rate_hz, channels }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use callpipe_sandbox::whisper_model::tone_wav;

    use super::*;

    /// Rate, channels and samples of each.
    fn decoded(audio: Vec<u8>, name: &str) -> Outside<(u32, usize, usize)> {
        let mut seen = (0, 0, 0);
        decode(audio, name, &mut |block| {
            seen.0 = block.rate_hz;
            seen.1 = block.channels.len();
            seen.2 += block.channels[0].len();
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn content_counts_not_the_name() {
        let wav = tone_wav(8_000, 1.0, &[440.0, 880.0]);
        assert_eq!(decoded(wav.clone(), "call.wav").unwrap(), (8_000, 2, 8_000));
        assert_eq!(decoded(wav.clone(), "call.mp3").unwrap(), (8_000, 2, 8_000));
        assert_eq!(decoded(wav, "call").unwrap(), (8_000, 2, 8_000));
    }

    #[test]
    fn calls_of_the_corpus_have_the_length_that_they_should() {
        let corpus = callpipe_sandbox::Corpus::embedded().unwrap();
        for call in corpus.calls() {
            let (rate_hz, channels, samples) =
                decoded(corpus.audio(call).to_vec(), "call.mp4").unwrap();
            assert_eq!(channels, call.channels, "{}", call.id);
            let seconds = samples as f64 / f64::from(rate_hz);
            assert!(
                (seconds - call.duration_s).abs() < 0.3,
                "{}: {seconds}",
                call.id
            );
        }
    }

    #[test]
    fn what_is_no_audio_is_named() {
        for (what, audio) in [
            ("empty", Vec::new()),
            (
                "no audio",
                b"<!doctype html><title>Sign in</title>".repeat(20),
            ),
            ("no audio", br#"{"error": "not found"}"#.to_vec()),
            ("", vec![0; 5_000]),
        ] {
            let failure = decoded(audio, "call.wav").unwrap_err();
            assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
            assert!(failure.message.contains(what), "{failure}");
        }
    }

    #[test]
    fn a_recording_that_was_cut_off_is_read_to_its_end() {
        let wav = tone_wav(8_000, 2.0, &[440.0]);
        let cut = wav[..wav.len() / 2].to_vec();
        let (_, _, samples) = decoded(cut, "call.wav").unwrap();
        assert!((7_000..=8_000).contains(&samples), "{samples}");
        let none = decoded(wav[..44].to_vec(), "call.wav").unwrap_err();
        assert_eq!(none.kind, FailureKind::Rejected);
    }

    #[test]
    fn who_takes_can_end_it() {
        let wav = tone_wav(8_000, 2.0, &[440.0]);
        let stopped = decode(wav, "call.wav", &mut |_| {
            Err(Failure::new(FailureKind::Unavailable, "stopped"))
        });
        assert_eq!(stopped.unwrap_err().message, "stopped");
    }
}
