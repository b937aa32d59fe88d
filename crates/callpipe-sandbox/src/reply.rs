//! Answers in the forms that the fakes need, broken ones included.

use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use serde_json::Value;

use crate::connection::Reset;

/// A refusal; boxed, because a response is large for the error side of a `Result`.
pub(crate) type Refusal = Box<Response>;

/// An answer with this status, media type and body.
pub(crate) fn reply(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer in JSON.
pub(crate) fn json(status: u16, value: &Value) -> Response {
    reply(status, "application/json", value.to_string())
}

/// An answer in XML.
pub(crate) fn xml(status: u16, text: String) -> Response {
    reply(status, "application/xml", text)
}

/// An answer for a browser.
pub(crate) fn html(status: u16, title: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    );
    reply(status, "text/html; charset=utf-8", page)
}

/// Adds a header whose value came from a number or an address.
pub(crate) fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

/// Adds `Retry-After` if the fault asks for it.
pub(crate) fn with_retry_after(response: Response, seconds: Option<u64>) -> Response {
    match seconds {
        Some(seconds) => with_header(response, "retry-after", &seconds.to_string()),
        None => response,
    }
}

/// No answer: the connection is reset.
pub(crate) fn reset() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Reset);
    response
}

/// Half of the body, after which the connection ends. With `Content-Length` it claims the whole.
pub(crate) fn cut(content_type: &'static str, whole: &Bytes, with_length: bool) -> Response {
    let response = reply(200, content_type, half_body(whole));
    if with_length {
        with_header(response, "content-length", &whole.len().to_string())
    } else {
        response
    }
}

/// The first half of a body, and then an error.
pub(crate) fn half_body(whole: &Bytes) -> Body {
    let half = whole.slice(..whole.len() / 2);
    let end = async {
        // The server sends what it has when the body makes it wait, and drops it at an error.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
}

/// JSON that ends in the middle, in a body that is otherwise whole.
pub(crate) fn half_json(value: &Value) -> Response {
    let text = value.to_string();
    let half = text
        .chars()
        .take(text.chars().count() / 2)
        .collect::<String>();
    reply(200, "application/json", half)
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}
