//! Google's token endpoint and the metadata server of a cloud machine.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::TimeDelta;
use serde_json::json;

use crate::journal::System;
use crate::reply;
use crate::shared::{Shared, file};

/// Takes any signed assertion and any refresh token: whose keys they are is not ours to know.
pub(super) async fn token(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let open = shared.open(System::GoogleSignIn, "/token");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let is_good = match field("grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => field("assertion").split('.').count() == 3,
        "refresh_token" => !field("refresh_token").is_empty(),
        _ => {
            let body = json!({ "error": "unsupported_grant_type" });
            return file(open, reply::json(400, &body));
        }
    };
    if !is_good {
        let body = json!({ "error": "invalid_grant", "error_description": "Bad Request" });
        return file(open, reply::json(400, &body));
    }
    file(open, issue(&shared))
}

pub(super) async fn metadata_token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Response {
    let open = shared.open(System::GoogleSignIn, "/computeMetadata");
    if headers
        .get("metadata-flavor")
        .is_none_or(|value| value != "Google")
    {
        return file(
            open,
            reply::html(
                403,
                "Missing required header \"Metadata-Flavor\": \"Google\"",
            ),
        );
    }
    file(
        open,
        reply::with_header(issue(&shared), "metadata-flavor", "Google"),
    )
}

fn issue(shared: &Shared) -> Response {
    let expires_in_s = shared.options.google_token_expires_in_s;
    let token = format!("ya29.sandbox-{}", shared.next_number());
    shared
        .tokens
        .issue(&token, shared.now() + TimeDelta::seconds(expires_in_s));
    reply::json(
        200,
        &json!({ "access_token": token, "expires_in": expires_in_s, "token_type": "Bearer" }),
    )
}
