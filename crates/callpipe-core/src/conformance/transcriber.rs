//! The suite of [`Transcriber`].

use bytes::Bytes;
use futures::{StreamExt, stream};

use super::{assert_name, good};
use crate::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use crate::failure::FailureKind;
use crate::money::Usd;
use crate::recording::{Recording, Sha256Hex};

/// `audio` is a recording in which somebody speaks. `changed` is the same transcriber with another
/// setting that changes its answers.
pub async fn transcriber(
    transcriber: &dyn Transcriber,
    changed: &dyn Transcriber,
    recording: &Recording,
    audio: Bytes,
) {
    assert_name(transcriber.name());
    assert!(transcriber.in_flight_max() > 0, "some request is allowed");
    let report = good(transcriber.check().await, "checking the transcriber");
    assert!(!report.trim().is_empty(), "a check has something to say");
    assert_fingerprints(transcriber, changed, recording);

    // In two chunks, so that a transcriber which sends only the first is found out.
    let halves = [
        audio.slice(..audio.len() / 2),
        audio.slice(audio.len() / 2..),
    ];
    let audio = Audio::Stream(stream::iter(halves.map(Ok)).boxed());
    let reply = good(
        transcriber.buy(recording, audio).await,
        "buying a transcript",
    );
    let transcribed = good(
        transcriber.read(&reply, recording),
        "reading a bought reply",
    );
    let again = good(transcriber.read(&reply, recording), "reading a reply again");
    assert_eq!(transcribed, again, "reading twice gives the same");
    assert_transcript(&transcribed, recording);
    let price = transcriber.price(&reply);
    if let Some(price_max) = transcriber.price_max(recording, None) {
        assert!(price <= price_max, "{price} is more than {price_max}");
    }
    assert_eq!(transcriber.price(b"not JSON"), Usd::ZERO, "no figures");

    for garbage in [
        &b""[..],
        b"not JSON",
        b"{\"results\":",
        &reply[..reply.len() / 2],
    ] {
        match transcriber.read(garbage, recording) {
            Ok(_) => panic!("bytes that are no answer were read as one"),
            Err(failure) => assert_eq!(failure.kind, FailureKind::UnusableReply, "{failure}"),
        }
    }
}

fn assert_fingerprints(
    transcriber: &dyn Transcriber,
    changed: &dyn Transcriber,
    recording: &Recording,
) {
    let fingerprint = transcriber.fingerprint(recording);
    assert_eq!(
        fingerprint,
        transcriber.fingerprint(recording),
        "fingerprints are stable"
    );
    assert_ne!(
        fingerprint,
        changed.fingerprint(recording),
        "another setting makes another answer"
    );
    let other_audio = Recording {
        sha256: Sha256Hex::of(b"another recording"),
        ..recording.clone()
    };
    assert_ne!(
        fingerprint,
        transcriber.fingerprint(&other_audio),
        "other audio makes another answer"
    );
}

fn assert_transcript(transcribed: &TranscribedRecording, recording: &Recording) {
    let transcript = &transcribed.transcript;
    assert_eq!(
        transcript.recording, recording.key,
        "the transcript names its recording"
    );
    assert!(!transcribed.model.is_empty(), "the model is named");
    assert!(transcript.duration_s > 0.0, "a recording has a length");
    assert!(transcript.channels > 0, "a recording has channels");
    assert!(!transcript.turns.is_empty(), "somebody speaks");
    let mut before_s = 0.0;
    for turn in &transcript.turns {
        assert!(!turn.words.is_empty(), "a turn has words");
        assert!(turn.start_s() >= before_s, "turns are in the order of time");
        before_s = turn.start_s();
        for word in &turn.words {
            assert!(word.end_s >= word.start_s, "a word ends after it begins");
            assert!(!word.text.trim().is_empty(), "a word is not blank");
        }
    }
}
