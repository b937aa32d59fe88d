//! Chance that follows from a seed, for tests that try thousands of courses of events.

use std::ops::Range;

/// The seeds that a test tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// This one alone: somebody wants to see what happens.
    One(u64),
    /// All of these.
    Many(Range<u64>),
}

impl Seeds {
    /// As the environment says: `CALLPIPE_SEED` alone is one; `CALLPIPE_SEEDS` are so many, from that one
    /// on or from 0. As many as usual where it says nothing. Panics where either is no number.
    pub fn asked_for(usual_count: u64) -> Self {
        Self::of(
            number_asked_for("CALLPIPE_SEED"),
            number_asked_for("CALLPIPE_SEEDS"),
            usual_count,
        )
    }

    fn of(first: Option<u64>, count: Option<u64>, usual_count: u64) -> Self {
        match (first, count) {
            (Some(seed), None) => Self::One(seed),
            _ => {
                let first = first.unwrap_or(0);
                Self::Many(first..first.saturating_add(count.unwrap_or(usual_count)))
            }
        }
    }

    /// One after the other.
    pub fn range(self) -> Range<u64> {
        match self {
            Self::One(seed) => seed..seed.saturating_add(1),
            Self::Many(seeds) => seeds,
        }
    }
}

/// A number that the environment sets, for tests that can try more than usual. Panics where it is none,
/// since whoever asked for it would believe that it was tried.
pub fn number_asked_for(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// A small generator of our own (SplitMix64), so that a seed means the same for ever.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// All that follows from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on, below another; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end.max(1)
    }

    /// A place in a list of this length; 0 where that is 0.
    pub fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number from one to another.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of several. There must be some.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.place(choices.len())]
    }

    /// A generator of its own for something else.
    pub fn fork(&mut self) -> Self {
        Self::new(self.any())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_replayed_and_many_begin_where_one_says() {
        assert_eq!(Seeds::of(None, None, 40), Seeds::Many(0..40));
        assert_eq!(Seeds::of(None, Some(7), 40), Seeds::Many(0..7));
        assert_eq!(Seeds::of(Some(123), Some(7), 40), Seeds::Many(123..130));
        assert_eq!(Seeds::of(Some(123), None, 40), Seeds::One(123));
        assert_eq!(Seeds::One(123).range(), 123..124);
        assert_eq!(Seeds::Many(123..130).range(), 123..130);
    }
}
