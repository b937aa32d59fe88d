//! The contract against the sandbox, clean and under each of its faults.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::conformance;
use callpipe_core::contracts::transcriber::{Audio, AudioLink, TranscribedRecording, Transcriber};
use callpipe_core::failure::{FailureKind, Outside};
use callpipe_core::recording::{Recording, Role};
use callpipe_core::transcript::Speaker;
use callpipe_sandbox::{Contact, Corpus, CorpusCall, Sandbox, SandboxOptions, System, World};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};

use super::{participant, recording_of, transcriber, transcriber_with};
use crate::http::Endpoint;
use crate::transcribers::deepgram::DeepgramConfig;

struct Bench {
    sandbox: Sandbox,
    corpus: Arc<Corpus>,
}

/// A sandbox with one contact for each call of the corpus.
async fn bench() -> Bench {
    let corpus = Corpus::embedded().unwrap();
    let started_at: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
    let contacts = corpus
        .calls()
        .iter()
        .map(|call| Contact::recorded(&call.id, started_at, &[&call.id]))
        .collect();
    let world = World::exact(Arc::clone(&corpus), 1, contacts);
    let sandbox = Sandbox::start(world, SandboxOptions::default())
        .await
        .unwrap();
    Bench { sandbox, corpus }
}

impl Bench {
    fn recording(&self, call: &CorpusCall) -> (Recording, Bytes) {
        let world = self.sandbox.world();
        let audio = world.audio(world.contact(&call.id).unwrap(), 0).unwrap();
        let participants = match call.agent_channel {
            Some(channel) => vec![participant(channel as u32, Role::Agent)],
            None => vec![],
        };
        let mut recording = recording_of(&audio, participants);
        recording.content_type = call.content_type.clone();
        (recording, audio)
    }

    async fn buy(&self, call: &CorpusCall) -> Outside<Bytes> {
        let (recording, audio) = self.recording(call);
        let chunks: Vec<_> = audio
            .chunks(10_000)
            .map(Bytes::copy_from_slice)
            .map(Ok)
            .collect();
        let audio = Audio::Stream(stream::iter(chunks).boxed());
        transcriber(&self.sandbox.deepgram_url)
            .buy(&recording, audio)
            .await
    }

    async fn transcribe(&self, call: &CorpusCall) -> TranscribedRecording {
        let reply = self.buy(call).await.unwrap();
        let (recording, _) = self.recording(call);
        transcriber(&self.sandbox.deepgram_url)
            .read(&reply, &recording)
            .unwrap()
    }

    /// The call with two channels in which most is said.
    fn stereo(&self) -> &CorpusCall {
        let calls = self.corpus.calls().iter().filter(|call| call.channels == 2);
        calls.max_by_key(|call| call.word_count()).unwrap()
    }

    fn arm(&self, fault: &str) {
        self.sandbox.faults().arm_text(fault).unwrap();
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    let bench = bench().await;
    let (recording, audio) = bench.recording(bench.stereo());
    let transcriber = transcriber(&bench.sandbox.deepgram_url);
    let changed = transcriber_with(DeepgramConfig {
        language: "es".into(),
        ..DeepgramConfig::default()
    });
    conformance::transcriber::transcriber(&transcriber, &changed, &recording, audio).await;
}

#[tokio::test]
async fn every_call_is_heard_word_for_word() {
    let bench = bench().await;
    for call in bench.corpus.calls() {
        let transcribed = bench.transcribe(call).await;
        let transcript = &transcribed.transcript;
        assert_eq!(transcript.channels as usize, call.channels, "{}", call.id);
        assert_eq!(transcript.duration_s, call.duration_s, "{}", call.id);
        assert_eq!(transcribed.model, "general-nova-3 2025-07-31.0");
        assert!(transcribed.request_id.is_some());
        for channel in 0..call.channels {
            let mut said: Vec<_> = call
                .turns
                .iter()
                .filter(|turn| turn.channel == channel)
                .flat_map(|turn| &turn.words)
                .collect();
            said.sort_by(|one, other| one.start_s.total_cmp(&other.start_s));
            let said: Vec<&str> = said
                .iter()
                .map(|word| word.punctuated_word.as_str())
                .collect();
            let mut heard: Vec<_> = transcript
                .turns
                .iter()
                .filter(|turn| turn.channel as usize == channel)
                .flat_map(|turn| &turn.words)
                .collect();
            heard.sort_by(|one, other| one.start_s.total_cmp(&other.start_s));
            let heard: Vec<&str> = heard.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(heard, said, "{} channel {channel}", call.id);
        }
        for turn in &transcript.turns {
            let role = match turn.speaker {
                Speaker::Side(role) => role,
                Speaker::Numbered(_) => {
                    assert_eq!(call.channels, 1, "{}", call.id);
                    continue;
                }
            };
            let is_agent = call.agent_channel == Some(turn.channel as usize);
            assert_eq!(role == Role::Agent, is_agent, "{}", call.id);
        }
        assert!(
            transcript
                .turns
                .is_sorted_by(|one, next| one.start_s() <= next.start_s())
        );
    }
}

#[tokio::test]
async fn every_call_is_understood() {
    let bench = bench().await;
    let mut without_summary = 0;
    for call in bench.corpus.calls() {
        let analysis = bench.transcribe(call).await.analysis;
        let Some(expected) = call.analysis.as_ref().filter(|_| call.word_count() > 0) else {
            assert_eq!(analysis, Default::default(), "{}", call.id);
            continue;
        };
        let is_long = call.word_count() > 50;
        without_summary += usize::from(!is_long);
        assert_eq!(
            analysis.summary,
            is_long.then(|| expected.summary.clone()),
            "{}",
            call.id
        );
        let topics: Vec<_> = analysis.topics.iter().map(|topic| &topic.topic).collect();
        assert_eq!(
            topics,
            expected
                .topics
                .iter()
                .map(|topic| &topic.topic)
                .collect::<Vec<_>>()
        );
        let intents: Vec<_> = analysis.intents.iter().map(|intent| &intent.text).collect();
        assert_eq!(
            intents,
            expected
                .intents
                .iter()
                .map(|intent| &intent.text)
                .collect::<Vec<_>>()
        );
        let average = analysis.sentiment.and_then(|sentiment| sentiment.average);
        assert_eq!(
            average.map(|average| average.sentiment),
            expected
                .average_sentiment
                .as_ref()
                .map(|average| average.sentiment.clone())
        );
    }
    assert!(without_summary > 0, "no short call in the corpus");
}

#[tokio::test]
async fn a_link_is_as_good_as_a_stream() {
    let bench = bench().await;
    let call = bench.stereo();
    let (recording, audio) = bench.recording(call);
    let files = file_once(audio).await;
    let link = Audio::Link(AudioLink(format!("{files}/audio.mp4?sig=1")));
    let transcriber = transcriber(&bench.sandbox.deepgram_url);
    let reply = transcriber.buy(&recording, link).await.unwrap();
    let by_link = transcriber.read(&reply, &recording).unwrap();
    assert_eq!(by_link.transcript, bench.transcribe(call).await.transcript);
    // Nobody listens there any more.
    let link = Audio::Link(AudioLink(format!("{files}/gone.mp4?sig=1")));
    let failure = transcriber.buy(&recording, link).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CorruptTransfer);
    assert!(!failure.chain().contains("gone.mp4"), "{}", failure.chain());
}

/// Serves some bytes once and then no more.
async fn file_once(audio: Bytes) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut request = [0; 4096];
        let _read = socket.read(&mut request).await.unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            audio.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&audio).await.unwrap();
    });
    format!("http://{address}")
}

#[tokio::test]
async fn each_refusal_has_its_meaning() {
    use FailureKind::*;
    let bench = bench().await;
    for (fault, kind) in [
        ("deepgram.400_corrupt", Unsupported),
        ("deepgram.remote_content_error", CorruptTransfer),
        ("deepgram.401", Denied),
        ("deepgram.402", Denied),
        ("deepgram.403", Denied),
        ("deepgram.408", Unavailable),
        ("deepgram.422", Unavailable),
        ("deepgram.html", Unavailable),
        ("deepgram.429", RateLimited),
        ("deepgram.500", Unavailable),
        ("deepgram.502", Unavailable),
        ("deepgram.503", Unavailable),
        ("deepgram.504", Unavailable),
        ("deepgram.plain_text_error", Unavailable),
        ("deepgram.cut_reply", Unavailable),
        ("deepgram.connection_reset", Unavailable),
        ("deepgram.empty_body", CorruptTransfer),
    ] {
        bench.arm(fault);
        let failure = bench.buy(bench.stereo()).await.expect_err(fault);
        assert_eq!(failure.kind, kind, "{fault}: {failure:?}");
    }
    bench.arm("deepgram.429:retry_after_s=9");
    let failure = bench.buy(bench.stereo()).await.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(9)));
    assert!(bench.buy(bench.stereo()).await.is_ok());
}

#[tokio::test]
async fn spoilt_replies_are_read_as_far_as_they_go() {
    let bench = bench().await;
    let call = bench.stereo();
    let clean = bench.transcribe(call).await;
    assert!(!clean.analysis.topics.is_empty() && clean.analysis.summary.is_some());

    bench.arm("deepgram.wrapped_topics");
    let wrapped = bench.transcribe(call).await;
    assert_eq!(
        (&wrapped.transcript, &wrapped.analysis),
        (&clean.transcript, &clean.analysis)
    );

    bench.arm("deepgram.missing_sections");
    let bare = bench.transcribe(call).await;
    assert_eq!(bare.transcript, clean.transcript);
    assert_eq!(bare.analysis, Default::default());

    bench.arm("deepgram.absurd_numbers");
    let absurd = bench.transcribe(call).await;
    let words = |one: &TranscribedRecording| {
        one.transcript
            .turns
            .iter()
            .map(|turn| turn.words.len())
            .sum::<usize>()
    };
    assert_eq!(words(&absurd), words(&clean));
    for word in absurd.transcript.turns.iter().flat_map(|turn| &turn.words) {
        assert!(word.start_s >= 0.0 && word.start_s <= word.end_s && word.end_s <= call.duration_s);
        assert!((0.0..=1.0).contains(&word.confidence));
    }
    assert!(absurd.transcript.duration_s > 0.0);

    bench.arm("deepgram.malformed_json");
    let reply = bench.buy(call).await.unwrap();
    let (recording, _) = bench.recording(call);
    let failure = transcriber(&bench.sandbox.deepgram_url)
        .read(&reply, &recording)
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnusableReply);
}

#[tokio::test]
async fn languages_without_intelligence_are_not_refused() {
    let bench = bench().await;
    let call = bench.stereo();
    let (recording, audio) = bench.recording(call);
    for (language, has_summary) in [
        ("es", false),
        ("multi", false),
        ("auto", true),
        ("en-AU", true),
    ] {
        let transcriber = transcriber_with(DeepgramConfig {
            endpoint: Some(Endpoint::parse(&bench.sandbox.deepgram_url).unwrap()),
            language: language.into(),
            keyterms: vec!["Zomax".into()],
            redact: vec!["pci".into()],
            tags: vec!["test".into()],
            mip_opt_out: true,
            ..DeepgramConfig::default()
        });
        let audio = audio.clone();
        let audio = Audio::Stream(stream::once(async { Ok(audio) }).boxed());
        let reply = transcriber.buy(&recording, audio).await.expect(language);
        let transcribed = transcriber.read(&reply, &recording).unwrap();
        assert!(!transcribed.transcript.turns.is_empty());
        assert_eq!(
            transcribed.analysis.summary.is_some(),
            has_summary,
            "{language}"
        );
    }
}

#[tokio::test]
async fn the_check_asks_once_and_says_what_it_reached() {
    let bench = bench().await;
    let transcriber = transcriber(&bench.sandbox.deepgram_url);
    let report = transcriber.check().await.unwrap();
    assert_eq!(
        report,
        format!(
            "Deepgram at {} transcribes with nova-3",
            bench.sandbox.deepgram_url
        )
    );
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 1);
    bench.arm("deepgram.401");
    assert_eq!(
        transcriber.check().await.unwrap_err().kind,
        FailureKind::Denied
    );
}
