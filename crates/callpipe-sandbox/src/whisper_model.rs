//! A stand-in for a speech model: a file as whisper.cpp loads them, small, with weights that are made
//! here. It listens to nothing and says what it was given to say, with the times that it was given.
//!
//! Written from the format as whisper.cpp's converter documents it: a magic number, the sizes, the
//! mel filters, the vocabulary, and the tensors, each with its shape and name. All numbers are
//! little-endian.

use std::f64::consts::PI;
use std::io::{self, Write};

/// The file's first four bytes, as a number.
const MAGIC: u32 = 0x6767_6d6c;

/// The size of the vocabulary of English models: special tokens are known by their numbers.
/// Multilingual ones have one more, before all special ones.
const VOCABULARY: usize = 51_864;
const END: usize = 50_256;
/// The first timestamp, 0.00 s; the others follow in steps of 0.02 s.
const TIMESTAMPS: usize = 50_363;

/// The width of the model. Real ones have 384 and more.
const WIDTH: usize = 64;
const HEADS: usize = 2;
const AUDIO_FRAMES: usize = 1_500;
const TEXT_TOKENS: usize = 448;
const MELS: usize = 80;
const FREQUENCIES: usize = 201;

/// How much more certain than chance a told model is.
const CERTAINTY: f32 = 4.0;

/// What a model says in each half minute of audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// When it begins, in seconds of the half minute.
    pub start_s: f64,
    /// When it ends.
    pub end_s: f64,
    /// The parts of its words, as tokens: a word begins with a space.
    pub tokens: Vec<Vec<u8>>,
}

impl Saying {
    /// A saying of whole words.
    pub fn words(start_s: f64, end_s: f64, text: &str) -> Self {
        let words = text.split_whitespace();
        Self {
            start_s,
            end_s,
            tokens: words.map(|word| format!(" {word}").into_bytes()).collect(),
        }
    }
}

/// A model whose weights are made here.
#[derive(Debug, Clone, PartialEq)]
pub struct WhisperModel {
    /// What it says; where it is given nothing, the weights are chance alone, and all parts of it
    /// count, the audio too.
    pub sayings: Vec<Saying>,
    /// Whether it is told a language, or finds one out.
    pub is_multilingual: bool,
    /// What chance begins with.
    pub seed: u64,
}

impl WhisperModel {
    /// Writes the file.
    pub fn write(&self, mut file: impl Write) -> io::Result<()> {
        let mut vocabulary: Vec<Vec<u8>> = vec![b" ".to_vec()];
        let script = self.script(&mut vocabulary);
        let out = &mut file;
        numbers(out, &[MAGIC])?;
        let sizes = [
            self.vocabulary(),
            AUDIO_FRAMES,
            WIDTH,
            HEADS,
            1,
            TEXT_TOKENS,
            WIDTH,
            HEADS,
            1,
            MELS,
            // Large tensors in 16 bits.
            1,
        ];
        numbers(out, &sizes.map(|size| size as u32))?;
        numbers(out, &[MELS as u32, FREQUENCIES as u32])?;
        floats(out, mel_filters().into_iter())?;
        numbers(out, &[vocabulary.len() as u32])?;
        for word in &vocabulary {
            numbers(out, &[word.len() as u32])?;
            out.write_all(word)?;
        }
        self.tensors(out, &script)
    }

    fn vocabulary(&self) -> usize {
        VOCABULARY + usize::from(self.is_multilingual)
    }

    /// The token that each place of the text calls for. New words are added to the vocabulary.
    fn script(&self, vocabulary: &mut Vec<Vec<u8>>) -> Vec<usize> {
        let shift = usize::from(self.is_multilingual);
        let timestamp = |seconds: f64| TIMESTAMPS + shift + (seconds / 0.02).round() as usize;
        let mut script = Vec::new();
        for saying in &self.sayings {
            script.push(timestamp(saying.start_s));
            for token in &saying.tokens {
                let known = vocabulary.iter().position(|word| word == token);
                script.push(known.unwrap_or_else(|| {
                    vocabulary.push(token.clone());
                    vocabulary.len() - 1
                }));
            }
            script.push(timestamp(saying.end_s));
        }
        if !script.is_empty() {
            script.push(END + shift);
        }
        script
    }

    fn tensors(&self, out: &mut impl Write, script: &[usize]) -> io::Result<()> {
        let mut chance = Chance(self.seed);
        let embedding: Vec<f32> = (0..self.vocabulary() * WIDTH)
            .map(|_| chance.next() / 8.0)
            .collect();
        let mut places: Vec<f32> = (0..TEXT_TOKENS * WIDTH)
            .map(|_| chance.next() / 8.0)
            .collect();
        // Language and task stand before what is said.
        let before = if self.is_multilingual { 2 } else { 0 };
        let said = places.chunks_exact_mut(WIDTH).skip(before);
        for (place, token) in said.zip(script) {
            for (value, wanted) in place.iter_mut().zip(&embedding[token * WIDTH..]) {
                *value = 64.0 * wanted;
            }
        }
        let certainty = if script.is_empty() { 1.0 } else { CERTAINTY };
        let mut file = Tensors { out, chance };
        file.chance("encoder.positional_embedding", &[AUDIO_FRAMES, WIDTH], 0.1)?;
        file.wide("encoder.conv1.weight", &[WIDTH, MELS, 3], 0.25)?;
        file.chance("encoder.conv1.bias", &[WIDTH, 1], 0.1)?;
        file.wide("encoder.conv2.weight", &[WIDTH, WIDTH, 3], 0.25)?;
        file.chance("encoder.conv2.bias", &[WIDTH, 1], 0.1)?;
        file.norm("encoder.ln_post", 1.0)?;
        file.block("encoder.blocks.0", &["attn"])?;
        file.tensor(
            "decoder.positional_embedding",
            &[TEXT_TOKENS, WIDTH],
            false,
            &places,
        )?;
        file.tensor(
            "decoder.token_embedding.weight",
            &[self.vocabulary(), WIDTH],
            true,
            &embedding,
        )?;
        file.norm("decoder.ln", certainty)?;
        file.block("decoder.blocks.0", &["attn", "cross_attn"])
    }
}

/// Tensors on their way into the file.
struct Tensors<'a, W> {
    out: &'a mut W,
    chance: Chance,
}

impl<W: Write> Tensors<'_, W> {
    /// One tensor; its shape is outermost first, the file's is innermost first.
    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        is_wide: bool,
        values: &[f32],
    ) -> io::Result<()> {
        numbers(
            self.out,
            &[shape.len() as u32, name.len() as u32, u32::from(is_wide)],
        )?;
        let innermost_first: Vec<u32> = shape.iter().rev().map(|size| *size as u32).collect();
        numbers(self.out, &innermost_first)?;
        self.out.write_all(name.as_bytes())?;
        if !is_wide {
            return floats(self.out, values.iter().copied());
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| half(*value)).collect();
        self.out.write_all(&bytes)
    }

    /// Chance, in 32 bits, as biases are.
    fn chance(&mut self, name: &str, shape: &[usize], scale: f32) -> io::Result<()> {
        let values = self.values(shape, scale);
        self.tensor(name, shape, false, &values)
    }

    /// Chance, in 16 bits, as matrices are.
    fn wide(&mut self, name: &str, shape: &[usize], scale: f32) -> io::Result<()> {
        let values = self.values(shape, scale);
        self.tensor(name, shape, true, &values)
    }

    fn values(&mut self, shape: &[usize], scale: f32) -> Vec<f32> {
        let count = shape.iter().product();
        (0..count).map(|_| self.chance.next() * scale).collect()
    }

    fn norm(&mut self, name: &str, weight: f32) -> io::Result<()> {
        self.tensor(&format!("{name}.weight"), &[WIDTH], false, &[weight; WIDTH])?;
        self.chance(&format!("{name}.bias"), &[WIDTH], 0.1)
    }

    /// A layer: attentions, then two matrices.
    fn block(&mut self, name: &str, attentions: &[&str]) -> io::Result<()> {
        for attention in attentions {
            let name = format!("{name}.{attention}");
            self.norm(&format!("{name}_ln"), 1.0)?;
            // What is heard shall count for something.
            let scale = if *attention == "attn" { 0.25 } else { 0.5 };
            for part in ["query", "key", "value", "out"] {
                self.wide(&format!("{name}.{part}.weight"), &[WIDTH, WIDTH], scale)?;
                if part != "key" {
                    self.chance(&format!("{name}.{part}.bias"), &[WIDTH], 0.1)?;
                }
            }
        }
        self.norm(&format!("{name}.mlp_ln"), 1.0)?;
        self.wide(&format!("{name}.mlp.0.weight"), &[4 * WIDTH, WIDTH], 0.25)?;
        self.chance(&format!("{name}.mlp.0.bias"), &[4 * WIDTH], 0.1)?;
        self.wide(&format!("{name}.mlp.2.weight"), &[WIDTH, 4 * WIDTH], 0.125)?;
        self.chance(&format!("{name}.mlp.2.bias"), &[WIDTH], 0.1)
    }
}

/// Numbers from -1 to 1 that 16 bits hold exactly: whole 1024ths.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 53) as f32 - 1_024.0) / 1_024.0
    }
}

/// Sixteen bits for a number that they hold exactly, or nearly.
fn half(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = ((bits >> 23) & 0xff) as i32 - 127 + 15;
    let half = match exponent {
        1..=30 => ((exponent as u32) << 10) | ((bits >> 13) & 0x3ff),
        31.. => 0x7c00,
        // Too small to be told from nothing.
        _ => 0,
    };
    ((sign | half) as u16).to_le_bytes()
}

fn numbers(out: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
    out.write_all(&bytes)
}

fn floats(out: &mut impl Write, floats: impl Iterator<Item = f32>) -> io::Result<()> {
    let bytes: Vec<u8> = floats.flat_map(f32::to_le_bytes).collect();
    out.write_all(&bytes)
}

/// Triangles on Slaney's mel scale, each with an area of one, over the frequencies of a transform
/// of 400 samples at 16,000 a second.
fn mel_filters() -> Vec<f32> {
    // Below 1,000 Hz the scale is linear: 15 mels; above, 27 mels make the factor 6.4.
    const LINEAR_HZ: f64 = 200.0 / 3.0;
    let step = 6.4_f64.ln() / 27.0;
    let hz_of = |mel: f64| match mel < 15.0 {
        true => mel * LINEAR_HZ,
        false => 1_000.0 * ((mel - 15.0) * step).exp(),
    };
    let mel_max = 15.0 + (8_000.0_f64 / 1_000.0).ln() / step;
    let edges: Vec<f64> = (0..MELS + 2)
        .map(|at| hz_of(mel_max * at as f64 / (MELS + 1) as f64))
        .collect();
    let mut filters = Vec::with_capacity(MELS * FREQUENCIES);
    for edge in edges.windows(3) {
        let [low, middle, high] = [edge[0], edge[1], edge[2]];
        for bin in 0..FREQUENCIES {
            let hz = bin as f64 * 40.0;
            let rising = (hz - low) / (middle - low);
            let falling = (high - hz) / (high - middle);
            let height = rising.min(falling).max(0.0) * 2.0 / (high - low);
            filters.push(height as f32);
        }
    }
    filters
}

/// A recording of a tone, for such a model: 16 bits, one sample for each channel in turn. A channel
/// without a tone (0 Hz) is silent.
pub fn tone_wav(rate_hz: u32, seconds: f64, channel_tones_hz: &[f64]) -> Vec<u8> {
    let frames = (f64::from(rate_hz) * seconds) as u32;
    let channels = channel_tones_hz.len() as u16;
    let data_bytes = frames * u32::from(channels) * 2;
    let mut wav = Vec::with_capacity(44 + data_bytes as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    wav.extend_from_slice(&channels.to_le_bytes());
    wav.extend_from_slice(&rate_hz.to_le_bytes());
    wav.extend_from_slice(&(rate_hz * u32::from(channels) * 2).to_le_bytes());
    wav.extend_from_slice(&(channels * 2).to_le_bytes());
    wav.extend_from_slice(b"\x10\0data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    for frame in 0..frames {
        for tone_hz in channel_tones_hz {
            let angle = 2.0 * PI * tone_hz * f64::from(frame) / f64::from(rate_hz);
            let sample = (angle.sin() * 8_000.0) as i16;
            wav.extend_from_slice(&sample.to_le_bytes());
        }
    }
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact_where_they_can_be() {
        for (value, bits) in [
            (0.0, 0x0000_u16),
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (0.5, 0x3800),
            (1_023.0 / 1_024.0, 0x3bfe),
            (65_504.0, 0x7bff),
        ] {
            assert_eq!(half(value), bits.to_le_bytes(), "{value}");
        }
    }

    #[test]
    fn a_model_is_small_and_the_same_each_time() {
        let model = WhisperModel {
            sayings: vec![Saying::words(0.0, 1.0, "Hello there.")],
            is_multilingual: false,
            seed: 7,
        };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        model.write(&mut first).unwrap();
        model.write(&mut second).unwrap();
        assert!(
            first == second && first.len() < 8_000_000,
            "{}",
            first.len()
        );
    }

    #[test]
    fn each_mel_filter_has_an_area_of_one() {
        for filter in mel_filters().chunks_exact(FREQUENCIES).skip(20) {
            let area: f32 = filter.iter().sum::<f32>() * 40.0;
            assert!((area - 1.0).abs() < 0.2, "{area}");
        }
    }
}
