//! Settings, parameters and fingerprints.

use std::sync::Arc;

use callpipe_core::contracts::transcriber::Transcriber;
use callpipe_core::failure::FailureKind;
use expect_test::expect;

use super::super::client::parameters;
use super::super::silent_wav;
use super::{KEY, Standing, recording_of, transcriber_with};
use crate::secret::Secret;
use crate::transcribers::deepgram::{DeepgramConfig, DeepgramTranscriber};

/// Settings as JSON: the form does not matter to them.
fn parse(text: &str) -> Result<DeepgramConfig, serde_json::Error> {
    serde_json::from_str(text)
}

fn config(text: &str) -> DeepgramConfig {
    parse(text).unwrap()
}

fn query(text: &str) -> String {
    let parameters = parameters(&config(text));
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

#[test]
fn everything_is_asked_for_in_one_request() {
    expect!["model=nova-3&smart_format=true&utterances=true&multichannel=true&diarize_model=latest&diarize=true&language=en&summarize=v2&topics=true&intents=true&sentiment=true"].assert_eq(&query("{}"));
}

#[test]
fn settings_become_parameters() {
    let text = r#"{"model":"nova-3-medical","language":"en-AU","keyterms":["Zomax 58V"," "],
        "redact":["pci","numbers"],"mip_opt_out":true,"tags":["shop"],"intelligence":false}"#;
    expect!["model=nova-3-medical&smart_format=true&utterances=true&multichannel=true&diarize_model=latest&diarize=true&language=en-AU&mip_opt_out=true&keyterm=Zomax 58V&redact=pci&redact=numbers&tag=shop"].assert_eq(&query(text));
}

#[test]
fn only_english_is_understood_beyond_its_words() {
    let is_understood = |language: &str| {
        let query = query(&format!("{{\"language\":\"{language}\"}}"));
        assert_eq!(
            query.contains("topics=true"),
            query.contains("summarize=v2")
        );
        query.contains("summarize=v2")
    };
    assert!(is_understood("en") && is_understood("en-US") && is_understood("auto"));
    assert!(!is_understood("es") && !is_understood("multi") && !is_understood("eng"));
}

#[test]
fn an_unknown_language_is_found_out() {
    assert!(query(r#"{"language":"auto"}"#).contains("detect_language=true"));
    assert!(!query(r#"{"language":"auto"}"#).contains("&language="));
    assert!(query(r#"{"language":"multi"}"#).contains("&language=multi"));
}

#[test]
fn a_setting_that_does_not_exist_is_a_mistake() {
    assert!(parse(r#"{"api_kee":"x"}"#).is_err());
    assert!(parse(r#"{"in_flight_max":0}"#).is_err());
    assert!(parse(r#"{"endpoint":"http://api.example.com"}"#).is_err());
    assert_eq!(
        transcriber_with(config(r#"{"in_flight_max":3}"#)).in_flight_max(),
        3
    );
    assert_eq!(transcriber_with(config("{}")).in_flight_max(), 10);
}

#[test]
fn without_a_key_there_is_a_hint() {
    for api_key in [None, Some(Secret::new(" "))] {
        let config = DeepgramConfig {
            api_key,
            ..DeepgramConfig::default()
        };
        let failure = DeepgramTranscriber::new(config, Arc::new(Standing))
            .err()
            .unwrap();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.hint.unwrap().contains("DEEPGRAM_API_KEY"));
    }
    let api_key = Some(Secret::new("two\nlines"));
    let config = DeepgramConfig {
        api_key,
        ..DeepgramConfig::default()
    };
    let failure = DeepgramTranscriber::new(config, Arc::new(Standing))
        .err()
        .unwrap();
    assert!(!failure.chain().contains("two"), "{failure}");
    assert!(
        !format!(
            "{:?}",
            DeepgramConfig {
                api_key: Some(Secret::new(KEY)),
                ..DeepgramConfig::default()
            }
        )
        .contains(KEY)
    );
}

#[test]
fn what_changes_the_answer_changes_the_fingerprint_and_nothing_else_does() {
    let recording = recording_of(b"audio", vec![]);
    let fingerprint = |text: &str| transcriber_with(config(text)).fingerprint(&recording);
    let plain = fingerprint("{}");
    for text in [
        r#"{"tags":["a"]}"#,
        r#"{"mip_opt_out":true}"#,
        r#"{"in_flight_max":2}"#,
        r#"{"endpoint":"https://api.eu.deepgram.com"}"#,
    ] {
        assert_eq!(fingerprint(text), plain, "{text}");
    }
    for text in [
        r#"{"model":"nova-2"}"#,
        r#"{"language":"en-AU"}"#,
        r#"{"keyterms":["a"]}"#,
        r#"{"redact":["pci"]}"#,
        r#"{"intelligence":false}"#,
    ] {
        assert_ne!(fingerprint(text), plain, "{text}");
    }
    assert_eq!(
        fingerprint(r#"{"keyterms":["a","b"]}"#),
        fingerprint(r#"{"keyterms":["b","a"]}"#)
    );
    let other = recording_of(b"other audio", vec![]);
    assert_ne!(transcriber_with(config("{}")).fingerprint(&other), plain);
    // The archive's key does not matter: the same audio is the same.
    let mut moved = recording.clone();
    moved.key = callpipe_core::recording::ArchiveKey::file("elsewhere");
    assert_eq!(transcriber_with(config("{}")).fingerprint(&moved), plain);
}

#[test]
fn the_checks_audio_is_a_tenth_of_a_second() {
    let wav = silent_wav();
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
    assert_eq!(wav.len(), 44 + 1600);
    assert_eq!(
        (number(4), number(24), number(28), number(40)),
        (1636, 8000, 16_000, 1600)
    );
    assert_eq!(
        (&wav[..4], &wav[8..16], &wav[36..40]),
        (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..])
    );
}
