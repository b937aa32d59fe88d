//! What the drafts require, in words of our own, and whether our documents have it.
//!
//! From `draft-ietf-vcon-vcon-core-04` (sections 2.3, 2.4, 4.1 to 4.5) and
//! `draft-howe-vcon-wtf-extension-02` (sections 5.3, 6.1, 6.2.1).

use callpipe_core::recording::{Participant, Role};
use callpipe_core::transcript::{Speaker, Turn, Word};
use expect_test::expect_file;

use super::super::tests::{at, done, parked, skipped};
use super::*;

const BUCKET: &str = "gs://calls/2026";

/// What an object must have, and what it may have beside: nothing else is of the core.
struct Rules {
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const DOCUMENT: Rules = Rules {
    required: &["uuid", "created_at"],
    optional: &[
        "vcon",
        "extensions",
        "critical",
        "updated_at",
        "subject",
        "redacted",
        "amended",
        "parties",
        "dialog",
        "analysis",
        "attachments",
    ],
};
const PARTY: Rules = Rules {
    required: &[],
    // `role` is of the extension `CC`.
    optional: &[
        "tel",
        "sip",
        "stir",
        "mailto",
        "name",
        "did",
        "validation",
        "gmlpos",
        "civicaddress",
        "uuid",
        "type",
        "org",
        "dept",
        "role",
    ],
};
const RECORDING: Rules = Rules {
    required: &["type"],
    optional: &[
        "start",
        "duration",
        "parties",
        "originator",
        "recording_set",
        "mediatype",
        "filename",
        "session_id",
        "party_history",
        "application",
        "message_id",
        "body",
        "encoding",
        "url",
        "content_hash",
    ],
};
const ANALYSIS: Rules = Rules {
    required: &["type", "vendor"],
    // `start` and `party` are of the extension `wtf_transcription`.
    optional: &[
        "dialog",
        "attachment",
        "mediatype",
        "filename",
        "product",
        "schema",
        "body",
        "encoding",
        "url",
        "content_hash",
        "start",
        "party",
    ],
};
const ANALYSIS_TYPES: [&str; 7] = [
    "report",
    "sentiment",
    "summary",
    "transcript",
    "translation",
    "tts",
    "wtf_transcription",
];

impl Rules {
    fn check(&self, object: &Value, what: &str) -> Result<(), String> {
        let object = object
            .as_object()
            .ok_or_else(|| format!("{what} is no object"))?;
        for name in self.required {
            if object.get(*name).is_none_or(Value::is_null) {
                return Err(format!("{what} has no {name}"));
            }
        }
        let known = |name: &str| self.required.contains(&name) || self.optional.contains(&name);
        match object.keys().find(|name| !known(name)) {
            Some(name) => Err(format!("{what} has {name}, which is in no draft")),
            None => Ok(()),
        }
    }
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| what.to_owned())
}

fn is_moment(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok())
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

fn check(document: &Value) -> Result<(), String> {
    DOCUMENT.check(document, "the document")?;
    check_uuid(document["uuid"].as_str().unwrap_or_default())?;
    ensure(is_moment(&document["created_at"]), "created_at is a moment")?;
    ensure(
        document["vcon"].as_str().is_none_or(|vcon| vcon == "0.4.0"),
        "vcon is 0.4.0",
    )?;
    let (parties, dialogs) = (list(document, "parties"), list(document, "dialog"));
    for party in parties {
        PARTY.check(party, "a party")?;
        ensure(
            party["role"].is_null() || lists(document, "CC"),
            "the extension of roles is listed",
        )?;
        ensure(
            party["name"].is_null() || party["validation"].is_string(),
            "names have a validation",
        )?;
    }
    for dialog in dialogs {
        check_recording(dialog, parties.len())?;
    }
    for analysis in list(document, "analysis") {
        check_analysis(analysis, document, dialogs.len())?;
    }
    Ok(())
}

fn lists(document: &Value, extension: &str) -> bool {
    list(document, "extensions")
        .iter()
        .any(|listed| listed == extension)
}

fn check_uuid(uuid: &str) -> Result<(), String> {
    let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
    let is_hex = uuid
        .chars()
        .all(|digit| digit == '-' || digit.is_ascii_hexdigit());
    ensure(is_hex && lengths == [8, 4, 4, 4, 12], "uuid is a UUID")
}

fn check_recording(dialog: &Value, parties: usize) -> Result<(), String> {
    RECORDING.check(dialog, "a dialog")?;
    ensure(
        dialog["type"] == "recording",
        "a dialog of ours is a recording",
    )?;
    ensure(
        dialog["start"].is_null() || is_moment(&dialog["start"]),
        "start is a moment",
    )?;
    let duration = &dialog["duration"];
    ensure(
        duration.is_null() || duration.as_f64() >= Some(0.0),
        "duration is not negative",
    )?;
    let is_party = |index: &Value| index.as_u64().is_some_and(|index| index < parties as u64);
    let is_channel = |channel: &Value| match channel {
        Value::Array(several) => several.iter().all(is_party),
        other => other.is_null() || is_party(other),
    };
    let heard = list(dialog, "parties").iter().all(is_channel);
    ensure(heard, "parties are indices of parties")?;
    check_content(dialog, true)
}

/// A file is inside with its encoding, or outside with its hash, or nowhere.
fn check_content(object: &Value, inline_needs_mediatype: bool) -> Result<(), String> {
    let has = |name: &str| !object[name].is_null();
    let mediatype = object["mediatype"].as_str();
    ensure(
        mediatype.is_none_or(|mediatype| mediatype.contains('/')),
        "a media type has two parts",
    )?;
    ensure(has("body") == has("encoding"), "a body has an encoding")?;
    ensure(has("url") == has("content_hash"), "a url has a hash")?;
    ensure(!(has("body") && has("url")), "a file is inside or outside")?;
    let url = object["url"].as_str();
    ensure(
        url.is_none_or(|url| url.starts_with("https://")),
        "a url is of HTTPS",
    )?;
    if has("body") {
        ensure(
            mediatype.is_some() || !inline_needs_mediatype,
            "what is inside has a media type",
        )?;
        match object["encoding"].as_str() {
            Some("json") => {}
            Some("none") => ensure(object["body"].is_string(), "a plain body is a text")?,
            Some("base64url") => {
                let body = object["body"].as_str().unwrap_or("?");
                ensure(
                    BASE64_URL_SAFE_NO_PAD.decode(body).is_ok(),
                    "a body is base64url",
                )?;
            }
            _ => return Err("the encoding is none of three".to_owned()),
        }
    }
    let hash = object["content_hash"].as_str();
    ensure(
        hash.is_none_or(|hash| hash.starts_with("sha256-") && hash.len() == 50),
        "a hash has its algorithm",
    )
}

fn check_analysis(analysis: &Value, document: &Value, dialogs: usize) -> Result<(), String> {
    ANALYSIS.check(analysis, "an analysis")?;
    let r#type = analysis["type"].as_str().unwrap_or_default();
    ensure(
        ANALYSIS_TYPES.contains(&r#type),
        "the type is one that the drafts name",
    )?;
    let is_dialog = |index: &Value| index.as_u64().is_some_and(|index| index < dialogs as u64);
    ensure(
        match &analysis["dialog"] {
            Value::Null => true,
            Value::Array(several) => several.iter().all(is_dialog),
            one => is_dialog(one),
        },
        "an analysis is of dialogs that are there",
    )?;
    check_content(analysis, false)?;
    match r#type {
        "wtf_transcription" => {
            ensure(
                lists(document, "wtf_transcription"),
                "the extension is listed",
            )?;
            ensure(analysis["encoding"] == "json", "a transcript is JSON")?;
            check_transcript(&analysis["body"])
        }
        _ => Ok(()),
    }
}

fn check_transcript(body: &Value) -> Result<(), String> {
    let share = |value: &Value| {
        value
            .as_f64()
            .is_some_and(|value| (0.0..=1.0).contains(&value))
    };
    let transcript = &body["transcript"];
    ensure(
        transcript["text"].is_string() && transcript["language"].is_string(),
        "text and language",
    )?;
    ensure(transcript["duration"].as_f64() >= Some(0.0), "a duration")?;
    ensure(share(&transcript["confidence"]), "a confidence")?;
    ensure(body["segments"].is_array(), "there are segments")?;
    let words = list(body, "words").len() as u64;
    for (number, segment) in list(body, "segments").iter().enumerate() {
        ensure(segment["id"] == number, "segments are numbered")?;
        ensure(
            segment["end"].as_f64() > segment["start"].as_f64(),
            "a segment ends after it begins",
        )?;
        ensure(
            segment["text"].is_string() && share(&segment["confidence"]),
            "a segment has a text",
        )?;
        let is_word = |index: &Value| index.as_u64().is_some_and(|index| index < words);
        ensure(
            list(segment, "words").iter().all(is_word),
            "a segment's words are there",
        )?;
    }
    let metadata = &body["metadata"];
    ensure(
        is_moment(&metadata["created_at"]) && is_moment(&metadata["processed_at"]),
        "its moments",
    )?;
    ensure(
        metadata["provider"].is_string() && metadata["model"].is_string(),
        "its maker",
    )
}

fn turn(speaker: Speaker, channel: u32, words: &[(&str, f64)]) -> Turn {
    let word = |(text, start_s): &(&str, f64)| Word {
        text: (*text).into(),
        start_s: *start_s,
        end_s: start_s + 0.5,
        confidence: 0.75,
    };
    Turn {
        speaker,
        channel,
        words: words.iter().map(word).collect(),
    }
}

fn spoken(reviewed: &ReviewedCall) -> Transcript {
    let call = &reviewed.call;
    let agent = turn(
        Speaker::Side(Role::Agent),
        0,
        &[("Parts,", 0.5), ("Zoë.", 1.0)],
    );
    let customer = turn(
        Speaker::Side(Role::Customer),
        1,
        &[("A", 2.0), ("chain.", 2.5)],
    );
    Transcript {
        recordings: vec![RecordingTranscript {
            recording: call.recordings[0].key.clone(),
            duration_s: 61.5,
            channels: 2,
            language: Some("en".into()),
            turns: vec![agent, customer],
        }],
    }
}

fn made(reviewed: &ReviewedCall, transcript: Option<&Transcript>, base_uri: &str) -> Value {
    let now = at("2027-01-01").unwrap();
    document(&Source {
        reviewed,
        transcript,
        audio: &[],
        archive_base_uri: base_uri,
        now,
    })
}

#[test]
fn documents_are_as_they_were() {
    let call = done();
    let transcript = spoken(&call);
    let documents = [
        ("done", made(&call, Some(&transcript), BUCKET)),
        ("parked", made(&parked(), None, BUCKET)),
        ("skipped", made(&skipped(), None, BUCKET)),
    ];
    for (name, document) in documents {
        check(&document).unwrap();
        let path = format!(
            "{}/src/export/tests/{name}.vcon.json",
            env!("CARGO_MANIFEST_DIR")
        );
        expect_file![path].assert_eq(&(serde_json::to_string_pretty(&document).unwrap() + "\n"));
    }
}

#[test]
fn audio_is_inside_or_pointed_to_or_only_named() {
    let call = done();
    let inside = document(&Source {
        reviewed: &call,
        transcript: None,
        audio: &[Some(b"\xfb\xffaudio".to_vec())],
        archive_base_uri: BUCKET,
        now: at("2027-01-01").unwrap(),
    });
    check(&inside).unwrap();
    let dialog = &inside["dialog"][0];
    assert_eq!(
        (&dialog["body"], &dialog["encoding"]),
        (&json!("-_9hdWRpbw"), &json!("base64url"))
    );
    let outside = made(&call, None, BUCKET);
    assert_eq!(
        outside["dialog"][0]["url"],
        "https://storage.googleapis.com/calls/2026/recordings/700123_voice-only.mp4"
    );
    let named = made(&call, None, "file:///data/archive");
    check(&named).unwrap();
    assert_eq!(named["dialog"][0]["url"], Value::Null);
    assert_eq!(named["dialog"][0]["filename"], "700123_voice-only.mp4");
}

#[test]
fn a_silent_recording_has_no_transcript() {
    let call = done();
    let mut transcript = spoken(&call);
    transcript.recordings[0].turns.clear();
    let document = made(&call, Some(&transcript), BUCKET);
    check(&document).unwrap();
    assert_eq!(document["extensions"], json!(["CC"]));
}

#[test]
fn whoever_is_heard_on_a_channel_is_named_there() {
    let mut call = done();
    let transcript = spoken(&call);
    // The agent by the source's words, the customer by what was transcribed.
    let two = made(&call, Some(&transcript), BUCKET);
    assert_eq!(two["dialog"][0]["parties"], json!([0, 1]));
    // One channel: everybody is on it.
    call.call.recordings[0].participants.push(Participant {
        channel: None,
        role: Role::Agent,
        name: Some("Bo".into()),
    });
    let three = made(&call, None, BUCKET);
    assert_eq!(three["dialog"][0]["parties"], json!([0, 1, 2]));
    assert_eq!(three["parties"][1]["name"], "Bo");
    // Nobody knows who is on the second channel.
    call.call.recordings[0].participants[1].channel = Some(1);
    call.call.recordings[0].participants[0].channel = None;
    let document = made(&call, None, BUCKET);
    check(&document).unwrap();
    assert_eq!(document["dialog"][0]["parties"], json!([[0, 1, 2], 1]));
}

#[test]
fn a_second_export_is_the_same() {
    let first = made(&done(), None, BUCKET);
    let call = done();
    let now = at("2030-01-01").unwrap();
    let later = Source {
        reviewed: &call,
        transcript: None,
        audio: &[],
        archive_base_uri: BUCKET,
        now,
    };
    assert_eq!(first, document(&later));
}

/// A check that lets everything pass proves nothing.
#[test]
fn what_is_missing_or_wrong_is_found() {
    let call = done();
    let good = made(&call, Some(&spoken(&call)), BUCKET);
    check(&good).unwrap();
    let transcript = "/analysis/0";
    for (pointer, name) in [
        ("", "uuid"),
        ("", "created_at"),
        ("", "extensions"),
        ("/parties/0", "validation"),
        ("/dialog/0", "type"),
        ("/dialog/0", "content_hash"),
        (transcript, "type"),
        (transcript, "vendor"),
        (transcript, "encoding"),
        ("/analysis/0/body", "segments"),
        ("/analysis/0/body/transcript", "language"),
        ("/analysis/0/body/metadata", "provider"),
        ("/analysis/0/body/segments/0", "text"),
        ("/analysis/1", "vendor"),
    ] {
        let mut bad = good.clone();
        let object = bad
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .unwrap();
        assert!(object.remove(name).is_some(), "{pointer} has no {name}");
        assert!(check(&bad).is_err(), "{name} of {pointer} is not missed");
    }
    for (pointer, value) in [
        ("/uuid", json!("700123")),
        ("/created_at", json!("yesterday")),
        ("/vcon", json!("0.0.1")),
        ("/dialog/0/duration", json!(-1)),
        ("/dialog/0/parties", json!([0, 7])),
        ("/dialog/0/url", json!("gs://calls/x")),
        ("/analysis/0/dialog", json!(3)),
        ("/analysis/1/type", json!("guess")),
        ("/analysis/0/body/segments/0/end", json!(0)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(check(&bad).is_err(), "{pointer} may be anything");
    }
}
