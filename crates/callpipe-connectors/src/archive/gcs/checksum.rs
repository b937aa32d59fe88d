//! What is stored is what was sent: each upload says its CRC32C beforehand, so that Cloud Storage
//! refuses other bytes, and the answer's is compared with it.
//!
//! <https://cloud.google.com/storage/docs/data-validation>

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use callpipe_core::failure::{Failure, FailureKind};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};

use super::super::cloud::Carried;

/// The header with the sums of an object or a part.
pub(super) const HASHES: &str = "x-goog-hash";
/// The header with an object's version.
pub(super) const GENERATION: &str = "x-goog-generation";

/// Compares what was stored with what was sent.
#[derive(Debug)]
pub(super) struct Checked(pub(super) HttpClient);

#[async_trait]
impl HttpService for Checked {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.method() != Method::PUT || request.body().content_length() == 0 {
            return self.0.execute(request).await;
        }
        let sent = crc32c(request.body().clone()).await?;
        if let Ok(sum) = HeaderValue::try_from(format!("crc32c={sent}")) {
            request.headers_mut().insert(HASHES, sum);
        }
        let mut undo = Request::new(HttpRequestBody::empty());
        *undo.method_mut() = Method::DELETE;
        *undo.uri_mut() = request.uri().clone();
        if let Some(authorization) = request.headers().get(AUTHORIZATION) {
            undo.headers_mut()
                .insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.0.execute(request).await?;
        match stored_crc32c(response.headers()) {
            Some(stored) if response.status() == StatusCode::OK && stored != sent => {
                Err(self.undone(undo, response.headers()).await)
            }
            _ => Ok(response),
        }
    }
}

impl Checked {
    /// Removes what was stored, unless something else has the name by now. A part has no version
    /// and can stay: without it, the upload is never completed.
    async fn undone(&self, mut undo: HttpRequest, stored: &HeaderMap) -> HttpError {
        if let Some(generation) = stored.get(GENERATION) {
            let condition = "x-goog-if-generation-match";
            undo.headers_mut().insert(condition, generation.clone());
            if self.0.execute(undo).await.is_err() {
                tracing::warn!("a damaged object could not be removed from the archive");
            }
        }
        let message = "what was stored is not what was sent: their checksums differ";
        let failure = Failure::new(FailureKind::CorruptTransfer, message);
        HttpError::new(HttpErrorKind::Unknown, Carried(failure))
    }
}

/// The sum of a body, as the header writes it.
async fn crc32c(mut body: HttpRequestBody) -> Result<String, HttpError> {
    let mut sum = 0;
    while let Some(frame) = body.frame().await {
        let chunk: Bytes = frame?.into_data().unwrap_or_default();
        sum = crc32c::crc32c_append(sum, &chunk);
    }
    Ok(BASE64_STANDARD.encode(sum.to_be_bytes()))
}

/// The sum in an answer: there are several headers, or one with several sums.
fn stored_crc32c(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(HASHES).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .find_map(|sum| sum.trim().strip_prefix("crc32c="))
}
