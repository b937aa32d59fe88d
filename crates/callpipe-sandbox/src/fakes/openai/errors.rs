//! OpenAI's error bodies, and those of llama.cpp where it has its own.

use axum::response::Response;
use serde_json::{Value, json};

use crate::faults::{Fault, FaultKind};
use crate::reply::{self, Refusal};

/// An error's body. What is empty is null.
fn error(status: u16, message: &str, kind: &str, param: &str, code: &str) -> Response {
    let or_null = |text: &str| match text {
        "" => Value::Null,
        text => json!(text),
    };
    let error = json!({
        "message": message, "type": kind, "param": or_null(param), "code": or_null(code),
    });
    reply::json(status, &json!({ "error": error }))
}

fn invalid(status: u16, message: &str, param: &str, code: &str) -> Response {
    error(status, message, "invalid_request_error", param, code)
}

/// 400 about a parameter.
pub(super) fn refuse(param: &str, message: &str) -> Refusal {
    Box::new(invalid(400, message, param, ""))
}

pub(super) fn invalid_key() -> Response {
    invalid(
        401,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        "",
        "invalid_api_key",
    )
}

pub(super) fn unknown_url() -> Response {
    invalid(404, "Invalid URL", "", "")
}

pub(super) fn model_not_found(model: &str) -> Response {
    invalid(
        404,
        &format!("The model `{model}` does not exist or you do not have access to it."),
        "",
        "model_not_found",
    )
}

/// The refusal that a fault asks for; none if the fault strikes later.
pub(super) fn of_fault(fault: &Fault, model: &str) -> Option<Response> {
    let answer = match fault.kind {
        FaultKind::OpenAi400 => invalid(400, "Invalid request.", "", ""),
        FaultKind::OpenAi401 => invalid_key(),
        FaultKind::OpenAi403 => invalid(
            403,
            "You are not allowed to sample from this model.",
            "",
            "",
        ),
        FaultKind::OpenAiModelNotFound => model_not_found(model),
        FaultKind::OpenAi429 => {
            let message = "Rate limit reached for requests.";
            error(429, message, "requests", "", "rate_limit_exceeded")
        }
        FaultKind::OpenAiInsufficientQuota => {
            let message =
                "You exceeded your current quota, please check your plan and billing details.";
            error(429, message, "insufficient_quota", "", "insufficient_quota")
        }
        FaultKind::OpenAi500 => {
            let message = "The server had an error while processing your request.";
            error(500, message, "server_error", "", "")
        }
        // llama.cpp's words while it loads a model.
        FaultKind::OpenAi503Loading => reply::json(
            503,
            &json!({ "error": { "code": 503, "message": "Loading model", "type": "unavailable_error" } }),
        ),
        FaultKind::OpenAiHtml => reply::html(200, "Sign in"),
        // As gateways tell that the server behind them failed after it had begun.
        FaultKind::OpenAiErrorIn200 => reply::json(
            200,
            &json!({ "error": { "code": 502, "message": "Provider returned error" } }),
        ),
        FaultKind::OpenAiContextLength => invalid(
            400,
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            "messages",
            "context_length_exceeded",
        ),
        FaultKind::OpenAiRejectsJsonSchema => invalid(
            400,
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            "response_format",
            "",
        ),
        FaultKind::OpenAiRejectsResponseFormat => invalid(
            400,
            "Unrecognized request argument supplied: response_format",
            "",
            "",
        ),
        FaultKind::OpenAiRejectsMaxTokens => invalid(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
             'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        FaultKind::OpenAiConnectionReset => reply::reset(),
        _ => return None,
    };
    Some(reply::with_retry_after(answer, fault.retry_after_s))
}
