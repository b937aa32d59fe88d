//! How loud a recording is over its length, channel by channel: what its waveform shows.

use std::path::PathBuf;

use callpipe_audio::{AudioProblem, Block, Decoder, Input};
use callpipe_core::failure::Outside;
use callpipe_core::recording::Recording;

use super::convert::{broke_off, undecodable};
use super::fetch::fetched;
use crate::server::App;

/// A waveform that is as wide as its page has so many columns.
const COLUMNS: usize = 1_000;

/// So many times that can be told apart: two columns for each second of an hour.
pub(crate) const WIDTHS_MAX: usize = 8;

/// So many columns are measured and kept.
pub(super) const COLUMNS_MAX: usize = WIDTHS_MAX * COLUMNS;

/// More channels than that are not shown.
pub(super) const CHANNELS_MAX: usize = 8;

/// So many stretches are measured; when there are more, each two become one. With fewer, a column
/// would hold so much of the sound before and after it that a second of silence could be lost.
const STRETCHES_MAX: usize = 4 * COLUMNS_MAX;

/// How long a stretch is at first, in samples.
const STRETCH_FRAMES: u64 = 32;

/// How loud a recording is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Peaks {
    /// Its length in seconds.
    pub(crate) duration_s: f64,
    /// For each channel the loudest sample of each column, from 0 to 255; [`COLUMNS_MAX`] of them.
    pub(super) channels: Vec<Vec<u8>>,
}

impl Peaks {
    /// The columns of each channel where the waveform is so many times as wide as its page.
    pub(crate) fn columns(&self, widths: usize) -> Vec<Vec<u8>> {
        let together = (WIDTHS_MAX / widths.max(1)).max(1);
        let loudest = |columns: &[u8]| columns.iter().copied().max().unwrap_or_default();
        self.channels
            .iter()
            .map(|columns| columns.chunks(together).map(loudest).collect())
            .collect()
    }
}

/// The peaks of a recording; none where it is not in the archive or has no sound that can be decoded.
pub(crate) async fn peaks(app: &App, recording: &Recording) -> Outside<Option<Peaks>> {
    let sounds = &app.sounds;
    if let Some(kept) = sounds.kept_peaks.get(&recording.sha256).await {
        return Ok(Some(kept));
    }
    let alone = sounds.alone_with(&recording.sha256).await;
    if let Some(kept) = sounds.kept_peaks.get(&recording.sha256).await {
        return Ok(Some(kept));
    }
    let permit = sounds.decoding().await?;
    let (archive, recording) = (sounds.archive.clone(), recording.clone());
    let (folder, kept) = (sounds.folder.path().to_owned(), sounds.kept_peaks.clone());
    // On its own: whoever is tired of waiting finds it done when asking again.
    let work = tokio::spawn(async move {
        let _held = (alone, permit);
        let Some(file) = fetched(&archive, &recording, &folder).await? else {
            return Ok(None);
        };
        let name = recording.key.file_name().to_owned();
        let measuring = tokio::task::spawn_blocking(move || {
            let measured = measured(file.path().to_owned(), &name);
            measured.or_else(|problem| undecodable(problem, &name).map(|()| None))
        });
        let peaks = measuring.await.map_err(broke_off)??;
        if let Some(peaks) = &peaks {
            kept.put(&recording.sha256, peaks).await;
        }
        Ok(peaks)
    });
    work.await.map_err(broke_off)?
}

fn measured(path: PathBuf, name: &str) -> Result<Option<Peaks>, AudioProblem> {
    let mut decoder = Decoder::open(&Input::File(path), name)?;
    let mut meter = Meter::new();
    while let Some(block) = decoder.next_block()? {
        meter.add(&block);
    }
    Ok(meter.peaks())
}

/// Measures sound of any length in bounded memory.
struct Meter {
    /// The loudest sample of each stretch, channel by channel.
    channels: Vec<Vec<f32>>,
    stretch_frames: u64,
    frames: u64,
    sample_rate_hz: u32,
}

impl Meter {
    fn new() -> Self {
        Self {
            channels: Vec::new(),
            stretch_frames: STRETCH_FRAMES,
            frames: 0,
            sample_rate_hz: 0,
        }
    }

    fn add(&mut self, block: &Block<'_>) {
        if self.channels.is_empty() {
            let count = block.channels.len().min(CHANNELS_MAX);
            self.channels = vec![Vec::new(); count];
            self.sample_rate_hz = block.sample_rate_hz;
        }
        let mut at = 0;
        while at < block.frames() {
            let left = self.stretch_frames - self.frames % self.stretch_frames;
            let length = usize::try_from(left).unwrap_or(usize::MAX);
            let until = at.saturating_add(length).min(block.frames());
            let stretch = (self.frames / self.stretch_frames) as usize;
            for (loudest, samples) in self.channels.iter_mut().zip(block.channels) {
                let samples = samples.get(at..until).unwrap_or_default();
                let peak = samples
                    .iter()
                    .fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
                match loudest.get_mut(stretch) {
                    Some(loudest) => *loudest = loudest.max(peak),
                    None => loudest.push(peak),
                }
            }
            self.frames += (until - at) as u64;
            at = until;
            if self.frames == self.stretch_frames * STRETCHES_MAX as u64 {
                self.merge();
            }
        }
    }

    /// Makes one stretch of each two.
    fn merge(&mut self) {
        self.stretch_frames *= 2;
        for loudest in &mut self.channels {
            let pairs = loudest.chunks(2);
            *loudest = pairs
                .map(|pair| pair.iter().copied().fold(0.0, f32::max))
                .collect();
        }
    }

    fn peaks(self) -> Option<Peaks> {
        if self.frames == 0 || self.sample_rate_hz == 0 {
            return None;
        }
        Some(Peaks {
            duration_s: self.frames as f64 / f64::from(self.sample_rate_hz),
            channels: self
                .channels
                .iter()
                .map(|loudest| columns(loudest))
                .collect(),
        })
    }
}

fn columns(loudest: &[f32]) -> Vec<u8> {
    let place = |column: usize| column * loudest.len() / COLUMNS_MAX;
    let column = |column: usize| {
        let until = place(column + 1).max(place(column) + 1);
        let stretches = loudest.get(place(column)..until).unwrap_or_default();
        let peak = stretches.iter().copied().fold(0.0, f32::max);
        // A cast of a float stays within the bounds of the integer.
        (peak * 255.0).round() as u8
    };
    (0..COLUMNS_MAX).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels: the first grows louder and louder, the second has one click in the middle.
    fn measured_of(frames: usize, block_frames: usize) -> Peaks {
        let mut meter = Meter::new();
        let mut at = 0;
        while at < frames {
            let until = (at + block_frames).min(frames);
            let growing = (at..until).map(|frame| frame as f32 / frames as f32);
            let click = (at..until).map(|frame| if frame == frames / 2 { -1.0 } else { 0.0 });
            meter.add(&Block {
                sample_rate_hz: 8_000,
                channels: &[growing.collect(), click.collect()],
            });
            at = until;
        }
        assert!(
            meter
                .channels
                .iter()
                .all(|loudest| loudest.len() <= STRETCHES_MAX)
        );
        meter.peaks().unwrap()
    }

    #[test]
    fn columns_follow_the_sound_whatever_its_length() {
        for (frames, block_frames) in [(4_000, 160), (64_000, 1), (3_000_000, 4_096)] {
            let peaks = measured_of(frames, block_frames);
            assert_eq!(peaks.duration_s, frames as f64 / 8_000.0);
            let [growing, click] = peaks.channels.as_slice() else {
                panic!("{} channels", peaks.channels.len());
            };
            assert_eq!((growing.len(), click.len()), (COLUMNS_MAX, COLUMNS_MAX));
            assert!(growing.is_sorted());
            assert!(
                growing[0] < 5 && growing[COLUMNS_MAX - 1] > 250,
                "{growing:?}"
            );
            let loud: Vec<usize> = (0..COLUMNS_MAX)
                .filter(|column| click[*column] > 0)
                .collect();
            assert!(
                loud.iter()
                    .all(|column| column.abs_diff(COLUMNS_MAX / 2) < 96),
                "{loud:?}"
            );
            assert_eq!(click[loud[0]], 255);
        }
    }

    /// Every other second is loud, at a rate of samples that keeps the test short.
    #[test]
    fn seconds_of_an_hour_can_be_told_apart_in_the_widest_waveform() {
        const RATE_HZ: u32 = 1_000;
        let mut meter = Meter::new();
        let level = |frame| if frame / RATE_HZ % 2 == 1 { 1.0 } else { 0.0 };
        meter.add(&Block {
            sample_rate_hz: RATE_HZ,
            channels: &[(0..3_600 * RATE_HZ).map(level).collect()],
        });
        let peaks = meter.peaks().unwrap();
        assert_eq!(peaks.duration_s, 3_600.0);
        let widest = &peaks.columns(WIDTHS_MAX)[0];
        let begun = widest.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert_eq!(begun, 1_800);
        assert!(peaks.columns(1)[0].iter().all(|column| *column == 255));
    }

    #[test]
    fn a_narrower_waveform_shows_the_loudest_of_each_stretch() {
        let mut columns = vec![0; COLUMNS_MAX];
        (columns[0], columns[7], columns[8], columns[COLUMNS_MAX - 1]) = (1, 9, 3, 5);
        let peaks = Peaks {
            duration_s: 1.0,
            channels: vec![columns.clone(), vec![2; COLUMNS_MAX]],
        };
        assert_eq!(peaks.columns(8), peaks.channels);
        let narrow = peaks.columns(1);
        assert_eq!((narrow[0].len(), narrow[1].len()), (COLUMNS, COLUMNS));
        assert_eq!((narrow[0][0], narrow[0][1], narrow[0][2]), (9, 3, 0));
        assert_eq!((narrow[0][999], narrow[1][500]), (5, 2));
        let middling = &peaks.columns(4)[0];
        assert_eq!(
            (middling.len(), &middling[..5]),
            (4 * COLUMNS, &[1, 0, 0, 9, 3][..])
        );
        for odd in [0, 3, 9, usize::MAX] {
            assert!(peaks.columns(odd)[0].len() <= COLUMNS_MAX, "{odd}");
        }
    }

    #[test]
    fn nonsense_stays_within_bounds() {
        let mut meter = Meter::new();
        let wild = vec![f32::NAN, f32::INFINITY, -9.0, f32::NEG_INFINITY];
        let channels = vec![wild; 300];
        meter.add(&Block {
            sample_rate_hz: 8_000,
            channels: &channels,
        });
        let peaks = meter.peaks().unwrap();
        assert_eq!(peaks.channels.len(), CHANNELS_MAX);
        assert_eq!(peaks.channels[0][0], 255);
        assert_eq!(Meter::new().peaks(), None);
    }
}
