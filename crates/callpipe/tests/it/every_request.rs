//! Every single request goes wrong once: tables and archive end as if none had, and nothing that
//! reached the program is bought again.
//!
//! The ways to go wrong take turns; `CALLPIPE_EVERY=1` tries each of them on each request.

use std::time::Duration;

use callpipe_sandbox::{Corpus, Entry, Fault, FaultKind, World, WorldOptions, google_key_file};
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

/// A world, and where its archive is.
#[derive(Debug, Clone, Copy)]
struct Scene {
    calls: usize,
    now: DateTime<Utc>,
    in_a_bucket: bool,
}

impl Scene {
    async fn bench(self) -> Bench {
        let options = WorldOptions::new(82, self.calls, self.now);
        let world = World::new(Corpus::embedded().unwrap(), &options);
        let bench = Bench::new(world, unlimited()).await;
        if self.in_a_bucket {
            bench.write("key.json", &google_key_file().to_string());
            bench.move_archive(&bench.bucket(), "credentials_file = \"key.json\"");
        }
        bench
    }

    /// Each request goes wrong once. Gives how many there are, and how many runs it took.
    async fn all_go_wrong(self) -> (usize, usize) {
        let undisturbed = self.bench().await;
        undisturbed.run(&["run"]).await.expect_code(0);
        let requests = undisturbed.sandbox.journal().entries().len();
        let traces = Traces::of(&undisturbed);
        let all = std::env::var_os("CALLPIPE_EVERY").is_some();
        let cases = (0..requests).flat_map(|number| {
            let ways = WAYS.iter().enumerate();
            let ways = ways.filter(move |(turn, _)| all || number % WAYS.len() == *turn);
            ways.map(move |(_, way)| (number, *way))
        });
        let runs = cases.map(|(number, way)| self.one_goes_wrong(&traces, number, way));
        let runs = futures::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
        (requests, runs.count().await)
    }

    async fn one_goes_wrong(self, undisturbed: &Traces, number: usize, way: FaultKind) {
        let bench = self.bench().await;
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

#[tokio::test]
async fn whichever_request_goes_wrong_all_ends_as_if_none_had() {
    let scene = Scene {
        calls: 12,
        now: long_ago(),
        in_a_bucket: false,
    };
    let (requests, runs) = scene.all_go_wrong().await;
    println!("{requests} requests, {runs} runs in which one of them went wrong");
    assert!(requests > 30, "{requests} requests");
}

/// The bucket is asked for each thing, too, and a token for that.
#[tokio::test]
async fn so_do_the_requests_to_a_bucket() {
    let scene = Scene {
        calls: 3,
        now: long_ago(),
        in_a_bucket: true,
    };
    let (requests, runs) = scene.all_go_wrong().await;
    println!("{requests} requests, {runs} runs in which one of them went wrong");
    assert!(requests > 30, "{requests} requests");
}
