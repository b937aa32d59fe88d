//! The clock of the machine.

use callpipe_core::contracts::clock::Clock;
use chrono::{DateTime, Utc};

/// Tells the machine's time. The only place that asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is given"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
