//! Samples, block by block, by whichever decoder reads the codec.

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use crate::aac::Aac;
use crate::ffmpeg::{self, Ffmpeg};
use crate::format::AudioFormat;
use crate::input::Input;
use crate::inspect::{Facts, inspect};
use crate::opus::Opus;
use crate::pcm::Pcm;
use crate::problem::AudioProblem;

/// So many packets in a row that cannot be decoded are the end of what can be listened to.
const BAD_PACKETS_MAX: u32 = 500;

/// Some samples, channel by channel, from -1 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// The samples of each channel: all have as many.
    pub channels: &'a [Vec<f32>],
}

impl Block<'_> {
    /// How many samples each channel has.
    pub fn frames(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }
}

/// A recording that is being listened to. Dropping it stops all work on it.
pub struct Decoder {
    input: Input,
    facts: Facts,
    voice: Voice,
    channels: Vec<Vec<f32>>,
    skip_samples: usize,
    blocks: u64,
}

/// Who decodes.
enum Voice {
    Plain(Pcm),
    Here(Box<Here>),
    Ffmpeg(Ffmpeg),
}

impl Decoder {
    /// Begins at the beginning of a recording that [`inspect`] has nothing against. `name` is the
    /// file's, for streams without a header.
    pub fn open(input: &Input, name: &str) -> Result<Self, AudioProblem> {
        Self::of(input, inspect(input, name)?)
    }

    /// Begins at the beginning of a recording that was inspected.
    pub fn of(input: &Input, facts: Facts) -> Result<Self, AudioProblem> {
        if let (Some(plain), Some(rate_hz)) = (facts.plain, facts.sample_rate_hz) {
            let pcm = Pcm::open(input.open()?, plain, facts.format.codec.clone(), rate_hz)?;
            return Ok(Self::with(input, facts, Voice::Plain(pcm), 0));
        }
        let here = match facts.format.is_decoded_here() {
            true => guarded(&facts.format, || Here::open(input, &facts)),
            false => Err(unsupported_here(&facts)),
        };
        let (voice, skip_samples) = match here {
            Ok(here) => (Voice::Here(Box::new(here)), facts.priming_samples as usize),
            Err(problem) if is_for_others(&problem) => {
                (Voice::Ffmpeg(Ffmpeg::start(input, &facts.format)?), 0)
            }
            Err(problem) => return Err(problem),
        };
        Ok(Self::with(input, facts, voice, skip_samples))
    }

    fn with(input: &Input, facts: Facts, voice: Voice, skip_samples: usize) -> Self {
        Self {
            input: input.clone(),
            facts,
            voice,
            channels: Vec::new(),
            skip_samples,
            blocks: 0,
        }
    }

    /// How many parts of the recording could not be decoded so far and were left out.
    pub fn damaged_parts(&self) -> u64 {
        match &self.voice {
            Voice::Here(here) => here.bad_packets,
            Voice::Plain(_) | Voice::Ffmpeg(_) => 0,
        }
    }

    fn is_here(&self) -> bool {
        matches!(self.voice, Voice::Here(_))
    }

    /// To `ffmpeg`, which leaves out by itself what the encoder put in front.
    fn hand_over(&mut self) -> Result<(), AudioProblem> {
        self.voice = Voice::Ffmpeg(Ffmpeg::start(&self.input, &self.facts.format)?);
        self.skip_samples = 0;
        Ok(())
    }

    /// What the recording says about itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The next samples; none at the end. What cannot be decoded in between is left out; where
    /// nothing can, it is a problem.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, AudioProblem> {
        loop {
            let is_begun = self.blocks > 0;
            let next = match &mut self.voice {
                Voice::Plain(pcm) => pcm.next(&mut self.channels),
                Voice::Here(here) => guarded(&self.facts.format, || {
                    here.next(&mut self.channels, is_begun)
                }),
                Voice::Ffmpeg(ffmpeg) => ffmpeg.next(&mut self.channels, is_begun),
            };
            let rate_hz = match next {
                Err(problem) if self.is_here() && !is_begun && is_for_others(&problem) => {
                    self.hand_over()?;
                    continue;
                }
                next => next?,
            };
            let Some(rate_hz) = rate_hz else {
                return Ok(None);
            };
            self.blocks += 1;
            let frames = self.channels.first().map_or(0, Vec::len);
            let skipped = self.skip_samples.min(frames);
            if skipped > 0 {
                self.skip_samples -= skipped;
                for channel in &mut self.channels {
                    channel.drain(..skipped);
                }
            }
            if skipped < frames {
                return Ok(Some(Block {
                    sample_rate_hz: rate_hz,
                    channels: &self.channels,
                }));
            }
        }
    }
}

/// Symphonia's readers, with its decoders and one for Opus.
struct Here {
    format: AudioFormat,
    reader: Box<dyn FormatReader>,
    track_id: u32,
    codec: Box<dyn PacketDecoder>,
    /// Packets that could not be decoded, so far.
    bad_packets: u64,
}

/// What turns packets into samples.
pub(crate) trait PacketDecoder: Send {
    /// Decodes a packet; says at how many samples a second.
    fn decode(&mut self, packet: &Packet, channels: &mut Vec<Vec<f32>>) -> Result<u32, Error>;
}

impl Here {
    fn open(input: &Input, facts: &Facts) -> Result<Self, AudioProblem> {
        let format = facts.format.clone();
        let unsupported = |error: &Error| problem(&format, error);
        let source = MediaSourceStream::new(Box::new(input.open()?), Default::default());
        let mut hint = Hint::new();
        if let Some(extension) = format.extension() {
            hint.with_extension(extension);
        }
        let reader = symphonia::default::get_probe()
            .probe(
                &hint,
                source,
                FormatOptions::default(),
                MetadataOptions::default(),
            )
            .map_err(|error| unsupported(&error))?;
        let track = reader.default_track(TrackType::Audio);
        let parameters =
            track.and_then(|track| Some((track.id, track.codec_params.as_ref()?.audio()?)));
        let Some((track_id, parameters)) = parameters else {
            return Err(unsupported(&Error::Unsupported(
                "no track of sound is found",
            )));
        };
        let codec: Box<dyn PacketDecoder> = match parameters.codec {
            CODEC_ID_OPUS => Box::new(
                Opus::new(parameters, ffmpeg::is_installed())
                    .map_err(|error| unsupported(&error))?,
            ),
            CODEC_ID_AAC => Box::new(Aac::new(parameters).map_err(|error| unsupported(&error))?),
            _ => Box::new(SymphoniaDecoder(
                symphonia_decoder(parameters).map_err(|error| unsupported(&error))?,
            )),
        };
        Ok(Self {
            track_id,
            codec,
            reader,
            format,
            bad_packets: 0,
        })
    }

    /// The samples of the next packet that has any, and their rate. None at the end.
    fn next(
        &mut self,
        channels: &mut Vec<Vec<f32>>,
        is_begun: bool,
    ) -> Result<Option<u32>, AudioProblem> {
        let mut bad_packets = 0;
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                // Sound that comes in parts of its own, one after the other, is not told on.
                Ok(None) | Err(Error::ResetRequired) => return self.end(is_begun, bad_packets),
                // A stream whose header did not know its length ends so, too.
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return self.end(is_begun, bad_packets);
                }
                Err(Error::IoError(error)) => return Err(error.into()),
                Err(_) if is_begun => return Ok(None),
                Err(error) => return Err(problem(&self.format, &error)),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            match self.codec.decode(&packet, channels) {
                Ok(rate_hz) if channels.first().is_some_and(|samples| !samples.is_empty()) => {
                    return Ok(Some(rate_hz));
                }
                Ok(_) => {}
                Err(Error::Unsupported(what)) if !is_begun => {
                    return Err(problem(&self.format, &Error::Unsupported(what)));
                }
                Err(_) => {
                    bad_packets += 1;
                    self.bad_packets += 1;
                }
            }
            if bad_packets > BAD_PACKETS_MAX {
                return self.end(is_begun, bad_packets);
            }
        }
    }

    fn end(&self, is_begun: bool, bad_packets: u32) -> Result<Option<u32>, AudioProblem> {
        match is_begun || bad_packets == 0 {
            true => Ok(None),
            false => Err(AudioProblem::Damaged {
                format: self.format.clone(),
                problem: "none of its sound can be decoded".into(),
            }),
        }
    }
}

/// A decoder that panics over nonsense has found damage.
fn guarded<T>(
    format: &AudioFormat,
    work: impl FnOnce() -> Result<T, AudioProblem>,
) -> Result<T, AudioProblem> {
    // What it was working on is given up when it panics.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(AudioProblem::Damaged {
            format: format.clone(),
            problem: "its decoder gave up".into(),
        })
    })
}

/// Whether `ffmpeg` is to try: a profile of a codec that only others know; and where it is at hand,
/// also what makes no sense to us.
fn is_for_others(problem: &AudioProblem) -> bool {
    match problem {
        AudioProblem::Unsupported { .. } => true,
        AudioProblem::Damaged { .. } => ffmpeg::is_installed(),
        _ => false,
    }
}

fn unsupported_here(facts: &Facts) -> AudioProblem {
    problem(&facts.format, &Error::Unsupported("not decoded here"))
}

fn problem(format: &AudioFormat, error: &Error) -> AudioProblem {
    let format = format.clone();
    match error {
        Error::Unsupported(what) => AudioProblem::Unsupported {
            format,
            problem: (*what).to_owned(),
        },
        Error::DecodeError(what) | Error::LimitError(what) => AudioProblem::Damaged {
            format,
            problem: (*what).to_owned(),
        },
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let missing = "it ends within its headers".into();
            AudioProblem::CutOff { format, missing }
        }
        Error::IoError(error) => std::io::Error::new(error.kind(), error.to_string()).into(),
        _ => AudioProblem::Damaged {
            format,
            problem: "its headers lead nowhere".into(),
        },
    }
}

/// One of Symphonia's own decoders.
struct SymphoniaDecoder(Box<dyn AudioDecoder>);

impl PacketDecoder for SymphoniaDecoder {
    fn decode(&mut self, packet: &Packet, channels: &mut Vec<Vec<f32>>) -> Result<u32, Error> {
        decode_with(self.0.as_mut(), packet, channels)
    }
}

/// Makes the decoder of a codec.
pub(crate) fn symphonia_decoder(
    parameters: &AudioCodecParameters,
) -> Result<Box<dyn AudioDecoder>, Error> {
    let codecs = symphonia::default::get_codecs();
    codecs.make_audio_decoder(parameters, &AudioDecoderOptions::default())
}

/// Decodes a packet; says at how many samples a second.
pub(crate) fn decode_with(
    decoder: &mut dyn AudioDecoder,
    packet: &Packet,
    channels: &mut Vec<Vec<f32>>,
) -> Result<u32, Error> {
    let samples: GenericAudioBufferRef<'_> = decoder.decode(packet)?;
    samples.copy_to_vecs_planar(channels);
    Ok(samples.spec().rate())
}
