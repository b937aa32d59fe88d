//! What all cloud stores have in common: how long to wait, what is tried again, what an answer that
//! is no success means, and the media type of each object.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::bounded::{self, ERROR_BYTES_MAX, LIST_BYTES_MAX};
use crate::http::{self as own_http, Endpoint};

/// A part of a large recording is 8 MiB, and its answer comes when all of it is there: this much is
/// enough for half a megabit a second.
const SILENCE_MAX: Duration = Duration::from_secs(3 * 60);

/// Media types by the ending of a name, for players and browsers that follow a link.
const MEDIA_TYPES: [(&str, &str); 9] = [
    ("mp4", "video/mp4"),
    ("m4a", "audio/mp4"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("webm", "video/webm"),
    ("flac", "audio/flac"),
    ("json", "application/json"),
    // Not `Content-Encoding: gzip`: Cloud Storage would unpack it for some readers.
    ("gz", "application/gzip"),
];

/// How requests for lists of objects are told from requests for objects: Cloud Storage and S3 say
/// the first, Azure the second.
const LISTS: [&str; 2] = ["list-type=2", "comp=list"];

/// A failed request is tried again a few times at once: what lasts longer is the engine's.
pub(super) fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(30),
    }
}

/// A setting without which there is no store.
pub(super) fn required<'a>(value: Option<&'a str>, key: &str) -> Outside<&'a str> {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Failure::new(FailureKind::Denied, format!("`{key}` is not set"))
            .with_hint(format!("set `{key}` in callpipe.toml"))
    })
}

/// What a build says that was made without a store.
#[cfg(not(all(feature = "aws", feature = "azure")))]
pub(super) fn left_out(store: &str, feature: &str) -> Failure {
    let message = format!("this callpipe was built without {store}");
    Failure::new(FailureKind::Denied, message)
        .with_hint(format!("build it with `--features {feature}`"))
}

/// What the store is told of objects by their names.
pub(super) fn options() -> ClientOptions {
    MEDIA_TYPES
        .iter()
        .fold(ClientOptions::new(), |options, (ending, media_type)| {
            options.with_content_type_for_suffix(*ending, *media_type)
        })
}

/// Makes the stores' requests with our own HTTP client.
#[derive(Debug)]
pub(super) struct Connector(HttpClient);

impl Connector {
    /// A client for the endpoint, whose way to it leads through `through`. `role_hint` tells what
    /// an account that is refused lacks.
    pub(super) fn new(
        endpoint: Option<&Endpoint>,
        role_hint: &'static str,
        through: impl FnOnce(HttpClient) -> HttpClient,
    ) -> Outside<Self> {
        let client = match endpoint {
            Some(endpoint) => own_http::client(endpoint, SILENCE_MAX)?,
            None => own_http::internet_client(SILENCE_MAX)?,
        };
        let client = through(HttpClient::new(client));
        Ok(Self(HttpClient::new(Answers { client, role_hint })))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

/// Makes errors of the answers that the store's own code would hide: so that their status can be
/// found again, and a bucket that does not exist is not taken for an object that does not.
#[derive(Debug)]
struct Answers {
    client: HttpClient,
    role_hint: &'static str,
}

#[async_trait]
impl HttpService for Answers {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_for_an_object = is_for_an_object(&request);
        let response = self.client.execute(request).await?;
        let status = response.status();
        if status.is_success() || means_something_to_the_store(status) {
            return match is_for_an_object {
                true => Ok(response),
                false => within_limits(response).await,
            };
        }
        let (parts, body) = response.into_parts();
        let body = bounded::beginning(body.bytes_stream(), ERROR_BYTES_MAX).await;
        let retry_after = parts.headers.get(RETRY_AFTER);
        let retry_after_s = retry_after.and_then(|text| text.to_str().ok()?.trim().parse().ok());
        let refusal = Refusal {
            status,
            code: code(&body),
            retry_after: retry_after_s.map(Duration::from_secs),
            role_hint: self.role_hint,
        };
        if status == StatusCode::NOT_FOUND && !refusal.is_about_the_bucket() {
            return Ok(HttpResponse::from_parts(parts, Vec::new().into()));
        }
        // `Request` is tried again, `Unknown` is not.
        let kind = match refusal.is_of_the_moment() {
            true => HttpErrorKind::Request,
            false => HttpErrorKind::Unknown,
        };
        Err(HttpError::new(kind, refusal))
    }
}

/// Whether the answer is an object, which is streamed or has a limit of its own. The others, such as
/// lists, are read whole by the store's code.
fn is_for_an_object(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let is_list = query.split('&').any(|pair| LISTS.contains(&pair));
    matches!(*request.method(), Method::GET | Method::HEAD) && !is_list
}

/// The same answer, if it is not too large to be held in memory.
async fn within_limits(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    match bounded::whole(body.bytes_stream(), LIST_BYTES_MAX).await? {
        Some(body) => Ok(HttpResponse::from_parts(parts, body.into())),
        None => {
            let message = "the answer is larger than any of a bucket";
            let failure = Failure::new(FailureKind::StoreFailed, message);
            Err(HttpError::new(HttpErrorKind::Unknown, Carried(failure)))
        }
    }
}

/// Answers that say something about the object, not about the request.
fn means_something_to_the_store(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_MODIFIED | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED
    )
}

/// The code in an error's XML, if it is a plain word.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, after) = text.split_once("<Code>")?;
    let (code, _) = after.split_once("</Code>")?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Its status.
    pub(super) status: StatusCode,
    /// What it says about itself, such as `AccessDenied`.
    pub(super) code: Option<String>,
    /// For how long it wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// What an account that is refused lacks.
    pub(super) role_hint: &'static str,
}

impl Refusal {
    /// Whether it may be another in a moment.
    pub(super) fn is_of_the_moment(&self) -> bool {
        self.status.is_server_error()
            || matches!(
                self.status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            )
    }

    /// Whether the bytes that arrived are not those that their checksum is of.
    pub(super) fn is_about_damage(&self) -> bool {
        let code = self.code.as_deref();
        matches!(code, Some("BadDigest" | "InvalidDigest" | "Md5Mismatch"))
    }

    /// Whether the bucket (or container) itself does not exist.
    pub(super) fn is_about_the_bucket(&self) -> bool {
        let code = self.code.as_deref();
        matches!(code, Some("NoSuchBucket" | "ContainerNotFound"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HTTP {}", self.status.as_u16())?;
        match &self.code {
            Some(code) => write!(formatter, " {code}"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

/// A failure of ours on its way through the store's code.
#[derive(Debug)]
pub(super) struct Carried(pub(super) Failure);

impl fmt::Display for Carried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl Error for Carried {}
