//! What a refusal of Deepgram's means.

use callpipe_core::failure::{Failure, FailureKind};
use serde_json::Value;

use super::super::wire::ErrorBody;
use super::shown;
use crate::http::{self, Meaning};

const KEY_HINT: &str = "check `transcriber.deepgram.api_key` (DEEPGRAM_API_KEY): the key must exist, belong to the \
     project, and be allowed to transcribe with the configured model";
const CREDIT_HINT: &str = "the Deepgram project has no credit left: add some in Deepgram's console";
const ENDPOINT_HINT: &str =
    "check `transcriber.deepgram.endpoint`: what answers there does not transcribe";
const PARAMETER_HINT: &str = "check the settings of `transcriber.deepgram` (model, language, keyterms, redact) with \
     `callpipe check`";
const FETCH_HINT: &str =
    "Deepgram could not fetch the audio: the archive's links must work from the internet";

/// A refusal as it came.
pub(in super::super) struct Refusal<'a> {
    /// Its HTTP status.
    pub(in super::super) status: u16,
    /// The beginning of its body.
    pub(in super::super) body: &'a [u8],
    /// What must not be repeated from the body: key and link.
    pub(in super::super) hidden: &'a [&'a str],
}

/// What the body of a refusal says, in whichever of three forms it came.
#[derive(Default)]
struct Said {
    code: String,
    message: String,
}

/// Tells what a refusal means. `by_status` is its meaning by the status alone; its wish to be left
/// alone is kept.
pub(in super::super) fn refusal(refusal: &Refusal<'_>, by_status: Failure) -> Failure {
    let said = said(refusal.body);
    let told: String = [&said.code, &said.message]
        .into_iter()
        .filter_map(|text| shown(text, refusal.hidden))
        .map(|text| format!(": {text}"))
        .collect();
    let meaning = meaning(refusal.status, &said, by_status.kind);
    http::understood(&by_status, meaning, &told)
}

fn meaning(status: u16, said: &Said, by_status: FailureKind) -> Meaning {
    match (status, said.code.as_str()) {
        // The audio did not come whole: the connection broke, or was too slow.
        (400..=499, "SLOW_UPLOAD") | (422, _) => (FailureKind::Unavailable, None),
        (400, "REMOTE_CONTENT_ERROR") => (FailureKind::CorruptTransfer, Some(FETCH_HINT)),
        (402, _) | (_, "ASR_PAYMENT_REQUIRED") => (FailureKind::Denied, Some(CREDIT_HINT)),
        (401 | 403, _) | (404, "PROJECT_NOT_FOUND") => (FailureKind::Denied, Some(KEY_HINT)),
        // No call is to blame for an address that is nobody's, or that sends us elsewhere.
        (300..=399 | 404 | 405, _) => (FailureKind::Denied, Some(ENDPOINT_HINT)),
        // The same parameters are sent with every call.
        (400, "INVALID_QUERY_PARAMETER") | (414, _) => (FailureKind::Denied, Some(PARAMETER_HINT)),
        (400, _) if is_about_parameters(said) => (FailureKind::Denied, Some(PARAMETER_HINT)),
        (400, _) if is_about_audio(said) => (FailureKind::Unsupported, None),
        (400, _) => (FailureKind::Rejected, Some(PARAMETER_HINT)),
        _ => (by_status, None),
    }
}

/// Deepgram has no code for audio that it cannot read, only words.
fn is_about_audio(said: &Said) -> bool {
    says_one_of(
        said,
        &["corrupt", "unsupported data", "failed to process audio"],
    )
}

/// Nor has it one for each parameter that it does not take.
fn is_about_parameters(said: &Said) -> bool {
    says_one_of(said, &["no such model", "keyterm", "query parameter"])
}

fn says_one_of(said: &Said, words: &[&str]) -> bool {
    let message = said.message.to_lowercase();
    words.iter().any(|words| message.contains(words))
}

fn said(body: &[u8]) -> Said {
    match serde_json::from_slice::<Value>(body) {
        Ok(value @ Value::Object(_)) => {
            let body: ErrorBody = serde_json::from_value(value).unwrap_or_default();
            let message = [body.err_msg, body.message, body.details];
            Said {
                code: body.err_code.or(body.category).unwrap_or_default(),
                message: message.into_iter().flatten().collect::<Vec<_>>().join(": "),
            }
        }
        Ok(Value::String(message)) => Said {
            message,
            ..Said::default()
        },
        Ok(_) => Said::default(),
        Err(_) => Said {
            message: String::from_utf8_lossy(body).into_owned(),
            ..Said::default()
        },
    }
}
