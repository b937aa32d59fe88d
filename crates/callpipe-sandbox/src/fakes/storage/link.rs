//! Links that were signed by the V4 process: form, time and signature.
//!
//! <https://cloud.google.com/storage/docs/access-control/signed-urls>

use std::collections::HashMap;

use axum::http::{HeaderMap, Method, header};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::answers::error;
use crate::chance::sha256_hex;
use crate::google_account::{self, GOOGLE_ACCOUNT_EMAIL};
use crate::reply::Refusal;
use crate::shared::Shared;

/// The longest that a link may work, in seconds.
const EXPIRES_S_MAX: i64 = 604_800;

pub(super) fn check(
    shared: &Shared,
    method: &Method,
    bucket: &str,
    object: &str,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    raw_query: &str,
) -> Result<(), Refusal> {
    let value = |name: &str| query.get(name).map_or("", String::as_str);
    let malformed = |what: &str| Box::new(error(400, "AuthorizationQueryParametersError", what));
    let date = value("X-Goog-Date");
    let signed_at = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ");
    let signed_at = signed_at
        .map_err(|_| malformed("Malformed X-Goog-Date."))?
        .and_utc();
    let expires_s: i64 = value("X-Goog-Expires").parse().unwrap_or(0);
    if !(1..=EXPIRES_S_MAX).contains(&expires_s) {
        return Err(malformed(
            "X-Goog-Expires must be between 1 and 604800 seconds.",
        ));
    }
    let scope = format!("{}/auto/storage/goog4_request", &date[..8]);
    let is_well_formed = value("X-Goog-Algorithm") == "GOOG4-RSA-SHA256"
        && value("X-Goog-Credential") == format!("{GOOGLE_ACCOUNT_EMAIL}/{scope}")
        && value("X-Goog-SignedHeaders") == "host";
    if !is_well_formed {
        return Err(malformed("Unknown algorithm, credential or headers."));
    }
    check_time(shared.now(), signed_at, expires_s)?;
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let request = format!(
        "{method}\n{}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
        path(bucket, object),
        canonical_query(raw_query),
        host.unwrap_or_default(),
    );
    let text = format!(
        "GOOG4-RSA-SHA256\n{date}\n{scope}\n{}",
        sha256_hex(request.as_bytes())
    );
    let signature = hex::decode(value("X-Goog-Signature")).unwrap_or_default();
    if google_account::is_own_signature(text.as_bytes(), &signature) {
        return Ok(());
    }
    let message = "The request signature we calculated does not match the signature you provided.";
    Err(Box::new(error(403, "SignatureDoesNotMatch", message)))
}

fn check_time(now: DateTime<Utc>, signed_at: DateTime<Utc>, expires_s: i64) -> Result<(), Refusal> {
    if now >= signed_at + TimeDelta::seconds(expires_s) {
        let message = "The provided token has expired.";
        return Err(Box::new(error(400, "ExpiredToken", message)));
    }
    if now + TimeDelta::minutes(15) < signed_at {
        let message = "The link is not valid yet.";
        return Err(Box::new(error(403, "AccessDenied", message)));
    }
    Ok(())
}

fn path(bucket: &str, object: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut path = format!("/{bucket}/");
    for byte in object.bytes() {
        match is_plain(byte) {
            true => path.push(char::from(byte)),
            false => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

/// All parameters but the signature, as they were sent, in their order.
fn canonical_query(raw_query: &str) -> String {
    let mut pairs: Vec<&str> = raw_query
        .split('&')
        .filter(|pair| !pair.starts_with("X-Goog-Signature="))
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}
