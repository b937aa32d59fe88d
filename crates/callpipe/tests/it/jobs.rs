//! Runs as tasks of a Cloud Run job: shards beside each other, held shards, stops, logs.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use callpipe_sandbox::{Expected, System};
use serde_json::Value;
use tokio::process::Command;

use crate::pipeline::{assert_all_as_expected, assert_as_expected};
use crate::recovery::{slow, terminate, until_deepgram_was_asked};
use crate::running::Running;
use crate::support::{Bench, Ran, ran, unlimited, world};

/// The run of a task as Cloud Run begins it.
fn task(bench: &Bench, index: u32, count: u32, attempt: u32) -> Command {
    let mut command = bench.command(&["run"]);
    command
        .env("CLOUD_RUN_JOB", "calls")
        .env("CLOUD_RUN_EXECUTION", "calls-x7k2p")
        .env("CLOUD_RUN_TASK_INDEX", index.to_string())
        .env("CLOUD_RUN_TASK_COUNT", count.to_string())
        .env("CLOUD_RUN_TASK_ATTEMPT", attempt.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A bench whose leases outlast every test: who waits for one to run out fails.
async fn with_long_leases(seed: u64, calls: usize) -> Bench {
    let bench = Bench::new(world(seed, calls), slow()).await;
    bench.set_outages("outage_max_s = 3\nlease_ttl_s = 600\n");
    bench
}

fn calls_to_do(bench: &Bench) -> i64 {
    bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'")
}

fn messages(ran: &Ran) -> Vec<Value> {
    let parsed = ran.stderr.lines().map(serde_json::from_str);
    parsed
        .map(|message| message.unwrap_or_else(|error| panic!("{error}: {}", ran.stderr)))
        .collect()
}

/// Calls of which no two are the same recording: two runs that buy the same answer at the same
/// moment do not know of each other.
pub(crate) fn calls_with_different_audio(bench: &Bench) -> Vec<Expected> {
    let mut heard = HashSet::new();
    let calls = bench.sandbox.world().expected().into_iter();
    calls
        .filter(|call| call.call_ids.iter().all(|id| heard.insert(id.clone())))
        .collect()
}

#[tokio::test]
async fn four_shards_at_once_do_every_call_exactly_once() {
    let bench = Bench::new(world(51, 300), unlimited()).await;
    let calls = calls_with_different_audio(&bench);
    let is_one = |line: &&str| calls.iter().any(|call| line.starts_with(&call.contact_id));
    let contacts = bench.sandbox.world().contacts_csv();
    let (header, rows) = contacts.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().filter(is_one).collect();
    bench.write("contacts.csv", &format!("{header}\n{}\n", rows.join("\n")));

    let shards = ["1/4", "2/4", "3/4", "4/4"];
    let runs = shards.map(|shard| bench.start(&["--json", "run", "--shard", shard]));
    let ended = futures::future::join_all(runs.map(|run| run.wait_with_output())).await;
    let mut finished = Vec::new();
    for (shard, output) in shards.iter().zip(ended) {
        let report = ran(output.unwrap()).expect_code(0).json();
        assert_eq!(report["ending"], "done");
        assert_eq!(report["shard"], shard.replace('/', " of "));
        finished.push(report["stages"][2][1]["finished"].as_i64().unwrap());
    }
    assert_as_expected(&bench, &calls);
    let classified = bench.count("SELECT count(*) FROM call_classifications");
    assert_eq!(
        finished.iter().sum::<i64>(),
        classified,
        "a call was done twice"
    );
    assert!(finished.iter().all(|calls| *calls > 0), "{finished:?}");
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    assert_eq!(bench.bought_most(System::Gemini), 1);
    assert_eq!(bench.sandbox.journal().violations(), []);
}

#[tokio::test]
async fn a_second_execution_of_a_held_shard_leaves_at_once_and_names_the_holder() {
    let bench = with_long_leases(52, 60).await;
    let first = task(&bench, 0, 2, 0).spawn().unwrap();
    until_deepgram_was_asked(&bench, 1).await;

    for arguments in [["run", "--shard", "1/2"], ["run", "--shard", "1/3"]] {
        let second = bench.run(&arguments).await.expect_code(75);
        let holder = "Another run is at work on fetch-1-of-2: Cloud Run job calls, execution calls-x7k2p, task 0, attempt 0";
        assert!(second.stdout.contains(holder), "{}", second.stdout);
        assert!(
            second.stdout.contains("Its lease lasts until 20"),
            "{}",
            second.stdout
        );
    }
    bench.run(&["run"]).await.expect_code(75);
    // A run would not know of a request that is asked beside it.
    let check = bench.run(&["check", "--stage", "fetch"]).await;
    let not_asked = "ok    recordings   not asked, because Cloud Run job calls, execution calls-x7k2p, task 0, \
                     attempt 0 is at work on fetch-1-of-2";
    assert!(check.stdout.contains(not_asked), "{}", check.stdout);
    // Calls of the other shard are nobody's yet.
    bench.run(&["run", "--shard", "2/2"]).await.expect_code(0);
    terminate(&first);
    let first = ran(first.wait_with_output().await.unwrap());
    assert!(matches!(first.code, Some(0 | 75)), "{}", first.stderr);
    bench.run(&["run"]).await.expect_code(0);
    assert_all_as_expected(&bench);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
}

/// The lease of the killed run lasts for ten minutes; its process is seen to be gone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_shard_goes_on_at_once_and_nothing_is_lost() {
    let bench = with_long_leases(53, 60).await;
    let mut killed = bench.start(&["run", "--shard", "2/2"]);
    until_deepgram_was_asked(&bench, 5).await;
    killed.kill().await.unwrap();
    assert!(calls_to_do(&bench) > 0, "it was killed too late");
    bench.run(&["run", "--shard", "2/2"]).await.expect_code(0);
    bench.run(&["run", "--shard", "1/2"]).await.expect_code(0);
    assert_all_as_expected(&bench);
}

#[tokio::test]
async fn the_next_attempt_at_a_killed_task_goes_on_at_once() {
    let bench = with_long_leases(54, 40).await;
    let mut killed = task(&bench, 0, 1, 0).spawn().unwrap();
    until_deepgram_was_asked(&bench, 3).await;
    killed.kill().await.unwrap();
    let again = ran(task(&bench, 0, 1, 0).output().await.unwrap());
    assert_eq!(
        again.code,
        Some(75),
        "the same attempt is not over for certain"
    );
    ran(task(&bench, 0, 1, 1).output().await.unwrap()).expect_code(0);
    assert_all_as_expected(&bench);
}

#[tokio::test]
async fn a_run_whose_lease_was_taken_over_stops() {
    let bench = Bench::new(world(59, 40), slow()).await;
    let fault = "deepgram.slow:delay_ms=4000,times=1";
    bench.sandbox.faults().arm_text(fault).unwrap();
    let configuration = bench.configuration() + "stop_grace_ms = 300\n";
    bench.write("callpipe.toml", &configuration);
    let child = bench.start(&["run"]);
    until_deepgram_was_asked(&bench, 3).await;
    let other = r#"{"words":"another machine","nonce":1,"expires_at":"2999-01-01T00:00:00Z"}"#;
    bench.write("data/leases/fetch/000000000099.json", other);
    let stopped = ran(child.wait_with_output().await.unwrap()).expect_code(75);
    assert!(
        stopped.stderr.contains("the lease is lost: stopping"),
        "{}",
        stopped.stderr
    );
    assert!(stopped.stdout.contains("Stopped"), "{}", stopped.stdout);
    let next = bench.run(&["run"]).await.expect_code(75);
    assert!(next.stdout.contains("another machine"), "{}", next.stdout);
}

#[tokio::test]
async fn a_task_stops_long_before_it_is_killed() {
    let bench = Bench::new(world(55, 40), slow()).await;
    let fault = "deepgram.slow:delay_ms=60000,times=1";
    bench.sandbox.faults().arm_text(fault).unwrap();
    let child = task(&bench, 0, 1, 0).spawn().unwrap();
    until_deepgram_was_asked(&bench, 8).await;
    let begin = Instant::now();
    terminate(&child);
    let stopped = ran(child.wait_with_output().await.unwrap()).expect_code(75);
    // Four seconds for the request that does not end, and the rest for what is left to do.
    assert!(
        begin.elapsed() < Duration::from_secs(7),
        "{:?}",
        begin.elapsed()
    );
    let messages = messages(&stopped);
    let last = messages.last().unwrap()["message"].as_str().unwrap();
    assert!(last.contains("Stopped; what was done is saved"), "{last}");
    let saved = bench.count("SELECT count(*) FROM recording_fetch_status WHERE transcribed = 1");
    assert!(saved >= 5, "{saved} calls are saved");
    bench.run(&["run"]).await.expect_code(0);
    // The request in flight is the only one that may have been paid for in vain.
    let again = bench.sandbox.journal().purchases().into_iter();
    let again: usize = again
        .filter(|purchase| purchase.system == System::Deepgram)
        .map(|purchase| purchase.times - 1)
        .sum();
    assert!(again <= 1, "{again} recordings were bought again");
}

#[tokio::test]
async fn a_second_signal_ends_a_run_where_it_stands() {
    let bench = Bench::new(world(56, 40), slow()).await;
    let fault = "deepgram.slow:delay_ms=60000,times=1";
    bench.sandbox.faults().arm_text(fault).unwrap();
    let mut running = Running::start(&bench);
    until_deepgram_was_asked(&bench, 8).await;
    terminate(&running.child);
    // The first one is seen when it is answered.
    running.until_it_says("stopping").await;
    let begin = Instant::now();
    terminate(&running.child);
    assert_eq!(running.child.wait().await.unwrap().code(), Some(75));
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn messages_of_a_task_are_entries_of_cloud_logging() {
    let bench = Bench::new(world(57, 20), unlimited()).await;
    let ended = ran(task(&bench, 0, 2, 0).output().await.unwrap()).expect_code(0);
    assert_eq!(ended.stdout, "", "the report is an entry, too");
    let messages = messages(&ended);
    let project = bench.sandbox.credentials.google_project;
    let mut traces: Vec<&str> = Vec::new();
    for message in &messages {
        let severity = message["severity"].as_str().unwrap();
        assert!(["DEBUG", "INFO", "WARNING", "ERROR"].contains(&severity));
        let time = message["time"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
        assert!(!message["message"].as_str().unwrap().is_empty());
        traces.push(message["logging.googleapis.com/trace"].as_str().unwrap());
        let labels = &message["logging.googleapis.com/labels"];
        assert_eq!(labels["job"], "calls");
        assert_eq!(labels["shard"], "1 of 2");
    }
    traces.dedup();
    assert_eq!(traces.len(), 1);
    assert!(traces[0].starts_with(&format!("projects/{project}/traces/")));
    let finished = messages
        .iter()
        .find(|message| message["logging.googleapis.com/spanId"].is_string());
    let finished = finished.expect("no message is about a call");
    let labels = &finished["logging.googleapis.com/labels"];
    assert_eq!(labels["contact_id"], finished["contact_id"]);
    assert!(
        finished["message"]
            .as_str()
            .unwrap()
            .contains("contact_id=")
    );
}

#[tokio::test]
async fn a_shard_that_does_not_exist_is_an_error_of_the_configuration() {
    let bench = Bench::new(world(58, 5), unlimited()).await;
    let beyond = ran(task(&bench, 4, 4, 0).output().await.unwrap()).expect_code(3);
    let message = &messages(&beyond)[0];
    assert_eq!(message["severity"], "ERROR");
    assert!(
        message["message"]
            .as_str()
            .unwrap()
            .contains("engine.shard_index"),
        "{message}"
    );

    let many = bench.run(&["run", "--shard", "1/11"]).await.expect_code(3);
    assert!(
        many.stderr.contains("it allows 8 shards at most"),
        "{}",
        many.stderr
    );
    let nonsense = bench.run(&["run", "--shard", "5/4"]).await.expect_code(2);
    assert!(
        nonsense.stderr.contains("the second of four"),
        "{}",
        nonsense.stderr
    );
    // What is typed counts more than where it runs.
    let mut typed = task(&bench, 0, 2, 0);
    typed.args(["--json", "--shard", "2/2"]);
    let typed = ran(typed.output().await.unwrap()).expect_code(0).json();
    assert_eq!(typed["shard"], "2 of 2");
}
