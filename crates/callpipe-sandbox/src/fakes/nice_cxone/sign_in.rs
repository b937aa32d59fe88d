//! Discovery and the token endpoint.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::System;
use crate::options::CREDENTIALS;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};

/// Refresh tokens live twice as long as access tokens do by default.
const REFRESH_EXPIRES_IN_S: i64 = 7_200;

pub(super) async fn openid_configuration(State(shared): State<Arc<Shared>>) -> Response {
    let open = shared.open(System::NiceCxone, "/.well-known/openid-configuration");
    let issuer = &shared.addresses.nice_cxone;
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth/authorize"),
        "token_endpoint": format!("{issuer}/auth/token"),
        "userinfo_endpoint": format!("{issuer}/auth/userinfo"),
        "jwks_uri": format!("{issuer}/auth/jwks"),
        "end_session_endpoint": format!("{issuer}/auth/logout"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
    });
    file(open, reply::json(200, &body))
}

pub(super) async fn cxone_configuration(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let open = shared.open(System::NiceCxone, "/.well-known/cxone-configuration");
    let tenant = query
        .iter()
        .find(|(name, _)| name == "tenantId")
        .map(|(_, value)| value);
    if tenant.is_none_or(|tenant| tenant != CREDENTIALS.cxone_tenant_id) {
        return file(open, super::failure(404, "TENANT-404", "Tenant not found"));
    }
    let base = &shared.addresses.nice_cxone;
    let body = json!({
        "private": false, "area": "na1", "cluster": "B32",
        "domain": "niceincontact.com", "acdDomain": "nice-incontact.com",
        "uhDomain": "nice-incontact.com",
        "ui_endpoint": base, "auth_endpoint": base, "api_endpoint": base,
        "tenantId": CREDENTIALS.cxone_tenant_id,
    });
    file(open, reply::json(200, &body))
}

pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut open = shared.open(System::NiceCxone, "/auth/token");
    shared
        .pause(shared.options.latencies.nice_cxone, "token")
        .await;
    let answer = match shared.strike(Point::Token, &Subject::default(), &mut open) {
        Some(fault) => refusal_of(&fault),
        None => grant(&shared, &headers, &body).unwrap_or_else(|refusal| *refusal),
    };
    file(
        open,
        reply::with_header(answer, "cache-control", "no-store"),
    )
}

fn refusal_of(fault: &Fault) -> Response {
    match fault.kind {
        FaultKind::Token401 => oauth_error(401, "invalid_client", "Unauthorized"),
        FaultKind::TokenInvalidClient => {
            oauth_error(400, "invalid_client", "Client authentication failed")
        }
        FaultKind::TokenInvalidGrant => {
            oauth_error(400, "invalid_grant", "The access key is not active")
        }
        FaultKind::TokenConnectionReset => reply::reset(),
        _ => reply::html(500, "Internal Server Error"),
    }
}

fn grant(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
    let form_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !form_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
        return Err(refuse("invalid_request", "The body must be form-encoded"));
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    check_client(
        headers,
        field("client_id"),
        field("client_secret"),
        field("grant_type"),
    )?;
    match field("grant_type") {
        "password" => check_user(field("username"), field("password"))?,
        "refresh_token" => check_refresh_token(shared, field("refresh_token"))?,
        "" => return Err(refuse("invalid_request", "grant_type is missing")),
        _ => {
            return Err(refuse(
                "unsupported_grant_type",
                "The grant type is not supported",
            ));
        }
    }
    Ok(issue(shared))
}

fn check_user(name: &str, password: &str) -> Result<(), Refusal> {
    let is_known =
        name == CREDENTIALS.cxone_access_key_id && password == CREDENTIALS.cxone_access_key_secret;
    if is_known {
        Ok(())
    } else {
        Err(refuse(
            "invalid_grant",
            "The access key or its secret is wrong",
        ))
    }
}

fn check_refresh_token(shared: &Shared, token: &str) -> Result<(), Refusal> {
    if token.contains(".refresh-") && shared.tokens.is_good(token, shared.now()) {
        Ok(())
    } else {
        Err(refuse(
            "invalid_grant",
            "The refresh token is invalid or has expired",
        ))
    }
}

/// The client comes in the header, or in the form; a refresh may name it without its secret.
fn check_client(
    headers: &HeaderMap,
    id: &str,
    secret: &str,
    grant_type: &str,
) -> Result<(), Refusal> {
    let known = match headers.get(header::AUTHORIZATION) {
        Some(value) => value.to_str().is_ok_and(basic_is_good),
        None => {
            let secret_needed = grant_type != "refresh_token" || !secret.is_empty();
            id == CREDENTIALS.cxone_client_id
                && (!secret_needed || secret == CREDENTIALS.cxone_client_secret)
        }
    };
    if known {
        Ok(())
    } else {
        Err(refuse("invalid_client", "Client authentication failed"))
    }
}

/// RFC 6749 wants id and secret form-encoded first; much code does not do that. Both work.
fn basic_is_good(value: &str) -> bool {
    let Some(encoded) = value.strip_prefix("Basic ") else {
        return false;
    };
    let Ok(Ok(plain)) = STANDARD.decode(encoded.trim()).map(String::from_utf8) else {
        return false;
    };
    let Some((id, secret)) = plain.split_once(':') else {
        return false;
    };
    let is = |given: &str, wanted: &str| given == wanted || form_decoded(given) == wanted;
    is(id, CREDENTIALS.cxone_client_id) && is(secret, CREDENTIALS.cxone_client_secret)
}

fn form_decoded(text: &str) -> String {
    let pair = format!("value={text}");
    url::form_urlencoded::parse(pair.as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn issue(shared: &Shared) -> Response {
    let now = shared.now();
    let expires_in_s = shared.options.cxone_token_expires_in_s;
    let number = shared.next_number();
    let access = format!("{}.access-{number}", jwt(shared, number, expires_in_s));
    let refresh = format!(
        "{}.refresh-{number}",
        jwt(shared, number, REFRESH_EXPIRES_IN_S)
    );
    let id_token = format!("{}.identity-{number}", jwt(shared, number, expires_in_s));
    shared
        .tokens
        .issue(&access, now + TimeDelta::seconds(expires_in_s));
    shared
        .tokens
        .issue(&refresh, now + TimeDelta::seconds(REFRESH_EXPIRES_IN_S));
    reply::json(
        200,
        &json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": expires_in_s,
            "refresh_token": refresh,
            "id_token": id_token,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }),
    )
}

/// Header and payload of a token. There is no `area` claim: not every tenant's token has one.
fn jwt(shared: &Shared, number: u64, expires_in_s: i64) -> String {
    let now_s = shared.now().timestamp();
    let claims = json!({
        "sub": "user:sandbox", "iss": shared.addresses.nice_cxone, "icBUId": 4_500_001,
        "tenantId": CREDENTIALS.cxone_tenant_id, "tenant": "sandbox", "icClusterId": "B32",
        // Runs of these signs make the `-` and `_` by which base64url differs from base64.
        "name": "?????>>>>>",
        "jti": number, "iat": now_s, "exp": now_s + expires_in_s,
    });
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "sandbox" });
    format!("{}.{}", encoded(&header), unpadded(claims))
}

/// The encoded claims, of a length that would need padding in base64 with padding.
fn unpadded(mut claims: Value) -> String {
    if claims.to_string().len().is_multiple_of(3) {
        // 19 more characters: one beyond a multiple of three.
        claims["given_name"] = json!("Sam");
    }
    encoded(&claims)
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn oauth_error(status: u16, error: &str, description: &str) -> Response {
    reply::json(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}

fn refuse(error: &str, description: &str) -> Refusal {
    Box::new(oauth_error(400, error, description))
}
