//! Thousands of worlds.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::calls::Calls;
use super::lives::{Setup, Universe};
use super::verdict::breaches;
use super::weather::Weather;
use callpipe_core::conformance::chance::{Seeded, Seeds};

/// How many worlds are tried where nobody says otherwise.
pub(super) const SEEDS: u64 = 2_000;

/// Does something for each of some numbers, on all of the machine's processors.
pub(super) fn in_parallel(numbers: Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(numbers.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        number if number < numbers.end => work(number),
                        _ => break,
                    }
                }
            });
        }
    });
}

pub(super) fn universe(seed: u64) -> Universe {
    let mut chance = Seeded::new(seed);
    let weather = Weather::storm(&mut chance);
    let calls = Calls::by_chance(&mut chance, weather.calm_from);
    let setup = Setup::by_chance(&mut chance);
    Universe::new(weather, calls, setup, chance)
}

/// Lives through a world and says what is wrong with it.
fn lived(seed: u64, keep_lines: bool) -> (Universe, Vec<String>) {
    let universe = universe(seed);
    if keep_lines {
        universe.world.keep_lines();
    }
    universe.live_by_chance();
    universe.live_in_peace();
    let breaches = breaches(&universe);
    (universe, breaches)
}

#[test]
fn every_call_ends_where_it_must_whatever_happens() {
    let seeds = Seeds::asked_for(SEEDS);
    if let Seeds::One(seed) = seeds {
        let (universe, breaches) = lived(seed, true);
        for line in universe.world.trace().lines.unwrap() {
            println!("{line}");
        }
        assert!(breaches.is_empty(), "seed {seed}: {breaches:#?}");
        return;
    }
    let seeds = seeds.range();
    let failed = Mutex::new(Vec::new());
    in_parallel(seeds.clone(), |seed| {
        let lived = std::panic::catch_unwind(|| lived(seed, false).1);
        let breaches = lived.unwrap_or_else(|_| vec!["it panicked".into()]);
        if !breaches.is_empty() {
            failed.lock().unwrap().push((seed, breaches));
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    for (seed, breaches) in failed.iter().take(20) {
        println!("CALLPIPE_SEED={seed}: {breaches:#?}");
    }
    assert!(
        failed.is_empty(),
        "{} of {} worlds ended badly",
        failed.len(),
        seeds.end - seeds.start
    );
}

/// One seed, one course of events.
#[test]
fn a_seed_replays() {
    for seed in 0..20 {
        let (first, second) = (lived(seed, true).0, lived(seed, true).0);
        let (first, second) = (first.world.trace(), second.world.trace());
        let differs = first
            .lines
            .iter()
            .flatten()
            .zip(second.lines.iter().flatten());
        let differs = differs.into_iter().find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
    }
}
