//! What vendors allow is used up: the recordings' quota, and the transcriber's requests at once. And
//! the number of calls is of no matter for what is held in memory.

use std::time::Duration;

use callpipe_core::conformance::chance::{Seeded, number_asked_for};
use callpipe_core::contracts::warehouse::Batching;
use callpipe_core::retry::RetryPolicy;

use super::calls::Calls;
use super::lives::{Death, Setup, Universe};
use super::verdict::breaches;
use super::weather::{System, Weather};

/// How many calls there are where nobody says otherwise.
const CALLS: usize = 3_000;

const WINDOW: Duration = Duration::from_secs(300);

/// As SQLite saves.
const AT_ONCE: Batching = Batching {
    rows_max: 100,
    contacts_max: 100,
    size_bytes_max: 4_000_000,
    delay_max: Duration::from_millis(100),
    idle_delay: Duration::from_millis(5),
};

/// As BigQuery does.
const BY_THE_MINUTE: Batching = Batching {
    rows_max: 500,
    contacts_max: 500,
    size_bytes_max: 8_000_000,
    delay_max: Duration::from_secs(60),
    idle_delay: Duration::from_millis(100),
};

fn calls() -> usize {
    number_asked_for("CALLPIPE_CALLS").map_or(CALLS, |calls| calls as usize)
}

fn setup(requests_max: usize, batching: Batching) -> Setup {
    Setup {
        retry: RetryPolicy::default(),
        outage_max: Duration::from_secs(900),
        wait_max: Duration::from_secs(60),
        batching,
        in_flight: [8, 10, 20],
        page: 500,
        requests_max,
        window: WINDOW,
        end_is_known: true,
    }
}

fn usual_ms(system: System) -> (u64, u64) {
    match system {
        System::Contacts => (500, 1_500),
        System::Recordings => (150, 600),
        System::Media => (500, 2_500),
        System::Transcriber => (8_000, 8_000),
        System::Classifier => (1_000, 4_000),
        System::Warehouse => (1, 20),
        System::Archive | System::Leases => (20, 100),
    }
}

fn slow_warehouse_ms(system: System) -> (u64, u64) {
    match system {
        System::Warehouse => (800, 5_000),
        other => usual_ms(other),
    }
}

/// A run over so many calls in fine weather.
fn run(calls: usize, setup: Setup, latency_ms: fn(System) -> (u64, u64)) -> Universe {
    let weather = Weather {
        latency_ms: Some(latency_ms),
        ..Weather::default()
    };
    let universe = Universe::new(weather, Calls::plain(calls), setup, Seeded::new(1));
    let end = universe.live(Death::Natural);
    assert!(end.is_done(), "{end:?}");
    assert_eq!(breaches(&universe), [""; 0]);
    universe
}

/// By which part a full window takes longer than it must, on average.
fn window_lost(universe: &Universe) -> f64 {
    let arrivals = universe.window.arrivals();
    let requests_max = universe.setup.requests_max;
    let later = arrivals.iter().skip(requests_max);
    let windows: Vec<f64> = later
        .zip(&arrivals)
        .map(|(later, earlier)| (*later - *earlier).as_secs_f64())
        .collect();
    let mean_s = windows.iter().sum::<f64>() / windows.len() as f64;
    mean_s / WINDOW.as_secs_f64() - 1.0
}

#[test]
fn the_recordings_quota_is_used_up_and_never_exceeded() {
    for (batching, latency_ms) in [
        (AT_ONCE, usual_ms as fn(System) -> (u64, u64)),
        (BY_THE_MINUTE, slow_warehouse_ms),
    ] {
        let universe = run(calls(), setup(150, batching), latency_ms);
        let lost = window_lost(&universe);
        let arrivals = universe.window.arrivals();
        let took_h = (arrivals[arrivals.len() - 1] - arrivals[0]).as_secs_f64() / 3600.0;
        println!(
            "{} requests in {took_h:.2} h; {:.3} % lost",
            arrivals.len(),
            lost * 100.0
        );
        assert!((0.0..0.01).contains(&lost), "{lost}");
    }
}

#[test]
fn a_run_that_ends_in_good_order_costs_the_next_one_nothing_of_the_quota() {
    let universe = run(17, setup(150, AT_ONCE), usual_ms);
    let usage = universe.store.usage();
    assert!(usage.contains("\"unconfirmed\":0"), "{usage}");
}

/// The part of the transcriber's places that is used from the first purchase to the last answer.
fn places_used(universe: &Universe) -> f64 {
    let in_flight_max = universe.setup.in_flight[1];
    let full_at = universe.books.full_at(System::Transcriber);
    let (first, last) = (full_at[0], full_at[full_at.len() - 1]);
    let answered_ms = (last - first).as_millis() + 8_000;
    universe.books.busy_ms(System::Transcriber) as f64 / (answered_ms as f64 * in_flight_max as f64)
}

#[test]
fn the_transcriber_is_kept_busy() {
    for (batching, latency_ms) in [
        (AT_ONCE, usual_ms as fn(System) -> (u64, u64)),
        (BY_THE_MINUTE, slow_warehouse_ms),
    ] {
        let universe = run(calls(), setup(100_000, batching), latency_ms);
        let used = places_used(&universe);
        println!("{:.3} % of the places are used", used * 100.0);
        assert!(used > 0.99, "{used}");
    }
}

#[test]
fn what_is_held_in_memory_does_not_grow_with_the_number_of_calls() {
    for batching in [AT_ONCE, BY_THE_MINUTE] {
        let peaks = |calls| {
            run(calls, setup(100_000, batching), usual_ms)
                .warehouse
                .peaks()
        };
        let (few, many) = (peaks(800), peaks(calls()));
        println!("{few:?} {many:?}");
        // Of very many moments the busiest is somewhat busier than that of few: by a quarter, in whole calls.
        let somewhat_more = |few: usize| (few * 5).div_ceil(4);
        let bounds = [
            (many.contacts_added, batching.contacts_max),
            (many.calls_asked_for, somewhat_more(few.calls_asked_for)),
            (many.outcomes_saved, somewhat_more(few.outcomes_saved)),
        ];
        for (most, bound) in bounds {
            assert!(most <= bound, "{few:?} {many:?}");
        }
    }
}
