use serde_json::{Value, json};

use super::support::{bench, bench_with, body};
use crate::testing::silent_wav;
use crate::{SandboxOptions, System, Violation};

#[tokio::test]
async fn two_channels_with_every_feature() {
    let bench = bench().await;
    let answer = bench.transcribe("101").await;
    assert!(answer.headers().contains_key("dg-request-id"));
    let answer = body(answer).await;
    let metadata = &answer["metadata"];
    assert_eq!(
        (&metadata["channels"], &metadata["duration"]),
        (&json!(2), &json!(30.0))
    );
    for info in [
        "summary_info",
        "topics_info",
        "intents_info",
        "sentiment_info",
    ] {
        assert!(
            metadata[info]["input_tokens"].as_u64().unwrap() > 0,
            "{info}"
        );
    }
    let results = &answer["results"];
    let agent = results["channels"][0]["alternatives"][0]["transcript"]
        .as_str()
        .unwrap();
    assert!(agent.starts_with("Thanks for calling Ridgeline Parts, this is Priya."));
    let utterances = results["utterances"].as_array().unwrap();
    let order: Vec<(u64, f64)> = utterances
        .iter()
        .map(|one| {
            (
                one["channel"].as_u64().unwrap(),
                one["start"].as_f64().unwrap(),
            )
        })
        .collect();
    assert!(order.is_sorted(), "by channel, then by time: {order:?}");
    assert!(order[0].1 < order.last().unwrap().1);
    let topic = &results["topics"]["segments"][0];
    assert_eq!(topic["topics"][0]["topic"], json!("Chainsaw chain"));
    assert_eq!(
        (&topic["start_word"], &topic["end_word"]),
        (&json!(16), &json!(25))
    );
    assert_eq!(
        results["sentiments"]["average"]["sentiment"],
        json!("positive")
    );
    assert_eq!(
        results["summary"]["short"],
        json!("The customer orders a chain for a saw and pays by card.")
    );
}

#[tokio::test]
async fn mono_is_one_channel_with_numbered_speakers() {
    let bench = bench().await;
    let answer = body(bench.transcribe("102").await).await;
    assert_eq!(answer["metadata"]["channels"], json!(1));
    let words = answer
        .pointer("/results/channels/0/alternatives/0/words")
        .unwrap();
    assert_eq!(
        (&words[0]["speaker"], &words[5]["speaker"]),
        (&json!(0), &json!(1))
    );
    let paragraphs = answer
        .pointer("/results/channels/0/alternatives/0/paragraphs")
        .unwrap();
    assert!(
        paragraphs["transcript"]
            .as_str()
            .unwrap()
            .starts_with("\nSpeaker 0: Ridgeline")
    );
    // Too few words for a summary: the transcript comes back, and nothing is charged.
    assert_eq!(answer["metadata"]["summary_info"]["input_tokens"], json!(0));
    assert!(
        answer["results"]["summary"]["short"]
            .as_str()
            .unwrap()
            .starts_with("Ridgeline")
    );
}

#[tokio::test]
async fn without_formatting_words_are_bare() {
    let bench = bench().await;
    let request = bench
        .listen("model=nova-2&tag=a&tag=b&extra=call:77")
        .body(bench.audio("101"));
    let answer = body(request.send().await.unwrap()).await;
    assert_eq!(answer["results"]["channels"].as_array().unwrap().len(), 1);
    let word = answer
        .pointer("/results/channels/0/alternatives/0/words/0")
        .unwrap();
    assert_eq!(
        (&word["word"], word.get("punctuated_word")),
        (&json!("thanks"), None)
    );
    assert_eq!(answer["metadata"]["tags"], json!(["a", "b"]));
    assert_eq!(answer["metadata"]["extra"], json!({ "call": "77" }));
    assert!(answer["results"].get("summary").is_none());
}

#[tokio::test]
async fn silence_has_a_transcript_and_nothing_else() {
    let bench = bench().await;
    let known = bench.audio("103");
    let request = bench.listen("model=nova-3&utterances=true&summarize=v2&topics=true");
    for audio in [known, silent_wav(2000)] {
        let answer = body(
            request
                .try_clone()
                .unwrap()
                .body(audio)
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(
            answer.pointer("/results/channels/0/alternatives/0/transcript"),
            Some(&json!(""))
        );
        let names: Vec<&String> = answer["results"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["channels"]);
    }
    for audio in [&b"no audio at all"[..], b"", &silent_wav(2000)[..500]] {
        let answer = request
            .try_clone()
            .unwrap()
            .body(audio.to_vec())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400);
        assert!(
            body(answer).await["err_msg"]
                .as_str()
                .unwrap()
                .contains("corrupt or unsupported")
        );
    }
}

#[tokio::test]
async fn links_are_fetched() {
    let bench = bench().await;
    let link = bench.recording_url("101").await;
    let request = |link: &str| bench.listen("model=nova-3").json(&json!({ "url": link }));
    let answer = body(request(&link).send().await.unwrap()).await;
    assert_eq!(answer["metadata"]["duration"], json!(30.0));
    bench.pass_s(301);
    let answer = request(&link).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(
        body(answer).await["err_code"],
        json!("REMOTE_CONTENT_ERROR")
    );
}

#[tokio::test]
async fn bad_queries_and_keys_are_refused() {
    let bench = bench().await;
    for query in [
        "model=nova-9",
        "model=nova-3&detect_topics=true",
        "model=nova-3&summarize=v2&language=es",
        "model=nova-3&smart_format=yes",
        "model=nova-2&keyterm=Zomax",
        "model=nova-3&diarize_model=v7",
    ] {
        let answer = bench
            .listen(query)
            .body(bench.audio("101"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
    let url = format!("{}/v1/listen?model=nova-3", bench.sandbox.deepgram_url);
    let request = bench
        .client
        .post(url)
        .header("authorization", "Token wrong");
    let answer = request.body(bench.audio("101")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(body(answer).await["err_code"], json!("INVALID_AUTH"));
    assert!(bench.sandbox.journal().purchases().is_empty());
}

#[tokio::test]
async fn more_than_the_limit_in_flight_is_refused() {
    let options = SandboxOptions {
        deepgram_in_flight_max: 2,
        ..SandboxOptions::default()
    };
    let bench = bench_with(options).await;
    // Two uploads that end only when they are let.
    let (let_end, ended) = tokio::sync::watch::channel(false);
    let uploads = (0..2).map(|_| {
        let (audio, mut ended) = (bench.audio("101"), ended.clone());
        let body =
            futures::stream::once(
                async move { ended.wait_for(|ended| *ended).await.map(|_| audio) },
            );
        let request = bench
            .listen("model=nova-3")
            .body(reqwest::Body::wrap_stream(body));
        tokio::spawn(request.send())
    });
    let uploads: Vec<_> = uploads.collect();
    while bench.sandbox.journal().maxima().deepgram_in_flight < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.transcribe("102").await.status(), 429);
    let_end.send_replace(true);
    for upload in uploads {
        assert_eq!(upload.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(bench.sandbox.journal().maxima().deepgram_in_flight, 3);
    let violations = bench.sandbox.journal().violations();
    assert_eq!(violations[0].violation, Some(Violation::OverInFlightLimit));
    let purchases = bench.sandbox.journal().purchases();
    assert_eq!((purchases.len(), purchases[0].times), (1, 2));
    assert_eq!(purchases[0].contact_id.as_deref(), Some("101"));
}

#[tokio::test]
async fn refusing_faults_cost_nothing() {
    let bench = bench().await;
    for (fault, status) in [
        ("400_corrupt", 400),
        ("remote_content_error", 400),
        ("401", 401),
        ("402", 402),
        ("403", 403),
        ("408", 408),
        ("429", 429),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("504", 504),
        ("plain_text_error", 500),
    ] {
        bench.arm(&format!("deepgram.{fault}:contact=101"));
        assert_eq!(bench.transcribe("102").await.status(), 200);
        assert_eq!(bench.transcribe("101").await.status(), status, "{fault}");
    }
    let bought = bench.sandbox.journal().purchases();
    assert!(
        bought
            .iter()
            .all(|one| one.contact_id.as_deref() == Some("102"))
    );
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), 24);
}

#[tokio::test]
async fn spoilt_answers_were_paid_for() {
    let bench = bench().await;
    bench.arm("deepgram.malformed_json");
    let bytes = bench.transcribe("101").await.bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&bytes).is_err());
    bench.arm("deepgram.cut_reply");
    assert!(bench.transcribe("101").await.bytes().await.is_err());
    bench.arm("deepgram.empty_body");
    assert!(
        bench
            .transcribe("101")
            .await
            .bytes()
            .await
            .unwrap()
            .is_empty()
    );
    bench.arm("deepgram.missing_sections");
    let answer = body(bench.transcribe("101").await).await;
    assert_eq!(answer["results"].as_object().unwrap().len(), 1);
    bench.arm("deepgram.wrapped_topics");
    let answer = body(bench.transcribe("101").await).await;
    assert!(
        answer
            .pointer("/results/topics/results/topics/segments/0")
            .is_some()
    );
    bench.arm("deepgram.absurd_numbers");
    assert_eq!(
        body(bench.transcribe("101").await).await["metadata"]["duration"],
        json!(-3.5)
    );
    assert_eq!(bench.sandbox.journal().purchases()[0].times, 6);
}

#[tokio::test]
async fn who_hangs_up_pays_all_the_same() {
    let bench = bench().await;
    bench.arm("deepgram.slow:delay_ms=600000");
    let request = bench.listen("model=nova-3").body(bench.audio("101"));
    let answering = tokio::spawn(request.send());
    while bench.sandbox.faults().armed()[0].1 == 0 {
        tokio::task::yield_now().await;
    }
    answering.abort();
    while bench.sandbox.journal().entries().is_empty() {
        tokio::task::yield_now().await;
    }
    let entry = bench.sandbox.journal().entries().remove(0);
    assert_eq!(entry.status, None);
    assert!(entry.bill.is_some());
}
