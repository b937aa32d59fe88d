//! The chance that the engine is given.

use std::sync::Mutex;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::chance::Chance;

/// Chance that follows from a seed, for all who share it.
pub(super) struct SharedChance(pub(super) Mutex<Seeded>);

impl Chance for SharedChance {
    fn next(&self) -> f64 {
        let drawn = self.0.lock().unwrap().below(1 << 30);
        drawn as f64 / f64::from(1 << 30)
    }
}
