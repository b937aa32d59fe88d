//! What the operator fills in for Deepgram.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::client;
use crate::http::Endpoint;
use crate::secret::Secret;

/// Where Deepgram is unless the configuration says otherwise.
pub const ENDPOINT_DEFAULT: &str = "https://api.deepgram.com";

/// The value of `language` that asks Deepgram to find the language out.
pub const LANGUAGE_AUTO: &str = "auto";

/// The value of `language` for callers who change languages.
pub(super) const LANGUAGE_MULTI: &str = "multi";

/// With one of the intelligence features on, Deepgram works on ten requests of a project at once.
const IN_FLIGHT_MAX: NonZeroUsize = NonZeroUsize::new(10).unwrap();

/// The table `[transcriber.deepgram]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepgramConfig {
    /// Where Deepgram is, if not at [`ENDPOINT_DEFAULT`]: a regional host, a sandbox.
    pub endpoint: Option<Endpoint>,
    /// The key of the project that pays. Usually from `DEEPGRAM_API_KEY`.
    pub api_key: Option<Secret>,
    /// The model that listens.
    pub model: String,
    /// A language tag, `multi` for callers who change languages, or `auto` to have it found out.
    pub language: String,
    /// Words that the model should expect: product names, brands.
    pub keyterms: Vec<String>,
    /// What is blotted out of the words: `pci`, `pii`, `numbers`, or a name of an entity.
    pub redact: Vec<String>,
    /// Whether Deepgram may not use the audio for training. It costs the discount for allowing it.
    pub mip_opt_out: bool,
    /// Labels of our requests in Deepgram's usage reports.
    pub tags: Vec<String>,
    /// Whether summary, topics, intents and sentiment are asked for. They exist for English only
    /// and are left out where `language` is another one.
    pub intelligence: bool,
    /// How many requests may be in flight at once.
    pub in_flight_max: NonZeroUsize,
    /// What Deepgram charges.
    pub prices: DeepgramPrices,
}

/// The table `[transcriber.deepgram.prices]`, in US dollars. The defaults are list prices for
/// pre-recorded audio, pay as you go, as of 2026-07-25; who has a contract fills in its own.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepgramPrices {
    /// A minute of one channel in one language.
    pub minute_usd: f64,
    /// The same where `language` is `multi`.
    pub multilingual_minute_usd: f64,
    /// Telling speakers apart, on top.
    pub diarization_minute_usd: f64,
    /// Redaction, on top, where `redact` names something.
    pub redaction_minute_usd: f64,
    /// A thousand tokens that summary, topics, intents and sentiment each read.
    pub input_tokens_1000_usd: f64,
    /// A thousand tokens that they write.
    pub output_tokens_1000_usd: f64,
}

impl Default for DeepgramPrices {
    fn default() -> Self {
        Self {
            minute_usd: 0.0043,
            multilingual_minute_usd: 0.0052,
            diarization_minute_usd: 0.002,
            redaction_minute_usd: 0.002,
            input_tokens_1000_usd: 0.0003,
            output_tokens_1000_usd: 0.0006,
        }
    }
}

impl DeepgramConfig {
    /// Whether summary, topics, intents and sentiment are asked for: they are wanted, and exist for
    /// the language.
    pub fn gives_analysis(&self) -> bool {
        client::asks_for_understanding(self)
    }
}

impl Default for DeepgramConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            api_key: None,
            model: "nova-3".into(),
            language: "en".into(),
            keyterms: Vec::new(),
            redact: Vec::new(),
            mip_opt_out: false,
            tags: Vec::new(),
            intelligence: true,
            in_flight_max: IN_FLIGHT_MAX,
            prices: DeepgramPrices::default(),
        }
    }
}
