//! A vendor, a store or the list of contacts that is away for an hour.

use std::time::Duration;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::warehouse::Batching;
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{Stage, Status};
use callpipe_core::retry::RetryPolicy;

use super::calls::{Calls, Nature};
use super::lives::{Death, End, Setup, Universe};
use super::seeds::in_parallel;
use super::verdict::breaches;
use super::weather::{Outage, System, Weather};
use crate::engine::Ending;
use crate::engine::told::log;

const HOUR: Duration = Duration::from_secs(3_600);
const FROM: Duration = Duration::from_secs(120);

fn universe(system: System, kind: FailureKind, outage_max: Duration, calls: usize) -> Universe {
    universe_with(outage(system, kind, FROM, HOUR), outage_max, calls)
}

fn outage(system: System, kind: FailureKind, from: Duration, lasts: Duration) -> Outage {
    Outage {
        system,
        from,
        until: from + lasts,
        kind,
        retry_after: None,
    }
}

fn universe_with(outage: Outage, outage_max: Duration, calls: usize) -> Universe {
    let weather = Weather {
        calm_from: outage.until,
        outages: vec![outage],
        ..Weather::default()
    };
    let setup = Setup {
        retry: RetryPolicy::default(),
        outage_max,
        wait_max: Duration::from_secs(300),
        batching: Batching {
            rows_max: 100,
            contacts_max: 100,
            size_bytes_max: 4_000_000,
            delay_max: Duration::from_millis(100),
            idle_delay: Duration::from_millis(100),
        },
        in_flight: [8, 10, 20],
        page: 100,
        requests_max: 10_000,
        window: Duration::from_secs(300),
        end_is_known: true,
    };
    Universe::new(weather, Calls::plain(calls), setup, Seeded::new(3))
}

/// How many calls have which status.
fn count(universe: &Universe, status: &str) -> usize {
    let tables = universe.warehouse.tables.lock().unwrap();
    let statuses = tables.rows.values().map(|row| row.progress.status.as_str());
    statuses.filter(|found| *found == status).count()
}

/// Requests about calls that failed because the vendor was away.
fn failures(universe: &Universe, system: System) -> usize {
    let calls = universe.calls.by_id.keys();
    let met = calls.flat_map(|id| universe.world.met(id));
    met.filter(|met| met.system == system && met.in_outage)
        .count()
}

const VENDORS: [(System, FailureKind); 8] = [
    (System::Recordings, FailureKind::Unavailable),
    (System::Media, FailureKind::Unavailable),
    (System::Transcriber, FailureKind::Unavailable),
    (System::Transcriber, FailureKind::Denied),
    (System::Transcriber, FailureKind::UnusableReply),
    (System::Classifier, FailureKind::UnusableReply),
    (System::Classifier, FailureKind::Unavailable),
    (System::Classifier, FailureKind::RateLimited),
];

#[test]
fn an_hour_without_a_vendor_parks_no_call_and_the_run_goes_on() {
    for (system, kind) in VENDORS {
        for calls in [1, 3, 300] {
            let universe = universe(system, kind, 2 * HOUR, calls);
            // So that a few calls are at work when it begins.
            if calls < 10 {
                universe.world.pass(FROM);
            }
            let end = universe.live(Death::Natural);
            assert!(end.is_done(), "{system:?} {kind} {calls}: {end:?}");
            assert_eq!(breaches(&universe), [""; 0]);
            assert_eq!(count(&universe, "done"), calls);
            // Eight in a row, in between answers to what was asked before it began, and those in
            // flight when it is noticed; each of a few calls may fail until its last attempt, which
            // is not counted.
            let failed = failures(&universe, system);
            let most = if calls < 10 { calls * 6 } else { 40 };
            println!("{system:?} {kind}: {failed} of {calls} calls' requests failed");
            assert!(failed <= most, "{system:?} {kind} {calls}: {failed}");
        }
    }
}

/// Whatever a call's last attempt is and whenever it fails: the vendor may be back when it is asked.
#[test]
fn an_outage_of_any_length_parks_none_of_a_few_calls() {
    for (system, kind) in VENDORS {
        in_parallel(0..150, |lasts_s| {
            let outage = outage(system, kind, FROM, Duration::from_secs(lasts_s));
            let universe = universe_with(outage.clone(), HOUR, 3);
            universe.world.pass(FROM);
            let end = universe.live(Death::Natural);
            assert!(end.is_done(), "{outage:?}: {end:?}");
            assert_eq!(count(&universe, "done"), 3, "{outage:?}");
        });
    }
}

const NEEDED_BY_ALL: [(System, FailureKind); 6] = [
    (System::Archive, FailureKind::Unavailable),
    (System::Archive, FailureKind::StoreFailed),
    (System::Archive, FailureKind::Denied),
    (System::Warehouse, FailureKind::Unavailable),
    (System::Warehouse, FailureKind::Denied),
    (System::Contacts, FailureKind::Unavailable),
];

#[test]
fn an_hour_without_a_store_or_the_list_ends_no_run_and_buys_nothing_twice() {
    for (system, kind) in NEEDED_BY_ALL {
        in_parallel(0..20, |fourth| {
            let from = Duration::from_secs(fourth * 4);
            // At the start only what will pass by itself is waited for.
            if from.is_zero() && kind != FailureKind::Unavailable {
                return;
            }
            let outage = outage(system, kind, from, HOUR);
            let universe = universe_with(outage.clone(), 2 * HOUR, 100);
            let end = universe.live(Death::Natural);
            assert!(end.is_done(), "{outage:?}: {end:?}");
            assert_eq!(breaches(&universe), [""; 0], "{outage:?}");
            assert_eq!(count(&universe, "done"), 100, "{outage:?}");
            assert_eq!(universe.books.purchases().len(), 200, "{outage:?}");
            let over_after = universe.world.now().saturating_sub(outage.until);
            assert!(
                over_after < 10 * FULL_AGAIN_AFTER,
                "{outage:?}: {over_after:?}"
            );
        });
    }
}

/// What was asked of vendors between two moments.
fn asked_of_vendors(universe: &Universe, from: Duration, until: Duration) -> Vec<String> {
    let vendors = [
        System::Contacts,
        System::Recordings,
        System::Media,
        System::Transcriber,
        System::Classifier,
    ];
    let vendors = vendors.map(|system| format!("{system:?}"));
    let lines = universe.world.trace().lines.unwrap();
    let is_meant = |line: &String| {
        let mut words = line.split_whitespace().skip(1);
        let ms = words
            .next()
            .and_then(|ms| ms.strip_suffix("ms")?.parse().ok());
        let at = ms.map(Duration::from_millis).unwrap();
        from < at
            && at < until
            && words
                .next()
                .is_some_and(|word| vendors.iter().any(|vendor| vendor == word))
    };
    lines.into_iter().filter(is_meant).collect()
}

/// The time that a lease holds, and what was begun before it had run out.
const RUN_OUT_AFTER: Duration = Duration::from_secs(45);

#[test]
fn nothing_is_begun_while_nobody_knows_whose_the_leases_are() {
    let away = outage(System::Leases, FailureKind::Denied, FROM, HOUR);
    let mut universe = universe_with(away, 2 * HOUR, 3_000);
    // So that the list is not at its end when it begins.
    universe.setup.page = 5;
    universe.world.keep_lines();
    let end = universe.live(Death::Natural);
    assert!(end.is_done(), "{end:?}");
    assert_eq!(count(&universe, "done"), 3_000);
    assert_eq!(breaches(&universe), [""; 0]);
    let (out, back) = (FROM + RUN_OUT_AFTER, FROM + HOUR);
    assert_eq!(asked_of_vendors(&universe, out, back), [""; 0]);
    let soon = back + FULL_AGAIN_AFTER;
    assert!(asked_of_vendors(&universe, back, soon).len() > 100);
}

/// Shorter than what is left of a lease when it is to be renewed.
#[test]
fn leases_survive_an_archive_that_is_away_for_a_moment() {
    let (log, told) = log();
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let moment = Duration::from_secs(8);
    let away = outage(System::Leases, FailureKind::Unavailable, FROM, moment);
    let universe = universe_with(away, HOUR, 300);
    let end = tracing::subscriber::with_default(log, || universe.live(Death::Natural));
    assert!(end.is_done(), "{end:?}");
    let told = told.text();
    let tries_again = "a lease cannot be renewed: trying again";
    assert!(told.contains(tries_again), "{told}");
    // One that had run out would have been renewed under the next number.
    let leases = ["classify", "fetch", "transcribe"];
    let leases = leases.map(|stage| format!("leases/{stage}/000000000001.json"));
    assert_eq!(universe.store.leases(), leases);
}

/// Lives until the run gives up, and says how long after the outage began.
fn gives_up_after(universe: &Universe) -> Duration {
    let first = universe.live(Death::Natural);
    let End::Reported(report) = &first else {
        panic!("{first:?}");
    };
    assert!(matches!(report.ending, Ending::GaveUp { .. }), "{report:?}");
    universe.world.now() - FROM
}

/// After the outage all calls are done by another run.
fn is_done_later(universe: &Universe) {
    universe.world.pass(HOUR);
    let second = universe.live(Death::Natural);
    assert!(second.is_done(), "{second:?}");
    assert_eq!(breaches(universe), [""; 0]);
    assert_eq!(count(universe, "done"), universe.calls.len());
}

#[test]
fn leases_that_stay_out_of_reach_end_the_run_when_it_is_time() {
    let outage_max = Duration::from_secs(300);
    let away = outage(System::Leases, FailureKind::Unavailable, FROM, HOUR);
    let universe = universe_with(away, outage_max, 3_000);
    let gave_up_after = gives_up_after(&universe);
    assert!(outage_max < gave_up_after, "{gave_up_after:?}");
    assert!(
        gave_up_after < outage_max + RUN_OUT_AFTER,
        "{gave_up_after:?}"
    );
    is_done_later(&universe);
}

/// To one call after the other it looks like an outage that the check does not see.
#[test]
fn calls_that_can_never_work_are_parked_by_one_run() {
    let natures = [Nature::Poison(Stage::Transcribe); 12];
    let calls = Calls::plain(12).with_natures(&natures);
    let universe = universe(System::Contacts, FailureKind::Unavailable, HOUR, 0).with(calls);
    let end = universe.live(Death::Natural);
    assert!(end.is_done(), "{end:?}");
    assert_eq!(breaches(&universe), [""; 0]);
    assert_eq!(count(&universe, "parked"), 12);
}

/// The longest wait between two probes, a check, a trial and the time that answers take.
const FULL_AGAIN_AFTER: Duration = Duration::from_secs(75);

#[test]
fn a_vendor_that_is_back_is_soon_at_full_rate() {
    let universe = universe(System::Transcriber, FailureKind::Unavailable, 2 * HOUR, 600);
    assert!(universe.live(Death::Natural).is_done());
    let full_at = universe.books.full_at(System::Transcriber);
    let again = full_at.iter().find(|at| **at > FROM + HOUR).unwrap();
    let after = *again - (FROM + HOUR);
    println!("full rate {after:?} after its return");
    assert!(after < FULL_AGAIN_AFTER, "{after:?}");
}

#[test]
fn an_outage_that_lasts_too_long_ends_the_run_and_harms_no_call() {
    let (log, told) = log();
    let outage_max = Duration::from_secs(300);
    let universe = universe(
        System::Transcriber,
        FailureKind::Unavailable,
        outage_max,
        300,
    );
    let first = tracing::subscriber::with_default(log, || universe.live(Death::Natural));
    let End::Reported(report) = &first else {
        panic!("{first:?}");
    };
    let gave_up = matches!(
        &report.ending,
        Ending::GaveUp {
            stage: Stage::Transcribe,
            ..
        }
    );
    assert!(gave_up, "{report:?}");
    let told = told.text();
    assert!(
        told.contains("stage is paused: no call is to blame"),
        "{told}"
    );
    let gave_up_after = universe.world.now() - FROM;
    assert!(
        gave_up_after < outage_max + Duration::from_secs(120),
        "{gave_up_after:?}"
    );
    assert_eq!(count(&universe, "parked"), 0);
    {
        let tables = universe.warehouse.tables.lock().unwrap();
        let last = universe.setup.retry.attempts_max - 1;
        assert!(tables.rows.values().all(|row| row.progress.attempt < last));
        let waiting = |status: &Status| {
            matches!(
                status,
                Status::Ready {
                    not_before: Some(_)
                }
            )
        };
        let waiting = tables
            .rows
            .values()
            .filter(|row| waiting(&row.progress.status));
        assert!(waiting.count() <= 40, "what failed before it was noticed");
    }
    is_done_later(&universe);
}

/// Nothing tells it from calls that are all at fault but that it refuses the check's call as well.
#[test]
fn a_vendor_that_refuses_whatever_it_is_asked_parks_few_of_many_calls() {
    const PARKED_MAX: usize = 32;
    for (system, kind) in [
        (System::Transcriber, FailureKind::Unsupported),
        (System::Classifier, FailureKind::Rejected),
    ] {
        let universe = universe(system, kind, HOUR, 300);
        let gave_up_after = gives_up_after(&universe);
        assert!(
            gave_up_after < Duration::from_secs(300),
            "{gave_up_after:?}"
        );
        let parked = count(&universe, "parked");
        println!("{system:?}: {parked} parked, gave up after {gave_up_after:?}");
        assert!((24..=PARKED_MAX).contains(&parked), "{parked}");
        universe.world.pass(HOUR);
        assert!(universe.live(Death::Natural).is_done());
        assert_eq!(count(&universe, "parked"), parked);
        assert_eq!(count(&universe, "done"), 300 - parked);
    }
}

/// It says so itself, and that is not asked about: no probe ends it.
#[test]
fn a_vendor_that_wants_to_be_left_alone_for_too_long_ends_the_run_and_harms_no_call() {
    let outage_max = Duration::from_secs(300);
    let limited = Outage {
        retry_after: Some(HOUR),
        ..outage(System::Transcriber, FailureKind::RateLimited, FROM, HOUR)
    };
    // Whose first attempt is the last waits for a probe besides.
    for attempts_max in [RetryPolicy::default().attempts_max, 1] {
        let mut universe = universe_with(limited.clone(), outage_max, 300);
        universe.setup.retry.attempts_max = attempts_max;
        universe.world.keep_lines();
        let gave_up_after = gives_up_after(&universe);
        assert!(outage_max <= gave_up_after, "{gave_up_after:?}");
        let soon = outage_max + Duration::from_secs(60);
        assert!(gave_up_after < soon, "{gave_up_after:?}");
        assert_eq!(count(&universe, "parked"), 0);
        let lines = universe.world.trace().lines.unwrap();
        let is_probe = |line: &&String| line.contains("Transcriber check");
        assert_eq!(lines.iter().find(is_probe), None);
        is_done_later(&universe);
    }
}
