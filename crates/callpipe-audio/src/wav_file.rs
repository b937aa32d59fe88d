//! Plain WAV, written and read block by block: 16 bits, sizes as far as they are known.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::decode::Block;

const HEADER_BYTES: u32 = 44;

/// Writes samples as a WAV of 16 bits.
pub struct WavWriter<Output: Write + Seek> {
    output: Output,
    channels: usize,
    bytes: Vec<u8>,
    data_bytes: u64,
}

impl<Output: Write + Seek> WavWriter<Output> {
    /// Begins a file for blocks like this one.
    pub fn begin(mut output: Output, like: &Block<'_>) -> io::Result<Self> {
        let channels = like.channels.len().max(1);
        let block_bytes = channels as u32 * 2;
        output.write_all(b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0\x01\0")?;
        output.write_all(&(channels as u16).to_le_bytes())?;
        output.write_all(&like.sample_rate_hz.to_le_bytes())?;
        output.write_all(&(like.sample_rate_hz * block_bytes).to_le_bytes())?;
        output.write_all(&(block_bytes as u16).to_le_bytes())?;
        output.write_all(b"\x10\0data\xFF\xFF\xFF\xFF")?;
        Ok(Self {
            output,
            channels,
            bytes: Vec::new(),
            data_bytes: 0,
        })
    }

    /// Adds a block.
    pub fn add(&mut self, block: &Block<'_>) -> io::Result<()> {
        self.bytes.clear();
        for frame in 0..block.frames() {
            for channel in 0..self.channels {
                let sample = block
                    .channels
                    .get(channel)
                    .and_then(|samples| samples.get(frame));
                let sample = sample.map_or(0.0, |sample| (sample * 32_768.0).round());
                // A cast of a float stays within the bounds of the integer.
                self.bytes.extend_from_slice(&(sample as i16).to_le_bytes());
            }
        }
        self.data_bytes += self.bytes.len() as u64;
        self.output.write_all(&self.bytes)
    }

    /// Fills in the sizes, and gives back what was written to.
    pub fn end(mut self) -> io::Result<Output> {
        let too_long = |_| io::Error::other("the sound is too long for a WAV file");
        let data_bytes = u32::try_from(self.data_bytes).map_err(too_long)?;
        self.output.seek(SeekFrom::Start(4))?;
        self.output
            .write_all(&data_bytes.saturating_add(HEADER_BYTES - 8).to_le_bytes())?;
        self.output
            .seek(SeekFrom::Start(u64::from(HEADER_BYTES) - 4))?;
        self.output.write_all(&data_bytes.to_le_bytes())?;
        self.output.seek(SeekFrom::End(0))?;
        Ok(self.output)
    }
}

/// What the header of a stream of plain WAV says: samples a second, and channels. The stream stands
/// at its first sample after that.
pub(crate) fn read_header(stream: &mut impl Read) -> io::Result<(u32, usize)> {
    let nonsense = || io::Error::other("the header makes no sense");
    let mut riff = [0; 12];
    stream.read_exact(&mut riff)?;
    let mut found = None;
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header)?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if header.starts_with(b"data") {
            return found.ok_or_else(nonsense);
        }
        if size > 4096 {
            return Err(nonsense());
        }
        let mut body = vec![0; size as usize + size as usize % 2];
        stream.read_exact(&mut body)?;
        if let (b"fmt ", Some(&[c0, c1, r0, r1, r2, r3])) = (&header[..4], body.get(2..8)) {
            let channels = usize::from(u16::from_le_bytes([c0, c1]));
            let rate_hz = u32::from_le_bytes([r0, r1, r2, r3]);
            found = (channels > 0 && rate_hz > 0).then_some((rate_hz, channels));
        }
    }
}
