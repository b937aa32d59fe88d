//! What a stage does while its vendor is in trouble, or seems to be: it tells of it, asks, waits, goes on,
//! and gives up when it is time.

use std::time::Duration;

use callpipe_core::contracts::warehouse::Change;
use callpipe_core::failure::{Blame, Failure, FailureKind};
use callpipe_core::transition::Event;
use tokio::time::Instant;

use super::StageLoop;
use crate::engine::doubts::Finding;
use crate::engine::gate::Permission;

/// A wait for which a vendor asks is told from so many seconds on.
const TOLD_WAIT_S_MIN: u64 = 10;

impl StageLoop<'_> {
    /// Says that the stage is silent for a while because its vendor wants that; of a burst, the first.
    pub(super) fn tell_of_a_wish(&self, failure: &Failure) {
        let is_open = matches!(self.gate.permission(Instant::now()), Permission::Open);
        let wait_s = failure.retry_after.unwrap_or_default().as_secs();
        if is_open && failure.kind.blame() == Blame::Moment && wait_s >= TOLD_WAIT_S_MIN {
            let reason = failure.chain();
            tracing::warn!(stage = %self.stage, wait_s, reason, "the stage waits: it is asked to come back later");
        }
    }

    /// Where nobody else's work can show any more whether the vendor works, a probe has to.
    pub(super) fn settle_doubts(&mut self, upstream_has_ended: bool) {
        let is_idle = !self.is_busy() && !self.maybe_more;
        if self.doubts.has_refused() && upstream_has_ended && is_idle {
            self.gate.probe_now(Instant::now());
        }
    }

    /// When the stage has been left alone, by its vendor's wish, for as long as an outage may last.
    pub(super) fn given_up_at(&self) -> Option<Instant> {
        let since = self.gate.held_since(Instant::now())?;
        since.checked_add(self.engine.settings.outage_max)
    }

    pub(super) fn left_alone_for_too_long(&self) -> Option<Failure> {
        let is_over = self.given_up_at().is_some_and(|at| at <= Instant::now());
        is_over.then(|| {
            let message = format!("the {} stage is asked to come back later", self.stage);
            Failure::new(FailureKind::RateLimited, message)
                .with_hint("run again later, or raise `engine.outage_max_s`")
        })
    }

    /// Asks the outside system whether it works. A failure where it is time to give up.
    pub(super) async fn probe_if_closed(&mut self) -> Option<Failure> {
        let now = Instant::now();
        let is_time = |moment| moment <= now;
        if !matches!(self.gate.permission(now), Permission::ProbeAt(moment) if is_time(moment)) {
            return None;
        }
        let paused_for = self.gate.in_trouble_for(Instant::now()).unwrap_or_default();
        let gives_up = paused_for >= self.engine.settings.outage_max;
        let check = tokio::select! {
            biased;
            check = self.work.check() => check,
            // A check may wait for its place in the vendor's quota.
            () = self.engine.stop.asked() => return None,
        };
        match check {
            Err(failure) if self.doubts.is_trouble(&failure) => {
                for call in self.doubts.let_go() {
                    self.let_go(&call);
                }
                self.gate.probe_failed(Instant::now());
                tracing::warn!(stage = %self.stage, paused_s = paused_for.as_secs(), reason = failure.chain(), hint = failure.hint, "stage is paused: no call is to blame");
                gives_up.then_some(failure)
            }
            check => {
                self.go_on(paused_for, check.is_err()).await;
                let refused = check.err().filter(|_| self.doubts.are_all_refused())?;
                let why =
                    "one call after the other is refused, and so is the check's own made-up one";
                Some(hopeless(why, &refused))
            }
        }
    }

    /// Lets work begin again: what is in doubt are failures of single calls.
    async fn go_on(&mut self, paused_for: Duration, was_refused: bool) {
        self.gate.probe_succeeded();
        self.maybe_more = true;
        tracing::debug!(stage = %self.stage, paused_s = paused_for.as_secs(), "stage goes on");
        let attempts_max = self.engine.settings.retry.attempts_max;
        let findings = self.doubts.probe_succeeded(was_refused, attempts_max);
        self.decide_found(findings).await;
    }

    /// Decides about calls that were in doubt.
    pub(super) async fn decide_found(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            match finding {
                Finding::Again(call) => self.let_go(&call),
                Finding::Alone((call, failure)) => {
                    self.decide(call, &Event::FailedAlone(&failure), Change::None)
                        .await
                }
                Finding::Own((call, failure)) => {
                    self.decide(call, &Event::Failed(&failure), Change::None)
                        .await
                }
            }
        }
    }
}

/// That it is of no use to go on.
pub(super) fn hopeless(why: &str, failure: &Failure) -> Failure {
    let message = format!("{why}: {}", failure.chain());
    let same = Failure::new(FailureKind::Unavailable, message);
    match &failure.hint {
        Some(hint) => same.with_hint(hint.clone()),
        None => same,
    }
}
