//! Keeping a vendor's limit of requests in a trailing window: within a run, and from one run to the
//! next.

mod answered;
mod ledger;
#[cfg(test)]
mod tests;
mod window;

pub use ledger::{Ledger, UsageStore, used};
pub use window::{Slot, WindowLimit};
