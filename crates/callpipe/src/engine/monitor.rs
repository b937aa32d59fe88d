//! What happens in a run, counted: read by progress bars, logs and the closing report.

use std::sync::atomic::{AtomicU64, Ordering};

use callpipe_core::failure::Failure;
use callpipe_core::money::Usd;
use callpipe_core::progress::{CallProgress, Stage, Status};

/// Counts of one stage.
#[derive(Debug, Default)]
pub struct StageCounts {
    /// Calls that were to be done here when the run began, or came since.
    pub expected: AtomicU64,
    /// Calls that left the stage with its work done.
    pub finished: AtomicU64,
    /// Calls for which there was nothing to do.
    pub skipped: AtomicU64,
    /// Calls that a person must look at.
    pub parked: AtomicU64,
    /// Failed attempts that will be repeated.
    pub retries: AtomicU64,
    /// Calls being worked on now.
    pub in_flight: AtomicU64,
    /// Millionths of a dollar that replies have cost.
    pub spent_micros: AtomicU64,
}

/// Counts of one stage at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct StageFigures {
    /// See [`StageCounts::expected`].
    pub expected: u64,
    /// See [`StageCounts::finished`].
    pub finished: u64,
    /// See [`StageCounts::skipped`].
    pub skipped: u64,
    /// See [`StageCounts::parked`].
    pub parked: u64,
    /// See [`StageCounts::retries`].
    pub retries: u64,
    /// See [`StageCounts::in_flight`].
    pub in_flight: u64,
    /// What replies have cost in this run.
    pub spent_usd: Usd,
}

impl StageFigures {
    /// Calls that left the stage, in whatever way.
    pub fn ended(&self) -> u64 {
        self.finished + self.skipped + self.parked
    }
}

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Monitor {
    stages: [StageCounts; 3],
    contacts_listed: AtomicU64,
    contacts_added: AtomicU64,
    contact_problems: AtomicU64,
}

impl Monitor {
    fn counts(&self, stage: Stage) -> &StageCounts {
        match stage {
            Stage::Fetch => &self.stages[0],
            Stage::Transcribe => &self.stages[1],
            Stage::Classify => &self.stages[2],
        }
    }

    /// The counts of a stage now.
    pub fn figures(&self, stage: Stage) -> StageFigures {
        let counts = self.counts(stage);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StageFigures {
            expected: read(&counts.expected),
            finished: read(&counts.finished),
            skipped: read(&counts.skipped),
            parked: read(&counts.parked),
            retries: read(&counts.retries),
            in_flight: read(&counts.in_flight),
            spent_usd: Usd::from_micros(read(&counts.spent_micros)),
        }
    }

    /// Contacts listed, newly taken up, and lines that were no contact.
    pub fn contacts(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (
            read(&self.contacts_listed),
            read(&self.contacts_added),
            read(&self.contact_problems),
        )
    }

    /// Calls that are to be done at a stage, and so at all later ones.
    pub fn expect(&self, stage: Stage, calls: u64) {
        for later in Stage::ALL.into_iter().filter(|later| *later >= stage) {
            self.counts(later)
                .expected
                .fetch_add(calls, Ordering::Relaxed);
        }
    }

    /// A page of the contact list was read.
    pub fn contacts_listed(&self, listed: u64, problems: u64) {
        self.contacts_listed.fetch_add(listed, Ordering::Relaxed);
        self.contact_problems.fetch_add(problems, Ordering::Relaxed);
    }

    /// So many contacts of the list were new, and are taken up.
    pub fn contacts_added(&self, added: u64) {
        self.contacts_added.fetch_add(added, Ordering::Relaxed);
        self.expect(Stage::Fetch, added);
    }

    /// Work on a call begins.
    pub fn begin(&self, stage: Stage) {
        self.counts(stage).in_flight.fetch_add(1, Ordering::Relaxed);
        tracing::trace!(%stage, "work begins");
    }

    /// Work on a call ended, well or not.
    pub fn end(&self, stage: Stage) {
        self.counts(stage).in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// A reply was bought.
    pub fn spent(&self, stage: Stage, usd: Usd) {
        let spent_micros = &self.counts(stage).spent_micros;
        spent_micros.fetch_add(usd.micros(), Ordering::Relaxed);
    }

    /// A call's new state was decided. Told once a call and attempt, here and nowhere else logged.
    pub fn decided(&self, stage: Stage, next: &CallProgress, failure: Option<&Failure>) {
        let counts = self.counts(stage);
        let contact_id = next.contact_id.as_str();
        match (&next.status, failure) {
            (Status::Parked, failure) => {
                counts.parked.fetch_add(1, Ordering::Relaxed);
                self.leave_out_of_later(stage);
                let reason = failure.map(Failure::chain).unwrap_or_default();
                let hint = failure.and_then(|failure| failure.hint.as_deref());
                tracing::warn!(%stage, contact_id, attempt = next.attempt, reason, hint, "call parked: a person must look");
            }
            (Status::Skipped { reason }, _) => {
                counts.skipped.fetch_add(1, Ordering::Relaxed);
                self.leave_out_of_later(stage);
                tracing::info!(%stage, contact_id, reason = reason.as_str(), "call skipped");
            }
            (Status::Ready { not_before }, Some(failure)) => {
                counts.retries.fetch_add(1, Ordering::Relaxed);
                let not_before = not_before.map(|not_before| not_before.to_rfc3339());
                tracing::info!(%stage, contact_id, attempt = next.attempt, reason = failure.chain(), not_before, "call will be tried again");
            }
            (Status::Ready { .. }, None) if next.stage == stage => {
                tracing::info!(%stage, contact_id, "recording not there yet: call will be asked for again");
            }
            (Status::Ready { .. } | Status::Done, None) | (Status::Done, Some(_)) => {
                counts.finished.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%stage, contact_id, "stage finished");
            }
        }
    }

    /// A call's outcome was decided before, and the warehouse refuses it.
    pub fn refused(&self, stage: Stage, parked: &CallProgress, failure: &Failure) {
        let finished = &self.counts(stage).finished;
        let one_less = |calls: u64| Some(calls.saturating_sub(1));
        let _always_some = finished.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        self.decided(stage, parked, Some(failure));
    }

    fn leave_out_of_later(&self, stage: Stage) {
        for later in Stage::ALL.into_iter().filter(|later| *later > stage) {
            // A shard's part of what is pending is a guess, which may be too low.
            let expected = &self.counts(later).expected;
            let one_less = |calls: u64| Some(calls.saturating_sub(1));
            let _always_some =
                expected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        }
    }
}

#[cfg(test)]
mod tests {
    use callpipe_core::call::ContactId;
    use callpipe_core::failure::FailureKind;
    use callpipe_core::progress::SkipReason;

    use super::*;

    #[test]
    fn a_call_that_ends_early_is_not_expected_later() {
        let monitor = Monitor::default();
        monitor.contacts_added(3);
        let mut progress = CallProgress::new(ContactId::parse("1").unwrap());
        progress.status = Status::Skipped {
            reason: SkipReason::NotFound,
        };
        monitor.decided(Stage::Fetch, &progress, None);
        progress.status = Status::Parked;
        let failure = Failure::new(FailureKind::Rejected, "refused");
        monitor.decided(Stage::Fetch, &progress, Some(&failure));
        progress.status = Status::Ready { not_before: None };
        progress.stage = Stage::Transcribe;
        monitor.decided(Stage::Fetch, &progress, None);
        let fetch = monitor.figures(Stage::Fetch);
        assert_eq!(
            (fetch.expected, fetch.finished, fetch.skipped, fetch.parked),
            (3, 1, 1, 1)
        );
        assert_eq!(monitor.figures(Stage::Transcribe).expected, 1);
        assert_eq!(monitor.figures(Stage::Classify).expected, 1);
    }
}
