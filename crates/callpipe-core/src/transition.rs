//! THE STATE MACHINE: the one place that decides what happens to a call next.

use chrono::{DateTime, TimeDelta, Utc};

use crate::failure::{Blame, Failure};
use crate::progress::{CallProgress, LastFailure, SkipReason, Stage, Status};
use crate::retry::RetryPolicy;

/// What happened to a call.
#[derive(Debug)]
pub enum Event<'a> {
    /// The stage's work is done.
    Finished,
    /// There is nothing (more) to do for this call.
    NothingToDo(SkipReason),
    /// The stage's work failed.
    Failed(&'a Failure),
    /// The stage's work failed with the setup to blame, and yet the setup works: this call alone is
    /// refused.
    FailedAlone(&'a Failure),
    /// The stage's work failed while it was being tried whether the vendor works again: the call
    /// waits as after any failure, and is not parked for it.
    FailedOnTrial(&'a Failure),
    /// The work was done, and the warehouse refuses what came of it although it takes others'.
    NotSaved(&'a Failure),
    /// The work failed or was given up while the whole stage was known to be in trouble, or because
    /// the program was asked to stop. It says nothing about this call.
    Interrupted,
    /// A person asked for the call to be done again from a stage on.
    RedoAsked {
        /// From here.
        from: Stage,
    },
}

impl Event<'_> {
    /// What went wrong, if something did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure)
            | Self::FailedAlone(failure)
            | Self::FailedOnTrial(failure)
            | Self::NotSaved(failure) => Some(failure),
            _ => None,
        }
    }
}

/// What the decision depends on besides the state and the event.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// How often and how long.
    pub policy: RetryPolicy,
    /// The time of the event.
    pub now: DateTime<Utc>,
    /// When the call started, where it is known.
    pub call_started_at: Option<DateTime<Utc>>,
    /// A number in 0.0..1.0 that spreads waits.
    pub chance: f64,
}

/// Decides what happens to a call next.
///
/// A state that is at its end (`Parked`, `Skipped`, `Done`) changes only by `RedoAsked`: a late
/// event of work that was started before changes nothing.
pub fn advance(
    progress: &CallProgress,
    event: &Event<'_>,
    circumstances: &Circumstances,
) -> CallProgress {
    let mut next = progress.clone();
    if let Event::RedoAsked { from } = event {
        // A call cannot skip what it has not done yet.
        next.stage = progress.stage.min(*from);
        next.redo_count += 1;
        reset(&mut next);
        return next;
    }
    if !matches!(progress.status, Status::Ready { .. }) {
        return next;
    }
    match event {
        Event::Finished => match progress.stage.next() {
            Some(stage) => {
                next.stage = stage;
                reset(&mut next);
            }
            None => {
                reset(&mut next);
                next.status = Status::Done;
            }
        },
        Event::NothingToDo(reason) => skip_when_settled(&mut next, *reason, circumstances),
        Event::Failed(failure) => fail(&mut next, failure, failure.kind.blame(), circumstances),
        Event::FailedAlone(failure) => fail(&mut next, failure, Blame::Moment, circumstances),
        Event::NotSaved(failure) => fail(&mut next, failure, Blame::Call, circumstances),
        Event::FailedOnTrial(failure) => wait(&mut next, failure, circumstances),
        Event::Interrupted | Event::RedoAsked { .. } => {}
    }
    next
}

fn reset(next: &mut CallProgress) {
    next.status = Status::Ready { not_before: None };
    next.attempt = 0;
    next.last_failure = None;
}

/// Clocks and time zones are wrong by less.
const AHEAD_MAX: TimeDelta = TimeDelta::days(1);

/// A recording that is missing from a young call may not be there *yet*: it is looked for once more
/// when the call has settled. That costs no attempt, so that it can never park a call. A start that is
/// no call's, such as the end of the calendar, is waited for by nobody.
fn skip_when_settled(next: &mut CallProgress, reason: SkipReason, circumstances: &Circumstances) {
    let now = circumstances.now;
    let started_at = circumstances.call_started_at;
    let started_at = started_at.filter(|started_at| *started_at - now <= AHEAD_MAX);
    let settle_for = TimeDelta::from_std(circumstances.policy.settle_for).unwrap_or_default();
    let settled_at = started_at.and_then(|started_at| started_at.checked_add_signed(settle_for));
    match settled_at {
        Some(settled_at) if settled_at > now && reason != SkipReason::NoSpeech => {
            next.status = Status::Ready {
                not_before: Some(settled_at),
            };
        }
        _ => {
            reset(next);
            next.status = Status::Skipped { reason };
        }
    }
}

fn fail(next: &mut CallProgress, failure: &Failure, blame: Blame, circumstances: &Circumstances) {
    match blame {
        // No call is counted or parked for what the setup is to blame for: the stage pauses.
        Blame::Setup => return,
        Blame::Call => {
            next.attempt += 1;
            next.status = Status::Parked;
        }
        Blame::Moment if next.attempt + 1 >= circumstances.policy.attempts_max => {
            next.attempt += 1;
            next.status = Status::Parked;
        }
        Blame::Moment => return wait(next, failure, circumstances),
    }
    next.last_failure = Some(LastFailure {
        kind: failure.kind,
        reason: failure.told(),
    });
}

/// Leaves the call at its stage, for later. The last attempt is not used up by this.
fn wait(next: &mut CallProgress, failure: &Failure, circumstances: &Circumstances) {
    let last = circumstances.policy.attempts_max.saturating_sub(1);
    next.attempt = (next.attempt + 1).min(last);
    next.status = Status::Ready {
        not_before: Some(retry_at(next.attempt, failure, circumstances)),
    };
    next.last_failure = Some(LastFailure {
        kind: failure.kind,
        reason: failure.told(),
    });
}

fn retry_at(attempt: u32, failure: &Failure, circumstances: &Circumstances) -> DateTime<Utc> {
    let wait = circumstances
        .policy
        .backoff(attempt, failure.retry_after, circumstances.chance);
    // A wait that leaves the calendar is cut to a day: the other side's wish, not its nonsense.
    let wait = TimeDelta::from_std(wait)
        .unwrap_or(TimeDelta::days(1))
        .min(TimeDelta::days(1));
    circumstances.now + wait
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
