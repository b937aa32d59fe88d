//! Hears whether anybody speaks: by the energy of short frames against the noise around them.
//!
//! It errs on the side of speech. Beeps, ring tones and music count as speech; hum, hiss, comfort
//! noise and silence do not.

use crate::decode::Block;

/// Frames of 20 ms, as telephony has them.
const FRAMES_A_SECOND: u32 = 50;

/// Sound that is so much louder than the noise around it may be speech, in dB.
const ABOVE_NOISE_DB: f32 = 6.0;

/// The noise that is believed grows by so much each frame until something quieter is heard: 1 dB a
/// second.
const NOISE_RISE_DB: f32 = 0.02;

/// Shorter bursts are clicks: three frames.
const BURST_FRAMES_MIN: u32 = 3;

/// What is not louder than this is silence to any 16 bits, in dBFS.
const LEVEL_MIN_DBFS: f32 = -100.0;

/// What was heard on one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// For how long anybody may have spoken, in seconds.
    pub speech_s: f64,
    /// The loudest frame, in dBFS.
    pub peak_dbfs: f64,
}

/// Listens to the blocks of a recording.
#[derive(Debug)]
pub struct SpeechMeter {
    level_min_dbfs: f32,
    channels: Vec<Channel>,
    seconds: f64,
}

impl SpeechMeter {
    /// One that takes no sound below this level for speech.
    pub fn new(level_min_dbfs: f64) -> Self {
        Self {
            level_min_dbfs: level_min_dbfs as f32,
            channels: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Listens to a block.
    pub fn add(&mut self, block: &Block<'_>) {
        let frame_samples = (block.sample_rate_hz / FRAMES_A_SECOND).max(1) as usize;
        if self.channels.len() < block.channels.len() {
            self.channels
                .resize_with(block.channels.len(), Channel::default);
        }
        for (channel, samples) in self.channels.iter_mut().zip(block.channels) {
            channel.add(samples, frame_samples, self.level_min_dbfs);
        }
        self.seconds += block.frames() as f64 / f64::from(block.sample_rate_hz.max(1));
    }

    /// How much was listened to, in seconds.
    pub fn listened_s(&self) -> f64 {
        self.seconds
    }

    /// What was heard, channel by channel.
    pub fn heard(&self) -> Vec<Heard> {
        self.channels.iter().map(Channel::heard).collect()
    }

    /// For how long anybody may have spoken on any channel, in seconds.
    pub fn speech_s(&self) -> f64 {
        self.channels
            .iter()
            .map(|channel| channel.heard().speech_s)
            .sum()
    }
}

#[derive(Debug)]
struct Channel {
    /// Of the frame that is not full yet.
    sum: f32,
    sum_of_squares: f32,
    samples: usize,
    noise_dbfs: Option<f32>,
    burst_frames: u32,
    speech_frames: u64,
    peak_dbfs: f32,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            sum: 0.0,
            sum_of_squares: 0.0,
            samples: 0,
            noise_dbfs: None,
            burst_frames: 0,
            speech_frames: 0,
            peak_dbfs: LEVEL_MIN_DBFS,
        }
    }
}

impl Channel {
    fn add(&mut self, mut samples: &[f32], frame_samples: usize, level_min_dbfs: f32) {
        while !samples.is_empty() {
            let missing = frame_samples.saturating_sub(self.samples).max(1);
            let (now, later) = samples.split_at(missing.min(samples.len()));
            for sample in now {
                self.sum += sample;
                self.sum_of_squares += sample * sample;
            }
            self.samples += now.len();
            samples = later;
            if self.samples >= frame_samples {
                self.frame(level_min_dbfs);
            }
        }
    }

    /// A frame is full.
    fn frame(&mut self, level_min_dbfs: f32) {
        let count = self.samples as f32;
        let mean = self.sum / count;
        // Without what does not swing: an offset is no sound.
        let power = (self.sum_of_squares / count - mean * mean).max(0.0);
        let level = (10.0 * power.log10()).max(LEVEL_MIN_DBFS);
        (self.sum, self.sum_of_squares, self.samples) = (0.0, 0.0, 0);
        self.peak_dbfs = self.peak_dbfs.max(level);
        let noise = self
            .noise_dbfs
            .map_or(level, |noise| (noise + NOISE_RISE_DB).min(level));
        self.noise_dbfs = Some(noise);
        if level > level_min_dbfs && level > noise + ABOVE_NOISE_DB {
            self.burst_frames += 1;
        } else {
            self.burst_frames = 0;
        }
        self.speech_frames += match self.burst_frames {
            frames if frames < BURST_FRAMES_MIN => 0,
            BURST_FRAMES_MIN => u64::from(BURST_FRAMES_MIN),
            _ => 1,
        };
    }

    fn heard(&self) -> Heard {
        Heard {
            speech_s: self.speech_frames as f64 / f64::from(FRAMES_A_SECOND),
            peak_dbfs: f64::from(self.peak_dbfs),
        }
    }
}
