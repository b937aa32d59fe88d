//! Speaks the JSON API to `fake-gcs-server`, which has not enough of the XML API for a store.
//!
//! Version 1.56.1 has no plain `PUT` of an object ("invalid uploadType"), no multipart uploads and no
//! copies by the XML API, and finds buckets in it only under the host name that it was started with.
//! Its JSON API does not look at the precondition of a copy. Hence:
//!
//! - everything is asked for by the JSON API, and answered as the XML API would have;
//! - the parts of a large recording wait in memory and are uploaded in one piece;
//! - a copy is a download and an upload, which is create-only as it must be.
//!
//! Used on this machine only, and only if the emulator says that it is this one: others are spoken to
//! as Google is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use super::checksum::{GENERATION, HASHES};
use crate::http::Endpoint;

const CREATE_ONLY: &str = "x-goog-if-generation-match";

/// Translates, where the emulator needs it.
#[derive(Debug)]
pub(super) struct Emulator {
    client: HttpClient,
    endpoint: Endpoint,
    needs_translation: OnceCell<bool>,
    uploads: Mutex<HashMap<String, Upload>>,
}

/// A large recording whose parts arrive one after the other.
#[derive(Debug, Default)]
struct Upload {
    content_type: Option<HeaderValue>,
    parts: Vec<Bytes>,
}

/// What the JSON API says of an object.
#[derive(Debug, Deserialize)]
struct Object {
    name: String,
    #[serde(default)]
    size: String,
    #[serde(default)]
    etag: String,
    #[serde(default)]
    generation: String,
    #[serde(default)]
    updated: String,
    crc32c: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    items: Vec<Object>,
    next_page_token: Option<String>,
}

impl Emulator {
    pub(super) fn new(client: HttpClient, endpoint: &Endpoint) -> Self {
        Self {
            client,
            endpoint: endpoint.clone(),
            needs_translation: OnceCell::new(),
            uploads: Mutex::default(),
        }
    }

    /// Only this emulator has this address.
    async fn is_fake_gcs_server(&self) -> Result<bool, HttpError> {
        let url = self.endpoint.join(&["_internal", "healthcheck"]);
        let response = self
            .send(Method::GET, &url, HeaderMap::new(), Bytes::new())
            .await?;
        Ok(response.status() == StatusCode::OK)
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<HttpResponse, HttpError> {
        let mut request = Request::new(HttpRequestBody::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(senseless)?;
        *request.headers_mut() = headers;
        self.client.execute(request).await
    }

    async fn translated(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = Asked::of(&request).ok_or_else(|| senseless(Untranslatable))?;
        let (parts, body) = request.into_parts();
        let query = |name: &str| asked.query.get(name).map(String::as_str);
        match (&parts.method, query("uploadId")) {
            _ if asked.object.is_empty() => self.list(&asked).await,
            (&Method::PUT, Some(id)) => self.keep_part(id, body).await,
            (&Method::POST, Some(id)) => self.complete(&asked, id).await,
            (&Method::DELETE, Some(id)) => {
                self.uploads().remove(id);
                answer(StatusCode::NO_CONTENT, HeaderMap::new(), String::new())
            }
            (&Method::POST, None) => self.begin(&parts.headers),
            (&Method::PUT, None) => match parts.headers.get("x-goog-copy-source") {
                Some(source) => self.copy(&asked, source, &parts.headers).await,
                None => {
                    self.upload(&asked, &parts.headers, collected(body).await?)
                        .await
                }
            },
            (method, _) => {
                let mut url = asked.object_url(&self.endpoint, &asked.object);
                if *method != Method::DELETE {
                    url.set_query(Some("alt=media"));
                }
                self.send(method.clone(), &url, parts.headers, Bytes::new())
                    .await
            }
        }
    }

    /// One object in one request, on the condition of the original one.
    async fn upload(
        &self,
        asked: &Asked,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Result<HttpResponse, HttpError> {
        let mut url = self
            .endpoint
            .join(&["upload", "storage", "v1", "b", &asked.bucket, "o"]);
        url.query_pairs_mut()
            .append_pair("uploadType", "media")
            .append_pair("name", &asked.object);
        if let Some(generation) = headers.get(CREATE_ONLY).and_then(|text| text.to_str().ok()) {
            url.query_pairs_mut()
                .append_pair("ifGenerationMatch", generation);
        }
        let mut sent = HeaderMap::new();
        if let Some(content_type) = headers.get(CONTENT_TYPE) {
            sent.insert(CONTENT_TYPE, content_type.clone());
        }
        let response = self.send(Method::POST, &url, sent, bytes).await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let object: Object = json(response).await?;
        let tag = format!("\"{}\"", object.etag.trim_matches('"'));
        let mut headers = HeaderMap::new();
        let sum = object.crc32c.map(|sum| format!("crc32c={sum}"));
        for (name, value) in [
            (ETAG.as_str(), Some(&tag)),
            (GENERATION, Some(&object.generation)),
            (HASHES, sum.as_ref()),
        ] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::try_from(value).map_err(senseless)?);
            }
        }
        let body = format!(
            "<CompleteMultipartUploadResult><Location/><Bucket/><Key/><ETag>{}</ETag>\
             </CompleteMultipartUploadResult>",
            escaped(&tag)
        );
        answer(StatusCode::OK, headers, body)
    }

    async fn copy(
        &self,
        asked: &Asked,
        source: &HeaderValue,
        headers: &HeaderMap,
    ) -> Result<HttpResponse, HttpError> {
        let source = source.to_str().map_err(senseless)?;
        let source = source.split_once('/').map_or("", |(_, name)| name);
        let mut url = asked.object_url(&self.endpoint, &decoded(source));
        url.set_query(Some("alt=media"));
        let response = self
            .send(Method::GET, &url, HeaderMap::new(), Bytes::new())
            .await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let mut upload = HeaderMap::new();
        for (name, from) in [
            (CONTENT_TYPE.as_str(), parts.headers.get(CONTENT_TYPE)),
            (CREATE_ONLY, headers.get(CREATE_ONLY)),
        ] {
            if let Some(value) = from {
                upload.insert(name, value.clone());
            }
        }
        self.upload(asked, &upload, body.bytes().await?).await
    }

    fn begin(&self, headers: &HeaderMap) -> Result<HttpResponse, HttpError> {
        let id = crate::random::name();
        let upload = Upload {
            content_type: headers.get(CONTENT_TYPE).cloned(),
            parts: Vec::new(),
        };
        self.uploads().insert(id.clone(), upload);
        let body = format!(
            "<InitiateMultipartUploadResult><Bucket/><Key/><UploadId>{id}</UploadId>\
             </InitiateMultipartUploadResult>"
        );
        answer(StatusCode::OK, HeaderMap::new(), body)
    }

    /// Parts come one after the other: the archive sends no two at once.
    async fn keep_part(&self, id: &str, body: HttpRequestBody) -> Result<HttpResponse, HttpError> {
        let bytes = collected(body).await?;
        let mut uploads = self.uploads();
        let Some(upload) = uploads.get_mut(id) else {
            return answer(StatusCode::NOT_FOUND, HeaderMap::new(), String::new());
        };
        upload.parts.push(bytes);
        let headers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"part\""))]);
        answer(StatusCode::OK, headers, String::new())
    }

    async fn complete(&self, asked: &Asked, id: &str) -> Result<HttpResponse, HttpError> {
        let Some(upload) = self.uploads().remove(id) else {
            return answer(StatusCode::NOT_FOUND, HeaderMap::new(), String::new());
        };
        let mut headers = HeaderMap::new();
        if let Some(content_type) = upload.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        self.upload(asked, &headers, upload.parts.concat().into())
            .await
    }

    async fn list(&self, asked: &Asked) -> Result<HttpResponse, HttpError> {
        let mut url = self
            .endpoint
            .join(&["storage", "v1", "b", &asked.bucket, "o"]);
        for (name, json_name) in [("prefix", "prefix"), ("continuation-token", "pageToken")] {
            if let Some(value) = asked.query.get(name) {
                url.query_pairs_mut().append_pair(json_name, value);
            }
        }
        let response = self
            .send(Method::GET, &url, HeaderMap::new(), Bytes::new())
            .await?;
        if !response.status().is_success() {
            return Ok(response);
        }
        let listed: Listed = json(response).await?;
        let token = listed.next_page_token.filter(|token| !token.is_empty());
        let next = token.map_or_else(String::new, |token| {
            format!(
                "<NextContinuationToken>{}</NextContinuationToken>",
                escaped(&token)
            )
        });
        let entries: String = listed.items.iter().map(Object::listed).collect();
        let body = format!("<ListBucketResult>{next}{entries}</ListBucketResult>");
        answer(StatusCode::OK, HeaderMap::new(), body)
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, HashMap<String, Upload>> {
        // Whole whatever a panicking holder was doing: entries come and go in one step.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HttpService for Emulator {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let needs_translation = self
            .needs_translation
            .get_or_try_init(|| self.is_fake_gcs_server());
        match *needs_translation.await? {
            true => self.translated(request).await,
            false => self.client.execute(request).await,
        }
    }
}

impl Object {
    fn listed(&self) -> String {
        format!(
            "<Contents><Key>{}</Key><Size>{}</Size><LastModified>{}</LastModified>\
             <ETag>{}</ETag></Contents>",
            escaped(&self.name),
            self.size,
            escaped(&self.updated),
            escaped(&self.etag),
        )
    }
}

/// What a request of the XML API is about. The object is empty where it is about the bucket.
struct Asked {
    bucket: String,
    object: String,
    query: HashMap<String, String>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Option<Self> {
        let url = Url::parse(&request.uri().to_string()).ok()?;
        // The object's name is one segment, its slashes escaped.
        let mut segments = url.path_segments()?.rev();
        let (last, before) = (segments.next()?, segments.next());
        let (bucket, object) = match before {
            Some(bucket) if !bucket.is_empty() => (bucket, last),
            _ => (last, ""),
        };
        Some(Self {
            bucket: decoded(bucket),
            object: decoded(object),
            query: url.query_pairs().into_owned().collect(),
        })
    }

    fn object_url(&self, endpoint: &Endpoint, object: &str) -> Url {
        endpoint.join(&["storage", "v1", "b", &self.bucket, "o", object])
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the emulator cannot be asked this")]
struct Untranslatable;

fn senseless(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Decode, error)
}

/// A percent-encoded name.
fn decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, text)| text.into_owned())
        .unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

async fn collected(body: HttpRequestBody) -> Result<Bytes, HttpError> {
    Ok(body.collect().await?.to_bytes())
}

async fn json<T: serde::de::DeserializeOwned>(response: HttpResponse) -> Result<T, HttpError> {
    let body = response.into_body().bytes().await?;
    serde_json::from_slice(&body).map_err(senseless)
}

fn answer(status: StatusCode, headers: HeaderMap, body: String) -> Result<HttpResponse, HttpError> {
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
