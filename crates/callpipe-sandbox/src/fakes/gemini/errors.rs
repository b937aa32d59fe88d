//! Google's error bodies.

use axum::response::Response;
use serde_json::json;

use super::Target;
use crate::faults::{Fault, FaultKind};
use crate::reply::{self, Refusal};

const TOO_MANY_STATES: &str = "The specified schema produces a constraint that has too many \
    states for serving.  Typical causes of this error are schemas with lots of text (for example, \
    very long property or enum names), schemas with long array length limits (especially when \
    nested), or schemas using complex value matchers (for example, integers or numbers with \
    minimum/maximum bounds or strings with complex formats like date-time)";

fn error(code: u16, status: &str, message: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": message, "status": status } });
    reply::json(code, &body)
}

pub(super) fn refuse(message: &str) -> Refusal {
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "description": message }],
    }]);
    Box::new(reply::json(
        400,
        &json!({ "error": {
            "code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details,
        } }),
    ))
}

pub(super) fn unauthenticated() -> Response {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, \
                   login cookie or other valid authentication credential.";
    error(401, "UNAUTHENTICATED", message)
}

pub(super) fn permission_denied(target: &Target) -> Response {
    let message = format!(
        "Permission 'aiplatform.endpoints.predict' denied on resource \
         '//aiplatform.googleapis.com/projects/{}/locations/{}/publishers/google/models/{}' \
         (or it may not exist).",
        target.project, target.location, target.model
    );
    error(403, "PERMISSION_DENIED", &message)
}

pub(super) fn not_found(message: &str) -> Response {
    error(404, "NOT_FOUND", message)
}

pub(super) fn model_not_found(target: &Target) -> Response {
    not_found(&format!(
        "Publisher Model `projects/{}/locations/{}/publishers/google/models/{}` was not found or \
         your project does not have access to it. Please ensure you are using a valid model \
         version. For more information, see: \
         https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        target.project, target.location, target.model
    ))
}

/// The refusal that a fault asks for; none if the fault strikes later.
pub(super) fn of_fault(fault: &Fault, target: &Target) -> Option<Response> {
    let answer = match fault.kind {
        FaultKind::Gemini400 => error(
            400,
            "INVALID_ARGUMENT",
            "Request contains an invalid argument.",
        ),
        FaultKind::GeminiSchemaTooComplex => error(400, "INVALID_ARGUMENT", TOO_MANY_STATES),
        FaultKind::Gemini401Once => unauthenticated(),
        FaultKind::Gemini403 => permission_denied(target),
        FaultKind::Gemini404Retired => model_not_found(target),
        FaultKind::Gemini429 => error(
            429,
            "RESOURCE_EXHAUSTED",
            "Resource exhausted. Please try again later. Please refer to \
             https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        ),
        FaultKind::Gemini500 => error(500, "INTERNAL", "Internal error encountered."),
        FaultKind::Gemini503 => error(503, "UNAVAILABLE", "The service is currently unavailable."),
        FaultKind::Gemini504 => error(
            504,
            "DEADLINE_EXCEEDED",
            "Deadline expired before operation could complete.",
        ),
        FaultKind::GeminiHtml => reply::html(200, "Sign in"),
        FaultKind::GeminiConnectionReset => reply::reset(),
        _ => return None,
    };
    Some(reply::with_retry_after(answer, fault.retry_after_s))
}
