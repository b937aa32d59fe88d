//! What a refusal means, by the status and by the words of OpenAI, vLLM, llama.cpp and Ollama.
//!
//! A server's message may quote the request, and so the call: none of them is repeated.

use callpipe_core::failure::{Failure, FailureKind};
use reqwest::StatusCode;
use serde_json::Value;

use super::super::wire::{ErrorReply, FailedReply};
use super::word;
use crate::http::{self, Meaning};

const KEY_HINT: &str = "set the environment variable OPENAI_API_KEY, or `classifier.openai_compatible.api_key` in callpipe.toml, \
     to a key of this server";
const CREDIT_HINT: &str = "the account has no credit left: check its billing and limits";
const MODEL_HINT: &str = "the server does not have this model, or not for this key: check `classifier.openai_compatible.models` \
     against what `GET /v1/models` lists (Ollama: `ollama pull MODEL`)";
const ENDPOINT_HINT: &str =
    "check `classifier.openai_compatible.endpoint`: it is the base address, up to and with `/v1`";
const FORM_HINT: &str = "the server refuses the form of the request: check `classifier.openai_compatible.structured_output`, \
     `temperature` and `max_output_tokens`";
const CONTEXT_HINT: &str = "the call is too long for the model: give the server a larger context (llama.cpp `--ctx-size`, Ollama \
     `OLLAMA_CONTEXT_LENGTH`, vLLM `--max-model-len`), lower `max_output_tokens`, or name another model";

/// A part of a request that a server does not take, and that can be asked for in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Objection {
    /// To how the form of the answer is asked for.
    ResponseFormat,
    /// To the name `max_tokens`.
    MaxTokens,
}

/// The words of an error, in lower case.
#[derive(Debug, Default)]
struct Said {
    message: String,
    kind: String,
    param: String,
    code: String,
}

/// Whether a refusal is about a part of the request that can be asked for in another way.
pub(in super::super) fn objection(status: u16, body: &[u8]) -> Option<Objection> {
    let said = said(body);
    if !matches!(status, 400 | 422 | 500 | 501) || is_too_long(&said) {
        return None;
    }
    let names = |word: &str| said.param.contains(word) || said.message.contains(word);
    if said.param == "max_tokens"
        || (names("max_tokens") && said.message.contains("max_completion_tokens"))
    {
        return Some(Objection::MaxTokens);
    }
    let mut words = vec!["response_format", "json_schema", "grammar"];
    if status != 500 {
        words.extend(["json_object", "structured", "guided", "schema"]);
    }
    let is_about_form = words.into_iter().any(names);
    is_about_form.then_some(Objection::ResponseFormat)
}

/// The status of a refusal that comes as a success: gateways that had begun to answer tell so that the
/// server behind them failed, by an error with a status for its code, and no choices.
pub(in super::super) fn status_within(reply: &[u8]) -> Option<StatusCode> {
    let failed: FailedReply = serde_json::from_slice(reply).ok()?;
    let code = failed.error.get("code")?.as_u64()?;
    let status = StatusCode::from_u16(u16::try_from(code).ok()?).ok()?;
    (failed.choices.is_none() && !status.is_success()).then_some(status)
}

/// Tells what a refusal means. `by_status` is its meaning by the HTTP status alone; its wish to be
/// left alone is kept.
pub(in super::super) fn refusal(status: u16, body: &[u8], by_status: Failure) -> Failure {
    let said = said(body);
    // Either is a word of the API; some servers repeat the status there.
    let words = [&said.code, &said.kind];
    let told = words.into_iter().find(|told| is_word(told));
    let told = told.map(|told| format!(" {told}")).unwrap_or_default();
    http::understood(&by_status, meaning(status, &said, by_status.kind), &told)
}

fn meaning(status: u16, said: &Said, by_status: FailureKind) -> Meaning {
    if matches!(status, 400 | 403 | 404 | 422) && lacks_model(said) {
        return (FailureKind::ModelRetired, Some(MODEL_HINT));
    }
    match status {
        // Here, or else every call would be refused for the same reason: none of them is to blame.
        300..=399 | 404 | 405 | 501 => (FailureKind::Denied, Some(ENDPOINT_HINT)),
        401 | 403 => (FailureKind::Denied, Some(KEY_HINT)),
        402 => (FailureKind::Denied, Some(CREDIT_HINT)),
        429 if is_without_credit(said) => (FailureKind::Denied, Some(CREDIT_HINT)),
        400 | 413 | 422 | 500 if is_too_long(said) => (FailureKind::Rejected, Some(CONTEXT_HINT)),
        400 | 422 if is_about_setup(said) => (FailureKind::Denied, Some(FORM_HINT)),
        _ => (by_status, None),
    }
}

fn lacks_model(said: &Said) -> bool {
    let code = |word: &str| said.code.contains(word) || said.kind.contains(word);
    code("model_not_found")
        || code("decommissioned")
        || (said.message.contains("model")
            && ["not found", "does not exist", "decommissioned"]
                .iter()
                .any(|words| said.message.contains(words)))
}

fn is_without_credit(said: &Said) -> bool {
    let words = ["insufficient_quota", "billing", "credit"];
    words
        .iter()
        .any(|word| said.code.contains(word) || said.kind.contains(word))
}

fn is_too_long(said: &Said) -> bool {
    let codes = ["context_length", "exceed_context"];
    let words = ["context length", "context size", "context window"];
    let by_code = codes
        .iter()
        .any(|code| said.code.contains(code) || said.kind.contains(code));
    by_code || words.iter().any(|words| said.message.contains(words))
}

/// Whether the refused part is one that is the same for every call.
fn is_about_setup(said: &Said) -> bool {
    let parameters = [
        "response_format",
        "json_schema",
        "schema",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
    ];
    let code = [
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
    ];
    code.contains(&said.code.as_str())
        || parameters
            .iter()
            .any(|name| said.param.contains(name) || said.message.contains(name))
}

fn said(body: &[u8]) -> Said {
    let reply: ErrorReply = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    match &reply.error {
        Value::Object(error) => {
            let text = |name: &str| error.get(name).map(text).unwrap_or_default();
            Said {
                message: text("message"),
                kind: text("type"),
                param: text("param"),
                code: text("code"),
            }
        }
        Value::String(message) => Said {
            message: message.to_lowercase(),
            ..Said::default()
        },
        _ => Said {
            message: text(&reply.message),
            kind: text(&reply.r#type),
            param: text(&reply.param),
            code: text(&reply.code),
        },
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && word(text) == text
}
