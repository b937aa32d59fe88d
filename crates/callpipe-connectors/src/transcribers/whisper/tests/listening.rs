//! From a recording to a conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use callpipe_core::conformance;
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::failure::{FailureKind, Outside};
use callpipe_core::recording::{ArchiveKey, Recording, Sha256Hex};
use callpipe_sandbox::whisper_model::tone_wav;
use futures::stream::{self, StreamExt};

use super::super::listen::{Listener, StopFlag};
use super::super::window::Windower;
use super::super::{LANGUAGE_AUTO, WhisperTranscriber};
use super::*;

fn recording(audio: &[u8]) -> Recording {
    Recording {
        key: ArchiveKey::file("call.wav"),
        media_type: "voice-only".into(),
        content_type: "audio/wav".into(),
        sha256: Sha256Hex::of(audio),
        size_bytes: audio.len() as u64,
        started_at: None,
        participants: Vec::new(),
    }
}

async fn bought(config: WhisperConfig, audio: Vec<u8>) -> Outside<Bytes> {
    let recording = recording(&audio);
    let audio = Audio::Stream(stream::iter([Ok(Bytes::from(audio))]).boxed());
    WhisperTranscriber::new(config)?
        .buy(&recording, audio)
        .await
}

async fn heard(config: WhisperConfig, audio: Vec<u8>) -> TranscribedRecording {
    let recording = recording(&audio);
    let reply = bought(config.clone(), audio).await.unwrap();
    let transcriber = WhisperTranscriber::new(config).unwrap();
    transcriber.read(&reply, &recording).unwrap()
}

fn conversation(transcribed: &TranscribedRecording) -> Vec<String> {
    let turns = transcribed.transcript.turns.iter();
    turns
        .map(|turn| format!("{:.1} {}: {}", turn.start_s(), turn.speaker, turn.text()))
        .collect()
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let model = MadeModel::english(&sayings());
    let transcriber = WhisperTranscriber::new(model.config()).unwrap();
    let changed = WhisperTranscriber::new(WhisperConfig {
        prompt: Some("Spare parts.".into()),
        ..model.config()
    });
    let audio = tone_wav(8_000, 5.0, &[440.0, 0.0]);
    let recording = recording(&audio);
    conformance::transcriber::transcriber(
        &transcriber,
        &changed.unwrap(),
        &recording,
        audio.into(),
    )
    .await;
    assert!(!transcriber.takes_links());
}

#[tokio::test]
async fn words_have_their_letters_times_and_sides() {
    let model = MadeModel::english(&sayings());
    let stereo = heard(model.config(), tone_wav(8_000, 5.0, &[0.0, 440.0])).await;
    assert_eq!(
        conversation(&stereo),
        ["0.0 Customer: Good morning. One café."],
        "the agent is silent"
    );
    let words = &stereo.transcript.turns[0].words;
    assert_eq!(words.len(), 4);
    assert!((2.0..3.0).contains(&words[2].start_s), "{words:?}");
    assert!(
        words
            .iter()
            .all(|word| word.confidence > 0.9 && word.end_s <= 3.0)
    );
    assert_eq!(
        (stereo.transcript.channels, stereo.transcript.duration_s),
        (2, 5.0)
    );
    assert!(stereo.warnings.is_empty());
    let mono = heard(model.config(), tone_wav(16_000, 5.0, &[440.0])).await;
    assert_eq!(
        conversation(&mono),
        ["0.0 Speaker 1: Good morning. One café."]
    );
    assert_eq!(mono.warnings.len(), 1);
}

#[tokio::test]
async fn a_long_recording_is_heard_window_by_window_at_its_own_times() {
    let model = MadeModel::english(&sayings());
    // Sound for 10 s, silence for 60 s, sound for 40 s.
    let mut audio = tone_wav(8_000, 110.0, &[440.0]);
    audio[44 + 10 * 16_000..44 + 70 * 16_000].fill(0);
    let transcribed = heard(model.config(), audio).await;
    let turn = &transcribed.transcript.turns[0];
    let begins: Vec<f64> = turn
        .words
        .iter()
        .filter(|word| word.text == "Good")
        .map(|word| word.start_s)
        .collect();
    // The first window goes on after the silence, which none begins in.
    assert!(begins[0] < 0.1 && begins.len() <= 3, "{begins:?}");
    let second = begins[1];
    assert!((78.0..91.0).contains(&second), "{begins:?}");
}

#[tokio::test]
async fn silence_makes_a_transcript_without_words() {
    let model = MadeModel::english(&sayings());
    let transcribed = heard(model.config(), tone_wav(8_000, 60.0, &[0.0, 0.0])).await;
    assert!(transcribed.transcript.turns.is_empty());
    assert_eq!(transcribed.transcript.duration_s, 60.0);
    let config = WhisperConfig {
        skip_silence: false,
        ..model.config()
    };
    let listened = heard(config, tone_wav(8_000, 60.0, &[0.0, 0.0])).await;
    assert!(
        !listened.transcript.turns.is_empty(),
        "it says so of anything"
    );
}

#[tokio::test]
async fn equal_audio_gives_equal_answers() {
    let model = MadeModel::english(&[]);
    let config = WhisperConfig {
        threads: std::num::NonZeroUsize::new(1),
        ..model.config()
    };
    let audio = tone_wav(8_000, 3.0, &[440.0]);
    let first = bought(config.clone(), audio.clone()).await.unwrap();
    assert_eq!(first, bought(config, audio).await.unwrap());
}

#[tokio::test]
async fn a_language_is_told_or_found_out() {
    let model = MadeModel::new(&sayings(), true);
    let config = |language: &str| WhisperConfig {
        language: language.into(),
        ..model.config()
    };
    let audio = || tone_wav(8_000, 5.0, &[440.0]);
    let told = heard(config("de"), audio()).await;
    assert_eq!(told.transcript.language.as_deref(), Some("de"));
    assert_eq!(
        conversation(&told),
        ["0.0 Speaker 1: Good morning. One café."]
    );
    let found = heard(config(LANGUAGE_AUTO), audio()).await;
    assert!(found.transcript.language.is_some());
    assert_eq!(conversation(&found), conversation(&told));
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_is_done() {
    let refused = |config: WhisperConfig| match WhisperTranscriber::new(config) {
        Ok(_) => panic!("accepted"),
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::Denied);
            failure.told()
        }
    };
    let missing = refused(WhisperConfig {
        models_directory: "/nowhere".into(),
        ..WhisperConfig::default()
    });
    assert!(
        missing.contains("`callpipe models pull base.en` fetches it (142 MiB)"),
        "{missing}"
    );
    let model = MadeModel::english(&sayings());
    let language = |language: &str| WhisperConfig {
        language: language.into(),
        ..model.config()
    };
    assert!(refused(language("klingon")).contains("which no model knows"));
    assert!(refused(language("e\0n")).contains("null"));
    // Whether a model knows a language can be seen only when it is loaded.
    let german = WhisperTranscriber::new(language("de")).unwrap();
    let failure = german.check().await.unwrap_err();
    assert!(
        failure.told().contains("English only"),
        "{}",
        failure.told()
    );
    std::fs::write(model.path(), b"<html>no model</html>").unwrap();
    let broken = WhisperTranscriber::new(model.config()).unwrap();
    let failure = broken.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(
        failure.told().contains("ggml's format"),
        "{}",
        failure.told()
    );
}

#[tokio::test]
async fn a_model_that_was_cut_off_is_not_run() {
    let model = MadeModel::english(&sayings());
    let whole = std::fs::read(model.path()).unwrap();
    for share in [0.001, 0.3, 0.9, 0.999] {
        let length = (whole.len() as f64 * share) as usize;
        std::fs::write(model.path(), &whole[..length]).unwrap();
        let cut = WhisperTranscriber::new(model.config()).unwrap();
        assert!(cut.check().await.is_err(), "{share}");
    }
}

#[tokio::test]
async fn what_is_no_audio_is_refused_by_name() {
    let model = MadeModel::english(&sayings());
    let failure = bought(model.config(), b"<html>Sign in</html>".repeat(50))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.told().contains("no audio"), "{}", failure.told());
}

/// Without it, a stop would wait for the end of a recording.
#[test]
fn who_listens_can_be_stopped_in_the_middle_of_a_window() {
    let model = MadeModel::english(&sayings());
    let listener = Listener::load(&model.config(), &model.path()).unwrap();
    let mut windower = Windower::new(false);
    windower.push(&vec![0.1; 5 * 16_000]);
    let window = windower.finish().unwrap();
    let hear = |stop: bool| {
        let stop: StopFlag = Arc::new(AtomicBool::new(stop));
        let mut state = listener.state().unwrap();
        let is_whole = state
            .full(listener.parameters(Some("en"), &stop), &window.samples)
            .is_ok();
        let result = listener.hear(&mut state, &window, Some("en"), &stop);
        (is_whole, result.is_ok(), stop.load(Ordering::Relaxed))
    };
    assert_eq!(hear(false), (true, true, false));
    assert_eq!(hear(true), (false, false, true));
}
