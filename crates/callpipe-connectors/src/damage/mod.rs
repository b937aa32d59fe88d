//! For tests: replies as no vendor should send them, made of real ones by chance.
//!
//! Everything follows from one seed: `CALLPIPE_SEED=123 cargo test -p callpipe-connectors damaged`
//! replays one damage in every test, `CALLPIPE_SEEDS=100000` tries so many; with both they begin with
//! that one.

mod bytes;
mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use callpipe_core::conformance::chance::{Seeded, Seeds};
use callpipe_core::failure::{Failure, FailureKind};
use serde_json::Value;

/// A word of a call, a secret, or whatever else of a reply no message may repeat.
pub(crate) const MARKER: &str = "Zyzzogeton";

/// How many damages a test tries.
const SEEDS: u64 = 1_500;

/// What reading one reply may take at most, on a busy machine and without optimisation. The largest
/// replies have some megabytes, so that work that grows with the square of that takes hours.
const READING_MAX: Duration = Duration::from_secs(20);

/// The longest message, in characters.
const TOLD_CHARS_MAX: usize = 1_000;

/// Damages JSON in one way after the other, and has each result looked at.
pub(crate) fn of_json(samples: &[Value], look: impl Fn(&[u8])) {
    let damaged = |chance: &mut Seeded| {
        let sample = chance.pick(samples);
        let text = match chance.one_in(3) {
            true => sample.to_string(),
            false => tree::damaged(sample, chance),
        };
        match chance.one_in(3) {
            true => bytes::damaged(text.as_bytes(), chance),
            false => text.into_bytes(),
        }
    };
    each(damaged, look);
}

/// Damages other bytes.
pub(crate) fn of_bytes(samples: &[Vec<u8>], look: impl Fn(&[u8])) {
    let damaged = |chance: &mut Seeded| {
        let sample: &Vec<u8> = chance.pick(samples);
        bytes::damaged(sample, chance)
    };
    each(damaged, look);
}

fn each(damaged: impl Fn(&mut Seeded) -> Vec<u8>, look: impl Fn(&[u8])) {
    for seed in Seeds::asked_for(SEEDS).range() {
        let damaged = damaged(&mut Seeded::new(seed));
        let begin = Instant::now();
        let looked = catch_unwind(AssertUnwindSafe(|| look(&damaged)));
        let took = begin.elapsed();
        if looked.is_err() || took > READING_MAX {
            let beginning = &damaged[..damaged.len().min(2_000)];
            println!("{}", String::from_utf8_lossy(beginning));
            panic!("replay it with CALLPIPE_SEED={seed}, it took {took:?}");
        }
    }
}

/// Fails where a failure is of no kind that it may be, or says what it must not.
#[track_caller]
pub(crate) fn assert_fit(failure: &Failure, kinds: &[FailureKind]) {
    assert!(kinds.contains(&failure.kind), "{failure:?}");
    assert_discreet(&failure.told());
}

/// Fails where a message repeats words of a reply, or is no short line.
#[track_caller]
pub(crate) fn assert_discreet(told: &str) {
    let lower = told.to_lowercase();
    assert!(!lower.contains(&MARKER.to_lowercase()), "{told}");
    assert_line(told);
}

/// Fails where a message that may repeat what others wrote is no short line.
#[track_caller]
pub(crate) fn assert_line(told: &str) {
    assert!(!told.chars().any(char::is_control), "{told:?}");
    assert!(told.chars().count() <= TOLD_CHARS_MAX, "{told}");
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"words": [{"word": MARKER, "start": 0.5}, {"word": "b", "start": 1.5}], "count": 2})
    }

    #[test]
    fn a_seed_replays() {
        let once = |seed| {
            let chance = &mut Seeded::new(seed);
            let text = tree::damaged(&sample(), chance);
            bytes::damaged(text.as_bytes(), chance)
        };
        let all: BTreeSet<Vec<u8>> = (0..200).map(once).collect();
        assert!(all.len() > 150, "{} of 200 differ", all.len());
        assert!((0..200).all(|seed| once(seed) == once(seed)));
    }

    #[test]
    fn some_damages_are_json_and_some_are_not() {
        let counts = RefCell::new((0, 0));
        of_json(&[sample()], |bytes| {
            let mut counts = counts.borrow_mut();
            match serde_json::from_slice::<Value>(bytes) {
                Ok(_) => counts.0 += 1,
                Err(_) => counts.1 += 1,
            }
        });
        let (json, other) = counts.into_inner();
        if json + other > 100 {
            assert!(json > 100 && other > 100, "{json} and {other}");
        }
    }

    #[test]
    fn a_test_that_fails_names_its_seed() {
        let failing = catch_unwind(|| of_json(&[sample()], |_| panic!("it broke")));
        let said = failing.unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert!(said.starts_with("replay it with CALLPIPE_SEED="), "{said}");
    }
}
