//! One recording from its first sample to its last: every channel to the model's sample rate, into
//! windows, to the model.
//!
//! In memory are one window of each channel (2 MB) and what the model needs, however long the
//! recording is.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use callpipe_audio::{AudioProblem, Decoder, Input};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use whisper_rs::WhisperState;

use super::listen::{Listener, StopFlag, stopped};
use super::resample::Resampler;
use super::window::{Window, Windower};
use super::wire;

/// A recording that is being listened to.
pub(super) struct Hearing<'a> {
    listener: &'a Listener,
    state: WhisperState,
    stop: StopFlag,
    channels: Vec<Channel>,
    rate_hz: u32,
    /// Samples of a channel so far.
    taken: u64,
}

struct Channel {
    resampler: Resampler,
    windower: Windower,
    heard: wire::Channel,
}

impl<'a> Hearing<'a> {
    /// For a recording of so many channels and samples a second.
    pub(super) fn new(
        listener: &'a Listener,
        channels: usize,
        rate_hz: u32,
        skip_silence: bool,
        stop: StopFlag,
    ) -> Outside<Self> {
        let channel = |_| -> Outside<Channel> {
            Ok(Channel {
                resampler: Resampler::new(rate_hz)?,
                windower: Windower::new(skip_silence),
                heard: wire::Channel {
                    language: listener.language().map(str::to_owned),
                    ..wire::Channel::default()
                },
            })
        };
        Ok(Self {
            state: listener.state()?,
            channels: (0..channels).map(channel).collect::<Outside<_>>()?,
            listener,
            stop,
            rate_hz,
            taken: 0,
        })
    }

    /// Takes the next samples of all channels.
    fn push(&mut self, samples: &[Vec<f32>], rate_hz: u32) -> Outside<()> {
        if samples.len() != self.channels.len() || rate_hz != self.rate_hz {
            let message = "the recording changes its sample rate or its channels in the middle";
            return Err(Failure::new(FailureKind::Unsupported, message));
        }
        self.taken += samples.first().map_or(0, Vec::len) as u64;
        for (channel, samples) in self.channels.iter_mut().zip(samples) {
            let mut resampled = Vec::new();
            channel.resampler.push(samples, &mut resampled);
            for window in channel.windower.push(&resampled) {
                let heard = &mut channel.heard;
                hear(self.listener, &mut self.state, &window, heard, &self.stop)?;
            }
        }
        Ok(())
    }

    /// After the last sample: how long it was, in seconds, and what was heard on each channel.
    pub(super) fn finish(mut self) -> Outside<(f64, Vec<wire::Channel>)> {
        let duration_s = self.taken as f64 / f64::from(self.rate_hz);
        let mut heard = Vec::with_capacity(self.channels.len());
        for mut channel in self.channels {
            let mut resampled = Vec::new();
            channel.resampler.finish(&mut resampled);
            let mut windows = channel.windower.push(&resampled);
            windows.extend(channel.windower.finish());
            for window in windows {
                let heard = &mut channel.heard;
                hear(self.listener, &mut self.state, &window, heard, &self.stop)?;
            }
            heard.push(channel.heard);
        }
        Ok((duration_s, heard))
    }
}

/// Listens to a window. The language that is found out in a channel's first window holds for the
/// others: nobody changes it with every half minute.
fn hear(
    listener: &Listener,
    state: &mut WhisperState,
    window: &Window,
    channel: &mut wire::Channel,
    stop: &StopFlag,
) -> Outside<()> {
    let language = channel.language.clone();
    let (language, segments) = listener.hear(state, window, language.as_deref(), stop)?;
    channel.language = language;
    channel.heard_s += window.duration_s();
    channel.segments.extend(segments);
    Ok(())
}

/// Listens to a recording as it is stored. Runs for a long time, where it holds nobody up.
pub(super) fn heard(
    listener: &Listener,
    audio: Bytes,
    name: &str,
    model: wire::Model,
    parameters: wire::Parameters,
    stop: StopFlag,
) -> Outside<wire::Reply> {
    let unusable = |problem: AudioProblem| problem.into_failure("listening to the recording");
    let mut decoder = Decoder::open(&Input::Memory(audio), name).map_err(unusable)?;
    let mut hearing: Option<Hearing<'_>> = None;
    while let Some(block) = decoder.next_block().map_err(unusable)? {
        if stop.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        let hearing = match &mut hearing {
            Some(hearing) => hearing,
            none => none.insert(Hearing::new(
                listener,
                block.channels.len(),
                block.sample_rate_hz,
                parameters.skip_silence,
                StopFlag::clone(&stop),
            )?),
        };
        hearing.push(block.channels, block.sample_rate_hz)?;
    }
    let hearing = hearing.ok_or_else(|| unusable(AudioProblem::Empty))?;
    let sample_rate_hz = hearing.rate_hz;
    let (duration_s, channels) = hearing.finish()?;
    Ok(wire::Reply {
        format: wire::FORMAT.into(),
        model,
        engine: format!("whisper.cpp {}", whisper_rs::get_whisper_version()),
        parameters,
        duration_s,
        sample_rate_hz,
        channels,
    })
}
