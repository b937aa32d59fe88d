//! What an answer that is no success means. BigQuery's own word for it (`reason`) decides, not the
//! HTTP status: a quota that is used up and a burst that was too fast are both 403.
//!
//! Source: "Error messages" of BigQuery's documentation.

use callpipe_core::failure::{Failure, FailureKind};
use reqwest::StatusCode;

use super::wire::{ErrorBody, ErrorProto};
use crate::http::redact::line;
use crate::http::{ErrorAnswer, status_kind};

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same request again after a wait: either it was not taken up, or its id tells that it is
    /// the same one.
    Again,
    /// The job has failed for a passing reason: a new one may not.
    NewJob,
    /// It exists already.
    Exists,
    /// It does not exist.
    Missing,
    /// Nothing that we could do.
    None,
}

/// A request that was refused, and what helps.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    pub(super) remedy: Remedy,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure
    }
}

impl Refusal {
    /// The connection broke or there was none: whether the request was taken up is not known.
    pub(super) fn of_transport(failure: Failure) -> Self {
        let remedy = match failure.kind {
            FailureKind::Unavailable => Remedy::Again,
            _ => Remedy::None,
        };
        Self { failure, remedy }
    }

    /// A success that says nothing, which BigQuery's never do: something else answered in its place.
    pub(super) fn of_no_answer(doing: &str, missing: &str) -> Self {
        let message = format!("{doing}: {missing}");
        Self::of_transport(Failure::new(FailureKind::Unavailable, message))
    }

    /// An answer by its body, or by its status where the body says nothing.
    pub(super) fn of_answer(answer: ErrorAnswer, doing: &str) -> Self {
        let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut error = body.error.errors.into_iter().next().unwrap_or_default();
        if error.message.is_empty() {
            error.message = body.error.message;
        }
        let retry_after = answer.failure.retry_after;
        let refusal = Self::new(answer.status, &error, doing);
        let failure = refusal.failure.with_retry_after(retry_after);
        Self { failure, ..refusal }
    }

    /// A job that has ended badly.
    pub(super) fn of_job(error: &ErrorProto, doing: &str) -> Self {
        let refusal = Self::new(StatusCode::OK, error, doing);
        match refusal.remedy {
            Remedy::Again => Self {
                remedy: Remedy::NewJob,
                ..refusal
            },
            _ => refusal,
        }
    }

    fn new(status: StatusCode, error: &ErrorProto, doing: &str) -> Self {
        let (kind, remedy) = match is_about_others(&error.message) {
            true => (FailureKind::Unavailable, Remedy::NewJob),
            false => meaning(&error.reason, status),
        };
        let word = match error.reason.as_str() {
            reason if is_reason(reason) => reason.to_owned(),
            _ => format!("HTTP {}", status.as_u16()),
        };
        let mut failure = Failure::new(kind, format!("{doing}: BigQuery answers {word}"));
        if let Some(message) = told(&error.message) {
            failure = failure.with_source(message);
        }
        if let Some(hint) = hint(&error.reason, kind, remedy) {
            failure = failure.with_hint(hint);
        }
        Self { failure, remedy }
    }
}

/// Whether a text is a word as BigQuery's reasons are.
fn is_reason(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a statement failed because of others on the same table. BigQuery gives that the reasons of
/// statements that make no sense, or ask for too much.
fn is_about_others(message: &str) -> bool {
    const WORDS: [&str; 2] = ["due to concurrent update", "Too many DML statements"];
    WORDS.iter().any(|words| message.contains(words))
}

fn meaning(reason: &str, status: StatusCode) -> (FailureKind, Remedy) {
    match reason {
        "rateLimitExceeded" => (FailureKind::RateLimited, Remedy::Again),
        "backendError" | "internalError" | "tableUnavailable" => {
            (FailureKind::Unavailable, Remedy::Again)
        }
        "jobBackendError" | "jobInternalError" => (FailureKind::Unavailable, Remedy::NewJob),
        "jobRateLimitExceeded" => (FailureKind::RateLimited, Remedy::NewJob),
        "quotaExceeded" => (FailureKind::RateLimited, Remedy::None),
        "duplicate" => (FailureKind::StoreFailed, Remedy::Exists),
        "notFound" => (FailureKind::StoreFailed, Remedy::Missing),
        "accessDenied" | "authError" | "billingNotEnabled" | "required" => {
            (FailureKind::Denied, Remedy::None)
        }
        _ => match status_kind(status) {
            FailureKind::Denied => (FailureKind::Denied, Remedy::None),
            kind @ (FailureKind::Unavailable | FailureKind::RateLimited) => (kind, Remedy::Again),
            _ => match status {
                StatusCode::CONFLICT => (FailureKind::StoreFailed, Remedy::Exists),
                StatusCode::NOT_FOUND => (FailureKind::StoreFailed, Remedy::Missing),
                _ => (FailureKind::StoreFailed, Remedy::None),
            },
        },
    }
}

/// BigQuery's message, unless it may quote what was to be loaded: words of a call are not logged.
fn told(message: &str) -> Option<String> {
    const CHARS_MAX: usize = 300;
    let quotes_data = message.contains("reading data");
    let message = line(message, CHARS_MAX);
    (!message.is_empty() && !quotes_data).then_some(message)
}

fn hint(reason: &str, kind: FailureKind, remedy: Remedy) -> Option<&'static str> {
    Some(match (reason, kind, remedy) {
        ("quotaExceeded", ..) => {
            "a daily quota of the project is used up: run again tomorrow, or ask Google for more"
        }
        ("billingNotEnabled", ..) => "enable billing for the project",
        (_, FailureKind::Denied, _) => {
            "the account needs roles/bigquery.jobUser on the project and roles/bigquery.dataEditor on \
             the dataset (dataViewer where it only reads); the BigQuery API must be enabled"
        }
        (_, _, Remedy::Missing) => {
            "check `project`, `dataset`, `location` and the table's name; a dataset can only be used \
             from its own location"
        }
        (_, FailureKind::StoreFailed, Remedy::None) => {
            "a column may have another type than its name tells: compare the table with \
             docs/DEPLOYMENT.md"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(status: u16, reason: &str, message: &str) -> Refusal {
        let body = json!({"error": {"code": status, "message": message,
            "errors": [{"reason": reason, "message": message}]}});
        let status = StatusCode::from_u16(status).unwrap();
        let answer = ErrorAnswer {
            failure: Failure::new(status_kind(status), "asking"),
            status,
            body: body.to_string().into(),
        };
        Refusal::of_answer(answer, "asking")
    }

    #[test]
    fn the_reason_decides_and_not_the_status() {
        for (status, reason, kind, remedy) in [
            (
                403,
                "rateLimitExceeded",
                FailureKind::RateLimited,
                Remedy::Again,
            ),
            (403, "quotaExceeded", FailureKind::RateLimited, Remedy::None),
            (403, "accessDenied", FailureKind::Denied, Remedy::None),
            (403, "responseTooLarge", FailureKind::Denied, Remedy::None),
            (503, "backendError", FailureKind::Unavailable, Remedy::Again),
            (400, "backendError", FailureKind::Unavailable, Remedy::Again),
            (
                400,
                "jobBackendError",
                FailureKind::Unavailable,
                Remedy::NewJob,
            ),
            (
                400,
                "jobRateLimitExceeded",
                FailureKind::RateLimited,
                Remedy::NewJob,
            ),
            (409, "duplicate", FailureKind::StoreFailed, Remedy::Exists),
            (404, "notFound", FailureKind::StoreFailed, Remedy::Missing),
            (400, "invalidQuery", FailureKind::StoreFailed, Remedy::None),
            (502, "", FailureKind::Unavailable, Remedy::Again),
            (429, "", FailureKind::RateLimited, Remedy::Again),
            (401, "", FailureKind::Denied, Remedy::None),
        ] {
            let refusal = refused(status, reason, "");
            assert_eq!(
                (refusal.failure.kind, refusal.remedy),
                (kind, remedy),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_job_that_failed_for_a_passing_reason_is_made_anew() {
        let error = |reason: &str| ErrorProto {
            reason: reason.into(),
            message: String::new(),
        };
        assert_eq!(
            Refusal::of_job(&error("backendError"), "x").remedy,
            Remedy::NewJob
        );
        assert_eq!(Refusal::of_job(&error("invalid"), "x").remedy, Remedy::None);
    }

    #[test]
    fn words_of_a_call_are_not_repeated() {
        let refusal = refused(
            400,
            "invalid",
            "Error while reading data, JSON: {\"summary\": \"secret\"",
        );
        assert!(
            !refusal.failure.chain().contains("secret"),
            "{}",
            refusal.failure.chain()
        );
        let refusal = refused(400, "invalidQuery", "Unrecognized name: x at [1:8]");
        assert!(refusal.failure.chain().contains("Unrecognized name"));
    }
}
