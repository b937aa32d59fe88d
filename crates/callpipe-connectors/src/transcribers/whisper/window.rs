//! One channel in windows that the model takes in one piece: at most half a minute each, cut where
//! it is quiet, with long silences left out.
//!
//! One side of a call is silent half of the time. A model that listens to silence needs as long for
//! it as for speech, and likes to imagine words; so what is clearly silent is not shown to it. Where
//! that is doubtful, it is. No more than one window of a channel is in memory.

use std::collections::VecDeque;

use super::resample::RATE_HZ;

/// 20 milliseconds: what is loud or not.
const FRAME: usize = RATE_HZ as usize / 50;

/// The model's window: half a minute.
const FRAMES_MAX: usize = 30 * 50;

/// A full window is cut in its last third.
const FRAMES_BEFORE_CUT: usize = 20 * 50;

/// Cuts are made where this many frames together are the quietest.
const FRAMES_OF_CUT: usize = 5;

/// What is kept around speech, on each side: half a second.
const FRAMES_KEPT: usize = 25;

/// A window with less sound than this, a click, is not listened to: 60 milliseconds.
const LOUD_FRAMES_MIN: usize = 3;

/// The quietest sound, in dB of full scale; a telephone's speech is at -30 to -15.
const LOUD_DB_MIN: f32 = -60.0;

/// How far above the line's own noise a sound is.
const LOUD_DB_ABOVE_NOISE: f32 = 6.0;

/// What is louder than this and [`LOUD_DB_ABOVE_NOISE`] is sound, however long it lasts.
const NOISE_DB_MAX: f32 = -45.0;

/// How fast the noise is believed to have grown, in dB a frame: 2 dB a second.
const NOISE_RISE_DB: f32 = 0.04;

/// Digital silence, in dB of full scale.
const SILENT_DB: f32 = -100.0;

/// Samples that are to be listened to, and where they come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Window {
    /// At 16,000 a second.
    pub(super) samples: Vec<f32>,
    pieces: Vec<Piece>,
}

/// From one place of a window on, up to the next piece, what is heard lies at another place of the
/// recording.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    /// Where it begins in the window.
    at: usize,
    /// Where it begins in the recording.
    from: u64,
}

impl Window {
    /// How long it is, in seconds.
    pub(super) fn duration_s(&self) -> f64 {
        seconds(self.samples.len() as u64)
    }

    /// A stretch of the window in seconds of the recording. It ends with its piece: what was left
    /// out after it is no part of it.
    pub(super) fn place(&self, start_s: f64, end_s: f64) -> (f64, f64) {
        let at = (start_s.clamp(0.0, self.duration_s()) * f64::from(RATE_HZ)) as usize;
        let number = self.pieces.partition_point(|piece| piece.at <= at);
        let Some(piece) = self.pieces.get(number.saturating_sub(1)) else {
            return (start_s, end_s.max(start_s));
        };
        let piece_end = self
            .pieces
            .get(number)
            .map_or(self.samples.len(), |next| next.at);
        let shift_s = seconds(piece.from) - seconds(piece.at as u64);
        let start_s = start_s.clamp(0.0, self.duration_s());
        let end_s = end_s.clamp(start_s, seconds(piece_end as u64).max(start_s));
        (start_s + shift_s, end_s + shift_s)
    }
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(RATE_HZ)
}

/// A frame on its way into a window.
struct Frame {
    /// Where it begins in the recording.
    from: u64,
    samples: Vec<f32>,
    level_db: f32,
    is_loud: bool,
}

/// Makes windows of a channel.
pub(super) struct Windower {
    skip_silence: bool,
    /// Samples that do not fill a frame yet.
    rest: Vec<f32>,
    /// Where the rest begins in the recording.
    position: u64,
    noise_db: f32,
    /// Frames since the last loud one; none before the first.
    quiet: Option<usize>,
    /// Quiet frames that are kept if a loud one follows.
    before: VecDeque<Frame>,
    frames: Vec<Frame>,
}

impl Windower {
    /// For a channel whose silences are left out or not.
    pub(super) fn new(skip_silence: bool) -> Self {
        Self {
            skip_silence,
            rest: Vec::new(),
            position: 0,
            noise_db: LOUD_DB_MIN - LOUD_DB_ABOVE_NOISE,
            quiet: None,
            before: VecDeque::new(),
            frames: Vec::new(),
        }
    }

    /// Takes samples, 16,000 a second, and gives the windows that are full.
    pub(super) fn push(&mut self, samples: &[f32]) -> Vec<Window> {
        self.rest.extend_from_slice(samples);
        let mut windows = Vec::new();
        let rest = std::mem::take(&mut self.rest);
        let mut frames = rest.chunks_exact(FRAME);
        for frame in &mut frames {
            self.take(frame);
            if self.frames.len() >= FRAMES_MAX {
                let cut = self.quietest_cut();
                windows.extend(self.window(cut));
            }
        }
        self.rest = frames.remainder().to_vec();
        windows
    }

    /// The last window, after the last sample.
    pub(super) fn finish(mut self) -> Option<Window> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.take(&rest);
        }
        self.window(self.frames.len())
    }

    fn take(&mut self, samples: &[f32]) {
        let level_db = level_db(samples);
        self.noise_db = match level_db < self.noise_db {
            true => level_db.max(SILENT_DB),
            false => (self.noise_db + NOISE_RISE_DB).min(NOISE_DB_MAX),
        };
        let is_loud = level_db > (self.noise_db + LOUD_DB_ABOVE_NOISE).max(LOUD_DB_MIN);
        let frame = Frame {
            from: self.position,
            samples: samples.to_vec(),
            level_db,
            is_loud,
        };
        self.position += samples.len() as u64;
        if is_loud || !self.skip_silence {
            self.frames.extend(self.before.drain(..));
            self.frames.push(frame);
            self.quiet = Some(0);
            return;
        }
        self.quiet = self.quiet.map(|quiet| quiet + 1);
        if self.quiet.is_some_and(|quiet| quiet <= FRAMES_KEPT) {
            self.frames.push(frame);
            return;
        }
        self.before.push_back(frame);
        if self.before.len() > FRAMES_KEPT {
            self.before.pop_front();
        }
    }

    /// How many frames a full window keeps: up to the quietest moment of its last third.
    fn quietest_cut(&self) -> usize {
        let levels = |at: usize| -> f32 {
            let around = self.frames.get(at..at + FRAMES_OF_CUT);
            around.map_or(f32::MAX, |frames| {
                frames.iter().map(|frame| frame.level_db).sum()
            })
        };
        // Of equal ones the last: fewer windows take less time.
        (FRAMES_BEFORE_CUT..FRAMES_MAX - FRAMES_OF_CUT)
            .rev()
            .min_by(|a, b| levels(*a).total_cmp(&levels(*b)))
            .map_or(FRAMES_MAX, |at| at + FRAMES_OF_CUT / 2)
    }

    /// The first frames as a window, if there is something to be heard on them.
    fn window(&mut self, frames: usize) -> Option<Window> {
        let frames: Vec<Frame> = self.frames.drain(..frames.min(self.frames.len())).collect();
        let loud = frames.iter().filter(|frame| frame.is_loud).count();
        if loud < LOUD_FRAMES_MIN && self.skip_silence || frames.is_empty() {
            return None;
        }
        let mut window = Window::default();
        let mut next_from = None;
        for frame in frames {
            if next_from != Some(frame.from) {
                window.pieces.push(Piece {
                    at: window.samples.len(),
                    from: frame.from,
                });
            }
            next_from = Some(frame.from + frame.samples.len() as u64);
            window.samples.extend(frame.samples);
        }
        Some(window)
    }
}

fn level_db(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| sample * sample).sum();
    let power = sum / samples.len().max(1) as f32;
    (10.0 * power.log10()).max(SILENT_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = RATE_HZ as usize;

    /// A voice, as far as levels go: loud, with short dips.
    fn speech(seconds: f64) -> Vec<f32> {
        (0..(seconds * SECOND as f64) as usize)
            .map(|at| {
                let syllable = (at as f32 / 1_600.0).sin().abs();
                0.1 * syllable * (at as f32 * 0.3).sin()
            })
            .collect()
    }

    fn silence(seconds: f64) -> Vec<f32> {
        vec![0.0; (seconds * SECOND as f64) as usize]
    }

    fn windows(skip_silence: bool, samples: &[f32], chunk: usize) -> Vec<Window> {
        let mut windower = Windower::new(skip_silence);
        let mut windows: Vec<Window> = samples
            .chunks(chunk)
            .flat_map(|samples| windower.push(samples))
            .collect();
        windows.extend(windower.finish());
        windows
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 0.03
    }

    #[test]
    fn silence_is_left_out_and_times_are_those_of_the_recording() {
        let audio = [silence(10.0), speech(2.0), silence(20.0), speech(1.0)].concat();
        let windows = windows(true, &audio, 999);
        let [window] = windows.as_slice() else {
            panic!("{} windows", windows.len())
        };
        // Half a second before and after what is heard.
        assert!(near(window.duration_s(), 4.5), "{}", window.duration_s());
        let (start_s, end_s) = window.place(0.5, 1.5);
        assert!(
            near(start_s, 10.0) && near(end_s, 11.0),
            "{start_s} {end_s}"
        );
        let (start_s, end_s) = window.place(3.5, 4.0);
        assert!(
            near(start_s, 32.0) && near(end_s, 32.5),
            "{start_s} {end_s}"
        );
        // What seems to go on through the silence ends before it.
        let (start_s, end_s) = window.place(2.0, 4.0);
        assert!(
            near(start_s, 11.5) && near(end_s, 12.5),
            "{start_s} {end_s}"
        );
    }

    #[test]
    fn a_silent_channel_makes_no_window_and_a_click_neither() {
        assert_eq!(windows(true, &silence(100.0), 4_000), vec![]);
        let mut click = silence(5.0);
        click[40_000..40_100].fill(0.9);
        assert_eq!(windows(true, &click, 4_000), vec![]);
    }

    #[test]
    fn the_hiss_of_a_line_is_silence_once_it_is_known() {
        let mut state = 1_u32;
        let hiss: Vec<f32> = (0..60 * SECOND)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state as f32 / u32::MAX as f32 - 0.5) * 0.004
            })
            .collect();
        let mut audio = hiss;
        for (sample, voice) in audio[50 * SECOND..52 * SECOND].iter_mut().zip(speech(2.0)) {
            *sample += voice * 0.3;
        }
        let windows = windows(true, &audio, 4_000);
        let listened_s: f64 = windows.iter().map(Window::duration_s).sum();
        assert!(listened_s < 20.0, "{listened_s}");
        let heard = windows.iter().any(|window| {
            (0..window.duration_s() as usize)
                .any(|at| (50.0..52.0).contains(&window.place(at as f64, at as f64).0))
        });
        assert!(heard, "the voice is among it");
    }

    #[test]
    fn long_speech_is_cut_where_it_pauses_and_nothing_is_lost() {
        let audio = [speech(25.0), silence(0.4), speech(50.0)].concat();
        let windows = windows(true, &audio, 1_234);
        let first_s = windows[0].duration_s();
        assert!((25.0..=25.4).contains(&first_s), "{first_s}");
        let samples: Vec<f32> = windows
            .iter()
            .flat_map(|window| window.samples.clone())
            .collect();
        assert_eq!(samples, audio);
        assert!(windows.iter().all(|window| window.duration_s() <= 30.0));
        let (start_s, _) = windows[1].place(1.0, 1.2);
        assert!(near(start_s, first_s + 1.0), "{start_s}");
    }

    #[test]
    fn nothing_is_left_out_where_that_is_not_wanted() {
        let audio = silence(65.01);
        let windows = windows(false, &audio, 1_000);
        let samples: usize = windows.iter().map(|window| window.samples.len()).sum();
        assert_eq!(samples, audio.len());
    }
}
