//! The model at work on one window: what whisper.cpp is told, and what it says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callpipe_core::failure::{Failure, FailureKind, Outside};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperSegment,
    WhisperState,
};

use super::config::{LANGUAGE_AUTO, WhisperConfig};
use super::ggml;
use super::window::Window;
use super::wire::{Segment, Word};

/// How many answers are compared where the most likely one is of no use.
const ANSWERS_COMPARED: i32 = 5;

/// Asks for an end from outside. Whoever listens looks at it many times a second.
pub(super) type StopFlag = Arc<AtomicBool>;

/// A model in memory. Several recordings can be listened to at once, each with a state of its own.
pub(super) struct Listener {
    context: WhisperContext,
    threads: i32,
    language: String,
    prompt: Option<String>,
}

impl Listener {
    /// Loads the model of a configuration: a second for each gigabyte and more.
    pub(super) fn load(config: &WhisperConfig, path: &Path) -> Outside<Self> {
        // Its own messages go to stderr otherwise, past everything that orders ours.
        whisper_rs::install_logging_hooks();
        if !ggml::is_whole(path).unwrap_or(false) {
            return Err(unusable_model(path));
        }
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::new())
            .map_err(|_| unusable_model(path))?;
        let language = match (context.is_multilingual(), config.language.as_str()) {
            (true, language) => language,
            (false, "en" | LANGUAGE_AUTO) => "en",
            (false, language) => return Err(english_only(path, language)),
        };
        Ok(Self {
            threads: i32::try_from(config.thread_count()).unwrap_or(i32::MAX),
            language: language.to_owned(),
            prompt: config.prompt.clone(),
            context,
        })
    }

    /// What one recording needs in memory beside the model.
    pub(super) fn state(&self) -> Outside<WhisperState> {
        let failed = |_| Failure::bug("there is not enough memory for listening");
        self.context.create_state().map_err(failed)
    }

    /// The language that is listened for, where it need not be found out.
    pub(super) fn language(&self) -> Option<&str> {
        (self.language != LANGUAGE_AUTO).then_some(self.language.as_str())
    }

    /// Listens to a window in a language, or finds it out. Gives it with what was heard.
    pub(super) fn hear(
        &self,
        state: &mut WhisperState,
        window: &Window,
        language: Option<&str>,
        stop: &StopFlag,
    ) -> Outside<(Option<String>, Vec<Segment>)> {
        let parameters = self.parameters(language, stop);
        let result = state.full(parameters, &window.samples);
        if stop.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        result.map_err(|error| {
            Failure::bug("whisper.cpp cannot work on this audio").with_source(error.to_string())
        })?;
        let found = whisper_rs::get_lang_str(state.full_lang_id_from_state());
        let language = language.or(found).map(str::to_owned);
        let eot = self.context.token_eot();
        let segments = state.as_iter().map(|heard| segment(&heard, window, eot));
        Ok((language, segments.collect()))
    }

    /// What whisper.cpp is told for one window.
    pub(super) fn parameters(&self, language: Option<&str>, stop: &StopFlag) -> FullParams<'_, '_> {
        let mut parameters = FullParams::new(SamplingStrategy::Greedy {
            best_of: ANSWERS_COMPARED,
        });
        parameters.set_n_threads(self.threads);
        // The wrapper keeps a copy for ever: some bytes for each window.
        let language = language.unwrap_or(LANGUAGE_AUTO).to_owned();
        parameters.set_language(Some(String::leak(language)));
        if let Some(prompt) = &self.prompt {
            parameters.set_initial_prompt(prompt);
        }
        // What was said before a pause says little of what follows it, and an error would go on.
        parameters.set_no_context(true);
        parameters.set_token_timestamps(true);
        parameters.set_suppress_blank(true);
        parameters.set_suppress_nst(true);
        parameters.set_print_progress(false);
        parameters.set_print_realtime(false);
        parameters.set_print_special(false);
        parameters.set_print_timestamps(false);
        let stop = Arc::clone(stop);
        // It must be boxed: the wrapper calls any other closure by a pointer to something else.
        let is_asked: Box<dyn FnMut() -> bool> = Box::new(move || stop.load(Ordering::Relaxed));
        parameters.set_abort_callback_safe(is_asked);
        parameters
    }
}

/// Nobody waits for the answer any more.
pub(super) fn stopped() -> Failure {
    let message = "listening was stopped before the end";
    Failure::new(FailureKind::Unavailable, message)
}

fn unusable_model(path: &Path) -> Failure {
    let message = format!("{} is no model that whisper.cpp can load", path.display());
    Failure::new(FailureKind::Denied, message)
        .with_hint("it must be in ggml's format, and whole: `callpipe models pull` checks that")
}

fn english_only(path: &Path, language: &str) -> Failure {
    let message = format!(
        "the model {} knows English only, not `{language}`",
        path.display()
    );
    Failure::new(FailureKind::Denied, message)
        .with_hint("take a model without `.en` in its name, such as `base`")
}

/// What whisper.cpp counts times in: hundredths of a second.
fn seconds(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

fn segment(heard: &WhisperSegment<'_>, window: &Window, eot: i32) -> Segment {
    let (start_s, end_s) = (
        seconds(heard.start_timestamp()),
        seconds(heard.end_timestamp()),
    );
    let text = heard.to_str_lossy().map(|text| text.trim().to_owned());
    let words = words(heard, eot, start_s, end_s.max(start_s));
    let (start_s, end_s) = window.place(start_s, end_s);
    let words = words.into_iter().map(|word| {
        let (start_s, end_s) = window.place(word.start_s, word.end_s);
        Word {
            start_s,
            end_s,
            ..word
        }
    });
    Segment {
        start_s,
        end_s,
        text: text.unwrap_or_default(),
        no_speech_probability: f64::from(heard.no_speech_probability()),
        words: words.collect(),
    }
}

/// The words of a segment: tokens are parts of words, and a word begins with a space. The bytes of a
/// letter can be divided among tokens.
fn words(heard: &WhisperSegment<'_>, eot: i32, start_s: f64, end_s: f64) -> Vec<Word> {
    struct Made {
        bytes: Vec<u8>,
        start_s: f64,
        end_s: f64,
        probabilities: Vec<f64>,
    }
    let mut made: Vec<Made> = Vec::new();
    let tokens = (0..heard.n_tokens()).filter_map(|number| heard.get_token(number));
    for token in tokens {
        let (data, bytes) = (token.token_data(), token.to_bytes().unwrap_or_default());
        // Timestamps and other marks are no text.
        if data.id >= eot || bytes.is_empty() {
            continue;
        }
        let token_start_s = seconds(data.t0).clamp(start_s, end_s);
        let token_end_s = seconds(data.t1).clamp(token_start_s, end_s);
        match made.last_mut() {
            Some(word) if bytes.first() != Some(&b' ') => {
                word.bytes.extend_from_slice(bytes);
                word.end_s = word.end_s.max(token_end_s);
                word.probabilities.push(f64::from(data.p));
            }
            _ => made.push(Made {
                bytes: bytes.to_vec(),
                start_s: token_start_s,
                end_s: token_end_s,
                probabilities: vec![f64::from(data.p)],
            }),
        }
    }
    made.into_iter()
        .map(|word| Word {
            text: String::from_utf8_lossy(&word.bytes).trim().to_owned(),
            start_s: word.start_s,
            end_s: word.end_s,
            probability: word.probabilities.iter().sum::<f64>() / word.probabilities.len() as f64,
        })
        .filter(|word| !word.text.is_empty())
        .collect()
}
