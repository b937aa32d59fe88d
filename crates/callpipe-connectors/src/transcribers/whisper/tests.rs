//! The real library on models that are made here.

mod listening;
mod numerics;

use std::path::PathBuf;

use callpipe_sandbox::whisper_model::{Saying, WhisperModel};

use super::WhisperConfig;

/// A model in a folder that goes away with it.
struct MadeModel {
    folder: tempfile::TempDir,
}

impl MadeModel {
    /// An English model that says this, or chance alone.
    fn english(sayings: &[Saying]) -> Self {
        Self::new(sayings, false)
    }

    fn new(sayings: &[Saying], is_multilingual: bool) -> Self {
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let model = WhisperModel {
            sayings: sayings.to_vec(),
            is_multilingual,
            seed: 1,
        };
        let file = std::fs::File::create(made.path()).unwrap();
        model.write(std::io::BufWriter::new(file)).unwrap();
        made
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ggml-made.bin")
    }

    fn config(&self) -> WhisperConfig {
        WhisperConfig {
            model: self.path().display().to_string(),
            ..WhisperConfig::default()
        }
    }
}

/// What the made models say in each half minute.
fn sayings() -> Vec<Saying> {
    let mut second = Saying::words(2.0, 3.0, "One");
    // A letter that is divided between two tokens.
    second.tokens.push(b" caf\xc3".to_vec());
    second.tokens.push(b"\xa9".to_vec());
    second.tokens.push(b".".to_vec());
    vec![Saying::words(0.0, 2.0, "Good morning."), second]
}
