//! The contract against the sandbox, clean and under each of its faults.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use callpipe_sandbox::System;
use serde_json::{Value, json};

use super::{KEY, classifier, config};
use crate::classifiers::openai_compatible::{OpenAiCompatibleClassifier, StructuredOutput};
use crate::classifiers::testing::Bench;

async fn bench() -> Bench<OpenAiCompatibleClassifier> {
    bench_with(json!({})).await
}

async fn bench_with(settings: Value) -> Bench<OpenAiCompatibleClassifier> {
    Bench::new(|sandbox| {
        let mut whole = json!({ "endpoint": sandbox.openai_url, "api_key": KEY });
        let own = settings.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(own);
        classifier(config(whole))
    })
    .await
}

fn requests(bench: &Bench<OpenAiCompatibleClassifier>) -> usize {
    bench.sandbox.journal().count(System::OpenAi)
}

#[tokio::test]
async fn keeps_the_contract() {
    let bench = bench().await;
    let changed = classifier(config(json!({ "temperature": 0.5 })));
    bench.assert_contract(&changed).await;
}

/// In each of the three forms that an answer can be asked for.
#[tokio::test]
async fn every_call_gets_its_true_labels_and_analysis() {
    for form in ["json_schema", "json_object", "none"] {
        let settings = json!({ "structured_output": form, "temperature": 0.0 });
        let bench = bench_with(settings).await;
        let mut labelled = 0;
        for call in bench.corpus.calls() {
            let Some(truth) = &call.truth else { continue };
            let reply = bench.buy(call, Effort::Usual).await.unwrap();
            let read = bench.classifier.read(&reply, &bench.model());
            let classification = read.expect(&call.id);
            let truth = serde_json::to_value(truth).unwrap();
            for field in ["call_type", "sale_result", "product_family", "agent_name"] {
                let value = &classification.values()[field];
                assert_eq!(*value, truth[field], "{} {field}", call.id);
            }
            assert_eq!(classification.model, "sandbox-large");
            labelled += 1;

            let Some(expected) = &call.analysis else {
                continue;
            };
            let analysis = bench.analysis(call).await.expect(&call.id);
            assert_eq!(analysis.summary.as_deref(), Some(expected.summary.as_str()));
            let topics: Vec<&str> = analysis
                .topics
                .iter()
                .map(|one| one.topic.as_str())
                .collect();
            let wanted = expected.topics.iter().map(|one| one.topic.as_str());
            assert_eq!(topics, wanted.take(10).collect::<Vec<_>>(), "{}", call.id);
            let average = analysis.sentiment.and_then(|sentiment| sentiment.average);
            let wanted = expected.average_sentiment.as_ref();
            assert_eq!(
                average.map(|average| average.sentiment_score),
                wanted.map(|average| average.score),
                "{}",
                call.id
            );
        }
        assert!(labelled > 10, "{form}");
    }
}

#[tokio::test]
async fn each_refusal_has_its_meaning() {
    use FailureKind::*;
    let bench = bench().await;
    let refusals = [
        ("openai.400", Rejected),
        ("openai.401", Denied),
        ("openai.403", Denied),
        ("openai.429", RateLimited),
        ("openai.insufficient_quota", Denied),
        ("openai.500", Unavailable),
        ("openai.503_loading", Unavailable),
        ("openai.html", Unavailable),
        ("openai.error_in_200", Unavailable),
        ("openai.context_length", Rejected),
        ("openai.cut_reply", Unavailable),
        ("openai.connection_reset", Unavailable),
    ];
    bench.assert_refusals(&refusals).await;
    bench.assert_left_alone("openai.429", "sandbox-large").await;
}

#[tokio::test]
async fn spoilt_answers_are_blocked_or_faulty_and_never_labels() {
    let bench = bench().await;
    let faults = [
        ("openai.refusal", true),
        ("openai.content_filter", true),
        ("openai.cut_json", false),
        ("openai.off_list", false),
        ("openai.prose_around", false),
        ("openai.empty_content", false),
        ("openai.no_choices", false),
    ];
    bench.assert_spoilt(&faults).await;
    let clean = bench.read(Effort::Usual).await.unwrap();
    for fault in [
        "openai.fenced",
        "openai.think_tags",
        "openai.think_end",
        "openai.content_parts",
        "openai.no_usage",
    ] {
        bench.arm(fault);
        let read = bench.read(Effort::Usual).await;
        assert_eq!(read.expect(fault), clean, "{fault}");
    }
}

#[tokio::test]
async fn a_spoilt_analysis_is_none() {
    let bench = bench().await;
    for fault in ["openai.off_list", "openai.cut_json", "openai.refusal"] {
        bench.arm(fault);
        assert!(bench.analysis(bench.longest()).await.is_err(), "{fault}");
    }
    assert!(bench.analysis(bench.longest()).await.is_ok());
}

/// What a server refuses once, it is not asked for again.
#[tokio::test]
async fn a_form_that_is_refused_is_asked_for_in_a_weaker_one_from_then_on() {
    for (faults, form, refused) in [
        (
            &["openai.rejects_json_schema"][..],
            StructuredOutput::JsonObject,
            1,
        ),
        (
            &["openai.rejects_response_format"],
            StructuredOutput::None,
            2,
        ),
        (
            &["openai.rejects_max_tokens", "openai.rejects_json_schema"],
            StructuredOutput::JsonObject,
            2,
        ),
    ] {
        let bench = bench().await;
        for fault in faults {
            bench.arm(&format!("{fault}:times=always"));
        }
        assert!(bench.read(Effort::Usual).await.is_ok(), "{faults:?}");
        assert_eq!(requests(&bench), refused + 1);
        assert!(bench.read(Effort::Enlarged).await.is_ok());
        assert!(bench.analysis(bench.longest()).await.is_ok());
        assert_eq!(requests(&bench), refused + 3);
        assert_eq!(bench.classifier.client.manner(&bench.model()).form, form);
        let report = bench.classifier.check().await.unwrap();
        assert!(
            report.ends_with(&format!("{}\" at most", form.as_str())),
            "{report}"
        );
    }
}

#[tokio::test]
async fn more_room_mends_an_answer_that_was_cut() {
    let bench = bench_with(json!({ "max_output_tokens": 60 })).await;
    let told = "sandbox-large gave no usable answer: it ended with length";
    bench.assert_more_room_mends(told).await;
}

#[tokio::test]
async fn a_model_that_does_not_exist_is_remembered_and_found_again() {
    let bench = bench_with(json!({ "models": ["gone", "sandbox-small"] })).await;
    let failure = bench.buy(bench.longest(), Effort::Usual).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModelRetired);
    assert!(failure.message.contains("gone"), "{failure}");
    assert_eq!(
        bench.classifier.models(),
        [ModelName("sandbox-small".into())]
    );
    assert!(bench.read(Effort::Usual).await.is_ok());
    let report = bench.classifier.check().await.unwrap();
    assert_eq!(
        report,
        format!(
            "sandbox-small at {} labels by the taxonomy; gone is not offered here",
            bench.sandbox.openai_url
        )
    );

    bench.arm("openai.model_not_found:times=1");
    let failure = bench.classifier.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModelRetired);
    assert_eq!(bench.classifier.models(), []);
    assert!(bench.classifier.check().await.is_ok());
    assert_eq!(
        bench.classifier.models(),
        [ModelName("sandbox-small".into())]
    );
}

#[tokio::test]
async fn the_check_tries_as_the_stage_does() {
    let bench = bench().await;
    bench.arm("openai.cut_json");
    let report = bench.classifier.check().await.unwrap();
    assert!(report.starts_with("sandbox-large"));
    bench.arm("openai.refusal:times=always,model=sandbox-large");
    let report = bench.classifier.check().await.unwrap();
    assert!(report.starts_with("sandbox-small"));
    bench.sandbox.faults().disarm_all();
    bench.arm("openai.off_list:times=always");
    let failure = bench.classifier.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnusableReply);
    assert!(failure.hint.unwrap().contains("max_output_tokens"));
}

#[tokio::test]
async fn a_wrong_key_or_address_is_the_setups_fault() {
    let at = |url: &str, key: &str| classifier(config(json!({ "endpoint": url, "api_key": key })));
    let bench = bench().await;
    let url = &bench.sandbox.openai_url;
    for classifier in [at(url, "other"), at(&url.replace("/v1", ""), KEY)] {
        let failure = classifier.check().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.hint.is_some());
    }
}
