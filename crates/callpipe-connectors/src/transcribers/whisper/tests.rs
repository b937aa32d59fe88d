//! The real library on models that are made here.

mod numerics;

use std::path::{Path, PathBuf};

use callpipe_sandbox::whisper_model::{Saying, WhisperModel};

/// A model in a folder that goes away with it.
struct MadeModel {
    folder: tempfile::TempDir,
}

impl MadeModel {
    fn new(sayings: &[Saying]) -> Self {
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let model = WhisperModel {
            sayings: sayings.to_vec(),
            seed: 1,
        };
        let file = std::fs::File::create(made.path()).unwrap();
        model.write(std::io::BufWriter::new(file)).unwrap();
        made
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ggml-made.en.bin")
    }
}
