//! Every single request goes wrong once: tables and archive end as if none had, and nothing that
//! reached the program is bought again.
//!
//! The ways to go wrong take turns; `CALLPIPE_EVERY=1` tries each of them on each request.

use std::time::Duration;

use callpipe_sandbox::{Corpus, Entry, Fault, FaultKind, World, WorldOptions};
use chrono::{DateTime, Utc};
use futures::StreamExt;

use crate::support::{Bench, long_ago, unlimited};
use crate::traces::{Traces, bought_again, not_kept};

/// The ways in which a request can go wrong, whoever is asked.
const WAYS: [FaultKind; 5] = [
    FaultKind::Any503,
    FaultKind::AnyConnectionReset,
    FaultKind::AnyLost,
    FaultKind::AnyCut,
    FaultKind::AnyHang,
];

/// Worlds at the same time: each waits more than it works.
const SIDE_BY_SIDE: usize = 4;

/// Longer than any disturbed run takes.
const RUN_MAX: Duration = Duration::from_secs(60);

async fn bench(now: DateTime<Utc>) -> Bench {
    let options = WorldOptions::new(82, 12, now);
    Bench::new(
        World::new(Corpus::embedded().unwrap(), &options),
        unlimited(),
    )
    .await
}

/// Runs until nothing is left, which takes a second run where the first was to be run again later.
async fn run_to_the_end(bench: &Bench, case: &str) {
    for codes in [[0, 75].as_slice(), &[0]] {
        let run = tokio::time::timeout(RUN_MAX, bench.run(&["run"]));
        let ran = run
            .await
            .unwrap_or_else(|_| panic!("{case}: it does not end"));
        let code = ran.code.unwrap_or(-1);
        assert!(
            codes.contains(&code),
            "{case} ended with {code}:\n{}\n{}",
            ran.stdout,
            ran.stderr
        );
        if code == 0 {
            return;
        }
    }
}

async fn one_goes_wrong(now: DateTime<Utc>, undisturbed: &Traces, number: usize, way: FaultKind) {
    let bench = bench(now).await;
    let fault = Fault {
        delay_ms: 100,
        ..Fault::once(way).after(number as u32)
    };
    bench.sandbox.faults().arm(fault);
    let case = format!("{way} at request {number}");
    run_to_the_end(&bench, &case).await;
    let journal = bench.sandbox.journal();
    let struck = journal.entries().into_iter();
    let struck: Vec<Entry> = struck.filter(|entry| entry.fault.is_some()).collect();
    let case = format!("{case} ({struck:?})");
    assert_eq!(bench.sandbox.faults().armed()[0].1, 1, "{case}: not struck");
    Traces::of(&bench).assert_same_as(undisturbed, &case);
    assert_eq!(bought_again(&bench, |_| true), [], "{case}");
    assert_eq!(not_kept(&bench), [], "{case}");
    assert_eq!(journal.violations(), [], "{case}");
}

#[tokio::test]
async fn whichever_request_goes_wrong_all_ends_as_if_none_had() {
    let now = long_ago();
    let undisturbed = bench(now).await;
    undisturbed.run(&["run"]).await.expect_code(0);
    let requests = undisturbed.sandbox.journal().entries().len();
    assert!(requests > 30, "{requests} requests");
    let traces = Traces::of(&undisturbed);
    let all = std::env::var_os("CALLPIPE_EVERY").is_some();
    let cases = (0..requests).flat_map(|number| {
        let ways = WAYS.iter().enumerate();
        let ways = ways.filter(move |(turn, _)| all || number % WAYS.len() == *turn);
        ways.map(move |(_, way)| (number, *way))
    });
    let runs = cases.map(|(number, way)| one_goes_wrong(now, &traces, number, way));
    let count = futures::stream::iter(runs)
        .buffer_unordered(SIDE_BY_SIDE)
        .count()
        .await;
    println!("{requests} requests, {count} runs in which one of them went wrong");
}
