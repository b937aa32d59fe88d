//! What the operator fills in for a server with OpenAI's chat-completions API.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};

use serde::{Deserialize, Serialize};

use crate::classifiers::TokenPrices;
use crate::http::NearEndpoint;
use crate::secret::Secret;

/// Where the API is unless the configuration says otherwise: at OpenAI.
pub const ENDPOINT_DEFAULT: &str = "https://api.openai.com/v1";

/// What one graphics card answers well at once.
const IN_FLIGHT_MAX: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// An answer by the built-in taxonomy takes about 400 tokens; the rest is room for thinking.
const OUTPUT_TOKENS_MAX: NonZeroU32 = NonZeroU32::new(2048).unwrap();

/// A large model on a small machine, with calls before this one in its queue.
const TIMEOUT_S: NonZeroU64 = NonZeroU64::new(300).unwrap();

/// The table `[classifier.openai_compatible]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenAiCompatibleConfig {
    /// The base address, up to and with `/v1`, if not [`ENDPOINT_DEFAULT`]. Plain `http` is taken on
    /// this machine and, where no key is sent, in the own network.
    pub endpoint: Option<NearEndpoint>,
    /// The key, where the server wants one. Usually from `OPENAI_API_KEY`.
    pub api_key: Option<Secret>,
    /// The models to ask, best first; the next one is asked when one does not exist or is no use.
    pub models: Vec<String>,
    /// How many requests may be in flight at once.
    pub in_flight_max: NonZeroUsize,
    /// The longest answer, thinking included, in tokens. A second try is given four times as many.
    pub max_output_tokens: NonZeroU32,
    /// How much chance there is in an answer, if not the server's own default.
    pub temperature: Option<f64>,
    /// For how long a request may be without an answer, in seconds.
    pub timeout_s: NonZeroU64,
    /// How the form of an answer is asked for. A server that refuses a form is asked in the next
    /// weaker one from then on; answers are checked all the same.
    pub structured_output: StructuredOutput,
    /// What the tokens of a model cost, tables `[classifier.openai_compatible.prices.MODEL]`, by its
    /// name or a beginning of it. Unless said, a server on this machine or in the own network charges
    /// nothing, and the prices of any other are not known.
    pub prices: BTreeMap<String, TokenPrices>,
}

/// How the form of an answer is asked for, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutput {
    /// By the taxonomy's schema, which the server makes the model follow.
    JsonSchema,
    /// As any JSON object.
    JsonObject,
    /// By the instruction alone.
    None,
}

impl StructuredOutput {
    /// What a server that refuses this form may take.
    pub(super) fn weaker(self) -> Option<Self> {
        match self {
            Self::JsonSchema => Some(Self::JsonObject),
            Self::JsonObject => Some(Self::None),
            Self::None => None,
        }
    }

    /// The word for it in the configuration.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::JsonSchema => "json_schema",
            Self::JsonObject => "json_object",
            Self::None => "none",
        }
    }
}

impl Default for OpenAiCompatibleConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            api_key: None,
            models: Vec::new(),
            in_flight_max: IN_FLIGHT_MAX,
            max_output_tokens: OUTPUT_TOKENS_MAX,
            temperature: None,
            timeout_s: TIMEOUT_S,
            structured_output: StructuredOutput::JsonSchema,
            prices: BTreeMap::new(),
        }
    }
}
