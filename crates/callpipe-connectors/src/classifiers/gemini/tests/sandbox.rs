//! The contract against the sandbox, clean and under each of its faults.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;
use callpipe_sandbox::System;
use serde_json::{Value, json};

use super::{TOKEN, classifier, classifier_as, config, config_at, identity};
use crate::classifiers::gemini::{GeminiClassifier, GeminiConfig};
use crate::classifiers::testing::Bench;
use crate::http::Endpoint;

async fn bench() -> Bench<GeminiClassifier> {
    bench_with(|_| {}).await
}

async fn bench_with(change: impl FnOnce(&mut GeminiConfig)) -> Bench<GeminiClassifier> {
    Bench::new(|sandbox| {
        let mut config = config_at(&sandbox.gemini_url);
        change(&mut config);
        classifier(config)
    })
    .await
}

#[tokio::test]
async fn keeps_the_contract() {
    let bench = bench().await;
    let changed = classifier(config(r#"{"thinking_level":"low"}"#));
    bench.assert_contract(&changed).await;
}

#[tokio::test]
async fn every_call_gets_its_true_labels() {
    let bench = bench().await;
    let mut labelled = 0;
    for call in bench.corpus.calls() {
        let Some(truth) = &call.truth else { continue };
        let reply = bench.buy(call, Effort::Usual).await.unwrap();
        let asked = ModelName("gemini-3.5-flash-lite".into());
        let classification = bench.classifier.read(&reply, &asked).expect(&call.id);
        let values = classification.values();
        assert_eq!(values["call_type"], json!(truth.call_type), "{}", call.id);
        assert_eq!(
            values["sale_result"],
            json!(truth.sale_result),
            "{}",
            call.id
        );
        assert_eq!(
            values["no_sale_reasons"],
            json!(truth.no_sale_reasons),
            "{}",
            call.id
        );
        assert_eq!(
            values["product_family"],
            json!(truth.product_family),
            "{}",
            call.id
        );
        assert_eq!(values["agent_name"], json!(truth.agent_name), "{}", call.id);
        assert_eq!(
            values["escalation_actions"],
            json!(truth.escalation_actions),
            "{}",
            call.id
        );
        assert_eq!(
            values["delivery_tracking"].is_null(),
            truth.delivery_tracking.is_none()
        );
        assert!(classification.model.starts_with("gemini-3.5-flash-lite"));
        labelled += 1;
    }
    assert!(labelled > 10);
}

#[tokio::test]
async fn each_refusal_has_its_meaning() {
    use FailureKind::*;
    let bench = bench().await;
    let refusals = [
        ("gemini.400", Denied),
        ("gemini.schema_too_complex", Denied),
        ("gemini.401_once", Denied),
        ("gemini.403", Denied),
        ("gemini.429", RateLimited),
        ("gemini.500", Unavailable),
        ("gemini.503", Unavailable),
        ("gemini.504", Unavailable),
        ("gemini.html", Unavailable),
        ("gemini.cut_reply", Unavailable),
        ("gemini.connection_reset", Unavailable),
    ];
    bench.assert_refusals(&refusals).await;
    bench
        .assert_left_alone("gemini.429", "gemini-3.5-flash-lite")
        .await;
}

#[tokio::test]
async fn spoilt_answers_are_blocked_or_faulty_and_never_labels() {
    let bench = bench().await;
    let faults = [
        ("gemini.blocked_prompt", true),
        ("gemini.blocked_candidate", true),
        ("gemini.recitation", false),
        ("gemini.max_tokens", false),
        ("gemini.prose_around", false),
        ("gemini.off_list", false),
        ("gemini.too_many_labels", false),
        ("gemini.condition_violated", false),
        ("gemini.missing_section", false),
        ("gemini.malformed_json", false),
        ("gemini.empty_text", false),
        ("gemini.thought_only", false),
        ("gemini.no_candidates", false),
    ];
    bench.assert_spoilt(&faults).await;
    bench.arm("gemini.fenced");
    let clean = bench.read(Effort::Usual).await.unwrap();
    assert_eq!(clean, bench.read(Effort::Usual).await.unwrap());
}

#[tokio::test]
async fn more_room_mends_an_answer_that_was_cut() {
    let bench = bench_with(|config| config.max_output_tokens = 60.try_into().unwrap()).await;
    let told = "gemini-3.5-flash-lite gave no usable answer: it ended with MAX_TOKENS";
    bench.assert_more_room_mends(told).await;
}

#[tokio::test]
async fn a_retired_model_is_remembered() {
    let models = [
        "gemini-2.0-flash",
        "gemini-3.1-flash-lite",
        "gemini-2.5-flash",
    ];
    let bench = bench_with(|config| config.models = models.map(str::to_owned).into()).await;
    let names = |classifier: &GeminiClassifier| {
        classifier
            .models()
            .into_iter()
            .map(|model| model.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&bench.classifier), models);
    let failure = bench.buy(bench.longest(), Effort::Usual).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModelRetired);
    assert!(failure.message.contains("gemini-2.0-flash"), "{failure}");
    assert_eq!(names(&bench.classifier), models[1..]);
    assert!(bench.read(Effort::Usual).await.is_ok());
    // Other failures retire nobody.
    bench.arm("gemini.403");
    assert!(bench.buy(bench.longest(), Effort::Usual).await.is_err());
    assert_eq!(names(&bench.classifier), models[1..]);
}

#[tokio::test]
async fn the_check_says_which_model_answers_and_which_are_gone() {
    let models = [
        "gemini-2.0-flash",
        "gemini-3.1-flash-lite",
        "gemini-2.5-flash",
    ];
    let bench = bench_with(|config| config.models = models.map(str::to_owned).into()).await;
    let report = bench.classifier.check().await.unwrap();
    assert_eq!(
        report,
        format!(
            "gemini-3.1-flash-lite at {} labels by the taxonomy; gemini-2.0-flash is retired or not \
             offered here; gemini-2.5-flash is being switched off by Google",
            bench.sandbox.gemini_url
        )
    );
    assert_eq!(bench.sandbox.journal().count(System::Gemini), 2);
}

#[tokio::test]
async fn a_check_finds_a_model_again() {
    let bench = bench().await;
    bench.arm("gemini.404_retired:times=2");
    assert_eq!(
        bench.classifier.check().await.unwrap_err().kind,
        FailureKind::ModelRetired
    );
    assert_eq!(bench.classifier.models(), []);
    assert!(bench.classifier.check().await.is_ok());
    assert_eq!(
        bench.classifier.models(),
        [ModelName("gemini-3.5-flash-lite".into())]
    );
}

#[tokio::test]
async fn the_check_tries_as_the_stage_does() {
    let bench = bench().await;
    bench.arm("gemini.max_tokens");
    assert!(
        bench
            .classifier
            .check()
            .await
            .unwrap()
            .starts_with("gemini-3.5-flash-lite")
    );
    bench.arm("gemini.blocked_prompt:times=always,model=gemini-3.5");
    assert!(
        bench
            .classifier
            .check()
            .await
            .unwrap()
            .starts_with("gemini-3.1-flash-lite")
    );
    bench.sandbox.faults().disarm_all();
    bench.arm("gemini.off_list:times=always");
    let failure = bench.classifier.check().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnusableReply);
    assert!(failure.hint.unwrap().contains("max_output_tokens"));
    bench.sandbox.faults().disarm_all();
    bench.arm("gemini.403");
    assert_eq!(
        bench.classifier.check().await.unwrap_err().kind,
        FailureKind::Denied
    );
}

#[tokio::test]
async fn a_wrong_token_or_project_is_the_setups_fault() {
    let bench = bench().await;
    let endpoint = Some(Endpoint::parse(&bench.sandbox.gemini_url).unwrap());
    let elsewhere = GeminiConfig {
        project: Some("other".into()),
        ..config("{}")
    };
    for (config, token) in [(config("{}"), "other"), (elsewhere, TOKEN)] {
        let config = GeminiConfig {
            endpoint: endpoint.clone(),
            ..config
        };
        let classifier = classifier_as(config, &identity(token));
        let failure = classifier.check().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.hint.is_some());
    }
}

#[tokio::test]
async fn every_setting_is_taken_by_the_vendor() {
    for level in ["minimal", "low", "medium", "high"] {
        let settings = format!(
            "{{\"thinking_level\":\"{level}\",\"labels\":{{\"team\":\"parts\"}},\"location\":\"us\"}}"
        );
        let bench = bench_with(|own| {
            *own = GeminiConfig {
                endpoint: own.endpoint.clone(),
                ..config(&settings)
            };
        })
        .await;
        assert!(bench.read(Effort::Usual).await.is_ok(), "{level}");
    }
}

#[tokio::test]
async fn a_reply_can_be_read_again_without_buying() {
    let bench = bench().await;
    let reply = bench.buy(bench.longest(), Effort::Usual).await.unwrap();
    let whole: Value = serde_json::from_slice(&reply).unwrap();
    assert!(
        whole["usageMetadata"].is_object(),
        "the reply is kept as it came"
    );
    let model = bench.classifier.models().remove(0);
    let first = bench.classifier.read(&reply, &model).unwrap();
    assert_eq!(bench.classifier.read(&reply, &model).unwrap(), first);
    assert_eq!(bench.sandbox.journal().count(System::Gemini), 1);
}
