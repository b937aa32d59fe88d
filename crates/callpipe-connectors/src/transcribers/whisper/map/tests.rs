//! Replies that were kept, and what becomes of them.

use callpipe_core::recording::{ArchiveKey, Participant, Role, Sha256Hex};
use serde_json::{Value, json};

use super::*;

fn recording(agent_channel: Option<u32>) -> Recording {
    Recording {
        key: ArchiveKey::file("call"),
        media_type: "voice-only".into(),
        content_type: "audio/wav".into(),
        sha256: Sha256Hex::of(b"call"),
        size_bytes: 4,
        started_at: None,
        participants: agent_channel
            .map(|channel| Participant {
                channel: Some(channel),
                role: Role::Agent,
                name: None,
            })
            .into_iter()
            .collect(),
    }
}

fn channel(text: &str, start_s: f64) -> Value {
    let words: Vec<Value> = (0..)
        .zip(text.split_whitespace())
        .map(|(number, text)| {
            let start_s = start_s + f64::from(number) * 0.4;
            json!({"text": text, "start_s": start_s, "end_s": start_s + 0.3, "probability": 0.9})
        })
        .collect();
    let segment = json!({"start_s": start_s, "end_s": start_s + 2.0, "text": text,
        "no_speech_probability": 0.01, "words": words});
    json!({"language": "en", "heard_s": 2.0, "segments": [segment]})
}

fn reply(channels: Vec<Value>) -> Vec<u8> {
    let reply = json!({
        "format": FORMAT,
        "model": {"name": "base.en", "sha256": "ab".repeat(32)},
        "engine": "whisper.cpp",
        "parameters": {"language": "en", "prompt": null, "skip_silence": true},
        "duration_s": 20.0,
        "sample_rate_hz": 8000,
        "channels": channels,
    });
    serde_json::to_vec(&reply).unwrap()
}

fn conversation(reply: &[u8], recording: &Recording) -> String {
    let transcribed = transcribed(reply, recording).unwrap();
    let lines = transcribed.transcript.turns.iter();
    let lines: Vec<String> = lines
        .map(|turn| format!("{}: {}", turn.speaker, turn.text()))
        .collect();
    lines.join("\n")
}

#[test]
fn each_channel_is_a_side_and_the_turns_are_in_order() {
    let both = reply(vec![channel("Hello there.", 1.0), channel("Hi.", 4.0)]);
    let told = "Agent: Hello there.\nCustomer: Hi.";
    assert_eq!(conversation(&both, &recording(None)), told);
    let other = "Customer: Hello there.\nAgent: Hi.";
    assert_eq!(conversation(&both, &recording(Some(1))), other);
}

#[test]
fn one_channel_is_one_speaker_and_that_is_said() {
    let transcribed =
        transcribed(&reply(vec![channel("Hello.", 1.0)]), &recording(Some(0))).unwrap();
    assert_eq!(
        transcribed.transcript.turns[0].speaker,
        Speaker::Numbered(1)
    );
    assert!(transcribed.warnings[0].contains("one channel"));
    assert_eq!(transcribed.model, "whisper base.en abababababab");
    assert_eq!(transcribed.transcript.language.as_deref(), Some("en"));
}

#[test]
fn times_outside_the_recording_are_brought_back_into_it() {
    let late = reply(vec![channel("Late words here.", 19.9)]);
    let transcribed = transcribed(&late, &recording(None)).unwrap();
    let words = &transcribed.transcript.turns[0].words;
    assert_eq!(words.len(), 3);
    assert!(
        words
            .iter()
            .all(|word| word.end_s <= 20.0 && word.start_s <= word.end_s)
    );
}

#[test]
fn another_version_is_not_guessed_at() {
    let text = String::from_utf8(reply(vec![])).unwrap();
    let newer = text.replace(FORMAT, "callpipe-whisper/9");
    let failure = transcribed(newer.as_bytes(), &recording(None)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnusableReply);
}
