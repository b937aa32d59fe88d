//! Replies that no transcriber should send: none stops the program, tells of the call, or is taken
//! for something that was said.

use callpipe_core::analysis::Analysis;
use callpipe_core::contracts::transcriber::{TranscribedRecording, Transcriber};
use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::measures::measures;
use callpipe_core::money::Usd;
use callpipe_core::recording::Role;
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use serde_json::{Value, json};

use super::super::DeepgramConfig;
use super::super::map::{Refusal, refusal};
use super::{map, participant, recording_of, transcriber_with};
use crate::damage::{self, MARKER, assert_discreet, assert_fit};

/// The longest recording that is believed and what a word may lie behind its end, in seconds.
const TIME_S_MAX: f64 = 7.0 * 24.0 * 3600.0 + 200.0;

/// As many times its bytes may a reply become: a text without times makes a word of two bytes.
const GROWTH_MAX: usize = 64;

/// No reply costs so much.
const PRICE_MAX: Usd = Usd::from_micros(1_000_000_000);

/// A reply with every section there is, field for field as Deepgram sends them.
fn whole(channels: usize) -> Value {
    let word = |text: &str, start: f64| {
        json!({ "word": text.to_lowercase(), "start": start, "end": start + 0.5,
            "confidence": 0.9482422, "punctuated_word": text, "speaker": 0,
            "speaker_confidence": 0.5, "sentiment": "neutral", "sentiment_score": 0.12397 })
    };
    let words = json!([word(MARKER, 1.04), word("Chains.", 1.52), word("Yes?", 9.0)]);
    let text = format!("{MARKER} Chains. Yes?");
    let sentence = json!({ "text": text, "start": 1.04, "end": 9.5 });
    let paragraphs = json!({ "transcript": format!("\n{text}"), "paragraphs": [{
        "sentences": [sentence], "start": 1.04, "end": 9.5, "num_words": 3, "speaker": 0 }] });
    let channel = json!({ "detected_language": "en", "language_confidence": 0.98,
        "alternatives": [{ "transcript": text, "confidence": 0.99925345, "words": words,
            "paragraphs": paragraphs, "languages": ["en"] }] });
    let info = json!({ "model_uuid": "67875a7f", "input_tokens": 133, "output_tokens": 57 });
    let segment = |name: &str, inner: Value| {
        let mut segment = json!({ "text": text, "start_word": 0, "end_word": 2 });
        segment[name] = inner;
        json!({ "segments": [segment] })
    };
    let utterance = |channel: usize| {
        json!({ "start": 1.04, "end": 9.5, "confidence": 0.99, "channel": channel,
            "transcript": text, "words": words, "speaker": 0, "id": "u-1" })
    };
    let feeling = json!({ "text": text, "start_word": 0, "end_word": 2,
        "sentiment": "negative", "sentiment_score": -0.6 });
    json!({
        "metadata": {
            "transaction_key": "deprecated", "request_id": "3cba8b9c", "sha256": "95dc4009",
            "created": "2026-08-02T09:02:24.760Z", "duration": 19.097937, "channels": channels,
            "models": ["30089e05"], "model_info": { "30089e05": { "name": "general-nova-3",
                "version": "2025-07-31.0", "arch": "nova-3" } },
            "summary_info": info, "topics_info": info, "intents_info": info, "sentiment_info": info,
            "warnings": [{ "parameter": "summarize", "type": "unsupported_language",
                "message": "Summarization is not there for this language" }],
        },
        "results": {
            "channels": vec![channel; channels],
            "utterances": (0..channels).map(utterance).collect::<Value>(),
            "summary": { "result": "success", "short": format!("{MARKER} wants chains.") },
            "topics": segment("topics", json!([{ "topic": MARKER, "confidence_score": 0.0006 }])),
            "intents": segment("intents", json!([{ "intent": MARKER, "confidence_score": 0.03 }])),
            "sentiments": { "segments": [feeling], "average": {
                "sentiment": "neutral", "sentiment_score": -0.13682733263288224 } },
        },
    })
}

/// A reply whose words stand in one place only.
fn without(place: &str) -> Value {
    let mut reply = whole(2);
    match place {
        "words" => {
            for channel in reply["results"]["channels"].as_array_mut().unwrap() {
                channel["alternatives"][0]["words"] = json!([]);
            }
        }
        section => drop(reply["results"].as_object_mut().unwrap().remove(section)),
    }
    reply
}

fn samples() -> Vec<Value> {
    vec![
        whole(1),
        whole(2),
        without("words"),
        without("utterances"),
        without("channels"),
    ]
}

#[test]
fn a_damaged_reply_is_read_as_what_it_says_or_not_at_all() {
    let transcriber = transcriber_with(DeepgramConfig::default());
    let recording = recording_of(b"audio", vec![participant(1, Role::Agent)]);
    damage::of_json(&samples(), |reply| {
        match transcriber.read(reply, &recording) {
            Ok(transcribed) => {
                assert!(is_object(reply), "only an object is a reply");
                assert_sound(&transcribed, reply.len());
            }
            Err(failure) => assert_fit(&failure, &[FailureKind::UnusableReply]),
        }
        assert!(transcriber.price(reply) <= PRICE_MAX);
    });
}

fn is_object(reply: &[u8]) -> bool {
    reply.trim_ascii_start().starts_with(b"{")
}

#[track_caller]
fn assert_sound(transcribed: &TranscribedRecording, reply_bytes: usize) {
    assert_turns(&transcribed.transcript);
    assert_understood(&transcribed.analysis);
    assert!(transcribed.warnings.len() <= 20);
    for warning in &transcribed.warnings {
        assert!(warning.chars().count() <= 200 && !warning.contains(char::is_control));
    }
    let call = Transcript {
        recordings: vec![transcribed.transcript.clone()],
    };
    assert_measured(&call);
    let stored = serde_json::to_vec(&call).unwrap();
    assert!(stored.len() <= reply_bytes * GROWTH_MAX, "{reply_bytes}");
    assert_eq!(
        serde_json::from_slice::<Transcript>(&stored).unwrap(),
        call,
        "what is stored is read back"
    );
    assert!(call.conversation().len() <= reply_bytes * GROWTH_MAX);
}

#[track_caller]
fn assert_turns(transcript: &RecordingTranscript) {
    let times = 0.0..=TIME_S_MAX;
    assert!(times.contains(&transcript.duration_s));
    assert!(transcript.channels >= 1);
    let mut previous_start_s = 0.0;
    for turn in &transcript.turns {
        assert!(!turn.words.is_empty());
        assert!(turn.channel < transcript.channels);
        assert!(turn.start_s() >= previous_start_s, "turns are in order");
        previous_start_s = turn.start_s();
        for word in &turn.words {
            assert!(!word.text.is_empty());
            assert!(word.start_s <= word.end_s);
            assert!(times.contains(&word.start_s) && times.contains(&word.end_s));
            assert!((0.0..=1.0).contains(&word.confidence));
        }
    }
}

#[track_caller]
fn assert_understood(analysis: &Analysis) {
    let shares = analysis.topics.iter().map(|topic| topic.confidence);
    let shares = shares.chain(analysis.intents.iter().map(|intent| intent.confidence));
    for share in shares {
        assert!((0.0..=1.0).contains(&share));
    }
    let sentiment = analysis.sentiment.iter();
    for score in sentiment.flat_map(|sentiment| {
        let segments = sentiment.segments.iter().map(|one| one.sentiment_score);
        segments.chain(sentiment.average.iter().map(|one| one.sentiment_score))
    }) {
        assert!((-1.0..=1.0).contains(&score));
    }
}

#[track_caller]
fn assert_measured(call: &Transcript) {
    let measured = measures(call);
    let rounding_s = 0.01;
    for figure in [
        measured.duration_s,
        measured.talk_s,
        measured.silence_s,
        measured.overlap_s,
        measured.longest_monologue_s,
        measured.words_per_minute,
    ] {
        assert!(figure.is_finite() && figure >= 0.0, "{measured:?}");
    }
    let sum_s = measured.talk_s + measured.silence_s;
    assert!((sum_s - measured.duration_s).abs() < rounding_s, "{sum_s}");
    assert!(measured.longest_monologue_s <= measured.talk_s + rounding_s);
    assert_eq!(measured.words, call.word_count());
}

#[test]
fn a_damaged_refusal_blames_whom_its_status_blames() {
    use FailureKind::*;
    let bodies = [
        json!({ "err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r",
            "details": null }),
        json!({ "category": "TOKEN_LIMIT_EXCEEDED", "message": "Too long.", "details": "See.",
            "request_id": "r" }),
    ];
    damage::of_json(&bodies, |body| {
        for (status, by_status, kinds) in [
            (401, Denied, &[Denied][..]),
            (402, Denied, &[Denied]),
            (404, Rejected, &[Denied]),
            (429, RateLimited, &[RateLimited, Denied]),
            (503, Unavailable, &[Unavailable, Denied]),
        ] {
            let asked = Failure::new(by_status, format!("asking: HTTP {status}"));
            // Deepgram's own words are repeated where they are one short line.
            let refused = Refusal {
                status,
                body,
                hidden: &[MARKER],
            };
            let failure = refusal(&refused, asked);
            assert!(kinds.contains(&failure.kind), "{status} {failure:?}");
            assert_discreet(&failure.told());
        }
    });
}

#[test]
fn a_reply_of_nothing_but_values_is_given_up_before_it_fills_the_memory() {
    let zeros = "0,".repeat(10_000_000);
    let reply = format!(r#"{{"results":{{"channels":[{zeros}0]}}}}"#);
    let failure = map::transcribed(reply.as_bytes(), &recording_of(b"", vec![]), "m").unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnusableReply);
    assert!(failure.message.contains("more values"), "{failure}");
}

#[test]
fn hours_of_words_without_a_pause_are_read_in_a_moment() {
    let words: Vec<Value> = (0..100_000)
        .map(|number| json!({ "word": "a", "start": f64::from(number) * 0.3 }))
        .collect();
    let reply = json!({ "metadata": { "duration": 30_000 }, "results": { "channels": [
        { "alternatives": [{ "words": words }] }] } });
    let begin = std::time::Instant::now();
    let read = super::read(&reply);
    assert_eq!(read.transcript.turns.len(), 1);
    assert_eq!(read.transcript.turns[0].words.len(), 100_000);
    // With the square of the words it would be minutes.
    assert!(begin.elapsed().as_secs() < 15, "{:?}", begin.elapsed());
}
