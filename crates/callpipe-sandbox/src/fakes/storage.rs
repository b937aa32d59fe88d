//! Google Cloud Storage by its XML API: objects in memory, preconditions, multipart uploads,
//! checksums, signed links.
//!
//! As an emulator does, it asks nobody for a token; but a token that is sent must be good.

mod answers;
mod link;
mod objects;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, RawQuery, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use axum::routing::{any, get};

use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::google_account;
use crate::journal::{OpenEntry, System};
use crate::options::CREDENTIALS;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};

pub(crate) use objects::Objects;

use answers::{described, error, precondition_failed, stored};
use objects::{Condition, NewObject, PartError};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/{bucket}", get(list))
        .route("/{bucket}/{*object}", any(object))
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

/// One request about an object.
struct Asked<'a> {
    shared: &'a Shared,
    object: &'a str,
    query: &'a HashMap<String, String>,
    headers: &'a HeaderMap,
    body: Bytes,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    fn condition(&self) -> Condition {
        let generation = self.header("x-goog-if-generation-match");
        match generation.and_then(|text| text.parse().ok()) {
            None => Condition::Whatever,
            Some(0) => Condition::Missing,
            Some(generation) => Condition::Generation(generation),
        }
    }

    fn content_type(&self) -> String {
        let given = self.header("content-type");
        given.unwrap_or("application/octet-stream").to_owned()
    }
}

async fn object(
    State(shared): State<Arc<Shared>>,
    method: Method,
    Path((bucket, object)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    RawQuery(raw_query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut open = shared.open(System::Storage, route(&method, &query, &headers));
    let asked = Asked {
        shared: &shared,
        object: &object,
        query: &query,
        headers: &headers,
        body,
    };
    let answer = match admit(&asked, &bucket, &method, raw_query.as_deref(), &mut open) {
        Ok(fault) => {
            let answer = answer(&method, &asked, fault.as_ref());
            match fault.map(|fault| fault.kind) {
                Some(FaultKind::Storage503Stored) => unavailable(),
                _ => answer,
            }
        }
        Err(refusal) => *refusal,
    };
    let answer = match method {
        Method::HEAD => without_body(answer),
        _ => answer,
    };
    file(open, answer)
}

/// What a request wants, without its variable parts.
fn route(method: &Method, query: &HashMap<String, String>, headers: &HeaderMap) -> &'static str {
    let is = |name: &str| query.contains_key(name);
    match *method {
        Method::PUT if is("uploadId") => "PUT part",
        Method::PUT if headers.contains_key("x-goog-copy-source") => "PUT copy",
        Method::PUT => "PUT object",
        Method::POST if is("uploads") => "POST uploads",
        Method::POST => "POST complete",
        Method::DELETE if is("uploadId") => "DELETE upload",
        Method::DELETE => "DELETE object",
        Method::HEAD => "HEAD object",
        Method::GET if is("X-Goog-Signature") => "GET link",
        _ => "GET object",
    }
}

fn admit(
    asked: &Asked<'_>,
    bucket: &str,
    method: &Method,
    raw_query: Option<&str>,
    open: &mut OpenEntry,
) -> Result<Option<Fault>, Refusal> {
    let Asked {
        shared,
        object,
        headers,
        ..
    } = *asked;
    if asked.query("X-Goog-Algorithm").is_some() {
        let raw_query = raw_query.unwrap_or_default();
        link::check(
            shared,
            method,
            bucket,
            object,
            headers,
            asked.query,
            raw_query,
        )?;
    } else {
        check_token(shared, headers)?;
    }
    check_bucket(bucket)?;
    let subject = Subject {
        key: object,
        ..Subject::default()
    };
    let fault = shared.strike(Point::Storage, &subject, open);
    match fault.as_ref().and_then(spoilt) {
        Some(answer) => Err(Box::new(answer)),
        None => Ok(fault),
    }
}

fn check_token(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    let now = shared.now();
    let is_good = |token: &str| {
        token == CREDENTIALS.google_access_token
            || shared.tokens.is_good(token, now)
            || google_account::is_own_token(token, now)
    };
    match reply::bearer(headers) {
        Some(token) if is_good(token) => Ok(()),
        _ => Err(Box::new(error(
            401,
            "AuthenticationRequired",
            "Authentication required.",
        ))),
    }
}

fn check_bucket(bucket: &str) -> Result<(), Refusal> {
    if bucket == CREDENTIALS.google_bucket {
        return Ok(());
    }
    let message = "The specified bucket does not exist.";
    Err(Box::new(error(404, "NoSuchBucket", message)))
}

/// What a fault answers instead; none if it spoils something else.
fn spoilt(fault: &Fault) -> Option<Response> {
    Some(match fault.kind {
        FaultKind::Storage403 => error(403, "AccessDenied", "Access denied."),
        FaultKind::Storage429 => reply::with_retry_after(
            error(429, "SlowDown", "Reduce your request rate."),
            fault.retry_after_s,
        ),
        FaultKind::Storage503 => unavailable(),
        FaultKind::StorageConnectionReset => reply::reset(),
        _ => return None,
    })
}

fn unavailable() -> Response {
    error(503, "ServiceUnavailable", "Try again.")
}

fn answer(method: &Method, asked: &Asked<'_>, fault: Option<&Fault>) -> Response {
    match *method {
        Method::GET | Method::HEAD => read(asked),
        Method::PUT if asked.query("uploadId").is_some() => put_part(asked, fault),
        Method::PUT if asked.header("x-goog-copy-source").is_some() => copy(asked),
        Method::PUT => put(asked, fault),
        Method::POST if asked.query("uploads").is_some() => {
            let id = asked.shared.next_uuid();
            asked
                .shared
                .storage
                .begin_upload(&id, asked.object, asked.content_type());
            answers::upload_begun(asked.object, &id)
        }
        Method::POST => complete(asked),
        Method::DELETE => delete(asked),
        _ => error(405, "MethodNotAllowed", "The method is not allowed."),
    }
}

fn read(asked: &Asked<'_>) -> Response {
    match asked.shared.storage.get(asked.object) {
        None => answers::no_such_key(),
        Some(object) => described(&object, asked.header("range")),
    }
}

/// Some bytes, and what was said about them on the way.
fn received(asked: &Asked<'_>, fault: Option<&Fault>) -> Result<Bytes, Refusal> {
    let is = |kind| fault.is_some_and(|fault| fault.kind == kind);
    let mut bytes = asked.body.to_vec();
    if is(FaultKind::StorageDamagedUpload) {
        damage(&mut bytes);
    }
    let sums = asked.headers.get_all("x-goog-hash").iter();
    let sums = sums
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    for sum in sums.filter_map(|sum| sum.trim().strip_prefix("crc32c=")) {
        if sum != objects::crc32c_text(&bytes) {
            let message = "The CRC32C you specified did not match what we computed.";
            return Err(Box::new(error(400, "BadDigest", message)));
        }
    }
    if is(FaultKind::StorageCorrupted) {
        damage(&mut bytes);
    }
    Ok(bytes.into())
}

fn damage(bytes: &mut [u8]) {
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x01;
    }
}

fn put(asked: &Asked<'_>, fault: Option<&Fault>) -> Response {
    let bytes = match received(asked, fault) {
        Ok(bytes) => bytes,
        Err(refusal) => return *refusal,
    };
    let new = NewObject {
        content_type: asked.content_type(),
        bytes,
        parts: None,
    };
    let now = asked.shared.now();
    match asked
        .shared
        .storage
        .put(asked.object, new, asked.condition(), now)
    {
        Some(object) => stored(&object),
        None => precondition_failed(),
    }
}

fn put_part(asked: &Asked<'_>, fault: Option<&Fault>) -> Response {
    let bytes = match received(asked, fault) {
        Ok(bytes) => bytes,
        Err(refusal) => return *refusal,
    };
    let number = asked.query("partNumber").and_then(|text| text.parse().ok());
    let Some(number) = number.filter(|number| (1..=10_000).contains(number)) else {
        return error(400, "InvalidArgument", "Invalid part number.");
    };
    let upload = asked.query("uploadId").unwrap_or_default();
    match asked.shared.storage.put_part(upload, number, bytes.clone()) {
        true => answers::part_stored(&bytes),
        false => answers::no_such_upload(),
    }
}

fn complete(asked: &Asked<'_>) -> Response {
    let upload = asked.query("uploadId").unwrap_or_default();
    let listed = answers::listed_parts(&String::from_utf8_lossy(&asked.body));
    let completed = asked.shared.storage.complete_upload(
        upload,
        asked.object,
        &listed,
        asked.condition(),
        asked.shared.now(),
    );
    match completed {
        Ok(Some(object)) => answers::upload_completed(asked.object, &object),
        Ok(None) => precondition_failed(),
        Err(PartError::NoUpload) => answers::no_such_upload(),
        Err(PartError::Unknown) => error(400, "InvalidPart", "A part could not be found."),
        Err(PartError::TooSmall) => {
            let message = "Your proposed upload is smaller than the minimum part size.";
            error(400, "EntityTooSmall", message)
        }
    }
}

fn copy(asked: &Asked<'_>) -> Response {
    let source = asked.header("x-goog-copy-source").unwrap_or_default();
    let source = answers::percent_decoded(source.trim_start_matches('/'));
    let found = source
        .strip_prefix(CREDENTIALS.google_bucket)
        .and_then(|name| asked.shared.storage.get(name.trim_start_matches('/')));
    let Some(found) = found else {
        return answers::no_such_key();
    };
    let new = NewObject {
        content_type: found.content_type.clone(),
        bytes: found.bytes.clone(),
        parts: found.parts,
    };
    let now = asked.shared.now();
    match asked
        .shared
        .storage
        .put(asked.object, new, asked.condition(), now)
    {
        Some(object) => answers::copied(&object),
        None => precondition_failed(),
    }
}

fn delete(asked: &Asked<'_>) -> Response {
    if let Some(upload) = asked.query("uploadId") {
        return match asked.shared.storage.abort_upload(upload) {
            true => reply::reply(204, "application/xml", Body::empty()),
            false => answers::no_such_upload(),
        };
    }
    match asked.shared.storage.delete(asked.object, asked.condition()) {
        None => answers::no_such_key(),
        Some(true) => reply::reply(204, "application/xml", Body::empty()),
        Some(false) => precondition_failed(),
    }
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Path(bucket): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut open = shared.open(System::Storage, "GET bucket");
    let admitted = check_token(&shared, &headers).and_then(|()| check_bucket(&bucket));
    if let Err(refusal) = admitted {
        return file(open, *refusal);
    }
    let value = |name: &str| query.get(name).map_or("", String::as_str);
    let subject = Subject {
        key: value("prefix"),
        ..Subject::default()
    };
    let fault = shared.strike(Point::Storage, &subject, &mut open);
    if let Some(answer) = fault.as_ref().and_then(spoilt) {
        return file(open, answer);
    }
    if value("list-type") != "2" {
        let answer = error(400, "InvalidArgument", "Only list-type=2 is known here.");
        return file(open, answer);
    }
    let asked_max = value("max-keys").parse().unwrap_or(usize::MAX);
    let page_max = shared.options.storage_objects_per_page_max.min(asked_max);
    let after = match value("continuation-token") {
        "" => value("start-after"),
        token => token,
    };
    let page = shared.storage.list(value("prefix"), after, page_max);
    file(open, answers::listed(&bucket, value("prefix"), &page))
}

/// The answer to `HEAD`: the server would count an empty body.
fn without_body(answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    drop(body);
    Response::from_parts(parts, Body::empty())
}
