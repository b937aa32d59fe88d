//! Google's token endpoint and the metadata server of a cloud machine.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::errors;
use crate::google_account::{self, GOOGLE_ACCOUNT_EMAIL};
use crate::journal::System;
use crate::options::CREDENTIALS;
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
    metadata(&shared, &headers, issue)
}

pub(super) async fn metadata_email(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Response {
    metadata(&shared, &headers, |_| {
        reply::reply(200, "application/text", GOOGLE_ACCOUNT_EMAIL)
    })
}

fn metadata(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    answer: impl FnOnce(&Shared) -> Response,
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
        reply::with_header(answer(shared), "metadata-flavor", "Google"),
    )
}

/// IAM signs for whoever has a token of the account.
pub(super) async fn sign_blob(
    State(shared): State<Arc<Shared>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    let open = shared.open(System::GoogleSignIn, "signBlob");
    let is_good = reply::bearer(&headers).is_some_and(|token| {
        token == CREDENTIALS.google_access_token || shared.tokens.is_good(token, shared.now())
    });
    if !is_good {
        return file(open, errors::unauthenticated());
    }
    if method != format!("{GOOGLE_ACCOUNT_EMAIL}:signBlob") {
        let body = json!({ "error": {
            "code": 403,
            "message": "Permission 'iam.serviceAccounts.signBlob' denied on resource.",
            "status": "PERMISSION_DENIED",
        }});
        return file(open, reply::json(403, &body));
    }
    let payload = request["payload"].as_str().unwrap_or_default();
    let signature = BASE64_STANDARD
        .decode(payload)
        .ok()
        .and_then(|text| google_account::sign(&text));
    let answer = match signature {
        Some(signature) => reply::json(
            200,
            &json!({ "keyId": "sandbox", "signedBlob": BASE64_STANDARD.encode(signature) }),
        ),
        None => *errors::refuse("Invalid payload."),
    };
    file(open, answer)
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
