//! Opus packets to samples. What is coded as music is slow here, and left to `ffmpeg` where that is
//! at hand; speech is not.

use opus_decoder::OpusDecoder;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use crate::decode::PacketDecoder;

/// Opus is decoded at this rate whatever was recorded (RFC 7845, 5.1).
const RATE_HZ: u32 = 48_000;

/// Configurations from this one on are CELT alone (RFC 6716, table 2).
const CELT_CONFIGURATION_MIN: u8 = 16;

/// A decoder of one stream.
pub(crate) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    interleaved: Vec<f32>,
    leaves_music: bool,
}

impl Opus {
    /// For a track of one or two channels. `leaves_music`: music is not begun with.
    pub(crate) fn new(
        parameters: &AudioCodecParameters,
        leaves_music: bool,
    ) -> Result<Self, Error> {
        let channels = parameters
            .channels
            .as_ref()
            .map_or(1, |channels| channels.count());
        let unsupported = |_| Error::Unsupported("Opus of more than two channels");
        let decoder = OpusDecoder::new(RATE_HZ, channels).map_err(unsupported)?;
        let interleaved = vec![0.0; decoder.max_frame_size_per_channel() * channels];
        Ok(Self {
            decoder,
            channels,
            interleaved,
            leaves_music,
        })
    }
}

impl PacketDecoder for Opus {
    fn decode(&mut self, packet: &Packet, channels: &mut Vec<Vec<f32>>) -> Result<u32, Error> {
        let configuration = packet.data.first().map_or(0, |first| first >> 3);
        if self.leaves_music && configuration >= CELT_CONFIGURATION_MIN {
            return Err(Error::Unsupported("Opus as for music"));
        }
        self.leaves_music = false;
        let frames = self
            .decoder
            .decode_float(&packet.data, &mut self.interleaved, false)
            .map_err(|_| Error::DecodeError("no Opus packet"))?;
        let skipped = (packet.trim_start.get() as usize).min(frames);
        let kept = frames - (packet.trim_end.get() as usize).min(frames - skipped);
        channels.resize(self.channels, Vec::new());
        for (number, channel) in channels.iter_mut().enumerate() {
            channel.clear();
            let samples = self.interleaved.iter().skip(number).step_by(self.channels);
            channel.extend(samples.take(kept).skip(skipped));
        }
        Ok(RATE_HZ)
    }
}
