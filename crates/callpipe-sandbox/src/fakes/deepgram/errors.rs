//! Deepgram's errors, in the three forms that its documents show.

use axum::response::Response;
use serde_json::json;

use crate::faults::{Fault, FaultKind};
use crate::reply;

/// Errors of one request.
#[derive(Debug)]
pub(super) struct Errors<'a> {
    pub(super) request_id: &'a str,
}

impl<'a> Errors<'a> {
    pub(super) fn new(request_id: &'a str) -> Errors<'a> {
        Errors { request_id }
    }

    pub(super) fn invalid_auth(&self) -> Response {
        self.coded(401, "INVALID_AUTH", "Invalid credentials.")
    }

    /// Some of them have a code, others are told by their words alone.
    pub(super) fn bad_query(&self, text: &str) -> Response {
        match text.starts_with("No such model") {
            true => self.coded(400, "Bad Request", &format!("Bad Request: {text}")),
            false => self.coded(400, "INVALID_QUERY_PARAMETER", text),
        }
    }

    pub(super) fn corrupt(&self) -> Response {
        let text = "Bad Request: failed to process audio: corrupt or unsupported data";
        self.coded(400, "Bad Request", text)
    }

    pub(super) fn remote_content(&self, text: &str) -> Response {
        self.coded(400, "REMOTE_CONTENT_ERROR", text)
    }

    pub(super) fn too_large(&self) -> Response {
        reply::reply(413, "text/plain; charset=utf-8", "Payload Too Large")
    }

    pub(super) fn too_many(&self) -> Response {
        let text = "Too many requests. Please try again later";
        self.coded(429, "TOO_MANY_REQUESTS", text)
    }

    /// The refusal that a fault asks for; none if the fault strikes later.
    pub(super) fn of_fault(&self, fault: &Fault) -> Option<Response> {
        let retry_after_s = fault.retry_after_s;
        Some(match fault.kind {
            FaultKind::Deepgram400Corrupt => self.corrupt(),
            FaultKind::DeepgramRemoteContentError => {
                self.remote_content("Could not fetch the remote media.")
            }
            FaultKind::Deepgram401 => self.invalid_auth(),
            FaultKind::Deepgram402 => {
                let text = "Project does not have enough credits for an ASR request";
                self.coded(402, "ASR_PAYMENT_REQUIRED", text)
            }
            FaultKind::Deepgram403 => {
                let text = "Project does not have access to the requested model.";
                self.coded(403, "INSUFFICIENT_PERMISSIONS", text)
            }
            FaultKind::Deepgram408 => self.categorised(
                408,
                "SLOW_UPLOAD",
                "The upload was too slow.",
                "Provide a URL to the audio, or send it faster.",
            ),
            FaultKind::Deepgram422 => {
                let text = "The connection was closed before all of the audio was there.";
                self.coded(422, "ASR_UNPROCESSABLE_ENTITY", text)
            }
            FaultKind::DeepgramText => reply::reply(200, "text/plain", "upstream connect error"),
            FaultKind::DeepgramHtml => reply::html(200, "Sign in"),
            FaultKind::Deepgram429 => reply::with_retry_after(self.too_many(), retry_after_s),
            FaultKind::Deepgram500 => self.coded(500, "Internal Server Error", "Internal error"),
            FaultKind::Deepgram502 => reply::html(502, "502 Bad Gateway"),
            FaultKind::Deepgram503 => {
                let answer = self.categorised(
                    503,
                    "SERVICE_UNAVAILABLE",
                    "The service is not available.",
                    "Try again later.",
                );
                reply::with_retry_after(answer, retry_after_s)
            }
            FaultKind::Deepgram504 => self.coded(
                504,
                "Gateway Timeout",
                "The request took too long to process.",
            ),
            FaultKind::DeepgramPlainTextError => {
                reply::reply(500, "text/plain; charset=utf-8", "Internal Server Error")
            }
            FaultKind::DeepgramConnectionReset => reply::reset(),
            _ => return None,
        })
    }

    fn coded(&self, status: u16, code: &str, text: &str) -> Response {
        let body = json!({ "err_code": code, "err_msg": text, "request_id": self.request_id });
        reply::json(status, &body)
    }

    fn categorised(&self, status: u16, category: &str, text: &str, details: &str) -> Response {
        reply::json(
            status,
            &json!({
                "category": category, "message": text, "details": details,
                "request_id": self.request_id,
            }),
        )
    }
}
