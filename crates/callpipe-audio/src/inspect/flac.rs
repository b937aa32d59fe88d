//! FLAC (RFC 9639): its header tells how many samples there are, and nothing tells where a frame
//! ends but decoding it.

use super::{Facts, big_endian, cut_off};
use crate::decode::Decoder;
use crate::format::{AudioFormat, Codec, Container};
use crate::input::Input;
use crate::problem::AudioProblem;

/// What the header says, and whether so many samples are there.
pub(super) fn facts(head: &[u8], input: &Input) -> Result<Facts, AudioProblem> {
    let mut facts = Facts::of(AudioFormat::new(Container::Flac, Codec::Flac));
    let cut = |missing: &str| cut_off(&facts.format, missing);
    let stream = head
        .get(18..26)
        .ok_or_else(|| cut("its header is not whole"))?;
    // 20 bits of rate, 3 of channels, 5 of bits, 36 of samples.
    let stream = big_endian(stream);
    let rate_hz = (stream >> 44) as u32;
    let samples = stream & 0xF_FFFF_FFFF;
    facts.sample_rate_hz = Some(rate_hz);
    facts.channels = Some((stream >> 41) as u32 % 8 + 1);
    let mut decoder = Decoder::of(input, facts.clone())?;
    let mut there = 0;
    while let Some(block) = decoder.next_block()? {
        there += block.frames() as u64;
    }
    if there == 0 {
        return Err(match samples {
            0 => AudioProblem::Empty,
            _ => cut("none of its sound is there"),
        });
    }
    if there < samples {
        return Err(cut(&format!("{there} of {samples} samples are there")));
    }
    facts.duration_s = (rate_hz > 0).then(|| there as f64 / f64::from(rate_hz));
    Ok(facts)
}
