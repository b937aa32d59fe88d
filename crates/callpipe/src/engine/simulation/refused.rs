//! Outcomes that the warehouse refuses, and a warehouse that is away.

use std::sync::Arc;
use std::time::Duration;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::warehouse::{Batching, Change, Outcome};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{CallProgress, Stage, Status};
use callpipe_core::retry::RetryPolicy;

use super::calls::{Call, Calls, Nature};
use super::lives::{Death, End, Setup, Universe};
use super::verdict::breaches;
use super::weather::{Fate, Outage, System, Weather};
use super::world::epoch;
use crate::engine::committer::{Done, Signals, queue};
use crate::engine::monitor::Monitor;
use crate::engine::patience::Patience;
use crate::engine::saver::Saver;

fn universe(natures: &[Nature], calls: usize, weather: Weather) -> Universe {
    let setup = Setup {
        retry: RetryPolicy::default(),
        outage_max: Duration::from_secs(900),
        wait_max: Duration::from_secs(60),
        batching: Batching {
            rows_max: 100,
            contacts_max: 100,
            size_bytes_max: 4_000_000,
            delay_max: Duration::from_millis(500),
            idle_delay: Duration::from_millis(100),
        },
        in_flight: [8, 10, 20],
        page: 100,
        requests_max: 10_000,
        window: Duration::from_secs(300),
        end_is_known: true,
    };
    let calls = Calls::plain(calls).with_natures(natures);
    Universe::new(weather, calls, setup, Seeded::new(5))
}

/// The reasons of parked calls.
fn parked(universe: &Universe) -> Vec<String> {
    let tables = universe.warehouse.tables.lock().unwrap();
    let rows = tables.rows.values();
    let parked = rows.filter(|row| row.progress.status == Status::Parked);
    let reason = |failure: callpipe_core::progress::LastFailure| failure.reason;
    parked
        .filter_map(|row| row.progress.last_failure.clone().map(reason))
        .collect()
}

#[test]
fn a_call_that_cannot_be_saved_is_parked_and_costs_others_seconds() {
    let plain = universe(&[], 60, Weather::default());
    assert!(plain.live(Death::Natural).is_done());
    for stage in Stage::ALL {
        // One in the middle: when the last one is refused, nobody waits for it any more.
        let mut natures = [Nature::Plain; 30];
        natures[29] = Nature::Unsavable(stage);
        let universe = universe(&natures, 60, Weather::default());
        let end = universe.live(Death::Natural);
        assert!(end.is_done(), "{stage}: {end:?}");
        assert_eq!(breaches(&universe), [""; 0], "{stage}");
        let reasons = parked(&universe);
        assert_eq!(reasons.len(), 1, "{stage}");
        let told = "the warehouse refuses what came of it: the row is refused";
        assert!(reasons[0].starts_with(told), "{reasons:?}");
        let End::Reported(report) = end else {
            panic!("it is done");
        };
        for (at, figures) in report.stages {
            assert_eq!(figures.parked, u64::from(at == stage), "{stage}");
        }
        let longer = universe.world.now().saturating_sub(plain.world.now());
        assert!(longer < Duration::from_secs(20), "{stage}: {longer:?}");
    }
}

#[test]
fn the_only_call_is_parked_too_if_it_cannot_be_saved() {
    let universe = universe(&[Nature::Unsavable(Stage::Fetch)], 1, Weather::default());
    let end = universe.live(Death::Natural);
    assert!(end.is_done(), "{end:?}");
    assert_eq!(breaches(&universe), [""; 0]);
    assert_eq!(parked(&universe).len(), 1);
}

/// Two outcomes are saved together while some of the store's answers are failures: none is parked. Gives
/// how many requests that took.
async fn both_are_saved(failures: impl IntoIterator<Item = (u64, FailureKind)>) -> u64 {
    all_are_saved(2, Weather::default(), failures).await
}

/// The same for so many.
async fn all_are_saved(
    calls: usize,
    weather: Weather,
    failures: impl IntoIterator<Item = (u64, FailureKind)>,
) -> u64 {
    let universe = universe(&[], calls, weather);
    universe.world.begin_life();
    for (number, kind) in failures {
        universe.world.set_special(number, Fate::Fails(kind, None));
    }
    let done = |call: &Call| {
        let before = CallProgress::new(call.contact.id.clone());
        let mut progress = before.clone();
        progress.stage = Stage::Transcribe;
        let outcome = Outcome {
            contact: call.contact.clone(),
            progress,
            change: Change::Fetched {
                recordings: Vec::new(),
                raw_metadata: None,
            },
            at: epoch(),
        };
        Done {
            stage: Stage::Fetch,
            before,
            outcome: Arc::new(outcome),
        }
    };
    let mut left: Vec<Done> = universe.calls.by_id.values().map(done).collect();
    let (_outbox, mut inbox) = queue();
    let (signals, monitor) = (Signals::default(), Monitor::default());
    let patience = Patience::new(Duration::from_secs(900));
    let mut saver = Saver::new(&universe.warehouse, &signals, &monitor, patience);
    saver.save(&mut left, &mut inbox, 100).await.unwrap();
    assert_eq!(monitor.figures(Stage::Fetch).parked, 0);
    for (progress, _) in universe.ended() {
        assert_eq!(progress.stage, Stage::Transcribe);
        assert_eq!(progress.status, Status::Ready { not_before: None });
    }
    universe.world.requests()
}

/// Three times both together; one by one, the second alone fails, and goes on to: seven failures in a row.
const UNTIL_GIVEN_UP: [u64; 7] = [1, 2, 3, 5, 6, 7, 8];

/// The store is back at the very moment at which the outcome would be given up.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_can_be_saved_after_all_is_saved() {
    let failures = UNTIL_GIVEN_UP.map(|number| (number, FailureKind::StoreFailed));
    // The last two are the parked state, and the outcome in its place.
    assert_eq!(both_are_saved(failures).await, 10);
}

/// A store that fails now and then for a while refuses nobody's outcome.
#[tokio::test(start_paused = true)]
async fn what_fails_for_the_moment_is_not_refused() {
    for kind in [FailureKind::Unavailable, FailureKind::RateLimited] {
        for count in [3, 8] {
            let failures = (1..=count).map(|number| (number, kind));
            assert_eq!(both_are_saved(failures).await, count + 1, "together");
        }
        // Also not in the middle of being parked.
        let refusals = UNTIL_GIVEN_UP.map(|number| (number, FailureKind::StoreFailed));
        let failures = refusals.into_iter().chain([(10, kind)]);
        assert_eq!(both_are_saved(failures).await, 11);
    }
}

/// Where it is found out one by one that the store is away, or locked, the others need not find it out, too.
#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_not_asked_for_each_outcome() {
    let refusals = (1..=3).map(|number| (number, FailureKind::StoreFailed));
    assert_eq!(
        both_are_saved(refusals.clone()).await,
        5,
        "each alone, and no more"
    );
    let then_away = refusals.chain([(4, FailureKind::Unavailable)]);
    assert_eq!(both_are_saved(then_away).await, 5, "together again at once");
    let locked = Weather {
        latency_ms: Some(|_| (10_000, 10_000)),
        ..Weather::default()
    };
    let refusals = (1..=6).map(|number| (number, FailureKind::StoreFailed));
    let requests = all_are_saved(60, locked, refusals).await;
    assert_eq!(requests, 7, "three for half a minute, and together again");
}

#[test]
fn a_table_that_takes_nobodys_outcomes_ends_the_run_and_parks_a_few_at_most() {
    let all = [Nature::Unsavable(Stage::Transcribe); 60];
    let universe = universe(&all, 60, Weather::default());
    let End::Failed(failure) = universe.live(Death::Natural) else {
        panic!("it goes on");
    };
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.chain().contains("the row is refused"), "{failure}");
    assert!(parked(&universe).len() <= 3, "{:?}", parked(&universe));
}

#[test]
fn a_warehouse_that_is_away_for_two_minutes_ends_no_run_and_parks_no_call() {
    for from_s in 0..25 {
        let from = Duration::from_secs(from_s);
        let until = from + Duration::from_secs(120);
        let outage = Outage {
            retry_after: None,
            system: System::Warehouse,
            from,
            until,
            kind: FailureKind::StoreFailed,
        };
        let weather = Weather {
            outages: vec![outage],
            calm_from: until,
            ..Weather::default()
        };
        let universe = universe(&[], 60, weather);
        let end = universe.live(Death::Natural);
        assert!(end.is_done(), "from {from_s} s: {end:?}");
        // A save that failed may arrive after all, and when the stage has ended that would see it.
        universe.live_in_peace();
        assert_eq!(breaches(&universe), [""; 0], "from {from_s} s");
        assert_eq!(parked(&universe), [""; 0], "from {from_s} s");
        assert_eq!(universe.books.purchases().len(), 120, "from {from_s} s");
    }
}
