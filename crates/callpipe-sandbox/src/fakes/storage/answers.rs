//! Answers of Cloud Storage's XML API.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;

use super::objects::{Object, Page, crc32c_text, part_tag, tag};
use crate::fakes::media::range_of;
use crate::options::CREDENTIALS;
use crate::reply::{reply, with_header, xml};

const DECLARATION: &str = "<?xml version='1.0' encoding='UTF-8'?>";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
    let text =
        format!("{DECLARATION}<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    xml(status, text)
}

pub(super) fn precondition_failed() -> Response {
    let message = "At least one of the pre-conditions you specified did not hold.";
    error(412, "PreconditionFailed", message)
}

pub(super) fn no_such_key() -> Response {
    error(404, "NoSuchKey", "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> Response {
    let message = "The requested upload was not found.";
    error(404, "NoSuchUpload", message)
}

/// The answer to an object that was stored in one request.
pub(super) fn stored(object: &Object) -> Response {
    let answer = reply(200, "text/html; charset=UTF-8", Body::empty());
    let answer = with_header(answer, "etag", &tag(object));
    let answer = with_header(answer, "x-goog-metageneration", "1");
    with_sum(with_generation(answer, object), &object.crc32c)
}

pub(super) fn part_stored(bytes: &Bytes) -> Response {
    let answer = reply(200, "text/html; charset=UTF-8", Body::empty());
    with_sum(
        with_header(answer, "etag", &part_tag(bytes)),
        &crc32c_text(bytes),
    )
}

/// An object and all that is known of it, or a range of it.
pub(super) fn described(object: &Object, range: Option<&str>) -> Response {
    let length = object.bytes.len();
    let answer = match range.and_then(|text| range_of(text, length)) {
        None => reply(200, "", object.bytes.clone()),
        Some(Some((first, last))) => {
            let answer = reply(206, "", object.bytes.slice(first..=last));
            with_header(
                answer,
                "content-range",
                &format!("bytes {first}-{last}/{length}"),
            )
        }
        Some(None) => {
            let answer = error(
                416,
                "InvalidRange",
                "The requested range cannot be satisfied.",
            );
            return with_header(answer, "content-range", &format!("bytes */{length}"));
        }
    };
    let sent = answer
        .headers()
        .get("content-range")
        .is_none()
        .then_some(length);
    let answer = match sent {
        Some(length) => with_header(answer, "content-length", &length.to_string()),
        None => answer,
    };
    let stored_at = object
        .stored_at
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    let answer = with_header(answer, "content-type", &object.content_type);
    let answer = with_header(answer, "last-modified", &stored_at);
    let answer = with_header(answer, "etag", &tag(object));
    let answer = with_header(answer, "accept-ranges", "bytes");
    let answer = with_header(answer, "x-goog-stored-content-length", &length.to_string());
    with_sum(with_generation(answer, object), &object.crc32c)
}

pub(super) fn upload_begun(name: &str, id: &str) -> Response {
    let (bucket, name) = (CREDENTIALS.google_bucket, escaped(name));
    let text = format!(
        "{DECLARATION}<InitiateMultipartUploadResult xmlns='{NAMESPACE}'><Bucket>{bucket}</Bucket>\
         <Key>{name}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
    );
    xml(200, text)
}

pub(super) fn upload_completed(name: &str, object: &Object) -> Response {
    let (bucket, name, tag) = (
        CREDENTIALS.google_bucket,
        escaped(name),
        escaped(&tag(object)),
    );
    let text = format!(
        "{DECLARATION}<CompleteMultipartUploadResult xmlns='{NAMESPACE}'>\
         <Location>http://{bucket}.storage.googleapis.com/{name}</Location><Bucket>{bucket}</Bucket>\
         <Key>{name}</Key><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
    );
    with_sum(with_generation(xml(200, text), object), &object.crc32c)
}

pub(super) fn copied(object: &Object) -> Response {
    let (tag, stored_at) = (escaped(&tag(object)), iso(object));
    let text = format!(
        "{DECLARATION}<CopyObjectResult xmlns='{NAMESPACE}'><LastModified>{stored_at}</LastModified>\
         <ETag>{tag}</ETag></CopyObjectResult>"
    );
    with_generation(xml(200, text), object)
}

pub(super) fn listed(bucket: &str, prefix: &str, page: &Page) -> Response {
    let entries: String = page
        .objects
        .iter()
        .map(|(name, object)| entry(name, object))
        .collect();
    let next = match page.objects.last().filter(|_| page.is_truncated) {
        Some((name, _)) => {
            format!(
                "<NextContinuationToken>{}</NextContinuationToken>",
                escaped(name)
            )
        }
        None => String::new(),
    };
    let text = format!(
        "{DECLARATION}<ListBucketResult xmlns='{NAMESPACE}'><Name>{bucket}</Name>\
         <Prefix>{}</Prefix><KeyCount>{}</KeyCount><IsTruncated>{}</IsTruncated>{next}{entries}\
         </ListBucketResult>",
        escaped(prefix),
        page.objects.len(),
        page.is_truncated,
    );
    xml(200, text)
}

fn entry(name: &str, object: &Object) -> String {
    format!(
        "<Contents><Key>{}</Key><Generation>{}</Generation><MetaGeneration>1</MetaGeneration>\
         <LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
        escaped(name),
        object.generation,
        iso(object),
        escaped(&tag(object)),
        object.bytes.len(),
    )
}

/// Number and tag of each part in the body that completes an upload.
pub(super) fn listed_parts(xml: &str) -> Vec<(usize, String)> {
    let within = |text: &str, name: &str| {
        let (_, after) = text.split_once(&format!("<{name}>"))?;
        let (inner, _) = after.split_once(&format!("</{name}>"))?;
        Some(inner.replace("&quot;", "\"").trim().to_owned())
    };
    let parts = xml.split("<Part>").skip(1);
    parts
        .filter_map(|part| {
            let number = within(part, "PartNumber")?.parse().ok()?;
            Some((number, within(part, "ETag")?))
        })
        .collect()
}

/// A name as it stands in a header, without its percent signs.
pub(super) fn percent_decoded(text: &str) -> String {
    // A plus sign stands for itself here.
    let pairs = format!("name={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pairs.as_bytes()).into_owned();
    pairs.next().map(|(_, name)| name).unwrap_or_default()
}

fn with_generation(answer: Response, object: &Object) -> Response {
    with_header(answer, "x-goog-generation", &object.generation.to_string())
}

fn with_sum(answer: Response, crc32c: &str) -> Response {
    with_header(answer, "x-goog-hash", &format!("crc32c={crc32c}"))
}

fn iso(object: &Object) -> String {
    object
        .stored_at
        .format("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
