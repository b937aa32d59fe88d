//! A whole run: leases, discovery, stages and committer, from start to report.

use std::sync::Arc;
use std::time::Duration;

use callpipe_core::contracts::warehouse::Summary;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::progress::Stage;
use futures::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::committer::{self, Signals};
use super::discover::discover;
use super::lease::{Applicant, Lease, Taken};
use super::monitor::StageFigures;
use super::stage_loop::{StageEnding, run_stage};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ending", content = "detail")]
pub enum Ending {
    /// Nothing is left to do.
    Done,
    /// The limit of calls was reached.
    LimitReached,
    /// Calls are left that can be done later: run again.
    CallsWaiting {
        /// How many.
        calls: u64,
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
    /// Another run works on the same stage.
    LeaseHeld {
        /// Which one.
        holder: String,
    },
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
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
    /// Where all calls stand now.
    pub summary: Summary,
}

/// Runs until nothing is left to do, a stop is asked for, or an outside system stays away.
pub async fn run(engine: Engine) -> Outside<RunReport> {
    let engine = Arc::new(engine);
    let leases = match take_leases(&engine).await? {
        Ok(leases) => leases,
        Err(holder) => return report(&engine, Ending::LeaseHeld { holder }).await,
    };
    let leases = Arc::new(leases);
    let renewal = tokio::spawn(renew(Arc::clone(&engine), Arc::clone(&leases)));
    let ending = work(&engine).await;
    renewal.abort();
    for lease in leases.iter() {
        lease.release(&engine.archive).await?;
    }
    report(&engine, ending?).await
}

/// A lease for each stage of this run, or who holds one of them.
async fn take_leases(engine: &Engine) -> Outside<Result<Vec<Lease>, String>> {
    let mut leases = Vec::new();
    for work in &engine.stages {
        match take_lease(engine, work.stage()).await? {
            Ok(lease) => leases.push(lease),
            Err(holder) => {
                for lease in leases {
                    lease.release(&engine.archive).await?;
                }
                return Ok(Err(holder));
            }
        }
    }
    Ok(Ok(leases))
}

/// A run that was killed leaves its lease behind: it is waited for once, for as long as it lasts.
async fn take_lease(engine: &Engine, stage: Stage) -> Outside<Result<Lease, String>> {
    let name = stage.as_str();
    let settings = &engine.settings;
    let applicant = Applicant {
        holder: &settings.holder,
        ttl: settings.lease_ttl,
    };
    let take = || Lease::take(&engine.archive, engine.clock.as_ref(), name, applicant);
    let held = match take().await? {
        Taken::Ours(lease) => return Ok(Ok(lease)),
        Taken::Held(held) => held,
    };
    let wait = (held.expires_at - engine.clock.now())
        .to_std()
        .unwrap_or_default()
        .min(settings.lease_ttl);
    tracing::warn!(%stage, holder = held.holder, wait_ms = wait.as_millis() as u64, "another run holds the lease: waiting for it to run out");
    tokio::select! {
        () = tokio::time::sleep(wait + Duration::from_millis(50)) => {}
        () = engine.stop.cancelled() => return Ok(Err(held.holder)),
    }
    Ok(match take().await? {
        Taken::Ours(lease) => Ok(lease),
        Taken::Held(held) => Err(held.holder),
    })
}

/// Renews the leases for as long as the run lasts, and stops it when one is lost.
async fn renew(engine: Arc<Engine>, leases: Arc<Vec<Lease>>) {
    loop {
        tokio::time::sleep(engine.settings.lease_ttl / 3).await;
        for lease in leases.iter() {
            if let Err(failure) = lease.renew(&engine.archive, engine.clock.as_ref()).await {
                tracing::error!(
                    reason = failure.chain(),
                    hint = failure.hint,
                    "the lease is lost: stopping"
                );
                engine.stop.cancel();
                return;
            }
        }
    }
}

async fn work(engine: &Arc<Engine>) -> Outside<Ending> {
    expect_what_is_pending(engine).await?;
    let signals = Arc::new(Signals::default());
    let (outbox, inbox) = committer::queue();
    let commit = tokio::spawn({
        let (engine, signals) = (Arc::clone(engine), Arc::clone(&signals));
        async move {
            let committed = committer::commit(engine.warehouse.as_ref(), inbox, &signals).await;
            if committed.is_err() {
                engine.stop.cancel();
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
            let ending = run_stage(&engine, stage_work, &signals, outbox, upstream).await;
            if !matches!(
                ending,
                Ok(StageEnding::NothingLeft | StageEnding::LimitReached)
            ) {
                engine.stop.cancel();
            }
            ending
        }));
        upstream_ended = ended;
    }
    drop(outbox);
    let endings = join_all(stages).await;
    let committed = join(commit.await)?;
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
    discover(&engine, source.as_ref(), &signals.of(first).wake).await
}

async fn expect_what_is_pending(engine: &Engine) -> Outside<()> {
    for work in &engine.stages {
        let scope = engine.settings.scope(work.stage());
        let calls = engine.warehouse.ready_count(&scope, engine.clock.now());
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
    for (work, ending) in engine.stages.iter().zip(endings) {
        match ending? {
            StageEnding::NothingLeft => {}
            StageEnding::LimitReached => limit_reached = true,
            StageEnding::Stopped => stopped = true,
            StageEnding::GaveUp(failure) => {
                let (reason, hint) = (failure.chain(), failure.hint);
                return Ok(Ending::GaveUp {
                    stage: work.stage(),
                    reason,
                    hint,
                });
            }
        }
    }
    if stopped {
        return Ok(Ending::Stopped);
    }
    if limit_reached {
        return Ok(Ending::LimitReached);
    }
    let left = calls_left(engine).await?;
    Ok(if left > 0 {
        Ending::CallsWaiting { calls: left }
    } else {
        Ending::Done
    })
}

/// Calls of this run's stages that are ready or will be.
async fn calls_left(engine: &Engine) -> Outside<u64> {
    let mut left = 0;
    for work in &engine.stages {
        let scope = engine.settings.scope(work.stage());
        if engine.warehouse.next_ready_at(&scope).await?.is_some() {
            let summary = engine.warehouse.summary(engine.clock.now()).await?;
            left += summary
                .counts
                .iter()
                .filter(|count| count.stage == work.stage() && count.status == "ready")
                .map(|count| count.waiting)
                .sum::<u64>();
        }
    }
    Ok(left)
}

async fn report(engine: &Engine, ending: Ending) -> Outside<RunReport> {
    let (contacts_listed, contacts_added, contact_problems) = engine.monitor.contacts();
    Ok(RunReport {
        ending,
        lists_contacts: engine.contacts.is_some(),
        contacts_listed,
        contacts_added,
        contact_problems,
        stages: Stage::ALL
            .into_iter()
            .map(|stage| (stage, engine.monitor.figures(stage)))
            .collect(),
        summary: engine.warehouse.summary(engine.clock.now()).await?,
    })
}
