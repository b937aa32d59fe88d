//! Any sample rate to the one that the model listens at: a windowed sinc, one set of weights for
//! each phase that the two rates can have to each other.

use callpipe_core::failure::{Failure, FailureKind, Outside};

/// What the model listens at, in samples a second.
pub(super) const RATE_HZ: u32 = 16_000;

/// The highest rate that is taken, in samples a second; telephony has 8,000, studios 192,000.
const RATE_HZ_MAX: u32 = 384_000;

/// Zero crossings of the sinc on each side of its middle: 70 dB, and 2 ms at telephony's rate.
const CROSSINGS: usize = 16;

/// How much of the band that both rates have is kept; the rest is for the filter to fall off.
const BAND_KEPT: f64 = 0.95;

/// One channel on its way to 16,000 samples a second.
pub(super) struct Resampler {
    /// Input samples for `up` output samples.
    down: usize,
    up: usize,
    /// The weights of each phase, over the same number of input samples.
    phases: Vec<Vec<f32>>,
    /// Input that is still needed; it begins with as many zeros as the filter reaches back.
    input: Vec<f32>,
    /// Where the next output sample lies: its first input sample, and its phase.
    position: usize,
    phase: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// For audio of a sample rate.
    pub(super) fn new(rate_hz: u32) -> Outside<Self> {
        if rate_hz == 0 || rate_hz > RATE_HZ_MAX {
            let message = format!("audio with {rate_hz} samples a second is not taken");
            return Err(Failure::new(FailureKind::Unsupported, message));
        }
        let divisor = greatest_common_divisor(rate_hz, RATE_HZ);
        let (up, down) = ((RATE_HZ / divisor) as usize, (rate_hz / divisor) as usize);
        let phases = phases(up, down);
        let reach = phases.first().map_or(0, Vec::len) / 2;
        Ok(Self {
            down,
            up,
            input: vec![0.0; reach.saturating_sub(1)],
            phases,
            position: 0,
            phase: 0,
            taken: 0,
            given: 0,
        })
    }

    /// Takes samples and appends what they make.
    pub(super) fn push(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        if self.up == self.down {
            output.extend_from_slice(samples);
            self.given = self.taken;
            return;
        }
        self.input.extend_from_slice(samples);
        self.make(output);
    }

    /// Appends what is left after the last sample.
    pub(super) fn finish(mut self, output: &mut Vec<f32>) {
        if self.up == self.down {
            return;
        }
        let due = (self.taken * self.up as u64).div_ceil(self.down as u64);
        let before = self.given;
        let start = output.len();
        let reach = self.phases.first().map_or(0, Vec::len);
        self.input.resize(self.input.len() + reach, 0.0);
        self.make(output);
        output.truncate(start + due.saturating_sub(before) as usize);
    }

    fn make(&mut self, output: &mut Vec<f32>) {
        while let Some(weights) = self.phases.get(self.phase) {
            let Some(input) = self.input.get(self.position..self.position + weights.len()) else {
                break;
            };
            output.push(input.iter().zip(weights).map(|(a, b)| a * b).sum());
            self.given += 1;
            let next = self.phase + self.down;
            self.position += next / self.up;
            self.phase = next % self.up;
        }
        let done = self.position.min(self.input.len());
        self.input.drain(..done);
        self.position -= done;
    }
}

/// The weights for each phase: where an output sample lies `phase / up` after an input sample.
fn phases(up: usize, down: usize) -> Vec<Vec<f32>> {
    // Of the lower rate's band, as a share of the input's.
    let band = BAND_KEPT * (up as f64 / down as f64).min(1.0);
    let reach = (CROSSINGS as f64 / band).ceil() as usize;
    (0..up)
        .map(|phase| {
            let middle = (reach - 1) as f64 + phase as f64 / up as f64;
            let weights: Vec<f64> = (0..2 * reach)
                .map(|at| {
                    let distance = at as f64 - middle;
                    sinc(distance * band) * window(distance / reach as f64)
                })
                .collect();
            // Equal sums, so that no phase is louder than another.
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| (weight / sum) as f32).collect()
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

/// Blackman's window over -1 to 1.
fn window(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x.clamp(-1.0, 1.0);
    0.42 + 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(rate_hz: u32, hz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate_hz) * seconds) as u32)
            .map(|at| (TAU * hz * f64::from(at) / f64::from(rate_hz)).sin() as f32)
            .collect()
    }

    fn resampled(rate_hz: u32, samples: &[f32], chunk: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate_hz).unwrap();
        let mut output = Vec::new();
        for samples in samples.chunks(chunk) {
            resampler.push(samples, &mut output);
        }
        resampler.finish(&mut output);
        output
    }

    fn loudness(samples: &[f32]) -> f64 {
        let sum: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        (sum / samples.len() as f64).sqrt()
    }

    #[test]
    fn a_tone_is_the_same_tone_at_every_rate() {
        for rate_hz in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000] {
            let made = resampled(rate_hz, &tone(rate_hz, 1_000.0, 1.0), 777);
            assert_eq!(made.len(), 16_000, "{rate_hz}");
            let wanted = tone(16_000, 1_000.0, 1.0);
            let middle = 200..15_800;
            let worst = made[middle.clone()]
                .iter()
                .zip(&wanted[middle])
                .map(|(made, wanted)| (made - wanted).abs())
                .fold(0.0, f32::max);
            assert!(worst < 2e-3, "{rate_hz}: {worst}");
        }
    }

    #[test]
    fn what_is_too_high_for_the_model_is_taken_away_not_folded_down() {
        let made = resampled(48_000, &tone(48_000, 11_000.0, 0.5), 1_000);
        assert!(loudness(&made[200..7_800]) < 1e-3, "{}", loudness(&made));
        // Nor does telephony gain a mirror image above its own band.
        let made = resampled(8_000, &tone(8_000, 3_000.0, 0.5), 1_000);
        let image = tone(16_000, 5_000.0, 0.5);
        let common: f64 = made[200..7_800]
            .iter()
            .zip(&image[200..7_800])
            .map(|(a, b)| f64::from(a * b))
            .sum::<f64>()
            / 7_600.0;
        assert!(common.abs() < 1e-3, "{common}");
    }

    #[test]
    fn chunks_make_no_difference_and_the_length_is_exact() {
        let samples = tone(44_100, 440.0, 0.3);
        let whole = resampled(44_100, &samples, samples.len());
        assert_eq!(whole.len(), 4_800);
        for chunk in [1, 7, 440] {
            assert_eq!(resampled(44_100, &samples, chunk), whole);
        }
        assert_eq!(resampled(8_000, &[], 1), Vec::<f32>::new());
    }

    #[test]
    fn a_rate_that_cannot_be_is_refused() {
        assert!(Resampler::new(0).is_err());
        assert!(Resampler::new(4_000_000_000).is_err());
    }
}
