//! What the operator fills in for transcription on this machine.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::models;
use crate::http::Endpoint;

/// The value of `language` that has the model find the language out.
pub const LANGUAGE_AUTO: &str = "auto";

/// The table `[transcriber.whisper]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhisperConfig {
    /// The model: a name as `callpipe models list` has it, or the path of a file in ggml's format.
    pub model: String,
    /// Where models are kept that are given by name.
    pub models_directory: String,
    /// Where `callpipe models pull` fetches from, if not at [`models::ENDPOINT_DEFAULT`].
    pub models_endpoint: Option<Endpoint>,
    /// A language code (`en`), or `auto` to have it found out; other languages than English need a
    /// model whose name does not end in `.en`.
    pub language: String,
    /// A text in the style of what is said, with the names that occur: it helps with spelling.
    pub prompt: Option<String>,
    /// Whether stretches in which a channel is silent are kept from the model, which takes less
    /// time and gives it less to imagine.
    pub skip_silence: bool,
    /// How many threads listen to one recording; all processors but one where it is not set.
    pub threads: Option<NonZeroUsize>,
    /// How many recordings are listened to at once, each with its own threads.
    pub in_flight_max: NonZeroUsize,
}

impl Default for WhisperConfig {
    fn default() -> Self {
        Self {
            model: "base.en".into(),
            models_directory: models::default_directory().display().to_string(),
            models_endpoint: None,
            language: "en".into(),
            prompt: None,
            skip_silence: true,
            threads: None,
            in_flight_max: NonZeroUsize::MIN,
        }
    }
}

impl WhisperConfig {
    /// The file of the model. What looks like a path is one; anything else is a name.
    pub fn model_path(&self) -> PathBuf {
        match self.names_a_file() {
            true => PathBuf::from(&self.model),
            false => Path::new(&self.models_directory).join(models::file_name(&self.model)),
        }
    }

    /// Whether the model is given by its file, not by its name.
    pub fn names_a_file(&self) -> bool {
        self.model.contains(['/', '\\']) || self.model.ends_with(".bin")
    }

    /// How many threads listen to one recording.
    pub fn thread_count(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match self.threads {
            Some(threads) => threads.get(),
            None => processors().saturating_sub(1).max(1),
        }
    }
}
