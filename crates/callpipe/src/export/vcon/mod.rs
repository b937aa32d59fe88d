//! A document for each call by the IETF's `draft-ietf-vcon-vcon-core-04` (September 2026), in its
//! unsigned form: who took part, which recordings there are, and what was made of them.
//!
//! Transcripts have the form of `draft-howe-vcon-wtf-extension-02`, roles of parties that of the
//! contact-centre extension (`CC`). Whether something is required is checked by this folder's tests.

mod analysis;
mod parties;
#[cfg(test)]
mod tests;
mod transcripts;
mod uuid;
mod write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use callpipe_core::recording::{ArchiveKey, Recording};
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use url::Url;

use super::ReviewedCall;
use parties::Parties;
pub use write::{VconOptions, write_documents};

/// The syntax of the drafts before the RFC.
const SYNTAX: &str = "0.4.0";

/// What a document is made of.
struct Source<'a> {
    reviewed: &'a ReviewedCall,
    /// Turns and word times, where they are in the archive.
    transcript: Option<&'a Transcript>,
    /// The bytes of each recording, where they go into the document.
    audio: &'a [Option<Vec<u8>>],
    /// What stands before `/` and a key in the address of an object.
    archive_base_uri: &'a str,
    now: DateTime<Utc>,
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An object without the values that are not known.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let known = entries.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        known
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

/// The document of a call. For the same call it is the same, whenever it is made.
fn document(source: &Source<'_>) -> Value {
    let call = &source.reviewed.call;
    let state = &call.state;
    let started_at = call.contact.started_at_utc();
    let created_at = state
        .listed_at
        .or(started_at)
        .or(state.updated_at)
        .unwrap_or(source.now);
    let updated_at = state.updated_at.filter(|at| *at > created_at);
    let parties = Parties::of(call);
    let mut dialog: Vec<Value> = Vec::new();
    for (number, recording) in call.recordings.iter().enumerate() {
        dialog.push(recording_dialog(source, &parties, number, recording));
    }
    if dialog.is_empty() && call.transcript.conversation.is_some() {
        // A conversation took place, of which the audio is not known.
        let start = started_at.map(moment);
        dialog.push(object([
            ("type", json!("recording")),
            ("start", json!(start)),
        ]));
    }
    let (analysis, extensions) = analysis::entries(source, &parties, dialog.len());
    object([
        ("vcon", json!(SYNTAX)),
        ("uuid", json!(uuid::of(&call.contact))),
        ("extensions", json!(extensions)),
        ("created_at", json!(moment(created_at))),
        ("updated_at", json!(updated_at.map(moment))),
        ("parties", parties.value()),
        ("dialog", Value::Array(dialog)),
        ("analysis", Value::Array(analysis)),
        ("attachments", json!([])),
    ])
}

fn recording_dialog(
    source: &Source<'_>,
    parties: &Parties,
    number: usize,
    recording: &Recording,
) -> Value {
    let call = &source.reviewed.call;
    let part = source.part(&recording.key, number);
    let started_at = recording.started_at.or(call.contact.started_at_utc());
    let duration_s = match (part, call.recordings.len()) {
        (Some(part), _) => Some(part.duration_s),
        (None, 1) => call.transcript.duration_s,
        _ => None,
    };
    let audio = source.audio.get(number).and_then(Option::as_ref);
    // A document has a file in it or points to one, never both.
    let url = match audio {
        Some(_) => None,
        None => https_url(source.archive_base_uri, &recording.key),
    };
    object([
        ("type", json!("recording")),
        ("start", json!(started_at.map(moment))),
        (
            "duration",
            json!(duration_s.map(|duration_s| duration_s.max(0.0))),
        ),
        ("parties", parties.heard_on(recording, part)),
        ("mediatype", json!(media_type(&recording.content_type))),
        ("filename", json!(recording.key.file_name())),
        (
            "body",
            json!(audio.map(|audio| BASE64_URL_SAFE_NO_PAD.encode(audio))),
        ),
        ("encoding", json!(audio.map(|_| "base64url"))),
        (
            "content_hash",
            json!(url.as_ref().and_then(|_| content_hash(recording))),
        ),
        ("url", json!(url)),
    ])
}

/// A media type as the draft spells it, if it is one of its list.
fn media_type(content_type: &str) -> &str {
    match content_type {
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "audio/x-mp4",
        "audio/mpeg" | "audio/mp3" => "audio/x-mp3",
        "audio/wav" | "audio/wave" | "audio/vnd.wave" => "audio/x-wav",
        "video/mp4" => "video/x-mp4",
        other => other,
    }
}

impl Source<'_> {
    /// What was said in a recording.
    fn part(&self, key: &ArchiveKey, number: usize) -> Option<&RecordingTranscript> {
        let parts = &self.transcript?.recordings;
        let named = parts.iter().find(|part| part.recording == *key);
        named.or_else(|| parts.get(number))
    }
}

/// The address by which a browser gets an object of Google Cloud Storage. It opens nothing: who asks
/// must be allowed to read the bucket. Other archives have no address of this kind.
fn https_url(archive_base_uri: &str, key: &ArchiveKey) -> Option<String> {
    let path = archive_base_uri.strip_prefix("gs://")?;
    let mut url = Url::parse("https://storage.googleapis.com").ok()?;
    url.path_segments_mut()
        .ok()?
        .extend(path.split('/'))
        .extend(key.as_str().split('/'));
    Some(url.into())
}

/// `sha256-` and the hash. The draft has SHA-512 first; this is what was reckoned when the recording
/// was fetched, and the draft allows it.
fn content_hash(recording: &Recording) -> Option<String> {
    let hash = hex::decode(recording.sha256.as_str()).ok()?;
    Some(format!("sha256-{}", BASE64_URL_SAFE_NO_PAD.encode(hash)))
}
