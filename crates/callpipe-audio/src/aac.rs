//! AAC packets to samples, by Symphonia. What its decoder computes before the first packet takes as
//! long as some seconds of speech, so that one that is done with a recording goes on with the next of
//! the same kind.

use std::sync::{Mutex, PoisonError};

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
    /// None only while it is dropped.
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
        let was_sound = std::mem::replace(&mut self.is_sound, false);
        if let Some(spare) = self.decoder.as_mut().filter(|_| self.is_untried) {
            self.is_untried = false;
            match decode_with(spare.as_mut(), packet, channels) {
                // Streams of one kind may still be made of other elements, which it takes for damage.
                Err(_) => self.decoder = Some(symphonia_decoder(&self.parameters)?),
                decoded => {
                    self.is_sound = was_sound;
                    return decoded;
                }
            }
        }
        let decoder = self.decoder.as_mut();
        let decoder = decoder.ok_or(Error::DecodeError("its decoder is gone"))?;
        let rate_hz = decode_with(decoder.as_mut(), packet, channels)?;
        self.is_sound = was_sound;
        Ok(rate_hz)
    }
}

impl Drop for Aac {
    fn drop(&mut self) {
        if let Some(mut decoder) = self.decoder.take().filter(|_| self.is_sound) {
            decoder.reset();
            let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() == SPARE_MAX {
                // Of a kind that has not come again for the longest time.
                spare.remove(0);
            }
            spare.push((kind(&self.parameters), decoder));
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
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = spare.iter().rposition(|(spare, _)| spare == kind)?;
    Some(spare.remove(place).1)
}
