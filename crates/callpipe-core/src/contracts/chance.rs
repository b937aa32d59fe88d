//! Chance, as something that is given to whoever needs it, so that what happened can be replayed.

/// Gives numbers by chance.
pub trait Chance: Send + Sync {
    /// A number in 0.0..1.0.
    fn next(&self) -> f64;
}
