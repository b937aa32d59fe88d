//! What whisper.cpp computes, against what OpenAI's own program computes from the same weights.

use std::f64::consts::TAU;

use serde::Deserialize;
use whisper_rs::{WhisperContext, WhisperContextParameters};

use std::path::Path;

use super::*;

/// Made once by `tests/fixtures/whisper/reference.py`.
const REFERENCE: &str = include_str!("../../../../tests/fixtures/whisper/reference.json");

#[derive(Deserialize)]
struct Reference {
    /// The tokens that were given to the decoder.
    tokens: Vec<i32>,
    /// Which tokens' values are in `logits`.
    every: usize,
    /// For each tone: the logits of the token that would follow.
    tones: Vec<ReferenceTone>,
}

#[derive(Deserialize)]
struct ReferenceTone {
    hz: f64,
    logits: Vec<f32>,
    /// The most likely next token.
    best: usize,
}

/// Two seconds of a rising tone.
fn samples(hz: f64) -> Vec<f32> {
    (0..32_000)
        .map(|at| {
            let seconds = f64::from(at) / 16_000.0;
            (0.3 * (TAU * hz * seconds * (1.0 + seconds)).sin()) as f32
        })
        .collect()
}

fn logits(context: &WhisperContext, samples: &[f32], tokens: &[i32]) -> Vec<f32> {
    let mut state = context.create_state().unwrap();
    state.pcm_to_mel(samples, 1).unwrap();
    state.encode(0, 1).unwrap();
    // One by one: of several tokens, the wrapper would show us the first one's.
    for (number, token) in tokens.iter().enumerate() {
        state.decode(&[*token], number, 1).unwrap();
    }
    state.get_logits().unwrap().to_vec()
}

#[test]
fn whisper_cpp_computes_what_openais_program_does() {
    let reference: Reference = serde_json::from_str(REFERENCE).unwrap();
    let model = MadeModel::english(&[]);
    whisper_rs::install_logging_hooks();
    let context =
        WhisperContext::new_with_params(model.path(), WhisperContextParameters::new()).unwrap();
    let mut seen = Vec::new();
    for tone in &reference.tones {
        let logits = logits(&context, &samples(tone.hz), &reference.tokens);
        let some: Vec<f32> = logits.iter().step_by(reference.every).copied().collect();
        assert_eq!(some.len(), tone.logits.len());
        let differences = some.iter().zip(&tone.logits).map(|(a, b)| (a - b).abs());
        let worst = differences.fold(0.0, f32::max);
        assert!(worst < 0.02, "{} Hz: {worst}", tone.hz);
        let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        assert_eq!(best, Some(tone.best), "{} Hz", tone.hz);
        seen.push(some);
    }
    // The audio counts for much more than what is tolerated.
    let apart = seen[0].iter().zip(&seen[1]).map(|(a, b)| (a - b).abs());
    let apart = apart.fold(0.0, f32::max);
    assert!(apart > 0.2, "{apart}");
}

/// Not a test: writes the model that `reference.py` reads.
#[test]
#[ignore = "writes a file for making the reference anew"]
fn write_the_model_of_the_reference() {
    let path = std::env::var("CALLPIPE_WRITE_WHISPER_MODEL").unwrap();
    std::fs::copy(MadeModel::english(&[]).path(), Path::new(&path)).unwrap();
}
