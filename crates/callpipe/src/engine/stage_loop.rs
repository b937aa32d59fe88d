//! The loop of one stage: takes pending calls from the warehouse, has them worked on, never on
//! more at once than allowed, and hands what came of it to the committer.

mod trouble;

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{Change, Outcome, PendingCall, PendingQuery};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::add_purchases;
use callpipe_core::progress::{Stage, Status};
use callpipe_core::transition::{Circumstances, Event, advance};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Engine;
use super::committer::{Done, Outbox, Signals, StageSignals};
use super::doubts::Doubts;
use super::gate::{Gate, Permission, Weight};
use super::look::{Looked, look};
use super::paid::Purchases;
use super::stages::{StageWork, Verdict, Worked};
use trouble::hopeless;

/// How a stage came to its end.
#[derive(Debug)]
pub enum StageEnding {
    /// Nothing is left to do now. What still waits for a later moment is in the warehouse.
    NothingLeft,
    /// The limit of calls for this run is reached.
    LimitReached,
    /// Nothing more may be bought.
    BudgetReached(Failure),
    /// A stop was asked for.
    Stopped,
    /// The outside system did not come back in time. The failure is the last probe's.
    GaveUp(Failure),
}

/// The buffer holds at most so many times as many calls as are worked on at once: a look at a slow
/// warehouse takes as long as some calls do.
const BUFFERED_MAX: usize = 4;

/// A call, what came of its work, and when that began, if its vendor was asked.
type Ended = (PendingCall, Outside<Worked>, Option<Instant>);

struct StageLoop<'a> {
    engine: &'a Engine,
    work: Arc<dyn StageWork>,
    stage: Stage,
    signals: &'a StageSignals,
    outbox: Outbox,
    gate: Gate,
    buffer: VecDeque<PendingCall>,
    /// A look at the warehouse that is under way.
    look: Option<BoxFuture<'a, Outside<Looked>>>,
    tasks: JoinSet<Ended>,
    /// With a limit: the calls that count for it.
    taken_up: HashSet<ContactId>,
    /// With a limit: those of them that are still at this stage, and the moments that they wait for. A
    /// look that shows many others does not tell these.
    unfinished: HashMap<ContactId, Option<DateTime<Utc>>>,
    /// Calls that failed where it is not known yet who is to blame.
    doubts: Doubts,
    /// Why there is no hope, when trials have failed for too long, or too many replies are of no use.
    hopeless: Option<Failure>,
    /// Why nothing more may be bought, once that is so.
    over_budget: Option<Failure>,
    next_ready: Option<Instant>,
    /// Whether the warehouse may know calls that are not in the buffer.
    maybe_more: bool,
}

/// Runs a stage until nothing is left for it. `upstream_ended` says that no further calls will come
/// from the stages before.
pub async fn run_stage(
    engine: &Engine,
    work: Arc<dyn StageWork>,
    signals: &Signals,
    outbox: Outbox,
    upstream_ended: CancellationToken,
) -> Outside<StageEnding> {
    let stage = work.stage();
    let mut stage_loop = StageLoop {
        engine,
        work,
        stage,
        signals: signals.of(stage),
        outbox,
        gate: Gate::new(engine.settings.retry.attempts_max),
        buffer: VecDeque::new(),
        look: None,
        tasks: JoinSet::new(),
        taken_up: HashSet::new(),
        unfinished: HashMap::new(),
        doubts: Doubts::default(),
        hopeless: None,
        over_budget: None,
        next_ready: None,
        maybe_more: true,
    };
    let ending = stage_loop.run(&upstream_ended).await;
    if !matches!(
        ending,
        Ok(StageEnding::NothingLeft | StageEnding::LimitReached | StageEnding::BudgetReached(_))
    ) {
        // The other stages need not begin anything more, either.
        engine.stop.ask();
    }
    stage_loop.wind_down().await;
    ending
}

impl StageLoop<'_> {
    async fn run(&mut self, upstream_ended: &CancellationToken) -> Outside<StageEnding> {
        let mut upstream_had_ended = false;
        loop {
            if self.engine.stop.is_asked() {
                return Ok(StageEnding::Stopped);
            }
            if self.tasks.is_empty()
                && let Some(failure) = self.over_budget.take()
            {
                return Ok(StageEnding::BudgetReached(failure));
            }
            if let Some(failure) = self
                .hopeless
                .take()
                .or_else(|| self.left_alone_for_too_long())
            {
                return Ok(StageEnding::GaveUp(failure));
            }
            let upstream_has_ended = upstream_ended.is_cancelled();
            if upstream_has_ended && !upstream_had_ended {
                // What it saved last may not have been looked for yet.
                self.maybe_more = true;
            }
            upstream_had_ended = upstream_has_ended;
            self.look_if_needed();
            let clock = self.engine.clock.as_ref();
            let may_begin = self.engine.tenure.lasts(clock.now());
            self.settle_doubts(upstream_has_ended);
            let gate_opens_at = self.begin_work(may_begin);
            if let Some(ending) = self.ending(upstream_has_ended) {
                return Ok(ending);
            }
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => self.take_in(ended).await?,
                Some(looked) = OptionFuture::from(self.look.as_mut()) => {
                    self.look = None;
                    self.refill(looked?);
                    if upstream_has_ended && self.only_failed_calls_are_left() {
                        self.gate.nobody_else_is_left();
                    }
                }
                () = self.signals.wake.notified() => self.maybe_more = true,
                () = sleep_until(self.next_ready), if self.next_ready.is_some() => {
                    self.next_ready = None;
                    self.maybe_more = true;
                }
                () = sleep_until(gate_opens_at), if gate_opens_at.is_some() => {
                    if let Some(failure) = self.probe_if_closed().await {
                        return Ok(StageEnding::GaveUp(failure));
                    }
                }
                () = self.engine.tenure.lasting(clock), if !may_begin => {}
                () = upstream_ended.cancelled(), if !upstream_has_ended => {}
                () = self.engine.stop.asked() => {}
            }
        }
    }

    /// Begins to look for pending calls while there is work for those in flight still, so that none
    /// of what the vendor allows is lost meanwhile.
    fn look_if_needed(&mut self) {
        let in_flight_max = self.work.in_flight_max();
        if self.look.is_some() || !self.maybe_more || self.buffer.len() >= in_flight_max {
            return;
        }
        let wanted = in_flight_max * BUFFERED_MAX - self.buffer.len();
        let query = PendingQuery {
            scope: self.engine.settings.scope(self.stage),
            now: self.engine.clock.now(),
            limit: wanted,
            in_hand: self.signals.in_hand.look(),
        };
        self.maybe_more = false;
        self.look = Some(look(self.engine, query).boxed());
    }

    /// Takes pending calls into the buffer.
    fn refill(&mut self, looked: Looked) {
        let answered_in_full = looked.pending.len() == looked.query.limit;
        let mut taken = false;
        for call in looked.pending {
            if self.within_limit(&call) && self.signals.in_hand.take(&call.contact.id) {
                if self.engine.settings.limit.is_some() {
                    self.taken_up.insert(call.contact.id.clone());
                    self.unfinished.insert(call.contact.id.clone(), None);
                }
                self.buffer.push_back(call);
                taken = true;
            }
        }
        if self.signals.in_hand.looked() || (answered_in_full && taken) {
            self.maybe_more = true;
        }
        // A moment that is past is that of a call in hand, whose save will wake us.
        let moments = looked.next_ready_at.iter();
        let moments = moments.chain(self.unfinished.values().flatten());
        let next = moments.filter(|moment| **moment > looked.query.now).min();
        let wait = next.and_then(|moment| (*moment - looked.query.now).to_std().ok());
        self.next_ready = wait
            .filter(|wait| *wait <= self.engine.settings.wait_max)
            .map(|wait| looked.at + wait);
    }

    /// Whether each call that can be done now has failed before. What waits for a later moment has,
    /// too.
    fn only_failed_calls_are_left(&self) -> bool {
        !self.maybe_more && self.buffer.iter().all(|call| call.progress.attempt > 0)
    }

    fn within_limit(&self, call: &PendingCall) -> bool {
        match self.engine.settings.limit {
            Some(limit) => self.taken_up.contains(&call.contact.id) || self.taken_up.len() < limit,
            None => true,
        }
    }

    /// Begins work on as many calls as allowed. Says when to look at the gate again, where it is
    /// not open.
    fn begin_work(&mut self, may_begin: bool) -> Option<Instant> {
        if self.over_budget.is_some() || !may_begin {
            return None;
        }
        let in_flight_max = match self.gate.permission(Instant::now()) {
            Permission::Open => self.work.in_flight_max(),
            Permission::OneAtATime => 1,
            Permission::HeldUntil(moment) | Permission::ProbeAt(moment) => {
                return Some(self.given_up_at().map_or(moment, |at| moment.min(at)));
            }
        };
        while self.tasks.len() < in_flight_max {
            let Some(call) = self.buffer.pop_front() else {
                break;
            };
            let work = Arc::clone(&self.work);
            self.engine.monitor.begin(self.stage);
            // Of the highest level, so that no filter takes it from what is told within.
            let contact_id = call.contact.id.as_str();
            let span = tracing::error_span!("call", stage = %self.stage, contact_id);
            let task = async move {
                let (mut call, began) = (call, Instant::now());
                let purchases = Purchases::default();
                let worked = AssertUnwindSafe(work.work(&call, &purchases))
                    .catch_unwind()
                    .await;
                // What is found in the archive says nothing about the vendor.
                let was_asked = work.stage() == Stage::Fetch || purchases.has_bought();
                add_purchases(&mut call.progress.purchases, purchases.into_inner());
                let worked = worked.unwrap_or_else(|_| {
                    Err(Failure::bug(format!("the {} stage panicked", work.stage())))
                });
                (call, worked, was_asked.then_some(began))
            };
            self.tasks.spawn(task.instrument(span));
        }
        None
    }

    fn is_busy(&self) -> bool {
        self.look.is_some() || !self.tasks.is_empty() || !self.buffer.is_empty()
    }

    fn ending(&self, upstream_has_ended: bool) -> Option<StageEnding> {
        if self.is_busy() || !self.signals.in_hand.is_empty() {
            return None;
        }
        let limit = self.engine.settings.limit;
        let limit_reached = limit.is_some_and(|limit| self.taken_up.len() >= limit);
        if limit_reached && self.unfinished.is_empty() {
            return Some(StageEnding::LimitReached);
        }
        let idle = !self.maybe_more && self.next_ready.is_none();
        (idle && upstream_has_ended).then_some(StageEnding::NothingLeft)
    }

    async fn take_in(&mut self, ended: Result<Ended, tokio::task::JoinError>) -> Outside<()> {
        let (call, worked, asked_from) =
            ended.map_err(|error| Failure::bug("a stage's task was lost").with_source(error))?;
        self.engine.monitor.end(self.stage);
        self.settle(call, worked, asked_from).await;
        Ok(())
    }

    /// Takes in what came of a call's work.
    async fn settle(
        &mut self,
        call: PendingCall,
        worked: Outside<Worked>,
        asked_from: Option<Instant>,
    ) {
        let failure = match worked {
            Ok(worked) => {
                self.gate.succeeded();
                if let Some(asked_from) = asked_from {
                    let findings = self.doubts.worked(asked_from);
                    self.decide_found(findings).await;
                }
                let event = match worked.verdict {
                    Verdict::GoesOn => Event::Finished,
                    Verdict::EndsHere(reason) => Event::NothingToDo(reason),
                };
                return self.decide(call, &event, worked.change).await;
            }
            Err(failure) => failure,
        };
        if failure.kind == FailureKind::OverBudget {
            self.let_go(&call);
            self.over_budget = Some(failure);
            return;
        }
        self.tell_of_a_wish(&failure);
        let was_open = self.gate.in_trouble_for(Instant::now()).is_none();
        let weight = self
            .gate
            .failed(&failure, call.progress.attempt, Instant::now());
        if was_open && !matches!(weight, Weight::Counts | Weight::InDoubt) {
            tracing::debug!(stage = %self.stage, reason = failure.chain(), "stage pauses until it is known who is to blame");
        }
        match weight {
            Weight::Counts => {
                self.decide(call, &Event::Failed(&failure), Change::None)
                    .await
            }
            Weight::OnTrial => {
                let trouble_for = self.gate.in_trouble_for(Instant::now());
                if trouble_for.is_some_and(|time| time >= self.engine.settings.outage_max) {
                    self.hopeless = Some(hopeless(
                        "every call fails although the check works",
                        &failure,
                    ));
                }
                self.decide(call, &Event::FailedOnTrial(&failure), Change::None)
                    .await
            }
            Weight::StageInTrouble => self.let_go(&call),
            Weight::ProbeDecides => self.doubts.accuse((call, failure)),
            Weight::InDoubt => {
                let (now, was_bought) = (Instant::now(), asked_from.is_some());
                if self.doubts.refused((call, failure), was_bought, now) {
                    self.gate.probe_now(now);
                }
                if let Some(failure) = self.doubts.last_straw() {
                    let why = "one reply after the other is of no use";
                    self.hopeless = Some(hopeless(why, failure));
                }
            }
        }
    }

    /// Decides what happens to a call next and hands it to the committer.
    async fn decide(&mut self, call: PendingCall, event: &Event<'_>, change: Change) {
        let now = self.engine.clock.now();
        let circumstances = Circumstances {
            policy: self.engine.settings.retry,
            now,
            call_started_at: call.contact.started_at_utc(),
            chance: self.engine.chance.next(),
        };
        let progress = advance(&call.progress, event, &circumstances);
        self.doubts.decided(&call.contact.id);
        match progress.status {
            Status::Ready { not_before } if progress.stage == self.stage => {
                if let Some(waits_for) = self.unfinished.get_mut(&call.contact.id) {
                    *waits_for = not_before;
                }
            }
            _ => {
                self.unfinished.remove(&call.contact.id);
            }
        }
        self.engine
            .monitor
            .decided(self.stage, &progress, event.failure());
        let outcome = Outcome {
            contact: call.contact,
            progress,
            change,
            at: now,
        };
        // The committer is gone only when it failed, and then the run ends with its failure.
        let _ = self
            .outbox
            .send(Done {
                stage: self.stage,
                before: call.progress,
                outcome: Arc::new(outcome),
            })
            .await;
    }

    /// Leaves a call as it is in the warehouse, to be taken up again.
    fn let_go(&mut self, call: &PendingCall) {
        self.signals.in_hand.release(&call.contact.id);
        self.maybe_more = true;
    }

    /// Lets work in flight end, and saves what comes of it: what is paid for as long as it takes,
    /// unless somebody waits who sent a signal, and what costs nothing for a while. Calls that were
    /// not begun stay as they are in the warehouse.
    async fn wind_down(&mut self) {
        let not_begun = self.buffer.drain(..);
        for call in not_begun.chain(self.doubts.let_go()) {
            self.signals.in_hand.release(&call.contact.id);
        }
        let grace = self.engine.settings.stop_grace;
        let (stage, stop) = (self.stage, self.engine.stop.clone());
        let mut out_of_time = pin!(async {
            match stage {
                Stage::Fetch => stop.asked_for(grace).await,
                Stage::Transcribe | Stage::Classify => stop.signalled_for(grace).await,
            }
        });
        loop {
            let ended = tokio::select! {
                biased;
                ended = self.tasks.join_next() => ended,
                () = &mut out_of_time => break,
            };
            let Some(ended) = ended else { break };
            if self.take_in(ended).await.is_err() {
                break;
            }
        }
        self.tasks.abort_all();
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
