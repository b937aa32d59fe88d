//! A recording's bytes as samples, block by block, whatever container and codec they come in.

use callpipe_audio::{AudioProblem, Decoder, Input, inspect_what_is_there};
use callpipe_core::failure::{Failure, FailureKind, Outside};

/// Samples of all channels at the same time.
pub(super) struct Block {
    /// Samples a second.
    pub(super) rate_hz: u32,
    /// The samples of each channel; all of one length.
    pub(super) channels: Vec<Vec<f32>>,
}

/// Decodes a recording and hands over its samples in order. Gives what was damaged on the way, if
/// something was: of a recording that was cut off, what is there is taken.
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
    let doing = "listening to the recording";
    let failed = |problem: AudioProblem| problem.into_failure(doing);
    let input = Input::Memory(audio.into());
    let (facts, cut) = inspect_what_is_there(&input, name).map_err(failed)?;
    let mut decoder = Decoder::of(&input, facts).map_err(failed)?;
    let mut shape = None;
    let mut changed = false;
    while let Some(block) = decoder.next_block().map_err(failed)? {
        let this = (block.sample_rate_hz, block.channels.len());
        if *shape.get_or_insert(this) != this {
            changed = true;
            break;
        }
        take(Block {
            rate_hz: block.sample_rate_hz,
            channels: block.channels.to_vec(),
        })?;
    }
    if shape.is_none() {
        let message = format!("{doing}: nothing in it can be decoded");
        return Err(Failure::new(FailureKind::Rejected, message));
    }
    Ok(match (cut, decoder.damaged_parts()) {
        _ if changed => {
            Some("sample rate or channels change in the middle: read up to there".into())
        }
        (Some(cut), _) => Some(format!("the recording was read as far as it goes: {cut}")),
        (None, 0) => None,
        (None, damaged) => Some(format!("{damaged} parts of the recording are damaged")),
    })
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
