//! A small client of its own goes through the whole embedded corpus, as a pipeline would.

use std::time::Instant;

use serde_json::{Value, json};

use super::support::{Bench, LITE, bench_of, body, request, text_of};
use crate::testing::now;
use crate::{Corpus, ExpectedOutcome, SandboxOptions, System, World, WorldOptions};

/// The conversation, one line an utterance, in order of time.
fn conversation(reply: &Value) -> String {
    let mut utterances = reply["results"]["utterances"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let start = |one: &Value| one["start"].as_f64().unwrap();
    utterances.sort_by(|one, other| start(one).total_cmp(&start(other)));
    let lines = utterances.iter().map(|one| {
        format!(
            "Speaker {}: {}\n",
            one["channel"],
            one["transcript"].as_str().unwrap()
        )
    });
    lines.collect()
}

async fn classified(bench: &Bench, master_id: &str, query: &str) -> Option<Value> {
    let url = bench.recording_url(master_id).await;
    let audio = bench.download(&url).await.bytes().await.unwrap();
    let reply = body(bench.listen(query).body(audio).send().await.unwrap()).await;
    let conversation = conversation(&reply);
    if conversation.is_empty() {
        return None;
    }
    let answer = bench
        .generate(LITE, &request(&conversation))
        .send()
        .await
        .unwrap();
    Some(serde_json::from_str(&text_of(&body(answer).await)).unwrap())
}

async fn check_whole_corpus(query: &str) {
    let world = World::one_of_each(Corpus::embedded().unwrap(), now());
    let bench = bench_of(world, SandboxOptions::default()).await;
    for expected in bench.sandbox.world().expected() {
        let found = classified(&bench, &expected.master_contact_id, query).await;
        let truth = expected
            .truth
            .as_ref()
            .map(|truth| serde_json::to_value(truth).unwrap());
        assert_eq!(found, truth, "{:?}", expected.call_ids);
        assert_eq!(
            found.is_none(),
            expected.outcome == ExpectedOutcome::NoSpeech
        );
    }
    let journal = bench.sandbox.journal();
    assert_eq!(journal.violations(), []);
    assert!(
        journal
            .purchases()
            .iter()
            .all(|purchase| purchase.times == 1)
    );
    assert_eq!(
        journal.count(System::Deepgram),
        bench.sandbox.world().contacts().len()
    );
}

#[tokio::test]
async fn whole_corpus_on_two_channels() {
    check_whole_corpus("model=nova-3&smart_format=true&utterances=true&multichannel=true").await;
}

#[tokio::test]
async fn whole_corpus_by_numbered_speakers() {
    check_whole_corpus("model=nova-3&smart_format=true&utterances=true&diarize=true").await;
}

#[tokio::test]
async fn whole_corpus_without_punctuation() {
    check_whole_corpus("model=nova-3&utterances=true").await;
}

#[tokio::test]
async fn every_passage_of_the_analysis_is_found_in_the_words() {
    let corpus = Corpus::embedded().unwrap();
    let world = World::one_of_each(corpus.clone(), now());
    let bench = bench_of(world, SandboxOptions::default()).await;
    for contact in bench.sandbox.world().contacts() {
        let reply = body(bench.transcribe(&contact.contact_id).await).await;
        let call = corpus
            .call(&bench.sandbox.world().expected_of(contact).call_ids[0])
            .unwrap();
        let words: Vec<&str> = call
            .turns
            .iter()
            .flat_map(|turn| turn.text.split_whitespace())
            .collect();
        for section in ["topics", "intents", "sentiments"] {
            let segments = reply["results"][section]["segments"].as_array();
            for segment in segments.into_iter().flatten() {
                let place = |name: &str| segment[name].as_u64().unwrap() as usize;
                let found = words[place("start_word")..=place("end_word")].join(" ");
                assert_eq!(json!(found), segment["text"], "{}", call.id);
            }
        }
    }
}

#[test]
fn a_year_of_calls_is_made_in_seconds() {
    let started = Instant::now();
    let options = WorldOptions::new(1, 80_000, now());
    let world = World::new(Corpus::embedded().unwrap(), &options);
    assert_eq!(world.contacts().len(), 80_000);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
