use serde_json::{Value, json};

use super::support::{bench, body};
use crate::{Corpus, Sandbox, SandboxOptions, World};

#[tokio::test]
async fn another_process_arms_faults_and_reads_the_journal() {
    let bench = bench().await;
    let url = |path: &str| format!("{}/_sandbox/{path}", bench.sandbox.nice_cxone_url);
    let armed = bench
        .client
        .post(url("faults"))
        .body("deepgram.500:times=2\n\ngemini.429")
        .send();
    assert_eq!(body(armed.await.unwrap()).await, json!({ "armed": 2 }));
    let wrong = bench
        .client
        .post(url("faults"))
        .body("gemini.500\nnonsense")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
    assert_eq!(bench.sandbox.faults().armed().len(), 2);
    assert_eq!(bench.transcribe("101").await.status(), 500);
    let lines = bench
        .client
        .get(url("journal"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["fault"], &line["status"]),
        (&json!("deepgram.500"), &json!(500))
    );
    assert_eq!(line["contact_id"], json!("101"));
    bench.client.delete(url("faults")).send().await.unwrap();
    assert_eq!(bench.transcribe("101").await.status(), 200);
    let summary = body(bench.client.get(url("summary")).send().await.unwrap()).await;
    assert_eq!(summary["purchases"][0]["times"], json!(1));
    let csv = bench
        .client
        .get(url("contacts.csv"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(csv.lines().count(), 10);
}

#[tokio::test]
async fn a_stopped_sandbox_gives_its_port_back() {
    let bench = bench().await;
    let url = bench.sandbox.nice_cxone_url.clone();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    bench.sign_in().await;
    bench.sandbox.stop().await;
    let mut options = SandboxOptions::default();
    options.ports.nice_cxone = port;
    let world = World::exact(crate::testing::corpus(), 1, Vec::new());
    let again = Sandbox::start(world, options).await.unwrap();
    assert_eq!(again.nice_cxone_url, url);
}

#[test]
fn the_embedded_corpus_is_consistent() {
    let corpus = Corpus::embedded().unwrap();
    for call in corpus.calls() {
        assert!((1..=2).contains(&call.channels), "{}", call.id);
        assert!(
            crate::audio::outline(&corpus.audio(call)).is_some(),
            "{}",
            call.id
        );
        assert_eq!(call.truth.is_some(), call.word_count() > 0, "{}", call.id);
        for turn in &call.turns {
            assert!(turn.channel < call.channels, "{}", call.id);
        }
    }
}
