//! What is spent: told as the vendors charge it, and never more than was allowed.

use std::collections::HashSet;

use callpipe_sandbox::{Bill, Entry, System};
use serde_json::Value;

use crate::recovery::{slow, until_deepgram_was_asked};
use crate::support::{Bench, unlimited, world};

/// A minute of one channel, without summaries and the like: the configuration of these tests.
const MINUTE_USD: f64 = 0.0043 + 0.002;

/// A bench whose bills the sandbox tells in full: it does not tell tokens of Deepgram's.
async fn bench(seed: u64, calls: usize, options: callpipe_sandbox::SandboxOptions) -> Bench {
    let bench = Bench::new(world(seed, calls), options).await;
    let configuration = bench.configuration().replace(
        "in_flight_max = 10\n",
        "in_flight_max = 10\nintelligence = false\n",
    );
    bench.write("callpipe.toml", &configuration);
    bench
}

fn charged(entry: &Entry) -> f64 {
    match entry.bill {
        None => 0.0,
        Some(Bill::Audio { seconds, channels }) => seconds / 60.0 * channels as f64 * MINUTE_USD,
        Some(Bill::Tokens { input, output }) => (input as f64 * 0.30 + output as f64 * 2.50) / 1e6,
    }
}

/// What the vendors charged, by system; a reply that was lost and bought again counts once where
/// `once` is set.
fn charged_by(bench: &Bench, system: System, once: bool) -> f64 {
    let entries = bench.sandbox.journal().entries();
    let mut seen = HashSet::new();
    entries
        .iter()
        .filter(|entry| entry.system == system && entry.bill.is_some())
        .filter(|entry| !once || seen.insert(entry.sha256.clone()))
        .map(charged)
        .sum()
}

/// What `callpipe status` says of a stage.
fn told(status: &Value, stage: &str) -> f64 {
    let spend = status["spend"].as_array().unwrap();
    let spend = spend.iter().find(|spend| spend["stage"] == stage);
    spend.map_or(0.0, |spend| spend["usd"].as_f64().unwrap())
}

/// Each purchase is rounded to a millionth of a dollar.
#[track_caller]
fn assert_close(told: f64, charged: f64) {
    assert!(
        charged > 0.0 && (told - charged).abs() < 1e-4,
        "told {told}, charged {charged}"
    );
}

#[tokio::test]
async fn every_paid_reply_is_counted_also_those_of_no_use() {
    let bench = bench(61, 60, unlimited()).await;
    for fault in [
        "deepgram.malformed_json:times=3",
        // Once each, so that the first model is asked again: the bill does not tell which one it was.
        "gemini.off_list:each=1",
        "deepgram.503:times=5",
    ] {
        bench.sandbox.faults().arm_text(fault).unwrap();
    }
    let report = bench.run(&["--json", "run"]).await.expect_code(0).json();
    let status = bench.run(&["--json", "status"]).await.expect_code(0).json();
    for (stage, system, position) in [
        ("transcribe", System::Deepgram, 1),
        ("classify", System::Gemini, 2),
    ] {
        let charged = charged_by(&bench, system, false);
        assert_close(told(&status, stage), charged);
        let spent = report["stages"][position][1]["spent_usd"].as_f64();
        assert_close(spent.unwrap(), charged);
    }
    let text = bench.run(&["status"]).await.expect_code(0).stdout;
    assert!(text.contains("\nSpent $"), "{text}");
}

/// What a killed run bought is found in the archive and charged to the call that it was bought for.
#[tokio::test]
async fn what_was_spent_before_a_crash_is_counted_once() {
    let bench = bench(62, 60, slow()).await;
    for asked in [4, 15, 25] {
        let mut child = bench.start(&["run"]);
        until_deepgram_was_asked(&bench, asked).await;
        child.kill().await.unwrap();
    }
    bench.run(&["run"]).await.expect_code(0);
    let redo = ["calls", "redo", "--from", "transcribe", "--status", "done"];
    bench.run(&redo).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    let status = bench.run(&["--json", "status"]).await.expect_code(0).json();
    assert_close(
        told(&status, "transcribe"),
        charged_by(&bench, System::Deepgram, true),
    );
    assert_close(
        told(&status, "classify"),
        charged_by(&bench, System::Gemini, true),
    );
}

#[tokio::test]
async fn a_budget_is_not_passed_and_what_is_left_goes_on_later() {
    let bench = bench(63, 80, unlimited()).await;
    // Charged, and lost on the way.
    for fault in ["deepgram.cut_reply:times=2", "deepgram.empty_body:times=1"] {
        bench.sandbox.faults().arm_text(fault).unwrap();
    }
    for (number, budget) in [(1, 0.30), (2, 0.15)] {
        let before = bench
            .sandbox
            .journal()
            .entries()
            .iter()
            .map(charged)
            .sum::<f64>();
        let ran = bench.run(&["run", "--budget", &budget.to_string()]).await;
        let ran = ran.expect_code(0);
        // Little is left for either stage, and which of the two finds that out first is chance.
        assert!(
            ["transcribe", "classify"].iter().any(|stage| ran
                .stdout
                .contains(&format!("The budget is used up at {stage}"))),
            "{}",
            ran.stdout
        );
        let charged = bench
            .sandbox
            .journal()
            .entries()
            .iter()
            .map(charged)
            .sum::<f64>()
            - before;
        assert!(
            charged <= budget,
            "run {number} spent {charged} of {budget}"
        );
        assert!(
            charged > budget * 2.0 / 3.0,
            "run {number} spent {charged} of {budget}"
        );
    }
    let parked = "SELECT count(*) FROM recording_fetch_status WHERE failure_kind = 'over_budget'";
    assert_eq!(bench.count(parked), 0, "no call is charged with it");
    let ready = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'";
    // How many are left depends on which calls were bought: long ones or short ones.
    assert!(bench.count(ready) > 0);
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.count(ready), 0);
    assert_eq!(bench.bought_most(System::Deepgram), 2, "what was lost");
}

#[tokio::test]
async fn within_a_budget_nothing_is_bought_whose_price_is_not_known() {
    let bench = bench(64, 20, unlimited()).await;
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    let unknown = configuration.replace(
        "\"gemini-3.5-flash-lite\", \"gemini-3.1-flash-lite\"",
        "\"somebody-elses\"",
    );
    bench.write("callpipe.toml", &unknown);
    let ran = bench.run(&["run", "--budget", "50"]).await.expect_code(0);
    assert!(ran.stdout.contains("price is not known"), "{}", ran.stdout);
    assert_eq!(bench.sandbox.journal().count(System::Gemini), 0);
    bench
        .run(&["run", "--budget", "a lot"])
        .await
        .expect_code(2);
}

#[tokio::test]
async fn a_dry_run_says_what_a_run_would_take_and_takes_nothing() {
    let bench = bench(65, 60, unlimited()).await;
    let contacts = bench.sandbox.world().expected().len() as u64;
    let dry = bench.run(&["--json", "run", "--dry-run"]).await;
    let dry = dry.expect_code(0).json();
    assert_eq!(dry["contacts_new"], contacts);
    assert_eq!(dry["stages"][0]["calls"], contacts);
    let window = &dry["stages"][0]["pace"]["window"];
    assert_eq!(
        (&window["requests_max"], &window["window_s"]),
        (&100_000.into(), &300.0.into())
    );
    assert!(dry["usd"].as_f64().unwrap() > 0.0);
    assert_eq!(bench.sandbox.journal().entries(), []);

    bench.run(&["run", "--limit", "40"]).await.expect_code(0);
    let asked = bench.sandbox.journal().entries().len();
    let dry = bench.run(&["--json", "run", "--dry-run"]).await;
    let dry = dry.expect_code(0).json();
    assert_eq!(dry["contacts_new"], 0);
    assert_eq!(dry["stages"][0]["calls"], contacts - 40);
    assert!(
        dry["stages"][1]["priced_by_calls"].as_u64().unwrap() >= 20,
        "{dry}"
    );
    let estimated = dry["stages"][1]["usd"].as_f64().unwrap();
    assert_eq!(bench.sandbox.journal().entries().len(), asked);

    let before = charged_by(&bench, System::Deepgram, false);
    bench.run(&["run"]).await.expect_code(0);
    let charged = charged_by(&bench, System::Deepgram, false) - before;
    assert!(
        (charged / 2.0..charged * 2.0).contains(&estimated),
        "estimated {estimated}, charged {charged}"
    );
    let text = bench.run(&["run", "--dry-run"]).await.expect_code(0).stdout;
    assert!(
        text.contains("Nothing was fetched, bought or changed"),
        "{text}"
    );
}
