//! A storm: every fault that the sandbox knows, all at once, by chance. Every call ends in a state that
//! the documents know, and when the storm is over, all end as if there had been none.
//!
//! `CALLPIPE_STORMS=100` makes so many storms, `CALLPIPE_SEED` begins with another one. What strikes whom
//! follows from the seed and from the order in which requests arrive.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use callpipe_core::conformance::chance::number_asked_for;
use callpipe_sandbox::{
    Entry, Expected, ExpectedOutcome, Fault, FaultKind, SandboxOptions, google_key_file,
};

use crate::pipeline::{assert_call_as_expected, contacts_from_cxone};
use crate::recovery::slow;
use crate::support::{Bench, Ran, Row, recent_world};
use crate::traces::{bought_again, not_kept};

/// Faults after which a call may end otherwise, for the vendor said something else of it.
const CHANGING: [FaultKind; 3] = [
    FaultKind::Metadata404Pending,
    FaultKind::DeepgramMissingSections,
    FaultKind::DeepgramAbsurdNumbers,
];

/// Faults that delay an answer and do nothing else to it.
const SLOW: [FaultKind; 4] = [
    FaultKind::MetadataSlow,
    FaultKind::MediaSlow,
    FaultKind::DeepgramSlow,
    FaultKind::GeminiSlow,
];

/// The share of requests to a system that its faults strike, about. A run asks the bucket a dozen times
/// before it begins, and ends if one of these goes wrong.
fn share_struck(system: &str) -> f64 {
    match system {
        "any" | "storage" => 0.03,
        _ => 0.3,
    }
}

/// Requests that Deepgram takes at once, here.
const IN_FLIGHT_MAX: usize = 4;

/// Runs in one storm, each of which may end because too much went wrong.
const RUNS_MAX: usize = 40;

/// Longer than any run takes.
const RUN_MAX: Duration = Duration::from_secs(120);

/// What the name of a fault begins with.
fn system(kind: FaultKind) -> &'static str {
    kind.name().split('.').next().unwrap()
}

/// All faults of the catalogue, each with its part of what strikes its system.
fn storm() -> Vec<Fault> {
    let mut kinds_of: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in FaultKind::ALL {
        *kinds_of.entry(system(*kind)).or_default() += 1;
    }
    let faults = FaultKind::ALL.iter().map(|&kind| Fault {
        probability: Some(share_struck(system(kind)) / kinds_of[system(kind)] as f64),
        delay_ms: 50,
        retry_after_s: Some(0),
        ..Fault::always(kind)
    });
    faults.collect()
}

async fn bench(seed: u64) -> Bench {
    let options = SandboxOptions {
        deepgram_in_flight_max: IN_FLIGHT_MAX,
        ..slow()
    };
    let bench = Bench::new(recent_world(seed, 80), options).await;
    bench.write("key.json", &google_key_file().to_string());
    bench.move_archive(&bench.bucket(), "credentials_file = \"key.json\"");
    contacts_from_cxone(&bench);
    let configuration = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap();
    let in_flight = format!("in_flight_max = {IN_FLIGHT_MAX}\n");
    let configuration = configuration.replace("in_flight_max = 10\n", &in_flight);
    bench.write("callpipe.toml", &configuration);
    bench
}

/// Runs until nothing is left to do. Gives how often.
async fn run_to_the_end(bench: &Bench, seed: u64) -> usize {
    let mut endings = String::new();
    for number in 1..=RUNS_MAX {
        let run = tokio::time::timeout(RUN_MAX, bench.run(&["run"])).await;
        let ran = run.unwrap_or_else(|_| panic!("seed {seed}: run {number} does not end"));
        match ran.code {
            Some(0) => return number,
            // The bucket refused us or was out of order, or a vendor was for too long.
            Some(code @ (3 | 70 | 75)) => endings += &format!("{code}: {}\n", ending(&ran)),
            code => panic!("seed {seed}: {code:?}\n{}\n{}", ran.stdout, ran.stderr),
        }
    }
    panic!("seed {seed}: {RUNS_MAX} runs do not end it:\n{endings}");
}

/// Why a run ended, in its own words.
fn ending(ran: &Ran) -> &str {
    let lines = ran.stderr.lines().chain(ran.stdout.lines());
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('{'));
    lines.next().unwrap_or_default()
}

/// A state that the documents know, in which nothing is left to do.
fn is_at_an_end(row: &Row) -> bool {
    match row.stage_status.as_str() {
        "done" => row.stage == "classify" && row.transcribed && row.classified,
        "skipped" => row.skip_reason.is_some() && !row.classified,
        "parked" => row.failure_kind.is_some(),
        _ => false,
    }
}

/// Whether a request was about a call.
fn is_about(entry: &Entry, call: &Expected) -> bool {
    match (&entry.contact_id, &entry.call_id) {
        (Some(id), _) => [&call.contact_id, &call.master_contact_id].contains(&id),
        (None, Some(id)) => call.call_ids.contains(id),
        (None, None) => false,
    }
}

/// Gives what it was like, in a line.
async fn weather_a_storm(seed: u64) -> String {
    let bench = bench(seed).await;
    let journal = bench.sandbox.journal();
    for fault in storm() {
        bench.sandbox.faults().arm(fault);
    }
    let runs = run_to_the_end(&bench, seed).await;
    let mut listed = bench.sandbox.world().expected();
    // A report does not list what the contact centre does not know.
    listed.retain(|call| call.outcome != ExpectedOutcome::NotFound);
    let rows = bench.rows();
    assert_eq!(rows.len(), listed.len(), "seed {seed}: calls are lost");
    for (id, row) in &rows {
        assert!(is_at_an_end(row), "seed {seed}: call {id}: {row:?}");
    }
    let parked = rows.values().filter(|row| row.stage_status == "parked");
    let parked = parked.count();

    let armed = bench.sandbox.faults().armed();
    bench.sandbox.faults().disarm_all();
    bench.run(&["calls", "retry"]).await.expect_code(0);
    bench.run(&["run"]).await.expect_code(0);
    let entries = journal.entries();
    let rows = bench.rows();
    let mut changed = 0;
    for call in &listed {
        let changing = entries.iter().find(|entry| {
            entry.fault.is_some_and(|kind| CHANGING.contains(&kind)) && is_about(entry, call)
        });
        match changing {
            Some(_) => changed += 1,
            None => assert_call_as_expected(&bench, call, &rows[&call.contact_id]),
        }
    }
    let counts = |entry: &Entry| entry.fault.is_none_or(|kind| SLOW.contains(&kind));
    assert_eq!(bought_again(&bench, counts), [], "seed {seed}");
    let mut lost = not_kept(&bench);
    lost.retain(|entry| entry.fault != Some(FaultKind::DeepgramEmptyBody));
    assert_eq!(lost, [], "seed {seed}: paid replies were not kept");
    assert_eq!(journal.violations(), [], "seed {seed}");
    assert!(
        journal.maxima().deepgram_in_flight <= IN_FLIGHT_MAX,
        "seed {seed}"
    );

    let struck: HashSet<FaultKind> = armed
        .iter()
        .filter(|(_, times)| *times > 0)
        .map(|(fault, _)| fault.kind)
        .collect();
    let times: u32 = armed.iter().map(|(_, times)| times).sum();
    assert!(
        struck.len() > armed.len() / 3,
        "seed {seed}: hardly a storm"
    );
    format!(
        "seed {seed}: {times} of {} requests were struck, by {} of {} faults; {runs} runs; {parked} of {} \
         calls were parked, {changed} may end otherwise",
        entries.len(),
        struck.len(),
        armed.len(),
        listed.len()
    )
}

#[tokio::test]
async fn every_call_ends_where_it_must_in_a_storm() {
    let first = number_asked_for("CALLPIPE_SEED").unwrap_or(1);
    for seed in first..first + number_asked_for("CALLPIPE_STORMS").unwrap_or(3) {
        println!("seed {seed}");
        println!("{}", weather_a_storm(seed).await);
    }
}
