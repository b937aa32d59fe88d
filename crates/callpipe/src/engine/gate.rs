//! When a stage may begin work: held back after a 429, closed while its vendor is out of order.
//!
//! Pure: the stage loop tells it what happens and asks it what to do. An outage or a bad credential
//! must cost no call its attempts, and a poison call must not close a stage: so after several
//! failures in a row the gate closes and asks for a probe (the connector's own check), and opens
//! again as soon as one succeeds. What is blamed on the setup is probed at once: if the probe
//! succeeds, the call is refused alone, and it costs that call an attempt.

use std::time::Duration;

use callpipe_core::failure::{Blame, Failure, FailureKind};
use tokio::time::Instant;

/// So many failures in a row, with the moment to blame, close the gate.
const FAILURES_IN_A_ROW_MAX: u32 = 8;

/// The first wait before a probe; doubled after each that fails.
const PROBE_DELAY: Duration = Duration::from_secs(1);

/// The longest wait between two probes.
const PROBE_DELAY_MAX: Duration = Duration::from_secs(30);

/// The wait after a 429 that names none; doubled while they go on.
const RATE_LIMIT_DELAY: Duration = Duration::from_millis(500);

/// Whether work may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Open,
    /// Not before this.
    HeldUntil(Instant),
    /// Not before a probe succeeded, and that not before this.
    ProbeAt(Instant),
}

/// How the failure of a call is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is the call's own.
    Counts,
    /// The stage is in trouble: it says nothing about the call.
    StageInTrouble,
    /// Setup or call: the next probe says which.
    ProbeDecides,
}

/// The state of a stage's gate.
#[derive(Debug)]
pub struct Gate {
    failures_in_a_row: u32,
    rate_limits_in_a_row: u32,
    held_until: Option<Instant>,
    closed: Option<Closed>,
}

#[derive(Debug)]
struct Closed {
    since: Instant,
    probe_at: Instant,
    probe_delay: Duration,
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self {
            failures_in_a_row: 0,
            rate_limits_in_a_row: 0,
            held_until: None,
            closed: None,
        }
    }

    /// Whether work may begin now.
    pub fn permission(&self, now: Instant) -> Permission {
        if let Some(closed) = &self.closed {
            return Permission::ProbeAt(closed.probe_at);
        }
        match self.held_until {
            Some(held_until) if held_until > now => Permission::HeldUntil(held_until),
            _ => Permission::Open,
        }
    }

    /// For how long the gate has been closed.
    pub fn closed_for(&self, now: Instant) -> Option<Duration> {
        self.closed.as_ref().map(|closed| now - closed.since)
    }

    /// A call's work went well.
    pub fn succeeded(&mut self) {
        self.failures_in_a_row = 0;
        self.rate_limits_in_a_row = 0;
    }

    /// A call's work failed. Says how that counts, and closes the gate if it is time to.
    pub fn failed(&mut self, failure: &Failure, now: Instant) -> Weight {
        match failure.kind.blame() {
            Blame::Call => {
                // The vendor answered, so it is there.
                self.succeeded();
                Weight::Counts
            }
            Blame::Setup => {
                self.close(now, Duration::ZERO);
                Weight::ProbeDecides
            }
            Blame::Moment => {
                if failure.kind == FailureKind::RateLimited {
                    self.hold(failure.retry_after, now);
                }
                self.failures_in_a_row += 1;
                if self.failures_in_a_row >= FAILURES_IN_A_ROW_MAX {
                    self.close(now, PROBE_DELAY);
                }
                if self.closed.is_some() {
                    Weight::StageInTrouble
                } else {
                    Weight::Counts
                }
            }
        }
    }

    /// A probe went well.
    pub fn probe_succeeded(&mut self) {
        self.closed = None;
        self.succeeded();
    }

    /// A probe failed: the next one waits longer.
    pub fn probe_failed(&mut self, now: Instant) {
        if let Some(closed) = &mut self.closed {
            closed.probe_delay = (closed.probe_delay * 2).min(PROBE_DELAY_MAX);
            closed.probe_at = now + closed.probe_delay;
        }
    }

    fn close(&mut self, now: Instant, wait: Duration) {
        self.closed.get_or_insert(Closed {
            since: now,
            probe_at: now + wait,
            probe_delay: PROBE_DELAY / 2,
        });
    }

    fn hold(&mut self, retry_after: Option<Duration>, now: Instant) {
        let doublings = self.rate_limits_in_a_row.min(7);
        let wait = retry_after
            .unwrap_or(RATE_LIMIT_DELAY * (1 << doublings))
            .min(Duration::from_secs(3600));
        self.rate_limits_in_a_row += 1;
        self.held_until = self.held_until.max(Some(now + wait));
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "it broke")
    }

    #[test]
    fn an_outage_closes_the_gate_until_a_probe_succeeds() {
        let (mut gate, now) = (Gate::new(), Instant::now());
        for _ in 0..FAILURES_IN_A_ROW_MAX - 1 {
            assert_eq!(
                gate.failed(&failure(FailureKind::Unavailable), now),
                Weight::Counts
            );
        }
        assert_eq!(gate.permission(now), Permission::Open);
        assert_eq!(
            gate.failed(&failure(FailureKind::Unavailable), now),
            Weight::StageInTrouble
        );
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + PROBE_DELAY));
        let later = now + PROBE_DELAY;
        gate.probe_failed(later);
        assert_eq!(
            gate.permission(later),
            Permission::ProbeAt(later + PROBE_DELAY)
        );
        assert_eq!(gate.closed_for(later), Some(PROBE_DELAY));
        gate.probe_succeeded();
        assert_eq!(gate.permission(later), Permission::Open);
        assert_eq!(
            gate.failed(&failure(FailureKind::Unavailable), later),
            Weight::Counts
        );
    }

    #[test]
    fn a_success_in_between_keeps_it_open() {
        let (mut gate, now) = (Gate::new(), Instant::now());
        for _ in 0..5 * FAILURES_IN_A_ROW_MAX {
            assert_eq!(
                gate.failed(&failure(FailureKind::CorruptTransfer), now),
                Weight::Counts
            );
            gate.succeeded();
        }
    }

    #[test]
    fn a_refused_credential_is_probed_at_once_and_a_refused_call_never() {
        let (mut gate, now) = (Gate::new(), Instant::now());
        for _ in 0..100 {
            assert_eq!(
                gate.failed(&failure(FailureKind::Rejected), now),
                Weight::Counts
            );
        }
        assert_eq!(gate.permission(now), Permission::Open);
        assert_eq!(
            gate.failed(&failure(FailureKind::Denied), now),
            Weight::ProbeDecides
        );
        assert_eq!(gate.permission(now), Permission::ProbeAt(now));
        gate.probe_failed(now);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + PROBE_DELAY));
    }

    #[test]
    fn a_429_holds_the_stage_for_as_long_as_it_says_or_longer_each_time() {
        let (mut gate, now) = (Gate::new(), Instant::now());
        gate.failed(
            &failure(FailureKind::RateLimited).with_retry_after(Some(Duration::from_secs(9))),
            now,
        );
        assert_eq!(
            gate.permission(now),
            Permission::HeldUntil(now + Duration::from_secs(9))
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(gate.permission(later), Permission::Open);
        gate.failed(&failure(FailureKind::RateLimited), later);
        assert_eq!(
            gate.permission(later),
            Permission::HeldUntil(later + Duration::from_secs(1))
        );
    }
}
