//! The plain codecs inside a WAV, decoded here: they are most of what telephony has, they need to be
//! fast, and their headers are often not filled in.

use std::io::{BufReader, Read, Seek, SeekFrom};

use crate::format::Codec;
use crate::input::Source;
use crate::inspect::Plain;
use crate::problem::AudioProblem;

/// Frames that are decoded at once.
const BLOCK_FRAMES: usize = 4096;

/// Samples that are being read.
pub(crate) struct Pcm {
    source: std::io::Take<BufReader<Source>>,
    plain: Plain,
    codec: Codec,
    sample_rate_hz: u32,
    bytes: Vec<u8>,
}

impl Pcm {
    /// Begins at the first sample.
    pub(crate) fn open(
        mut source: Source,
        plain: Plain,
        codec: Codec,
        sample_rate_hz: u32,
    ) -> Result<Self, AudioProblem> {
        source.seek(SeekFrom::Start(plain.data_at))?;
        Ok(Self {
            source: BufReader::with_capacity(64 * 1024, source).take(plain.data_bytes),
            plain,
            codec,
            sample_rate_hz,
            bytes: Vec::new(),
        })
    }

    /// The next samples and their rate; none at the end.
    pub(crate) fn next(
        &mut self,
        channels: &mut Vec<Vec<f32>>,
    ) -> Result<Option<u32>, AudioProblem> {
        let (count, sample_bytes) = (self.plain.channels, self.plain.sample_bytes);
        let wanted = BLOCK_FRAMES * count * sample_bytes;
        self.bytes.clear();
        (&mut self.source)
            .take(wanted as u64)
            .read_to_end(&mut self.bytes)?;
        let frames = self.bytes.len() / (count * sample_bytes);
        if frames == 0 {
            return Ok(None);
        }
        let read: fn(&[u8]) -> f32 = match (&self.codec, sample_bytes, self.plain.is_float) {
            (Codec::MuLaw, ..) => |bytes| MU_LAW[usize::from(bytes[0])],
            (Codec::ALaw, ..) => |bytes| A_LAW[usize::from(bytes[0])],
            (_, 1, _) => |bytes| f32::from(bytes[0]) / 128.0 - 1.0,
            (_, 4, true) => |bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            (_, 8, true) => |bytes| bytes.try_into().map_or(0.0, f64::from_le_bytes) as f32,
            // Whole numbers of two to four bytes: the greatest come last.
            _ => |bytes| {
                let number =
                    |number: i32, byte: &u8| (number >> 8 & 0x00FF_FFFF) | i32::from(*byte) << 24;
                bytes.iter().fold(0, number) as f32 / 2_147_483_648.0
            },
        };
        channels.resize(count, Vec::new());
        for (number, channel) in channels.iter_mut().enumerate() {
            let samples = self
                .bytes
                .chunks_exact(sample_bytes)
                .skip(number)
                .step_by(count);
            channel.clear();
            channel.extend(samples.take(frames).map(read));
        }
        Ok(Some(self.sample_rate_hz))
    }
}

/// Every byte of mu-law and of A-law as a sample (ITU-T G.711).
static MU_LAW: [f32; 256] = table(true);
static A_LAW: [f32; 256] = table(false);

const fn table(is_mu_law: bool) -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        let sample = if is_mu_law {
            mu_law(byte as u8)
        } else {
            a_law(byte as u8)
        };
        table[byte] = sample as f32 / 32_768.0;
        byte += 1;
    }
    table
}

const fn mu_law(byte: u8) -> i32 {
    let byte = !byte;
    let magnitude = (((byte & 0x0F) as i32) << 3) + 0x84;
    let magnitude = (magnitude << ((byte & 0x70) >> 4)) - 0x84;
    if byte & 0x80 != 0 {
        -magnitude
    } else {
        magnitude
    }
}

const fn a_law(byte: u8) -> i32 {
    let byte = byte ^ 0x55;
    let segment = (byte & 0x70) >> 4;
    let magnitude = (((byte & 0x0F) as i32) << 4) + 8;
    let magnitude = match segment {
        0 => magnitude,
        segment => (magnitude + 0x100) << (segment - 1),
    };
    if byte & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }
}
