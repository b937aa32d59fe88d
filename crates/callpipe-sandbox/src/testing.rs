//! A corpus of three calls and the files that it needs, for this crate's own tests.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::corpus::{Corpus, CorpusCall};

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// A WAV file of 8000 samples a second, one byte each.
pub(crate) fn silent_wav(samples: usize) -> Vec<u8> {
    let mut wav = b"RIFF".to_vec();
    wav.extend_from_slice(&(36 + samples as u32).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    wav.extend_from_slice(&7u16.to_le_bytes());
    wav.extend_from_slice(&1u16.to_le_bytes());
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&1u16.to_le_bytes());
    wav.extend_from_slice(&8u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&(samples as u32).to_le_bytes());
    wav.resize(wav.len() + samples, 0xff);
    wav
}

/// Two boxes that are whole and hold no sound.
pub(crate) fn small_mp4() -> Vec<u8> {
    let mut mp4 = vec![0, 0, 0, 16];
    mp4.extend_from_slice(b"ftypM4A \0\0\0\0");
    mp4.extend_from_slice(&[0, 0, 0, 40]);
    mp4.extend_from_slice(b"mdat");
    mp4.resize(56, 0x21);
    mp4
}

/// A stereo sale, a mono complaint of few words, and a silent call.
pub(crate) fn corpus() -> Arc<Corpus> {
    let calls: Vec<CorpusCall> =
        serde_json::from_value(json!([stereo_call(), mono_call(), silent_call()])).unwrap();
    let audio = HashMap::from([
        ("sale.mp4".to_owned(), Bytes::from(small_mp4())),
        ("complaint.wav".to_owned(), Bytes::from(silent_wav(8000))),
        ("silent.wav".to_owned(), Bytes::from(silent_wav(4001))),
    ]);
    Arc::new(Corpus::new(calls, audio).unwrap())
}

fn turn(speaker: &str, channel: usize, start_s: f64, text: &str) -> Value {
    let words: Vec<Value> = text
        .split_whitespace()
        .enumerate()
        .map(|(number, word)| {
            let bare: String = word.to_lowercase().replace(['.', ',', '?', '!'], "");
            json!({ "word": bare, "punctuated_word": word,
                "start_s": start_s + 0.3 * number as f64, "end_s": start_s + 0.3 * number as f64 + 0.25 })
        })
        .collect();
    let end_s = start_s + 0.3 * words.len() as f64;
    json!({ "speaker": speaker, "channel": channel, "start_s": start_s, "end_s": end_s,
        "text": text, "words": words })
}

fn truth(call_type: &str, sale_result: &str) -> Value {
    json!({ "call_type": [call_type], "sale_result": sale_result, "no_sale_reasons": [],
        "product_family": "chainsaw_related", "product_category_detail": ["chainsaw_spare_parts"],
        "problems_detected": [], "delivery_tracking": null, "agent_name": "Priya",
        "escalation_actions": ["none"],
        "confidence_scores": { "call_type_confidence": 0.95, "sale_result_confidence": 0.9,
            "product_classification_confidence": 0.97, "overall_confidence": 0.93 } })
}

fn stereo_call() -> Value {
    json!({ "id": "sale", "title": "A chain is ordered", "audio_file": "sale.mp4",
        "content_type": "audio/mp4", "channels": 2, "duration_s": 30.0, "agent_channel": 0,
        "agent_name": "Priya",
        "turns": [
            turn("agent", 0, 0.5, "Thanks for calling Ridgeline Parts, this is Priya. How can I help you today?"),
            turn("customer", 1, 5.0, "Hi Priya, I need a new chain for my eighteen inch saw. Do you have one in stock?"),
            turn("agent", 0, 12.0, "We have twelve of them on the shelf. It is thirty nine dollars with free freight."),
            turn("customer", 1, 18.0, "Great, I will take one and pay by card right now, thank you very much."),
        ],
        "truth": truth("order_placement", "sale_completed"),
        "analysis": { "summary": "The customer orders a chain for a saw and pays by card.",
            "topics": [{ "text": "I need a new chain for my eighteen inch saw.", "topic": "Chainsaw chain", "confidence": 0.61 }],
            "intents": [{ "text": "I need a new chain for my eighteen inch saw.", "intent": "Order chain", "confidence": 0.02 }],
            "sentiments": [{ "text": "Great, I will take one and pay by card right now, thank you very much.", "sentiment": "positive", "score": 0.7 }],
            "average_sentiment": { "sentiment": "positive", "score": 0.4 } } })
}

fn mono_call() -> Value {
    json!({ "id": "complaint", "title": "A wrong part came", "audio_file": "complaint.wav",
        "content_type": "audio/wav", "channels": 1, "duration_s": 1.0, "agent_channel": null,
        "agent_name": null,
        "turns": [
            turn("agent", 0, 0.0, "Ridgeline Parts, Priya speaking."),
            turn("customer", 0, 3.0, "You have sent me the wrong sprocket for the second time."),
        ],
        "truth": truth("complaint", "not_sales_call"),
        "analysis": { "summary": "A wrong sprocket came twice.", "topics": [], "intents": [],
            "sentiments": [], "average_sentiment": { "sentiment": "negative", "score": -0.6 } } })
}

fn silent_call() -> Value {
    json!({ "id": "silent", "title": "Nobody speaks", "audio_file": "silent.wav",
        "content_type": "audio/wav", "channels": 1, "duration_s": 0.5, "agent_channel": null,
        "agent_name": null, "turns": [], "truth": null, "analysis": null })
}
