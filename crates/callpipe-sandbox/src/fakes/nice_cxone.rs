//! CXone: sign-in, discovery, playback metadata and reports, on one address for all its hosts.

mod playback;
mod playback_body;
mod report_query;
mod reports;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use crate::reply::{self, Refusal};
use crate::shared::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(sign_in::openid_configuration),
        )
        .route(
            "/.well-known/cxone-configuration",
            get(sign_in::cxone_configuration),
        )
        .route("/auth/token", post(sign_in::token))
        .route("/media-playback/v1/contacts", get(playback::contacts))
        .route(
            "/incontactapi/services/{version}/contacts/completed",
            get(reports::completed),
        )
        .route(
            "/incontactapi/services/{version}/contacts/{contact}/hierarchy",
            get(reports::hierarchy),
        )
        .merge(crate::control::router())
        .with_state(shared)
}

/// The error body of every API but sign-in.
fn failure(status: u16, internal_code: &str, message: &str) -> Response {
    reply::json(
        status,
        &json!({ "internalCode": internal_code, "message": message }),
    )
}

/// The bearer token, if it was issued and has not ended.
fn signed_in<'a>(shared: &Shared, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
    match reply::bearer(headers) {
        Some(token) if token.contains(".access-") && shared.tokens.is_good(token, shared.now()) => {
            Ok(token)
        }
        Some(_) => Err(Box::new(failure(
            401,
            "MCR-401-2",
            "The access token is invalid or has expired",
        ))),
        None => Err(Box::new(failure(
            401,
            "MCR-401-1",
            "Authorization is missing",
        ))),
    }
}
