//! Stops of every kind: what was done is kept, what was bought is not bought again.

use std::time::Duration;

use callpipe_sandbox::{Latencies, Latency, SandboxOptions, System};
use tokio::process::Child;

use crate::running::Running;
use crate::support::{Bench, ran, unlimited, world};

/// A sandbox slow enough to be interrupted.
pub(crate) fn slow() -> SandboxOptions {
    let latency = Latency {
        base_ms: 20,
        jitter_ms: 20,
    };
    let latencies = Latencies {
        nice_cxone: latency,
        media: latency,
        deepgram: latency,
        gemini: latency,
        openai: latency,
    };
    SandboxOptions {
        latencies,
        ..unlimited()
    }
}

/// Waits until Deepgram was asked so often.
pub(crate) async fn until_deepgram_was_asked(bench: &Bench, times: usize) {
    while bench.sandbox.journal().count(System::Deepgram) < times {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn terminate(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_clean_stop_saves_what_is_done_and_buys_nothing_twice() {
    let bench = Bench::new(world(21, 60), slow()).await;
    for _ in 0..3 {
        // More than before: the next run must have begun its work.
        let asked_before = bench.sandbox.journal().count(System::Deepgram);
        let child = bench.start(&["run"]);
        until_deepgram_was_asked(&bench, asked_before + 5).await;
        terminate(&child);
        let ran = ran(child.wait_with_output().await.unwrap());
        assert_eq!(ran.code, Some(75), "{}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("Stopped"), "{}", ran.stdout);
    }
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    assert_eq!(bench.bought_most(System::Gemini), 1);
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'"),
        0
    );
}

#[tokio::test]
async fn a_kill_costs_at_most_the_requests_in_flight() {
    let bench = Bench::new(world(22, 50), slow()).await;
    let mut kills = 0;
    for stop_at in [3, 12, 22, 30] {
        let mut child = bench.start(&["run"]);
        until_deepgram_was_asked(&bench, stop_at).await;
        child.kill().await.unwrap();
        kills += 1;
    }
    bench.run(&["run"]).await.expect_code(0);
    let purchases = bench.sandbox.journal().purchases();
    let again: usize = purchases
        .iter()
        .filter(|purchase| purchase.system == System::Deepgram)
        .map(|purchase| purchase.times - 1)
        .sum();
    assert!(
        again <= kills * 10,
        "{again} recordings were bought again after {kills} kills"
    );
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'"),
        0
    );
    let classified = bench.count("SELECT count(*) FROM call_classifications");
    assert_eq!(
        classified,
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'done'")
    );
}

#[tokio::test]
async fn two_runs_do_not_overlap() {
    let bench = Bench::new(world(23, 40), slow()).await;
    bench
        .sandbox
        .faults()
        .arm_text("deepgram.slow:delay_ms=25000,times=1")
        .unwrap();
    let child = bench.start(&["run"]);
    until_deepgram_was_asked(&bench, 1).await;
    let second = bench.run(&["run"]).await.expect_code(75);
    assert!(
        second.stdout.contains("Another run is at work"),
        "{}",
        second.stdout
    );
    terminate(&child);
    child.wait_with_output().await.unwrap();
}

#[tokio::test]
async fn an_outage_parks_no_call_and_ends_in_try_again() {
    let bench = Bench::new(world(24, 30), unlimited()).await;
    bench
        .sandbox
        .faults()
        .arm_text("deepgram.503:probability=1.0")
        .unwrap();
    let ran = bench.run(&["run"]).await.expect_code(75);
    assert!(
        ran.stdout
            .contains("Gave up waiting for what transcribe needs"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'parked'"),
        0
    );
    bench.sandbox.faults().disarm_all();
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'"),
        0
    );
}

/// The check's own audio is answered while every recording fails: it takes real calls to see that
/// the outage goes on.
#[tokio::test]
async fn an_outage_that_the_check_does_not_see_parks_no_call() {
    let bench = Bench::new(world(27, 40), unlimited()).await;
    for call in bench.sandbox.world().corpus().calls() {
        let fault = format!("deepgram.503:call={},probability=1.0", call.id);
        bench.sandbox.faults().arm_text(&fault).unwrap();
    }
    let ran = bench.run(&["run"]).await.expect_code(75);
    assert!(
        ran.stdout
            .contains("every call fails although the check works"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'parked'"),
        0
    );
}

#[tokio::test]
async fn a_long_wish_to_be_left_alone_is_told() {
    let bench = Bench::new(world(28, 5), unlimited()).await;
    let fault = "deepgram.503:retry_after_s=600,times=1";
    bench.sandbox.faults().arm_text(fault).unwrap();
    let mut running = Running::start(&bench);
    let line = running.until_it_says("asked to come back later").await;
    assert!(line.contains("600"), "{line}");
    terminate(&running.child);
    running.end().await.expect_code(75);
}

/// As if each call were at fault; the check is refused in the same way.
#[tokio::test]
async fn a_vendor_that_refuses_all_calls_for_a_while_parks_none() {
    let bench = Bench::new(world(26, 40), unlimited()).await;
    let fault = "deepgram.400_corrupt:times=12";
    bench.sandbox.faults().arm_text(fault).unwrap();
    bench.run(&["run"]).await.expect_code(0);
    let parked = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'parked'";
    assert_eq!(bench.count(parked), 0);
}

/// Nobody can tell that from calls that are all at fault: somebody is asked before many are parked.
#[tokio::test]
async fn a_vendor_that_refuses_whatever_it_is_asked_ends_the_run() {
    let bench = Bench::new(world(26, 80), unlimited()).await;
    let faults = bench.sandbox.faults();
    faults
        .arm_text("deepgram.400_corrupt:probability=1.0")
        .unwrap();
    let ran = bench.run(&["run"]).await.expect_code(75);
    assert!(
        ran.stdout.contains("so is the check's own made-up one"),
        "{}",
        ran.stdout
    );
    let parked = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'parked'";
    let parked = bench.count(parked);
    assert!((24..=32).contains(&parked), "{parked}");
    let checked = bench.run(&["check"]).await.expect_code(0);
    assert!(
        checked.stdout.contains("the key is accepted, but not"),
        "{}",
        checked.stdout
    );
}

#[tokio::test]
async fn a_refused_key_harms_no_call() {
    let bench = Bench::new(world(25, 20), unlimited()).await;
    bench
        .sandbox
        .faults()
        .arm_text("deepgram.401:probability=1.0")
        .unwrap();
    let ran = bench.run(&["run"]).await.expect_code(75);
    assert!(ran.stdout.contains("hint:"), "{}", ran.stdout);
    assert_eq!(
        bench.count(
            "SELECT count(*) FROM recording_fetch_status WHERE attempt > 0 AND stage = 'transcribe'"
        ),
        0
    );
}

#[tokio::test]
async fn a_redo_from_transcribe_reads_the_kept_reply() {
    let bench = Bench::new(world(26, 20), unlimited()).await;
    bench.run(&["run"]).await.expect_code(0);
    let (deepgram, gemini) = (
        bench.sandbox.journal().count(System::Deepgram),
        bench.sandbox.journal().count(System::Gemini),
    );
    bench
        .run(&["calls", "redo", "--from", "transcribe", "--status", "done"])
        .await
        .expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    assert_eq!(bench.sandbox.journal().count(System::Deepgram), deepgram);
    assert_eq!(bench.sandbox.journal().count(System::Gemini), gemini);
    assert_eq!(
        bench.count("SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'ready'"),
        0
    );
}
