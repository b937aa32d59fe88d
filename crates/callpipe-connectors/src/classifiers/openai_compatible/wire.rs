//! The JSON of the chat-completions API, field for field, as far as we write and read it. Servers
//! differ in what they leave out or set to null, so that nothing that is read is required.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::map::InOrder;

#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) messages: [Message<'a>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<ResponseFormat<'a>>,
    /// The older name, which local servers know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u32>,
    /// OpenAI's newer name, thoughts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ResponseFormat<'a> {
    JsonSchema { json_schema: NamedSchema<'a> },
    JsonObject,
}

#[derive(Debug, Serialize)]
pub(super) struct NamedSchema<'a> {
    pub(super) name: &'static str,
    pub(super) strict: bool,
    pub(super) schema: InOrder<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reply {
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) model: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) message: Option<ReplyMessage>,
    // An open set of words: servers have their own.
    pub(super) finish_reason: Option<String>,
}

/// Thoughts in a field of their own (`reasoning_content`, `reasoning`) are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyMessage {
    /// A text, or a list of parts.
    pub(super) content: Value,
    pub(super) refusal: Option<String>,
}

/// The part of a reply that says what it cost.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PricedReply {
    pub(super) usage: Option<Usage>,
}

/// A reply that says what went wrong in place of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FailedReply {
    pub(super) error: Value,
    pub(super) choices: Option<IgnoredAny>,
}

/// Tokens. Those from the cache are among those of the prompt, thoughts among those of the answer
/// or, with some gateways, only among all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Value,
    pub(super) completion_tokens: Value,
    pub(super) total_tokens: Value,
    /// With `cached_tokens` in it.
    pub(super) prompt_tokens_details: Value,
}

/// An error, in OpenAI's envelope or in none, as earlier versions of vLLM send it. Ollama's own API
/// has a text in place of the object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorReply {
    pub(super) error: Value,
    pub(super) message: Value,
    pub(super) r#type: Value,
    pub(super) param: Value,
    pub(super) code: Value,
}
