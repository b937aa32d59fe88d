//! Ten thousand seeded lives of calls, told by the state machine alone.
//!
//! A life is what a worker and a warehouse make of a call: the worker takes it up as it is stored,
//! something happens, `advance` decides, and the decision is saved. Between any two of these steps
//! the process may be killed; the clock may be set, back or forth; a person may ask for the call
//! again. A save may reach the warehouse and nobody hears of it: then it is sent again, which must
//! change nothing.
//!
//! Which orders of saves can happen? A worker holds a call in hand from taking it up until its
//! outcome is saved, and sends nothing new of it before that: the saves that are answered are in the
//! order of the attempts. But a save that was given up, by a run that was killed or by a deadline, may
//! reach the warehouse later: after it was sent again, after the call was taken up again, and even
//! after later attempts were saved. There may be several of those, and they may arrive in any order,
//! each once. That is what is simulated; it sets a call back, and must never keep it from its end.
//!
//! `CALLPIPE_SEED=123 cargo test -p callpipe-core simulation` replays one life,
//! `CALLPIPE_SEEDS=100000` lives so many; with both they begin with that one.

use std::time::Duration;

use super::*;
use crate::call::ContactId;
use crate::conformance::chance::{Seeded, Seeds};
use crate::failure::FailureKind;

const SEEDS: u64 = 10_000;

/// More than any life needs.
const STEPS_MAX: u32 = 2_000;

const KINDS: [FailureKind; 10] = [
    FailureKind::Unavailable,
    FailureKind::RateLimited,
    FailureKind::CorruptTransfer,
    FailureKind::Denied,
    FailureKind::ModelRetired,
    FailureKind::StoreFailed,
    FailureKind::Rejected,
    FailureKind::Unsupported,
    FailureKind::UnusableReply,
    FailureKind::Bug,
];

/// What happens to a call that is worked on.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Finished,
    NothingToDo(SkipReason),
    Failed(FailureKind),
    FailedAlone(FailureKind),
    FailedOnTrial(FailureKind),
    NotSaved(FailureKind),
    Interrupted,
}

impl Happens {
    fn by_chance(chance: &mut Seeded, stage: Stage) -> Self {
        let kind = KINDS[chance.place(KINDS.len())];
        match chance.below(20) {
            0..8 => Self::Finished,
            8 => Self::NothingToDo(match (stage, chance.below(2)) {
                (Stage::Fetch, 0) => SkipReason::NotFound,
                (Stage::Fetch, _) => SkipReason::NoRecording,
                _ => SkipReason::NoSpeech,
            }),
            9..15 => Self::Failed(kind),
            15 => Self::FailedAlone(kind),
            16..18 => Self::FailedOnTrial(FailureKind::Unavailable),
            18 => Self::NotSaved(FailureKind::StoreFailed),
            _ => Self::Interrupted,
        }
    }
}

/// A call's row, and everything that surrounds it.
struct Life {
    chance: Seeded,
    policy: RetryPolicy,
    now: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    stored: CallProgress,
    /// Saves that were given up and may still arrive.
    given_up: Vec<CallProgress>,
    told: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut chance = Seeded::new(seed);
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let age = TimeDelta::seconds(chance.below(7_200) as i64);
        Self {
            policy: RetryPolicy {
                attempts_max: 1 + chance.below(7) as u32,
                ..RetryPolicy::default()
            },
            started_at: (!chance.one_in(4)).then(|| now - age),
            now,
            stored: CallProgress::new(ContactId::parse("7").unwrap()),
            given_up: Vec::new(),
            told: Vec::new(),
            chance,
        }
    }

    fn circumstances(&mut self) -> Circumstances {
        Circumstances {
            policy: self.policy,
            now: self.now,
            call_started_at: self.started_at,
            chance: self.chance.below(1_000) as f64 / 1_000.0,
        }
    }

    fn tell(&mut self, what: String) {
        self.told.push(what);
    }

    /// One step of the world. In a storm anything may go wrong.
    fn step(&mut self, storm: bool) {
        if storm {
            self.disturb();
        }
        let Status::Ready { not_before } = self.stored.status else {
            return;
        };
        // A run waits for the moment, however the clock comes to it.
        self.now = not_before.unwrap_or(self.now).max(self.now);
        let taken_up = self.stored.clone();
        if storm && self.chance.one_in(12) {
            return self.tell("killed while it was worked on".into());
        }
        let happens = Happens::by_chance(&mut self.chance, taken_up.stage);
        let happens = match happens {
            // Work that is calm goes well, in the end.
            Happens::Interrupted | Happens::Failed(_) if !storm => Happens::Finished,
            happens => happens,
        };
        let next = self.decided(&taken_up, happens);
        self.save(next, storm);
    }

    fn disturb(&mut self) {
        if self.chance.one_in(6) {
            let by = TimeDelta::seconds(self.chance.below(14_400) as i64 - 7_200);
            self.now += by;
            self.tell(format!("the clock is set by {by}"));
        }
        if !self.given_up.is_empty() && self.chance.one_in(3) {
            let which = self.chance.place(self.given_up.len());
            let late = self.given_up.swap_remove(which);
            self.tell(format!("a save arrives late: {late:?}"));
            self.stored = late;
        }
        if self.chance.one_in(25) {
            self.redo();
        }
    }

    fn redo(&mut self) {
        let from = Stage::ALL[self.chance.below(3) as usize];
        let circumstances = self.circumstances();
        let before = self.stored.clone();
        self.stored = advance(&before, &Event::RedoAsked { from }, &circumstances);
        assert_eq!(self.stored.stage, before.stage.min(from), "no jump forward");
        assert_eq!(self.stored.attempt, 0, "a person's wish is a new beginning");
        self.tell(format!("redo from {from}: {:?}", self.stored));
    }

    fn decided(&mut self, before: &CallProgress, happens: Happens) -> CallProgress {
        let kind = match happens {
            Happens::Failed(kind)
            | Happens::FailedAlone(kind)
            | Happens::FailedOnTrial(kind)
            | Happens::NotSaved(kind) => kind,
            _ => FailureKind::Bug,
        };
        let retry_after = self.chance.one_in(4).then(|| {
            let longest = [60, 7_200, u64::MAX][self.chance.below(3) as usize];
            Duration::from_secs(self.chance.below(longest))
        });
        let failure = Failure::new(kind, "it broke").with_retry_after(retry_after);
        let event = match happens {
            Happens::Finished => Event::Finished,
            Happens::NothingToDo(reason) => Event::NothingToDo(reason),
            Happens::Failed(_) => Event::Failed(&failure),
            Happens::FailedAlone(_) => Event::FailedAlone(&failure),
            Happens::FailedOnTrial(_) => Event::FailedOnTrial(&failure),
            Happens::NotSaved(_) => Event::NotSaved(&failure),
            Happens::Interrupted => Event::Interrupted,
        };
        let circumstances = self.circumstances();
        let next = advance(before, &event, &circumstances);
        self.tell(format!("{happens:?}: {next:?}"));
        self.check(before, happens, &next, &circumstances);
        // Who decides again decides the same, and what has ended takes no late event.
        assert_eq!(advance(before, &event, &circumstances), next);
        if !matches!(next.status, Status::Ready { .. }) {
            assert_eq!(advance(&next, &event, &circumstances), next, "it has ended");
        }
        next
    }

    /// Before the save, after it, or in between: a process may be killed.
    fn save(&mut self, next: CallProgress, storm: bool) {
        if !storm {
            self.stored = next;
            return;
        }
        match self.chance.below(12) {
            0 => self.tell("killed before it was saved".into()),
            1 => {
                self.tell("its save is given up".into());
                self.given_up.push(next);
            }
            2 => {
                self.tell("it is saved twice".into());
                self.stored = next.clone();
                self.stored = next;
            }
            3 => {
                self.tell("it is saved, and the save is given up: it arrives again later".into());
                self.stored = next.clone();
                self.given_up.push(next);
            }
            _ => self.stored = next,
        }
    }

    /// What must hold of every decision.
    fn check(
        &self,
        before: &CallProgress,
        happens: Happens,
        next: &CallProgress,
        circumstances: &Circumstances,
    ) {
        let attempts_max = self.policy.attempts_max;
        assert_eq!(next.contact_id, before.contact_id);
        assert_eq!(next.redo_count, before.redo_count);
        assert!(next.attempt <= attempts_max, "more attempts than allowed");
        let went_on = next.stage != before.stage || next.status == Status::Done;
        assert_eq!(
            went_on,
            matches!(happens, Happens::Finished),
            "one stage at a time"
        );
        if went_on {
            assert_eq!(Some(next.stage), before.stage.next().or(Some(before.stage)));
            assert_eq!((next.attempt, &next.last_failure), (0, &None));
        }
        if let Status::Ready {
            not_before: Some(moment),
        } = next.status
            && before.status != next.status
        {
            assert!(moment >= circumstances.now, "a wait is for later");
            let longest = TimeDelta::days(1).max(TimeDelta::hours(1));
            assert!(moment - circumstances.now <= longest, "and not for ever");
        }
        if next.status == Status::Parked {
            assert!(next.last_failure.is_some(), "parked without a reason");
            self.check_parked(before, happens);
        }
    }

    /// A call is parked for what it did itself.
    fn check_parked(&self, before: &CallProgress, happens: Happens) {
        let is_last = before.attempt + 1 >= self.policy.attempts_max;
        let may = match happens {
            Happens::NotSaved(_) => true,
            Happens::Failed(kind) => match kind.blame() {
                Blame::Call => true,
                Blame::Moment => is_last,
                Blame::Setup => false,
            },
            Happens::FailedAlone(_) => is_last,
            _ => false,
        };
        assert!(may, "parked by {happens:?} at attempt {}", before.attempt);
    }
}

/// Lives through storm and calm; says how it went if it goes wrong.
fn live(seed: u64) -> Life {
    let mut life = Life::new(seed);
    for _ in 0..life.chance.below(60) {
        life.step(true);
    }
    for step in 0.. {
        assert!(step < STEPS_MAX, "the call never ends");
        // What was given up has arrived when all is calm.
        if let Some(late) = life.given_up.pop() {
            life.stored = late;
        }
        if !matches!(life.stored.status, Status::Ready { .. }) {
            break;
        }
        life.step(false);
    }
    life
}

#[test]
fn every_simulated_life_ends() {
    let seeds = match Seeds::asked_for(SEEDS) {
        Seeds::One(seed) => return println!("{:#?}", live(seed).told),
        Seeds::Many(seeds) => seeds,
    };
    let mut ends = std::collections::BTreeMap::new();
    for seed in seeds {
        match std::panic::catch_unwind(|| live(seed).stored.status) {
            Ok(status) => *ends.entry(status.as_str()).or_insert(0) += 1,
            Err(_) => panic!("replay it with CALLPIPE_SEED={seed}"),
        }
    }
    let all: Vec<&str> = ends.keys().copied().collect();
    assert_eq!(all, ["done", "parked", "skipped"], "every end is reached");
}
