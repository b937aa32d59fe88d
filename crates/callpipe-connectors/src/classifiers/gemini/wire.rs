//! Vertex AI's JSON, field for field, as far as we write and read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    pub(super) system_instruction: Content<&'a RawValue>,
    pub(super) contents: [Content<&'a str>; 1],
    pub(super) safety_settings: Vec<SafetySetting>,
    pub(super) generation_config: GenerationConfig<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Content<Text> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: [TextPart<Text>; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct TextPart<Text> {
    pub(super) text: Text,
}

#[derive(Debug, Serialize)]
pub(super) struct SafetySetting {
    pub(super) category: &'static str,
    pub(super) threshold: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig<'a> {
    pub(super) max_output_tokens: u32,
    pub(super) response_mime_type: &'static str,
    pub(super) response_json_schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<ThinkingConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    pub(super) thinking_level: &'static str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reply {
    pub(super) candidates: Vec<Candidate>,
    pub(super) prompt_feedback: Option<PromptFeedback>,
    pub(super) model_version: Option<String>,
}

/// The part of a reply that says what it cost.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PricedReply {
    pub(super) usage_metadata: Usage,
}

/// Tokens. Those from the cache are among those of the prompt; thoughts come on top of the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Usage {
    pub(super) prompt_token_count: Value,
    pub(super) cached_content_token_count: Value,
    pub(super) candidates_token_count: Value,
    pub(super) thoughts_token_count: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PromptFeedback {
    pub(super) block_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate {
    pub(super) content: Option<ReplyContent>,
    // An open set of words: the list grows with each version of the API.
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyContent {
    pub(super) parts: Vec<ReplyPart>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyPart {
    pub(super) text: Option<String>,
    pub(super) thought: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorReply {
    pub(super) error: ErrorStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorStatus {
    pub(super) message: String,
    pub(super) status: String,
    pub(super) details: Vec<ErrorDetail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ErrorDetail {
    pub(super) field_violations: Vec<FieldViolation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FieldViolation {
    pub(super) field: String,
    pub(super) description: String,
}
