//! Replies of every kind, refusals of every form, and the contract against the sandbox.

mod asking;
mod damaged;
mod pricing;
mod reading;
mod refusing;
mod sandbox;
mod understanding;
mod wire_level;

use std::sync::Arc;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::transcriber::TranscribedRecording;
use callpipe_core::recording::{ArchiveKey, Participant, Recording, Role, Sha256Hex};
use callpipe_core::transcript::Transcript;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{DeepgramConfig, DeepgramTranscriber, map};
use crate::http::Endpoint;
use crate::secret::Secret;

const KEY: &str = "sandbox-deepgram-key";

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }
}

fn transcriber(endpoint: &str) -> DeepgramTranscriber {
    transcriber_with(DeepgramConfig {
        endpoint: Some(Endpoint::parse(endpoint).unwrap()),
        ..DeepgramConfig::default()
    })
}

fn transcriber_with(config: DeepgramConfig) -> DeepgramTranscriber {
    let api_key = Some(Secret::new(KEY));
    DeepgramTranscriber::new(DeepgramConfig { api_key, ..config }, Arc::new(Standing)).unwrap()
}

fn recording_of(audio: &[u8], participants: Vec<Participant>) -> Recording {
    let id = ContactId::parse("700123").unwrap();
    Recording {
        key: ArchiveKey::recording(&id, "voice-only", 1, "mp4"),
        media_type: "voice-only".into(),
        content_type: "audio/mp4".into(),
        sha256: Sha256Hex::of(audio),
        size_bytes: audio.len() as u64,
        started_at: None,
        participants,
    }
}

fn participant(channel: u32, role: Role) -> Participant {
    Participant {
        channel: Some(channel),
        role,
        name: None,
    }
}

/// A word of a reply, a quarter of a second long, with its number of the speaker.
fn word(text: &str, start_s: f64, speaker: u32) -> Value {
    let bare = text.trim_end_matches(['.', ',', '?']).to_lowercase();
    json!({ "word": bare, "punctuated_word": text, "start": start_s, "end": start_s + 0.25,
        "confidence": 0.9, "speaker": speaker, "speaker_confidence": 0.5 })
}

/// A channel of a reply, its words one after the other.
fn channel(start_s: f64, text: &str) -> Value {
    let words: Vec<Value> = text
        .split_whitespace()
        .enumerate()
        .map(|(number, text)| word(text, start_s + 0.3 * number as f64, 0))
        .collect();
    json!({ "alternatives": [{ "transcript": text, "confidence": 0.99, "words": words }] })
}

fn reply(channels: &[Value]) -> Value {
    json!({
        "metadata": { "request_id": "r-1", "duration": 30.0, "channels": channels.len(),
            "models": ["m"], "model_info": { "m": { "name": "general-nova-3",
            "version": "2025-07-31.0", "arch": "nova-3" } } },
        "results": { "channels": channels },
    })
}

/// The reply with something put into its results.
fn reply_with(channels: &[Value], section: &str, value: Value) -> Value {
    let mut reply = reply(channels);
    reply["results"][section] = value;
    reply
}

#[track_caller]
fn read(reply: &Value) -> TranscribedRecording {
    read_with(reply, vec![])
}

#[track_caller]
fn read_with(reply: &Value, participants: Vec<Participant>) -> TranscribedRecording {
    let recording = recording_of(b"audio", participants);
    map::transcribed(reply.to_string().as_bytes(), &recording, "nova-3").unwrap()
}

fn conversation(transcribed: TranscribedRecording) -> String {
    Transcript {
        recordings: vec![transcribed.transcript],
    }
    .conversation()
}
