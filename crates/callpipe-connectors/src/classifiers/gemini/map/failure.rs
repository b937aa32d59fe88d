//! What a refusal of Vertex AI's means.
//!
//! Google's messages may quote the request, and so the call: none of them is repeated.

use callpipe_core::failure::{Failure, FailureKind};

use super::super::wire::{ErrorReply, ErrorStatus};
use super::word;
use crate::http::{self, Meaning};

const TOKEN_HINT: &str = "renew the access token: `export GOOGLE_ACCESS_TOKEN=$(gcloud auth print-access-token)`, or unset \
     it and run `gcloud auth application-default login`";
const PERMISSION_HINT: &str = "the account needs the role roles/aiplatform.user in the project, and the project the Vertex AI \
     API and billing";
const SCHEMA_HINT: &str = "the model refuses the form of the request: give the taxonomy fewer or shorter labels, or \
     check `classifier.gemini.thinking_level`, `labels` and `models`";
const PRECONDITION_HINT: &str = "the project may not use this model here: check billing, the organisation's policies and \
     `classifier.gemini.location`";
const RETIRED_HINT: &str = "the model is retired, or not offered to this project in this location: check \
     `classifier.gemini.models`, `project` and `location`";
const ENDPOINT_HINT: &str = "check `classifier.gemini.endpoint` and `location`";

/// Tells what a refusal means. `by_status` is its meaning by the HTTP status alone; its wish to be
/// left alone is kept.
pub(in super::super) fn refusal(status: u16, body: &[u8], by_status: Failure) -> Failure {
    let said = serde_json::from_slice::<ErrorReply>(body)
        .unwrap_or_default()
        .error;
    let told = match said.status.as_str() {
        "" => String::new(),
        status => format!(" {}", word(status)),
    };
    http::understood(&by_status, meaning(status, &said, by_status.kind), &told)
}

fn meaning(status: u16, said: &ErrorStatus, by_status: FailureKind) -> Meaning {
    match status {
        // Every call would be refused for the same reason, so that none of them is to blame.
        400 if said.status == "FAILED_PRECONDITION" => {
            (FailureKind::Denied, Some(PRECONDITION_HINT))
        }
        400 if is_about_setup(said) || gives_no_reason(said) => {
            (FailureKind::Denied, Some(SCHEMA_HINT))
        }
        401 => (FailureKind::Denied, Some(TOKEN_HINT)),
        403 => (FailureKind::Denied, Some(PERMISSION_HINT)),
        404 => (FailureKind::ModelRetired, Some(RETIRED_HINT)),
        300..=399 | 405 => (FailureKind::Denied, Some(ENDPOINT_HINT)),
        _ => (by_status, None),
    }
}

/// A form that is too much for a model is often refused without a reason. The stage's check, whose call
/// is made up, tells whether it is this call after all.
fn gives_no_reason(said: &ErrorStatus) -> bool {
    let mut violations = said
        .details
        .iter()
        .flat_map(|detail| &detail.field_violations);
    let names_no_field = violations.all(|violation| violation.field.is_empty());
    names_no_field && said.message == "Request contains an invalid argument."
}

/// Whether the refused part is one that is the same for every call. The reason stands in the
/// message, or only in the violations beside a message that says nothing.
fn is_about_setup(said: &ErrorStatus) -> bool {
    let violations = said
        .details
        .iter()
        .flat_map(|detail| &detail.field_violations);
    let is_about = |text: &str| {
        let text = text.to_lowercase().replace('_', "");
        [
            "schema",
            "generationconfig",
            "thinking",
            "safetysettings",
            "labels",
        ]
        .iter()
        .any(|word| text.contains(word))
    };
    is_about(&said.message)
        || violations
            .into_iter()
            .any(|violation| is_about(&violation.field) || is_about(&violation.description))
}
