//! A server with OpenAI's chat-completions API in Gemini's place, and the analysis of calls by the
//! model that labels them.

use std::collections::BTreeMap;

use callpipe_sandbox::{Corpus, CorpusCall, Expected, System};
use serde_json::{Value, json};

use crate::pipeline::assert_all_as_expected;
use crate::support::{Bench, unlimited, world};

/// Has everything done again; what is kept is not bought again.
const REDO: [&str; 6] = ["calls", "redo", "--from", "transcribe", "--status", "done"];

/// A bench whose classifier is the server with OpenAI's API.
async fn bench(seed: u64, calls: usize) -> Bench {
    let bench = Bench::new(world(seed, calls), unlimited()).await;
    let whole = bench.configuration();
    let (before, gemini) = whole.split_once("[classifier.gemini]\n").unwrap();
    let (_, after) = gemini.split_once("[google]").unwrap();
    let configuration = format!(
        "{before}[classifier.openai_compatible]\nendpoint = \"{}\"\napi_key = \"{}\"\n\
         models = [\"sandbox-large\", \"sandbox-small\"]\n[google]{after}",
        bench.sandbox.openai_url, bench.sandbox.credentials.openai_api_key,
    );
    bench.write("callpipe.toml", &configuration);
    bench
}

fn change(bench: &Bench, from: &str, to: &str) {
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    assert!(configuration.contains(from), "{from}");
    bench.write("callpipe.toml", &configuration.replace(from, to));
}

/// Deepgram tells words alone.
fn without_intelligence(bench: &Bench) {
    let end = "in_flight_max = 10\n";
    change(bench, end, &format!("{end}intelligence = false\n"));
}

/// What was understood of each classified call, by contact: summary, topics, intents, sentiment, and
/// who understood it.
fn understood(bench: &Bench) -> BTreeMap<String, [Option<String>; 5]> {
    let database = bench.database();
    let mut statement = database
        .prepare(
            "SELECT contactId, summary, topics, intents, sentiment, analysis_model \
             FROM recording_fetch_status WHERE stage_status = 'done'",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let column = |index| row.get::<_, Option<String>>(index);
        let columns = [column(1)?, column(2)?, column(3)?, column(4)?, column(5)?];
        Ok((row.get(0)?, columns))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The one call of the corpus that is heard in a contact, where it is one and somebody speaks.
fn only_call(call: &Expected) -> Option<&str> {
    match call.call_ids.as_slice() {
        [only] if call.truth.is_some() => Some(only),
        _ => None,
    }
}

/// The four columns hold what is true of each call of one recording, in the forms of the baseline.
fn assert_understood(bench: &Bench, model: &str) {
    let corpus = Corpus::embedded().unwrap();
    let understood = understood(bench);
    for columns in understood.values() {
        assert_eq!(columns[4].as_deref(), Some(model));
    }
    let mut checked = 0;
    for call in bench.sandbox.world().expected() {
        let Some(heard) = only_call(&call).and_then(|id| corpus.call(id)) else {
            continue;
        };
        assert_analysis(&understood[&call.contact_id], heard);
        checked += 1;
    }
    assert!(checked > 5, "{checked} calls");
}

fn assert_analysis(
    [summary, topics, intents, sentiment, _]: &[Option<String>; 5],
    heard: &CorpusCall,
) {
    let truth = heard.analysis.as_ref().unwrap();
    let read = |text: &Option<String>| -> Value {
        serde_json::from_str(text.as_deref().unwrap_or("null")).unwrap()
    };
    assert_eq!(summary.as_ref(), Some(&truth.summary), "{}", heard.id);
    let wanted = truth
        .topics
        .iter()
        .map(|one| json!({ "topic": one.topic, "confidence": one.confidence, "text": one.text }));
    assert_eq!(read(topics), wanted.collect::<Value>(), "{}", heard.id);
    let wanted = truth
        .intents
        .iter()
        .map(|one| json!({ "intent": one.intent, "confidence": one.confidence, "text": one.text }));
    assert_eq!(read(intents), wanted.collect::<Value>(), "{}", heard.id);
    let wanted = truth
        .average_sentiment
        .as_ref()
        .map(|one| json!({ "sentiment": one.sentiment, "sentiment_score": one.score }));
    assert_eq!(read(sentiment)["average"], json!(wanted), "{}", heard.id);
}

#[tokio::test]
async fn every_call_ends_where_it_should_with_the_true_labels() {
    let bench = bench(91, 60).await;
    let check = bench.run(&["check"]).await.expect_code(0);
    assert!(
        check.stdout.contains("sandbox-large at http://127.0.0.1:"),
        "{}",
        check.stdout
    );
    bench.run(&["run", "--dry-run"]).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    let journal = bench.sandbox.journal();
    assert_eq!(journal.count(System::Gemini), 0);
    assert_eq!(bench.bought_most(System::OpenAi), 1);
    assert!((1..=4).contains(&journal.maxima().openai_in_flight));

    let asked = journal.count(System::OpenAi);
    bench.run(&REDO).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    assert_eq!(
        journal.count(System::OpenAi),
        asked,
        "nothing is asked again"
    );
    let by_deepgram = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'done' \
                       AND analysis_model NOT LIKE 'sandbox-%'";
    assert!(bench.count(by_deepgram) > 10, "Deepgram understood them");
}

#[tokio::test]
async fn every_passing_fault_is_survived() {
    for fault in [
        "openai.429:retry_after_s=0,each=1",
        "openai.500:each=1",
        "openai.503_loading:each=1",
        "openai.connection_reset:each=1",
        "openai.html:each=1",
        "openai.error_in_200:each=1",
        "openai.off_list:each=1",
        "openai.cut_json:each=1",
        "openai.think_tags:times=always",
        "openai.content_parts:times=always",
        "openai.no_usage:times=always",
        "openai.rejects_json_schema:times=always",
        "openai.rejects_response_format:times=always",
        "openai.rejects_max_tokens:times=always",
        "openai.model_not_found:times=always,model=sandbox-large",
    ] {
        let bench = bench(92, 12).await;
        without_intelligence(&bench);
        bench.sandbox.faults().arm_text(fault).unwrap();
        let ran = bench.run(&["run"]).await;
        assert_eq!(ran.code, Some(0), "{fault}\n{}\n{}", ran.stdout, ran.stderr);
        println!("after {fault}:");
        assert_all_as_expected(&bench);
        for columns in understood(&bench).values() {
            assert!(columns[0].is_some(), "{fault}");
        }
    }
}

#[tokio::test]
async fn what_never_works_parks_its_call_alone() {
    for (fault, kind) in [
        ("openai.refusal", "unusable_reply"),
        ("openai.off_list", "unusable_reply"),
        ("openai.context_length", "rejected"),
    ] {
        let bench = bench(93, 15).await;
        let expected = bench.sandbox.world().expected();
        let victim = expected.iter().find_map(only_call).unwrap();
        let armed = format!("{fault}:times=always,call={victim}");
        bench.sandbox.faults().arm_text(&armed).unwrap();
        bench.run(&["run"]).await.expect_code(0);
        let rows = bench.rows();
        for call in &expected {
            let Some(heard) = only_call(call) else {
                continue;
            };
            let row = &rows[&call.contact_id];
            if heard == victim {
                assert_eq!(row.stage_status, "parked", "{fault}");
                assert_eq!(row.failure_kind.as_deref(), Some(kind), "{fault}");
            } else {
                assert_eq!(row.stage_status, "done", "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn the_model_understands_what_deepgram_was_not_asked_for() {
    let bench = bench(94, 40).await;
    without_intelligence(&bench);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    assert_understood(&bench, "sandbox-large");
    assert_eq!(bench.bought_most(System::OpenAi), 1);
    let asked = bench.sandbox.journal().count(System::OpenAi);
    bench.run(&REDO).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_understood(&bench, "sandbox-large");
    let again = bench.sandbox.journal().count(System::OpenAi);
    assert_eq!(again, asked, "neither labels nor analyses are bought again");
}

/// The first request about a conversation is for its labels; all further ones go wrong.
#[tokio::test]
async fn an_analysis_that_cannot_be_had_costs_no_call_its_labels() {
    for fault in [
        "openai.off_list",
        "openai.500",
        "openai.403",
        "openai.context_length",
    ] {
        let bench = bench(95, 20).await;
        without_intelligence(&bench);
        let expected = bench.sandbox.world().expected();
        let victim = expected.iter().find_map(only_call).unwrap();
        let armed = format!("{fault}:times=always,after=1,call={victim}");
        bench.sandbox.faults().arm_text(&armed).unwrap();
        let ran = bench.run(&["run"]).await;
        assert_eq!(ran.code, Some(0), "{fault}\n{}\n{}", ran.stdout, ran.stderr);
        let (rows, understood) = (bench.rows(), understood(&bench));
        for call in &expected {
            let Some(heard) = only_call(call) else {
                continue;
            };
            let row = &rows[&call.contact_id];
            assert_eq!(row.stage_status, "done", "{fault}: {row:?}");
            let columns = &understood[&call.contact_id];
            assert_eq!(columns[0].is_none(), heard == victim, "{fault}");
            assert_eq!(columns[4].is_none(), heard == victim, "{fault}");
        }
        let told = ran.stderr.contains("labelled without summary");
        assert!(told, "{fault}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn gemini_is_asked_for_an_analysis_only_where_that_is_said() {
    let bench = Bench::new(world(96, 30), unlimited()).await;
    without_intelligence(&bench);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    for columns in understood(&bench).values() {
        assert_eq!((&columns[0], &columns[4]), (&None, &None));
    }
    let labelled = bench.sandbox.journal().count(System::Gemini);
    change(
        &bench,
        "[google]",
        "[analysis]\nenabled = \"when_missing\"\n[google]",
    );
    bench.run(&REDO).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    assert_understood(&bench, "gemini-3.5-flash-lite");
    let asked = bench.sandbox.journal().count(System::Gemini);
    assert_eq!(asked, labelled * 2, "one analysis for each conversation");
}
