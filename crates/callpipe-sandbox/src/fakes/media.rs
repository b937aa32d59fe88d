//! The storage that serves recordings, by signed addresses as S3 makes them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::corpus::CorpusCall;
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::{OpenEntry, System, Violation};
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};
use crate::world::Contact;

const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
const BINARY: &str = "binary/octet-stream";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/recordings/{contact}/{file}", get(recording))
        .route("/elsewhere", get(elsewhere))
        .with_state(shared)
}

/// The address under which a contact's recording can be had for a while.
pub(crate) fn signed_url(shared: &Shared, contact: &Contact, number: usize) -> String {
    let date = shared.now().format(DATE_FORMAT).to_string();
    let expires_s = shared.options.media_url_expires_in_s.to_string();
    let extension = extension(shared, contact, number);
    let path = format!("/recordings/{}/{number}.{extension}", contact.contact_id);
    let signature = signature(shared, &path, &date, &expires_s);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
        .append_pair(
            "X-Amz-Credential",
            "SANDBOXKEY/20260101/us-west-2/s3/aws4_request",
        )
        .append_pair("X-Amz-Date", &date)
        .append_pair("X-Amz-Expires", &expires_s)
        .append_pair("X-Amz-SignedHeaders", "host")
        .append_pair("X-Amz-Signature", &signature);
    format!("{}{path}?{}", shared.addresses.media, query.finish())
}

fn extension<'a>(shared: &'a Shared, contact: &Contact, number: usize) -> &'a str {
    let call = contact
        .interactions()
        .get(number)
        .and_then(|one| shared.world.call_of(one));
    let name = call.map_or("", |call| &call.audio_file);
    name.rsplit_once('.')
        .map_or("mp4", |(_, extension)| extension)
}

/// Not the real algorithm: nobody but this fake checks it.
fn signature(shared: &Shared, path: &str, date: &str, expires_s: &str) -> String {
    let text = format!("{} {path} {date} {expires_s}", shared.world.seed());
    crate::chance::sha256_hex(text.as_bytes())
}

/// What an address leads to.
struct Found<'a> {
    contact: &'a Contact,
    call: &'a CorpusCall,
    audio: Bytes,
    sha256: String,
    path: String,
}

async fn recording(
    State(shared): State<Arc<Shared>>,
    Path((contact_id, name)): Path<(String, String)>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let mut open = shared.open(System::Media, "/recordings");
    let _in_flight = shared.journal.enter(System::Media);
    open.entry.contact_id = Some(contact_id.clone());
    shared
        .pause(shared.options.latencies.media, &contact_id)
        .await;
    if headers.contains_key(header::AUTHORIZATION) {
        open.entry.violation = Some(Violation::AuthorizationSentToMedia);
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                       Signature query string parameter or the Authorization header should be \
                       specified";
        return file(open, error(&shared, 400, "InvalidArgument", message));
    }
    let answer = match find(&shared, &contact_id, &name, &pairs) {
        Ok(found) => deliver(&shared, &found, &headers, &mut open).await,
        Err(refusal) => *refusal,
    };
    file(open, answer)
}

fn find<'a>(
    shared: &'a Shared,
    contact_id: &str,
    name: &str,
    pairs: &[(String, String)],
) -> Result<Found<'a>, Refusal> {
    let path = format!("/recordings/{contact_id}/{name}");
    check_signature(shared, &path, pairs)?;
    let found = || {
        let number: usize = name.split('.').next()?.parse().ok()?;
        let contact = shared.world.contact(contact_id)?;
        Some(Found {
            call: shared.world.call_of(contact.interactions().get(number)?)?,
            audio: shared.world.audio(contact, number)?,
            sha256: shared.world.audio_sha256(contact, number)?,
            contact,
            path,
        })
    };
    let missing = || {
        error(
            shared,
            404,
            "NoSuchKey",
            "The specified key does not exist.",
        )
    };
    found().ok_or_else(|| Box::new(missing()))
}

async fn deliver(
    shared: &Shared,
    found: &Found<'_>,
    headers: &HeaderMap,
    open: &mut OpenEntry,
) -> Response {
    open.entry.sha256 = Some(found.sha256.clone());
    open.entry.call_id = Some(found.call.id.clone());
    let subject = Subject {
        contacts: vec![&found.contact.contact_id, &found.contact.master_contact_id],
        call: Some(&found.call.id),
        key: &found.path,
        ..Subject::default()
    };
    let fault = shared.strike(Point::Media, &subject, open);
    if let Some(answer) = fault
        .as_ref()
        .and_then(|fault| spoilt(shared, fault, &found.audio))
    {
        return answer;
    }
    if let Some(fault) = fault {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    serve(shared, found, headers)
}

/// What a fault sends instead; none if it only makes the answer slow.
fn spoilt(shared: &Shared, fault: &Fault, audio: &Bytes) -> Option<Response> {
    Some(match fault.kind {
        FaultKind::MediaConnectionReset => reply::reset(),
        FaultKind::MediaCutBody => reply::cut(BINARY, audio, true),
        FaultKind::MediaCutChunked => reply::cut(BINARY, audio, false),
        FaultKind::MediaExpiredUrl => expired(shared),
        FaultKind::Media403 => error(shared, 403, "AccessDenied", "Access Denied"),
        FaultKind::Media500 => {
            let message = "We encountered an internal error. Please try again.";
            error(shared, 500, "InternalError", message)
        }
        FaultKind::Media503SlowDown => reply::with_retry_after(
            error(shared, 503, "SlowDown", "Please reduce your request rate."),
            fault.retry_after_s,
        ),
        FaultKind::MediaEmptyBody => reply::reply(200, BINARY, Body::empty()),
        FaultKind::MediaRedirectElsewhere => {
            // Another name for this computer: another host to a client, and still our journal.
            let elsewhere = shared.addresses.media.replacen("127.0.0.1", "localhost", 1);
            let redirect = reply::reply(302, "text/plain", Body::empty());
            reply::with_header(redirect, "location", &format!("{elsewhere}/elsewhere"))
        }
        _ => return None,
    })
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> Response {
    let mut open = shared.open(System::Media, "/elsewhere");
    open.entry.violation = Some(Violation::FollowedRedirectElsewhere);
    file(open, reply::html(200, "Not a recording"))
}

fn check_signature(shared: &Shared, path: &str, pairs: &[(String, String)]) -> Result<(), Refusal> {
    let value = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let (date, expires_s) = (value("X-Amz-Date"), value("X-Amz-Expires"));
    if value("X-Amz-Signature").is_empty() {
        return Err(Box::new(error(
            shared,
            403,
            "AccessDenied",
            "Access Denied",
        )));
    }
    if value("X-Amz-Signature") != signature(shared, path, date, expires_s) {
        let message = "The request signature we calculated does not match the signature you \
                       provided. Check your key and signing method.";
        return Err(Box::new(error(
            shared,
            403,
            "SignatureDoesNotMatch",
            message,
        )));
    }
    if ends_at(date, expires_s).is_none_or(|ends_at| shared.now() >= ends_at) {
        return Err(Box::new(expired(shared)));
    }
    Ok(())
}

fn ends_at(date: &str, expires_s: &str) -> Option<DateTime<Utc>> {
    let signed_at = NaiveDateTime::parse_from_str(date, DATE_FORMAT)
        .ok()?
        .and_utc();
    Some(signed_at + TimeDelta::try_seconds(expires_s.parse().ok()?)?)
}

fn expired(shared: &Shared) -> Response {
    error(shared, 403, "AccessDenied", "Request has expired")
}

fn error(shared: &Shared, status: u16, code: &str, message: &str) -> Response {
    let request_id = shared.next_uuid();
    reply::xml(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>{message}</Message><RequestId>{request_id}</RequestId>\
             <HostId>sandbox</HostId></Error>"
        ),
    )
}

/// The object, or the one range of it that was asked for.
fn serve(shared: &Shared, found: &Found<'_>, headers: &HeaderMap) -> Response {
    let audio = &found.audio;
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let part = range.and_then(|text| range_of(text, audio.len()));
    let answer = match part {
        None => reply::reply(200, BINARY, audio.clone()),
        Some(None) => {
            let message = "The requested range is not satisfiable";
            let answer = error(shared, 416, "InvalidRange", message);
            return reply::with_header(
                answer,
                "content-range",
                &format!("bytes */{}", audio.len()),
            );
        }
        Some(Some((first, last))) => {
            let answer = reply::reply(206, BINARY, audio.slice(first..=last));
            let text = format!("bytes {first}-{last}/{}", audio.len());
            reply::with_header(answer, "content-range", &text)
        }
    };
    let claimed = shared
        .options
        .media_content_type
        .as_ref()
        .unwrap_or(&found.call.content_type);
    let answer = reply::with_header(answer, "content-type", claimed);
    let answer = reply::with_header(answer, "accept-ranges", "bytes");
    reply::with_header(answer, "etag", &format!("\"{}\"", &found.sha256[..32]))
}

/// First and last byte. None if the header is to be ignored, `Some(None)` if it cannot be met.
pub(super) fn range_of(text: &str, length: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        let whole = length.checked_sub(1).filter(|_| count > 0);
        return Some(whole.map(|last| (length.saturating_sub(count), last)));
    }
    let first: usize = first.parse().ok()?;
    let last: usize = if last.is_empty() {
        usize::MAX
    } else {
        last.parse().ok()?
    };
    let end = length
        .checked_sub(1)
        .filter(|end| first <= *end && first <= last);
    Some(end.map(|end| (first, last.min(end))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range_of("bytes=0-3", 10), Some(Some((0, 3))));
        assert_eq!(range_of("bytes=7-", 10), Some(Some((7, 9))));
        assert_eq!(range_of("bytes=-4", 10), Some(Some((6, 9))));
        assert_eq!(range_of("bytes=2-99", 10), Some(Some((2, 9))));
        assert_eq!(range_of("bytes=10-", 10), Some(None));
        assert_eq!(range_of("lines=1-2", 10), None);
    }
}
