//! A whole run: leases, discovery, stages and committer, from start to report.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use callpipe_core::failure::{Failure, Outside};
use callpipe_core::progress::Stage;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::committer::{self, Signals};
use super::discover::discover;
use super::lease::Held;
use super::leases::{self, Lost};
use super::monitor::StageFigures;
use super::patience::ask_the_warehouse;
use super::stage_loop::{StageEnding, run_stage};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ending", content = "detail")]
pub enum Ending {
    /// Nothing is left to do.
    Done,
    /// The limit of calls was reached.
    LimitReached,
    /// Nothing more may be bought: calls are left.
    BudgetReached {
        /// The stage that wanted to.
        stage: Stage,
        /// What it wanted.
        reason: String,
        /// What can be done.
        hint: Option<String>,
    },
    /// Calls are left that can be done later: run again.
    CallsWaiting {
        /// When the first of them can be.
        from: DateTime<Utc>,
    },
    /// A stop was asked for; what was done is saved.
    Stopped,
    /// An outside system is out of order; no call was harmed.
    GaveUp {
        /// The stage that needs it.
        stage: Stage,
        /// What is wrong.
        reason: String,
        /// What can be done.
        hint: Option<String>,
    },
    /// Another run works on the same calls.
    LeaseHeld(Held),
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// Which part of the calls it was about, such as `2 of 4`; none where it was about all.
    pub shard: Option<String>,
    /// Whether a list of contacts was asked for.
    pub lists_contacts: bool,
    /// Contacts listed.
    pub contacts_listed: u64,
    /// Contacts that were new.
    pub contacts_added: u64,
    /// Lines that were no contact.
    pub contact_problems: u64,
    /// What each stage did, in the order of the stages.
    pub stages: Vec<(Stage, StageFigures)>,
}

/// Time for giving leases back after the last save, when a signal came.
const SPARE: Duration = Duration::from_millis(300);

/// Runs until nothing is left to do, a stop is asked for, or an outside system stays away.
pub async fn run(engine: Engine) -> Outside<RunReport> {
    let engine = Arc::new(engine);
    let (patience, nonce) = (engine.settings.patience(), rand::random());
    let taken = patience.ask_at_the_start(&engine.stop, || leases::take(&engine, nonce));
    let mut leases = match taken.await? {
        Ok(leases) => leases,
        Err(held) => return Ok(report(&engine, Ending::LeaseHeld(held))),
    };
    engine.tenure.set_until(leases::hold_until(&leases));
    leases::sweep(&engine).await;
    let ending = {
        let mut work = pin!(work(&engine));
        tokio::select! {
            biased;
            ending = &mut work => ending,
            lost = leases::keep(&engine, &mut leases) => {
                lost.tell();
                engine.stop.ask();
                let ending = work.await;
                match lost {
                    Lost::TakenOver(_) => ending,
                    Lost::OutOfReach(stage, failure) => ending.map(|_| gave_up(stage, failure)),
                }
            }
        }
    };
    let save_max = engine.settings.save_max();
    tokio::select! {
        biased;
        () = leases::release(&engine, &leases) => {}
        () = engine.stop.signalled_for(save_max + SPARE) => {}
    }
    Ok(report(&engine, ending?))
}

async fn work(engine: &Arc<Engine>) -> Outside<Ending> {
    tokio::select! {
        biased;
        expected = expect_what_is_pending(engine) => expected?,
        // Nobody looks at the progress of a run that stops.
        () = engine.stop.asked() => {}
    }
    let signals = Arc::new(Signals::default());
    let (outbox, inbox) = committer::queue();
    let commit = tokio::spawn({
        let (engine, signals) = (Arc::clone(engine), Arc::clone(&signals));
        async move {
            let out_of_time = engine.stop.signalled_for(engine.settings.save_max());
            let warehouse = engine.warehouse.as_ref();
            let committed = committer::commit(
                warehouse,
                inbox,
                &signals,
                &engine.monitor,
                engine.settings.patience(),
                out_of_time,
            )
            .await;
            if committed.is_err() {
                engine.stop.ask();
            }
            committed
        }
    });
    let mut upstream_ended = CancellationToken::new();
    let discovery = tokio::spawn(discovered(
        Arc::clone(engine),
        Arc::clone(&signals),
        upstream_ended.clone(),
    ));
    let mut stages = Vec::new();
    for stage_work in &engine.stages {
        let ended = CancellationToken::new();
        let (engine, signals, outbox) = (Arc::clone(engine), Arc::clone(&signals), outbox.clone());
        let (stage_work, upstream) = (Arc::clone(stage_work), upstream_ended.clone());
        let guard = ended.clone().drop_guard();
        stages.push(tokio::spawn(async move {
            let _ended_however_it_ends = guard;
            run_stage(&engine, stage_work, &signals, outbox, upstream).await
        }));
        upstream_ended = ended;
    }
    drop(outbox);
    let endings = join_all(stages).await;
    let committed = join(commit.await)?;
    tokio::select! {
        biased;
        () = close(engine) => {}
        () = engine.stop.signalled_for(engine.settings.save_max()) => {}
    }
    join(discovery.await)??;
    committed?;
    ending(
        engine,
        endings.into_iter().map(join).collect::<Outside<Vec<_>>>()?,
    )
    .await
}

/// Takes contacts up, then tells the first stage that no more will come. A failed list ends the run,
/// after what is known already was given its chance to finish cleanly.
async fn discovered(
    engine: Arc<Engine>,
    signals: Arc<Signals>,
    ended: CancellationToken,
) -> Outside<()> {
    let _ended_however_it_ends = ended.drop_guard();
    let Some(source) = &engine.contacts else {
        return Ok(());
    };
    let first = engine
        .stages
        .first()
        .map_or(Stage::Fetch, |work| work.stage());
    tokio::select! {
        biased;
        discovered = discover(&engine, source.as_ref(), &signals.of(first).wake) => discovered,
        // A page that is on its way is asked for again by the next run.
        () = engine.stop.asked_for(engine.settings.stop_grace) => Ok(()),
    }
}

/// Lets the stages store what the next run is to know. It can do without.
async fn close(engine: &Engine) {
    for work in &engine.stages {
        if let Err(failure) = work.close().await {
            let (stage, reason) = (work.stage(), failure.chain());
            tracing::warn!(%stage, reason, "the next run will know less than it could");
        }
    }
}

async fn expect_what_is_pending(engine: &Engine) -> Outside<()> {
    for work in &engine.stages {
        let scope = engine.settings.scope(work.stage());
        let calls = ask_the_warehouse(engine, || {
            engine.warehouse.ready_count(&scope, engine.clock.now())
        });
        engine.monitor.expect(work.stage(), calls.await?);
    }
    Ok(())
}

fn join<T>(joined: Result<T, tokio::task::JoinError>) -> Outside<T> {
    joined.map_err(|error| Failure::bug("a part of the engine was lost").with_source(error))
}

async fn ending(engine: &Engine, endings: Vec<Outside<StageEnding>>) -> Outside<Ending> {
    let mut limit_reached = false;
    let mut stopped = false;
    let mut budget_reached = None;
    for (work, ending) in engine.stages.iter().zip(endings) {
        match ending? {
            StageEnding::NothingLeft => {}
            StageEnding::LimitReached => limit_reached = true,
            StageEnding::Stopped => stopped = true,
            StageEnding::BudgetReached(failure) => budget_reached = Some((work.stage(), failure)),
            StageEnding::GaveUp(failure) => return Ok(gave_up(work.stage(), failure)),
        }
    }
    if stopped {
        return Ok(Ending::Stopped);
    }
    if let Some((stage, failure)) = budget_reached {
        return Ok(Ending::BudgetReached {
            stage,
            reason: failure.chain(),
            hint: failure.hint,
        });
    }
    if limit_reached {
        return Ok(Ending::LimitReached);
    }
    Ok(match first_waiting(engine).await? {
        Some(from) => Ending::CallsWaiting { from },
        None => Ending::Done,
    })
}

fn gave_up(stage: Stage, failure: Failure) -> Ending {
    Ending::GaveUp {
        stage,
        reason: failure.chain(),
        hint: failure.hint,
    }
}

/// When the first call can be done of those that this run leaves at its stages.
async fn first_waiting(engine: &Engine) -> Outside<Option<DateTime<Utc>>> {
    let mut first = None;
    for work in &engine.stages {
        let scope = engine.settings.scope(work.stage());
        let next_ready_at =
            ask_the_warehouse(engine, || engine.warehouse.next_ready_at(&scope)).await?;
        first = [first, next_ready_at].into_iter().flatten().min();
    }
    Ok(first)
}

fn report(engine: &Engine, ending: Ending) -> RunReport {
    let (contacts_listed, contacts_added, contact_problems) = engine.monitor.contacts();
    let shard = engine.settings.shard;
    RunReport {
        ending,
        shard: (!shard.is_whole()).then(|| shard.to_string()),
        lists_contacts: engine.contacts.is_some(),
        contacts_listed,
        contacts_added,
        contact_problems,
        stages: Stage::ALL
            .into_iter()
            .map(|stage| (stage, engine.monitor.figures(stage)))
            .collect(),
    }
}
