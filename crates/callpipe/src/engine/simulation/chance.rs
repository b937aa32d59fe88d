//! Chance that follows from a seed.

use std::sync::Mutex;

use callpipe_core::contracts::chance::Chance;

/// A small generator of our own (SplitMix64), so that a seed means the same for ever.
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on, below another.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number from one to another.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A generator of its own for something else.
    pub(super) fn fork(&mut self) -> Self {
        Self::new(self.next())
    }
}

/// What the engine is given.
pub(super) struct SharedChance(pub(super) Mutex<Seeded>);

impl Chance for SharedChance {
    fn next(&self) -> f64 {
        let drawn = self.0.lock().unwrap().below(1 << 30);
        drawn as f64 / f64::from(1 << 30)
    }
}
