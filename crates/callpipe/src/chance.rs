//! The chance of the machine.

use callpipe_core::contracts::chance::Chance;

/// Gives numbers that nobody can foretell.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn next(&self) -> f64 {
        rand::random()
    }
}
