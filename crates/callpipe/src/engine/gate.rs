//! When a stage may begin work: held back after a 429 or for as long as its vendor wishes, closed while
//! that is out of order.
//!
//! Pure: the stage loop tells it what happens and asks it what to do. An outage or a bad credential
//! must cost no call its attempts, and a poison call must not close a stage. So only failures of
//! calls that never failed before count against the vendor: after several in a row the gate closes
//! and asks for a probe (the connector's own check). When that succeeds, one call at a time is let
//! through until one succeeds, because a vendor may answer the probe and yet fail at real work.
//! What is blamed on the setup is probed at once: if the probe succeeds, the call is refused alone,
//! and it costs that call an attempt. So is a failure that would use up a call's last attempt: the
//! few calls that are left when an outage begins must not be parked for it. What is blamed on the
//! call is believed only when the vendor is seen to work after it (`doubts`).

use std::time::Duration;

use callpipe_core::failure::{Blame, Failure, FailureKind};
use tokio::time::Instant;

/// So many failures in a row, with the moment to blame, close the gate.
const FAILURES_IN_A_ROW_MAX: u32 = 8;

/// The first wait before a probe; doubled after each that fails.
const PROBE_DELAY: Duration = Duration::from_secs(1);

/// The longest wait between two probes.
const PROBE_DELAY_MAX: Duration = Duration::from_secs(30);

/// The longest wait between two trials. Short, because a row of calls that cannot work looks like an
/// outage until one behind them succeeds.
const TRIAL_DELAY_MAX: Duration = Duration::from_secs(2);

/// The longest wait after a 429, whatever it asks for. After other failures it is no longer than between
/// two probes: it may be about one call, and all others wait.
const RATE_HOLD_MAX: Duration = Duration::from_secs(3600);

/// The wait after a 429 that names none; doubled while they go on.
const RATE_LIMIT_DELAY: Duration = Duration::from_millis(500);

/// Whether work may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Open,
    /// It may, on one call at a time.
    OneAtATime,
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
    /// It is the call's own, if the vendor works.
    InDoubt,
    /// Call or vendor: it counts, but is no reason to park the call.
    OnTrial,
    /// The stage is in trouble: it says nothing about the call.
    StageInTrouble,
    /// Setup, vendor or call: the next probe says which.
    ProbeDecides,
}

/// The state of a stage's gate.
#[derive(Debug)]
pub struct Gate {
    /// A call that failed so often is parked.
    attempts_max: u32,
    failures_in_a_row: u32,
    rate_limits_in_a_row: u32,
    hold: Option<Hold>,
    trouble: Option<Trouble>,
}

/// Nothing is begun for a while: by the vendor's wish, or between two trials.
#[derive(Debug, Clone, Copy)]
struct Hold {
    since: Instant,
    until: Instant,
    /// Whether it is about the rate of all requests, and not about one that failed.
    is_of_rate: bool,
}

/// Since when and how the stage is in trouble.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    delay: Duration,
    state: TroubleState,
}

#[derive(Debug, PartialEq, Eq)]
enum TroubleState {
    /// Closed, because calls fail.
    Closed { probe_at: Instant },
    /// Closed, until it is known whether a call is to blame.
    Accused { probe_at: Instant },
    /// A probe succeeded; no call has yet.
    OnTrial,
}

impl Gate {
    /// An open gate, for calls that are parked after so many attempts.
    pub fn new(attempts_max: u32) -> Self {
        Self {
            attempts_max,
            failures_in_a_row: 0,
            rate_limits_in_a_row: 0,
            hold: None,
            trouble: None,
        }
    }

    /// Whether work may begin now.
    pub fn permission(&self, now: Instant) -> Permission {
        let state = self.trouble.as_ref().map(|trouble| &trouble.state);
        if let Some(TroubleState::Closed { probe_at } | TroubleState::Accused { probe_at }) = state
        {
            // Who asked to be left alone is not probed, either.
            let held_until = self.hold.map_or(*probe_at, |hold| hold.until);
            return Permission::ProbeAt(held_until.max(*probe_at));
        }
        match self.hold {
            Some(hold) if hold.until > now => Permission::HeldUntil(hold.until),
            _ if state.is_some() => Permission::OneAtATime,
            _ => Permission::Open,
        }
    }

    /// For how long the gate has not been open.
    pub fn in_trouble_for(&self, now: Instant) -> Option<Duration> {
        self.trouble.as_ref().map(|trouble| now - trouble.since)
    }

    /// Since when the stage has been left alone without a break, if it still is.
    pub fn held_since(&self, now: Instant) -> Option<Instant> {
        let hold = self.hold.filter(|hold| hold.until > now);
        hold.map(|hold| hold.since)
    }

    /// A call's work went well.
    pub fn succeeded(&mut self) {
        self.failures_in_a_row = 0;
        self.rate_limits_in_a_row = 0;
        // Who answers others was away for one request alone.
        self.hold = self.hold.filter(|hold| hold.is_of_rate);
        self.end_trial();
    }

    /// A call's work failed, which had failed `attempts_before` times before. Says how that counts,
    /// and closes the gate if it is time to.
    pub fn failed(&mut self, failure: &Failure, attempts_before: u32, now: Instant) -> Weight {
        match failure.kind.blame() {
            Blame::Call if failure.found_out_here => Weight::Counts,
            Blame::Call => {
                // The vendor answered, so it is there.
                self.failures_in_a_row = 0;
                self.rate_limits_in_a_row = 0;
                Weight::InDoubt
            }
            Blame::Setup => {
                self.probe_now(now);
                Weight::ProbeDecides
            }
            Blame::Moment => {
                let is_of_rate = failure.kind == FailureKind::RateLimited;
                if is_of_rate || failure.retry_after.is_some() {
                    self.hold(failure.retry_after, is_of_rate, now);
                }
                self.failed_for_the_moment(attempts_before, now)
            }
        }
    }

    fn failed_for_the_moment(&mut self, attempts_before: u32, now: Instant) -> Weight {
        if let Some(trouble) = &mut self.trouble {
            if trouble.state != TroubleState::OnTrial {
                return Weight::StageInTrouble;
            }
            // It counts, so that the next trial is another call's. A probe would tell less than the
            // trial did, and costs a request of the vendor's quota.
            trouble.delay = (trouble.delay * 2).min(TRIAL_DELAY_MAX);
            let until = now + trouble.delay;
            self.hold_until(until, false, now);
            return Weight::OnTrial;
        }
        if attempts_before == 0 {
            self.failures_in_a_row += 1;
        }
        if self.failures_in_a_row < FAILURES_IN_A_ROW_MAX {
            if attempts_before + 1 < self.attempts_max {
                return Weight::Counts;
            }
            self.probe_now(now);
            return Weight::ProbeDecides;
        }
        self.close(now, |now| TroubleState::Closed {
            probe_at: now + PROBE_DELAY,
        });
        Weight::StageInTrouble
    }

    /// It is to be known at once whether the vendor works.
    pub fn probe_now(&mut self, now: Instant) {
        self.close(now, |now| TroubleState::Accused { probe_at: now });
    }

    /// A probe went well.
    pub fn probe_succeeded(&mut self) {
        self.failures_in_a_row = 0;
        match &mut self.trouble {
            Some(trouble) if matches!(trouble.state, TroubleState::Closed { .. }) => {
                trouble.state = TroubleState::OnTrial;
            }
            _ => self.trouble = None,
        }
    }

    /// Only calls are left that failed before: there is nobody whom trials could protect, and each
    /// of them is to use up its own attempts.
    pub fn nobody_else_is_left(&mut self) {
        self.end_trial();
    }

    fn end_trial(&mut self) {
        let on_trial = |trouble: &Trouble| trouble.state == TroubleState::OnTrial;
        if self.trouble.as_ref().is_some_and(on_trial) {
            self.trouble = None;
        }
    }

    /// A probe failed: the next one waits longer.
    pub fn probe_failed(&mut self, now: Instant) {
        if let Some(trouble) = &mut self.trouble {
            trouble.delay = (trouble.delay * 2).min(PROBE_DELAY_MAX);
            trouble.state = TroubleState::Closed {
                probe_at: now + trouble.delay,
            };
        }
    }

    fn close(&mut self, now: Instant, state: impl FnOnce(Instant) -> TroubleState) {
        let trouble = self.trouble.get_or_insert(Trouble {
            since: now,
            delay: PROBE_DELAY / 2,
            state: TroubleState::OnTrial,
        });
        if trouble.state == TroubleState::OnTrial {
            trouble.state = state(now);
        }
    }

    /// A burst of 429s, which all in flight get at once, is one of them.
    fn hold(&mut self, retry_after: Option<Duration>, is_of_rate: bool, now: Instant) {
        if self.held_since(now).is_some() && retry_after.is_none() {
            return;
        }
        let doublings = self.rate_limits_in_a_row.min(6);
        let wait = retry_after.unwrap_or(RATE_LIMIT_DELAY * (1 << doublings));
        self.rate_limits_in_a_row += 1;
        let wait_max = match is_of_rate {
            true => RATE_HOLD_MAX,
            false => PROBE_DELAY_MAX,
        };
        self.hold_until(now + wait.min(wait_max), is_of_rate, now);
    }

    /// The longer of two holds is kept.
    fn hold_until(&mut self, until: Instant, is_of_rate: bool, now: Instant) {
        let since = self.held_since(now).unwrap_or(now);
        let earlier = self.hold.filter(|hold| hold.until >= until);
        let hold = earlier.unwrap_or(Hold {
            since,
            until,
            is_of_rate,
        });
        self.hold = Some(hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS_MAX: u32 = 6;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "it broke")
    }

    fn unavailable(gate: &mut Gate, attempts_before: u32, now: Instant) -> Weight {
        gate.failed(&failure(FailureKind::Unavailable), attempts_before, now)
    }

    /// A gate that an outage has just closed.
    fn closed(now: Instant) -> Gate {
        let mut gate = Gate::new(ATTEMPTS_MAX);
        for _ in 1..FAILURES_IN_A_ROW_MAX {
            assert_eq!(unavailable(&mut gate, 0, now), Weight::Counts);
        }
        assert_eq!(gate.permission(now), Permission::Open);
        assert_eq!(unavailable(&mut gate, 0, now), Weight::StageInTrouble);
        gate
    }

    #[test]
    fn an_outage_closes_the_gate_until_a_probe_and_a_call_succeed() {
        let now = Instant::now();
        let mut gate = closed(now);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + PROBE_DELAY));
        assert_eq!(unavailable(&mut gate, 0, now), Weight::StageInTrouble);
        let later = now + PROBE_DELAY;
        gate.probe_failed(later);
        assert_eq!(
            gate.permission(later),
            Permission::ProbeAt(later + PROBE_DELAY)
        );
        assert_eq!(gate.in_trouble_for(later), Some(PROBE_DELAY));
        gate.probe_succeeded();
        assert_eq!(gate.permission(later), Permission::OneAtATime);
        gate.succeeded();
        assert_eq!(gate.permission(later), Permission::Open);
        assert_eq!(gate.in_trouble_for(later), None);
    }

    #[test]
    fn a_vendor_that_answers_only_the_probe_costs_one_attempt_a_trial() {
        let now = Instant::now();
        let mut gate = closed(now);
        gate.probe_succeeded();
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert_eq!(unavailable(&mut gate, 0, now), Weight::OnTrial);
            let Permission::HeldUntil(trial_at) = gate.permission(now) else {
                panic!("open after a failed trial");
            };
            assert_eq!(gate.permission(trial_at), Permission::OneAtATime);
            waits.push((trial_at - now).as_secs());
        }
        assert_eq!(waits, [1, 2, 2, 2]);
    }

    #[test]
    fn the_last_calls_are_not_on_trial_when_all_of_them_failed_before() {
        let now = Instant::now();
        let mut gate = closed(now);
        gate.nobody_else_is_left();
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + PROBE_DELAY));
        gate.probe_succeeded();
        gate.nobody_else_is_left();
        assert_eq!(gate.permission(now), Permission::Open);
    }

    #[test]
    fn a_success_in_between_keeps_it_open() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        for _ in 0..5 * FAILURES_IN_A_ROW_MAX {
            assert_eq!(unavailable(&mut gate, 0, now), Weight::Counts);
            gate.succeeded();
        }
    }

    #[test]
    fn calls_that_failed_before_say_nothing_about_the_vendor() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        for _ in 0..5 * FAILURES_IN_A_ROW_MAX {
            assert_eq!(unavailable(&mut gate, 1, now), Weight::Counts);
        }
        assert_eq!(gate.permission(now), Permission::Open);
    }

    #[test]
    fn a_refused_credential_is_probed_at_once_and_a_refused_call_never() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        for _ in 0..100 {
            let refused = gate.failed(&failure(FailureKind::Rejected), 0, now);
            assert_eq!(refused, Weight::InDoubt);
        }
        assert_eq!(gate.permission(now), Permission::Open);
        let denied = gate.failed(&failure(FailureKind::Denied), 0, now);
        assert_eq!(denied, Weight::ProbeDecides);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now));
        gate.probe_failed(now);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + PROBE_DELAY));
    }

    #[test]
    fn a_call_that_is_refused_alone_leaves_the_gate_open() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        gate.failed(&failure(FailureKind::Denied), 0, now);
        gate.probe_succeeded();
        assert_eq!(gate.permission(now), Permission::Open);
    }

    #[test]
    fn no_call_loses_its_last_attempt_before_the_vendor_was_probed() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let before_the_last = ATTEMPTS_MAX - 2;
        assert_eq!(unavailable(&mut gate, before_the_last, now), Weight::Counts);
        let last = unavailable(&mut gate, before_the_last + 1, now);
        assert_eq!(last, Weight::ProbeDecides);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now));
        gate.probe_succeeded();
        assert_eq!(gate.permission(now), Permission::Open);
    }

    #[test]
    fn who_asked_to_be_left_alone_is_not_probed_either() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let nine = Duration::from_secs(9);
        let limited = failure(FailureKind::RateLimited).with_retry_after(Some(nine));
        let last = gate.failed(&limited, ATTEMPTS_MAX - 1, now);
        assert_eq!(last, Weight::ProbeDecides);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now + nine));
    }

    #[test]
    fn a_429_holds_the_stage_for_as_long_as_it_says_or_longer_each_time() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let nine = Some(Duration::from_secs(9));
        gate.failed(
            &failure(FailureKind::RateLimited).with_retry_after(nine),
            0,
            now,
        );
        assert_eq!(
            gate.permission(now),
            Permission::HeldUntil(now + Duration::from_secs(9))
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(gate.permission(later), Permission::Open);
        gate.failed(&failure(FailureKind::RateLimited), 0, later);
        assert_eq!(
            gate.permission(later),
            Permission::HeldUntil(later + Duration::from_secs(1))
        );
    }

    #[test]
    fn whoever_says_when_to_come_back_is_left_alone_until_then() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let nine = Duration::from_secs(9);
        let busy = failure(FailureKind::Unavailable).with_retry_after(Some(nine));
        gate.failed(&busy, 0, now);
        assert_eq!(gate.permission(now), Permission::HeldUntil(now + nine));
        assert_eq!(gate.held_since(now + nine / 2), Some(now));
        gate.failed(&failure(FailureKind::Unavailable), 0, now + nine);
        assert_eq!(gate.permission(now + nine), Permission::Open);
        assert_eq!(gate.held_since(now + nine), None);
    }

    #[test]
    fn a_wish_about_one_request_holds_others_no_longer_than_a_probe_waits_or_until_one_works() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let long = Some(Duration::from_secs(600));
        gate.failed(
            &failure(FailureKind::Unavailable).with_retry_after(long),
            0,
            now,
        );
        let held = Permission::HeldUntil(now + PROBE_DELAY_MAX);
        assert_eq!(gate.permission(now), held);
        gate.succeeded();
        assert_eq!(gate.permission(now), Permission::Open);
        gate.failed(
            &failure(FailureKind::RateLimited).with_retry_after(long),
            0,
            now,
        );
        gate.succeeded();
        let held = Permission::HeldUntil(now + Duration::from_secs(600));
        assert_eq!(gate.permission(now), held, "the rate is everybody's");
    }

    #[test]
    fn what_is_found_out_here_is_in_no_doubt() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        let damaged = failure(FailureKind::Rejected).found_out_here();
        assert_eq!(gate.failed(&damaged, 0, now), Weight::Counts);
    }

    #[test]
    fn a_refused_call_ends_no_trial() {
        let now = Instant::now();
        let mut gate = closed(now);
        gate.probe_succeeded();
        let refused = gate.failed(&failure(FailureKind::Rejected), 0, now);
        assert_eq!(refused, Weight::InDoubt);
        assert_eq!(gate.permission(now), Permission::OneAtATime);
        gate.probe_now(now);
        assert_eq!(gate.permission(now), Permission::ProbeAt(now));
    }

    #[test]
    fn a_burst_of_429s_is_one() {
        let (mut gate, now) = (Gate::new(ATTEMPTS_MAX), Instant::now());
        for _ in 0..10 {
            gate.failed(&failure(FailureKind::RateLimited), 1, now);
        }
        assert_eq!(
            gate.permission(now),
            Permission::HeldUntil(now + RATE_LIMIT_DELAY)
        );
    }
}
