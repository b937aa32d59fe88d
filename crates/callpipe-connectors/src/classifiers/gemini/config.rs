//! What the operator fills in for Gemini on Vertex AI.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

use crate::classifiers::TokenPrices;
use crate::http::Endpoint;

/// The location unless the configuration names one: all of Google's regions together.
pub const LOCATION_DEFAULT: &str = "global";

/// The models that are asked unless the configuration names others, best first.
pub const MODELS_DEFAULT: [&str; 2] = ["gemini-3.5-flash-lite", "gemini-3.1-flash-lite"];

const IN_FLIGHT_MAX: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// An answer by the built-in taxonomy takes about 400 tokens; the rest is room for thinking.
const OUTPUT_TOKENS_MAX: NonZeroU32 = NonZeroU32::new(2048).unwrap();

/// The table `[classifier.gemini]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeminiConfig {
    /// Where Vertex AI is, if not at the host that belongs to the location.
    pub endpoint: Option<Endpoint>,
    /// The Google Cloud project that pays. Usually from `GCP_PROJECT_ID`.
    pub project: Option<String>,
    /// `global`, `us`, `eu` or a region. Newer models exist in the first three only.
    pub location: String,
    /// The models to ask, best first; the next one is asked when one is retired or no use.
    pub models: Vec<String>,
    /// How many requests may be in flight at once.
    pub in_flight_max: NonZeroUsize,
    /// The longest answer, thinking included, in tokens. A second try is given four times as many.
    pub max_output_tokens: NonZeroU32,
    /// How much the model thinks, if not as much as is its own default. Models of 2.x know no such
    /// levels and refuse it.
    pub thinking_level: Option<ThinkingLevel>,
    /// Labels of our requests in Google's billing reports: lower-case letters, digits, `_`, `-`.
    pub labels: BTreeMap<String, String>,
    /// What Google charges, tables `[classifier.gemini.prices.MODEL]`, by the name of the
    /// model or a beginning of it. What is named here comes before the list prices that are built in.
    pub prices: BTreeMap<String, TokenPrices>,
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingLevel {
    /// As good as not at all; newer models refuse it.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// A lot.
    High,
}

impl Default for GeminiConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            project: None,
            location: LOCATION_DEFAULT.into(),
            models: MODELS_DEFAULT.map(str::to_owned).into(),
            in_flight_max: IN_FLIGHT_MAX,
            max_output_tokens: OUTPUT_TOKENS_MAX,
            thinking_level: None,
            labels: BTreeMap::new(),
            prices: BTreeMap::new(),
        }
    }
}
