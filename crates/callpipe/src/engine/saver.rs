//! Saves batches of outcomes, whatever the store does: one that is out of order for a moment is
//! asked again, and an outcome that it can never take is nobody's trouble but its own call's.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use callpipe_core::contracts::warehouse::{Change, Outcome, Warehouse};
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use callpipe_core::progress::Status;
use callpipe_core::retry::RetryPolicy;
use callpipe_core::transition::{Circumstances, Event, advance};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::committer::{Done, Signals};
use super::monitor::Monitor;
use super::patience::Patience;

/// Attempts to save a batch as a whole; from then on its outcomes are also tried one by one.
const TOGETHER_ATTEMPTS_MAX: u32 = 3;

/// For so long outcomes are tried one after the other where none is saved: each may wait for a lock.
const IN_VAIN_MAX: Duration = Duration::from_secs(30);

/// Attempts to save an outcome that is refused while others are saved.
const REFUSED_ATTEMPTS_MAX: u32 = 6;

/// So many outcomes of a kind that are refused in a row, with none saved in between, are no calls'
/// fault: it is the table that is wrong, say a column that somebody dropped.
const REFUSED_IN_A_ROW_MAX: u32 = 3;

/// Saves the outcomes of a run.
pub(super) struct Saver<'a> {
    warehouse: &'a dyn Warehouse,
    signals: &'a Signals,
    monitor: &'a Monitor,
    patience: Patience,
    /// Outcomes that were refused since one of their kind was saved.
    refused_in_a_row: HashMap<Discriminant<Change>, u32>,
}

impl<'a> Saver<'a> {
    pub(super) fn new(
        warehouse: &'a dyn Warehouse,
        signals: &'a Signals,
        monitor: &'a Monitor,
        patience: Patience,
    ) -> Self {
        Self {
            warehouse,
            signals,
            monitor,
            patience,
            refused_in_a_row: HashMap::new(),
        }
    }

    /// Saves a batch, and lets each call go when it is saved. While that takes more than one
    /// attempt, who waits in the inbox joins. What is not saved yet stays in `left`.
    pub(super) async fn save(
        &mut self,
        left: &mut Vec<Done>,
        inbox: &mut mpsc::Receiver<Done>,
        rows_max: usize,
    ) -> Outside<()> {
        let mut tries = self.patience.with_the_warehouse();
        let mut some_were_saved = false;
        loop {
            let attempt = tries.attempt();
            let Err(mut failure) = self.save_all(left).await else {
                return Ok(());
            };
            if attempt >= TOGETHER_ATTEMPTS_MAX && left.len() > 1 && is_refusal(&failure) {
                let before = left.len();
                match self.save_one_by_one(left).await {
                    Ok(()) => return Ok(()),
                    Err(last) => failure = last,
                }
                some_were_saved |= left.len() < before;
            }
            let is_often_enough = match some_were_saved {
                true => attempt >= REFUSED_ATTEMPTS_MAX,
                false => tries.are_enough(&failure) && left.len() <= REFUSED_IN_A_ROW_MAX as usize,
            };
            if is_often_enough && is_refusal(&failure) && self.park(left, &failure).await.is_ok() {
                return Ok(());
            }
            if tries.are_enough(&failure) {
                return Err(failure.context(format!("saving {} outcomes", left.len())));
            }
            tracing::error!(
                attempt,
                outcomes = left.len(),
                reason = failure.chain(),
                hint = failure.hint,
                "outcomes cannot be saved: trying again"
            );
            tries.wait().await;
            while left.len() < rows_max
                && let Ok(done) = inbox.try_recv()
            {
                left.push(done);
            }
        }
    }

    /// Saves all of a batch or none of it.
    async fn save_all(&mut self, left: &mut Vec<Done>) -> Outside<()> {
        let outcomes: Vec<_> = left.iter().map(|done| Arc::clone(&done.outcome)).collect();
        self.warehouse.save(&outcomes).await?;
        for done in left.drain(..) {
            self.saved(&done);
        }
        Ok(())
    }

    /// Leaves what is refused, and says why the last of it is. Where the store turns out to be away, or
    /// takes nothing for a while, the rest is left as well.
    async fn save_one_by_one(&mut self, left: &mut Vec<Done>) -> Outside<()> {
        let (began, all) = (Instant::now(), left.len());
        let mut result = Ok(());
        let mut refused = 0;
        while let Some(done) = left.get(refused) {
            let outcome = std::slice::from_ref(&done.outcome);
            let Err(failure) = self.warehouse.save(outcome).await else {
                let done = left.remove(refused);
                self.saved(&done);
                continue;
            };
            refused += 1;
            let takes_nothing = left.len() == all && began.elapsed() >= IN_VAIN_MAX;
            let is_over = takes_nothing || !is_refusal(&failure);
            result = Err(failure);
            if is_over {
                break;
            }
        }
        result
    }

    /// Parks the calls whose outcomes are refused. An error means that this cannot be saved either,
    /// or that there are too many of them.
    async fn park(&mut self, left: &mut Vec<Done>, failure: &Failure) -> Outside<()> {
        while let Some(done) = left.first() {
            let kind = discriminant(&done.outcome.change);
            let refused = self.refused_in_a_row.get(&kind).copied();
            if refused.unwrap_or_default() >= REFUSED_IN_A_ROW_MAX {
                return Err(Failure::bug("too many outcomes are refused"));
            }
            let refusal = refusal(failure);
            let parked = Arc::new(parked(done, &refusal));
            self.warehouse.save(std::slice::from_ref(&parked)).await?;
            // Now the store works for certain: the outcome may take the place of this.
            let saved = self
                .warehouse
                .save(std::slice::from_ref(&done.outcome))
                .await;
            if saved.as_ref().is_err_and(|failure| !is_refusal(failure)) {
                return saved;
            }
            let done = left.remove(0);
            if saved.is_ok() {
                self.saved(&done);
                continue;
            }
            *self.refused_in_a_row.entry(kind).or_default() += 1;
            self.monitor.refused(done.stage, &parked.progress, &refusal);
            self.let_go(&done, &parked);
        }
        Ok(())
    }

    fn saved(&mut self, done: &Done) {
        self.refused_in_a_row
            .remove(&discriminant(&done.outcome.change));
        self.let_go(done, &done.outcome);
    }

    /// Others may take the call up, as it was saved.
    fn let_go(&self, done: &Done, saved: &Outcome) {
        let stage = self.signals.of(done.stage);
        stage.in_hand.release(&saved.contact.id);
        stage.wake.notify_one();
        if matches!(saved.progress.status, Status::Ready { .. }) {
            self.signals.of(saved.progress.stage).wake.notify_one();
        }
    }
}

/// Whether a failure may be about what was to be saved. One of the moment is about the store, which may
/// fail now and then for an hour.
fn is_refusal(failure: &Failure) -> bool {
    failure.kind.blame() != Blame::Moment
}

fn refusal(failure: &Failure) -> Failure {
    let message = format!("the warehouse refuses what came of it: {}", failure.chain());
    Failure::new(FailureKind::StoreFailed, message)
        .with_hint("mend the table and run `callpipe calls retry`: nothing is bought again")
}

/// What becomes of a call whose outcome cannot be saved.
fn parked(done: &Done, failure: &Failure) -> Outcome {
    let circumstances = Circumstances {
        policy: RetryPolicy::default(),
        now: done.outcome.at,
        call_started_at: None,
        chance: 0.0,
    };
    Outcome {
        contact: done.outcome.contact.clone(),
        progress: advance(&done.before, &Event::NotSaved(failure), &circumstances),
        change: Change::None,
        at: done.outcome.at,
    }
}
