//! HTTP as every connector uses it: deadlines, bounded bodies, no redirects, and one function that
//! says what a status means.
//!
//! HTTP/1.1 only: one vendor's token endpoint is reported to fail over HTTP/2, and none of the
//! requests here gains by it.

mod body;
mod endpoint;
pub mod pacing;
pub mod redact;

use std::time::Duration;

use bytes::Bytes;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};

pub use body::{body, paid_body};
pub use endpoint::{Endpoint, EndpointError, NearEndpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for an endpoint, whose requests end after `silence_max` without a byte from the other
/// side. A proxy that the environment names is used, except for this machine.
pub fn client(endpoint: &Endpoint, silence_max: Duration) -> Outside<Client> {
    match endpoint.is_loopback() {
        true => direct_client(silence_max),
        false => internet_client(silence_max),
    }
}

/// A client for what is not on this machine.
pub fn internet_client(silence_max: Duration) -> Outside<Client> {
    built(Client::builder(), silence_max)
}

/// A client that uses no proxy, for what is on this machine or beside it.
pub fn direct_client(silence_max: Duration) -> Outside<Client> {
    built(Client::builder().no_proxy(), silence_max)
}

fn built(builder: ClientBuilder, silence_max: Duration) -> Outside<Client> {
    choose_cryptography();
    builder
        .user_agent(concat!("callpipe/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(silence_max)
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .build()
        .map_err(|error| {
            Failure::bug("the HTTP client cannot be set up").with_source(error.without_url())
        })
}

/// Has everything that speaks TLS or signs in this process use ring, unless a choice was made
/// before, which is as good. Must come before libraries that make HTTP clients of their own.
pub fn choose_cryptography() {
    let _chosen = rustls::crypto::ring::default_provider().install_default();
}

/// Sends a request. `doing` says what for, as in "asking for a token".
pub async fn send(request: RequestBuilder, doing: &str) -> Outside<Response> {
    request
        .send()
        .await
        .map_err(|error| transport_failure(error, doing))
}

/// What an error without a status means. Addresses are left out: they may be signed.
pub fn transport_failure(error: reqwest::Error, doing: &str) -> Failure {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_builder() {
        return Failure::bug(format!("{doing}: the request cannot be made"))
            .with_source(error.without_url());
    } else {
        "the connection broke"
    };
    let failure = Failure::new(FailureKind::Unavailable, format!("{doing}: {what}"));
    let failure = match error.is_timeout() && !error.is_connect() {
        // Who works on an answer for so long has worked.
        true => failure.perhaps_charged(),
        false => failure,
    };
    failure.with_source(error.without_url())
}

/// What a status means, for every vendor. The vendor's folder may know better about some.
pub fn status_kind(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        401..=403 | 407 => FailureKind::Denied,
        408 | 425 | 499 => FailureKind::Unavailable,
        415 => FailureKind::Unsupported,
        429 => FailureKind::RateLimited,
        500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Rejected,
    }
}

/// An answer that is no success: its meaning, and the beginning of its body for the vendor's
/// folder to look at.
pub struct ErrorAnswer {
    /// What it means by its status alone.
    pub failure: Failure,
    /// The status.
    pub status: StatusCode,
    /// At most the first 64 KiB; empty where it could not be read.
    pub body: Bytes,
}

/// Splits answers: successes go on, anything else becomes an [`ErrorAnswer`].
pub async fn success(
    response: Response,
    doing: &str,
    now: DateTime<Utc>,
) -> Result<Response, Box<ErrorAnswer>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers(), now);
    let failure = Failure::new(
        status_kind(status),
        format!("{doing}: HTTP {}", status.as_u16()),
    )
    .with_retry_after(retry_after);
    let body = body::error_body(response).await;
    Err(Box::new(ErrorAnswer {
        failure,
        status,
        body,
    }))
}

/// What a refusal means, and what to do about it.
pub type Meaning = (FailureKind, Option<&'static str>);

/// A refusal as a vendor's folder understands it. `by_status` is its meaning by the status alone;
/// its wish to be left alone is kept. `told` follows its message: words of the body that are fit for
/// a log.
pub fn understood(by_status: &Failure, (kind, hint): Meaning, told: &str) -> Failure {
    let message = format!("{}{told}", by_status.message);
    let failure = Failure::new(kind, message).with_retry_after(by_status.retry_after);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// For how long the other side wants to be left alone: seconds or a date.
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = DateTime::parse_from_rfc2822(text).ok()?;
    (moment.with_timezone(&Utc) - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let wish = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, now)
        };
        assert_eq!(wish("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            wish("Mon, 21 Sep 2026 14:14:20 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(wish("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(wish("soon"), None);
    }

    #[test]
    fn a_status_has_one_meaning() {
        let kind = |status| status_kind(StatusCode::from_u16(status).unwrap());
        assert_eq!(kind(401), FailureKind::Denied);
        assert_eq!(kind(402), FailureKind::Denied);
        assert_eq!(kind(404), FailureKind::Rejected);
        assert_eq!(kind(408), FailureKind::Unavailable);
        assert_eq!(kind(429), FailureKind::RateLimited);
        assert_eq!(kind(503), FailureKind::Unavailable);
    }
}
