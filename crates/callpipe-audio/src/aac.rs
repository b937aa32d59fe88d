//! AAC packets to samples, by Symphonia. What its decoder computes before the first packet takes as
//! long as some seconds of speech, so that one that is done with a recording goes on with the next of
//! the same kind.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use crate::decode::{PacketDecoder, decode_with, symphonia_decoder};

/// So many decoders wait for their next recording: each has some tens of KiB.
const SPARE_MAX: usize = 8;

static SPARE: Mutex<Vec<(Kind, Box<dyn AudioDecoder>)>> = Mutex::new(Vec::new());

/// What a decoder is made for.
#[derive(Clone, PartialEq)]
struct Kind {
    sample_rate_hz: Option<u32>,
    channels: Option<Channels>,
    extra_data: Option<Box<[u8]>>,
}

/// A decoder of one stream.
pub(crate) struct Aac {
    parameters: AudioCodecParameters,
    /// None once a spare one has refused the stream, until a new one is made.
    decoder: Option<Box<dyn AudioDecoder>>,
    /// It has decoded another stream and nothing of this one.
    is_untried: bool,
    /// All that it was given it could decode.
    is_sound: bool,
}

impl Aac {
    pub(crate) fn new(parameters: &AudioCodecParameters) -> Result<Self, Error> {
        let spare = take_spare(&kind(parameters));
        let is_untried = spare.is_some();
        let decoder = match spare {
            Some(spare) => spare,
            None => symphonia_decoder(parameters)?,
        };
        Ok(Self {
            parameters: parameters.clone(),
            decoder: Some(decoder),
            is_untried,
            is_sound: true,
        })
    }
}

impl PacketDecoder for Aac {
    fn decode(&mut self, packet: &Packet, channels: &mut Vec<Vec<f32>>) -> Result<u32, Error> {
        // Also where it panics.
        let was_sound = mem::replace(&mut self.is_sound, false);
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(symphonia_decoder(&self.parameters)?),
        };
        let decoded = decode_with(decoder.as_mut(), packet, channels);
        if mem::take(&mut self.is_untried) && decoded.is_err() {
            // Streams of one kind may still be made of other elements, which it takes for damage.
            self.decoder = None;
            self.is_sound = was_sound;
            return self.decode(packet, channels);
        }
        self.is_sound = was_sound && decoded.is_ok();
        decoded
    }
}

impl Drop for Aac {
    fn drop(&mut self) {
        if let Some(decoder) = self.decoder.take().filter(|_| self.is_sound) {
            keep_spare(kind(&self.parameters), decoder);
        }
    }
}

fn kind(parameters: &AudioCodecParameters) -> Kind {
    Kind {
        sample_rate_hz: parameters.sample_rate,
        channels: parameters.channels.clone(),
        extra_data: parameters.extra_data.clone(),
    }
}

fn take_spare(kind: &Kind) -> Option<Box<dyn AudioDecoder>> {
    let mut spare = spare();
    let place = spare.iter().rposition(|(spare, _)| spare == kind)?;
    Some(spare.remove(place).1)
}

fn keep_spare(kind: Kind, mut decoder: Box<dyn AudioDecoder>) {
    decoder.reset();
    let mut spare = spare();
    if spare.len() == SPARE_MAX {
        // Of a kind that has not come again for the longest time.
        spare.remove(0);
    }
    spare.push((kind, decoder));
}

fn spare() -> MutexGuard<'static, Vec<(Kind, Box<dyn AudioDecoder>)>> {
    // A list is whole at any moment.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use symphonia::core::audio::layouts::CHANNEL_LAYOUT_MONO;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
    use symphonia::core::packet::Packet;
    use symphonia::core::units::{Duration, Timestamp};

    use super::*;
    use crate::{Decoder, Input};

    /// A decoder of the fixture's kind that has met two channels coupled as one element, where the
    /// fixture has one channel alone: it would refuse every packet of it.
    fn spoilt() -> (Kind, Box<dyn AudioDecoder>) {
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(8_000)
            .with_channels(CHANNEL_LAYOUT_MONO);
        let mut decoder = symphonia_decoder(&parameters).unwrap();
        let coupled = [0b0010_0000, 0, 0, 0, 0, 0, 0, 0];
        let packet = Packet::new(0, Timestamp::ZERO, Duration::ZERO, coupled);
        assert!(decoder.decode(&packet).is_err());
        (kind(&parameters), decoder)
    }

    #[test]
    fn a_stream_that_a_spare_decoder_refuses_gets_one_of_its_own() {
        let bytes = include_bytes!("../tests/fixtures/speech.aac");
        let input = Input::Memory(Bytes::from_static(bytes));
        let samples = || {
            let mut decoder = Decoder::open(&input, "speech.aac").unwrap();
            let mut samples = Vec::new();
            while let Some(block) = decoder.next_block().unwrap() {
                samples.extend_from_slice(&block.channels[0]);
            }
            assert_eq!(decoder.damaged_parts(), 0);
            samples
        };
        spare().clear();
        let own = samples();
        let (kind, decoder) = spoilt();
        spare().clear();
        keep_spare(kind.clone(), decoder);
        assert!(samples() == own);
        let sound = take_spare(&kind);
        assert!(
            sound.is_some(),
            "the new one goes on, and it is of this kind"
        );
    }
}
