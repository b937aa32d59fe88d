//! The leases of a run: one for each of its stages, of its shard, renewed while it works.
//!
//! Runs of different shards of one count do not touch each other's calls. A run of all calls, or of
//! shards of another count, would: it may not hold a lease at the same time. Who wants to work takes
//! its own lease first and looks at the others then, so that of two who begin together at least one
//! sees the other.

use callpipe_connectors::archive::{Archive, STAGING_DEFAULT};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::shard::Shard;
use chrono::{DateTime, Utc};
use futures::future::join_all;

use super::Engine;
use super::holder::Holder;
use super::lease::{Applicant, FOLDER, Held, Lease, RenewalError, Taken, holder_of};

/// A lease for each stage of a run, or who holds one that stands in the way.
pub(super) async fn take(engine: &Engine) -> Outside<Result<Vec<Lease>, Held>> {
    let mut leases = Vec::new();
    for work in &engine.stages {
        let not_taken = match take_one(engine, work.stage()).await {
            Ok(Ok(lease)) => {
                leases.push(lease);
                continue;
            }
            Ok(Err(held)) => Ok(Err(held)),
            Err(failure) => Err(failure),
        };
        release(engine, &leases).await;
        return not_taken;
    }
    Ok(Ok(leases))
}

async fn take_one(engine: &Engine, stage: Stage) -> Outside<Result<Lease, Held>> {
    let settings = &engine.settings;
    let applicant = Applicant {
        holder: &settings.holder,
        ttl: settings.lease_ttl,
    };
    let name = name(stage, settings.shard);
    let clock = engine.clock.as_ref();
    let lease = match Lease::take(&engine.archive, clock, &name, applicant).await? {
        Taken::Ours(lease) => lease,
        Taken::Held(held) => return Ok(Err(held)),
    };
    match in_the_way(engine, stage).await {
        Ok(None) => Ok(Ok(lease)),
        Ok(Some(held)) => {
            lease.release(&engine.archive).await?;
            Ok(Err(held))
        }
        Err(failure) => {
            lease.release(&engine.archive).await?;
            Err(failure)
        }
    }
}

/// Who works on calls of this run under another lease.
async fn in_the_way(engine: &Engine, stage: Stage) -> Outside<Option<Held>> {
    let shard = engine.settings.shard;
    let (clock, us) = (engine.clock.as_ref(), &engine.settings.holder);
    holder_of_one(&engine.archive, clock, us, |name| {
        overlaps(name, stage, shard)
    })
    .await
}

/// Who works on a stage, of whatever shard, as `us` can see.
pub async fn at_work(
    archive: &Archive,
    clock: &dyn Clock,
    us: &Holder,
    stage: Stage,
) -> Outside<Option<Held>> {
    let is_of_stage = |name: &str| name.split('-').next() == Some(stage.as_str());
    holder_of_one(archive, clock, us, is_of_stage).await
}

/// Who holds a lease with such a name.
async fn holder_of_one(
    archive: &Archive,
    clock: &dyn Clock,
    us: &Holder,
    is_meant: impl Fn(&str) -> bool,
) -> Outside<Option<Held>> {
    let objects = archive.list_names(FOLDER).await?;
    let folders = objects
        .iter()
        .filter_map(|object| object.strip_prefix(FOLDER)?.split('/').nth(1));
    let mut names: Vec<&str> = folders.filter(|name| is_meant(name)).collect();
    names.dedup();
    for name in names {
        if let Some(held) = holder_of(archive, clock, name, us).await? {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

/// What a worker is called, and its lease: `fetch`, or `fetch-2-of-4` for a shard.
pub fn name(stage: Stage, shard: Shard) -> String {
    match shard.is_whole() {
        true => stage.as_str().to_owned(),
        false => format!("{stage}-{}-of-{}", shard.index() + 1, shard.count()),
    }
}

/// Whether a lease is for calls of this stage that are divided in another way.
fn overlaps(name: &str, stage: Stage, shard: Shard) -> bool {
    let Some(part) = name.strip_prefix(stage.as_str()) else {
        return false;
    };
    let count = match part.rsplit_once("-of-") {
        None => Some(1),
        Some((_, count)) => count.parse().ok(),
    };
    count != Some(shard.count())
}

/// Removes what earlier workers left unfinished, now that the leases say that none of them can be at
/// work. What cannot be removed is in nobody's way.
pub(super) async fn sweep(engine: &Engine) {
    let stages: Vec<Stage> = engine.stages.iter().map(|work| work.stage()).collect();
    let shard = engine.settings.shard;
    let is_left = move |worker: &str| stages.iter().any(|stage| is_left(worker, *stage, shard));
    match engine.archive.sweep(is_left).await {
        Ok(0) => {}
        Ok(objects) => tracing::info!(objects, "what a killed run left unfinished is removed"),
        Err(failure) => {
            let (reason, hint) = (failure.chain(), failure.hint);
            tracing::warn!(reason, hint, "what a killed run left unfinished stays");
        }
    }
}

/// Whether nobody can be working under a name while the lease of a stage and shard is held. Leases
/// are written under no name, by whoever wants one; such a write is begun again if it was swept.
fn is_left(worker: &str, stage: Stage, shard: Shard) -> bool {
    worker == STAGING_DEFAULT || worker == name(stage, shard) || overlaps(worker, stage, shard)
}

/// Gives leases back. One that cannot be given back runs out.
pub(super) async fn release(engine: &Engine, leases: &[Lease]) {
    let released = leases.iter().map(|lease| async move {
        if let Err(failure) = lease.release(&engine.archive).await {
            let (lease, reason) = (lease.name(), failure.chain());
            tracing::warn!(lease, reason, "a lease cannot be given back: it runs out");
        }
    });
    join_all(released).await;
}

/// Renews leases until one is lost, which is said in words: it has run out before it could be
/// renewed, or somebody took it over. A store that fails for a moment is asked again.
pub(super) async fn renew(engine: &Engine, leases: &mut [Lease]) -> String {
    let ttl = engine.settings.lease_ttl;
    let mut wait = ttl / 3;
    loop {
        tokio::time::sleep(wait).await;
        wait = ttl / 3;
        let renewals = leases.iter_mut().map(|lease| async {
            let renewed = renew_one(engine, lease).await;
            (lease, renewed)
        });
        for (lease, renewed) in join_all(renewals).await {
            match consequence(renewed, engine.clock.now(), lease.expires_at()) {
                Consequence::GoesOn => {}
                Consequence::IsLost(reason) => return reason,
                Consequence::TryAgain(reason) => {
                    let lease = lease.name();
                    tracing::warn!(lease, reason, "a lease cannot be renewed: trying again");
                    wait = ttl / 15;
                }
            }
        }
    }
}

/// What follows from trying to renew a lease.
#[derive(Debug, PartialEq, Eq)]
enum Consequence {
    GoesOn,
    TryAgain(String),
    IsLost(String),
}

fn consequence(
    renewed: Result<(), RenewalError>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Consequence {
    match renewed {
        Ok(()) => Consequence::GoesOn,
        Err(RenewalError::Store(failure)) if now < expires_at => {
            Consequence::TryAgain(failure.chain())
        }
        Err(RenewalError::Store(failure)) => Consequence::IsLost(format!(
            "it ran out before it could be renewed: {}",
            failure.chain()
        )),
        Err(RenewalError::TakenOver) => Consequence::IsLost("another run has taken it over".into()),
    }
}

/// A store that does not answer is as bad as one that fails.
async fn renew_one(engine: &Engine, lease: &mut Lease) -> Result<(), RenewalError> {
    let renewal = lease.renew(&engine.archive, engine.clock.as_ref());
    let time_max = engine.settings.lease_ttl / 3;
    let no_answer = |_| {
        let message = "renewing a lease: no answer in time";
        let failure = Failure::new(FailureKind::Unavailable, message);
        Err(RenewalError::Store(failure))
    };
    let renewed = tokio::time::timeout(time_max, renewal).await;
    renewed.unwrap_or_else(no_answer)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_lease_survives_a_store_that_fails_for_a_moment() {
        let expires_at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let (before, after) = (expires_at - TimeDelta::seconds(1), expires_at);
        let failed = || Err(RenewalError::Store(Failure::bug("HTTP 503")));
        assert_eq!(
            consequence(failed(), before, expires_at),
            Consequence::TryAgain("HTTP 503".into())
        );
        let late = consequence(failed(), after, expires_at);
        assert!(matches!(late, Consequence::IsLost(_)), "{late:?}");
        let taken_over = consequence(Err(RenewalError::TakenOver), before, expires_at);
        assert!(
            matches!(taken_over, Consequence::IsLost(_)),
            "{taken_over:?}"
        );
    }

    #[test]
    fn only_shards_of_one_count_may_work_at_the_same_time() {
        let shard = |index, count| Shard::new(index, count).unwrap();
        let fetch = |shard| name(Stage::Fetch, shard);
        assert_eq!(fetch(Shard::WHOLE), "fetch");
        assert_eq!(fetch(shard(1, 4)), "fetch-2-of-4");
        let in_the_way = |other, us| overlaps(&fetch(other), Stage::Fetch, us);
        assert!(!in_the_way(shard(0, 4), shard(1, 4)));
        assert!(in_the_way(shard(0, 3), shard(1, 4)));
        assert!(in_the_way(Shard::WHOLE, shard(1, 4)));
        assert!(in_the_way(shard(1, 4), Shard::WHOLE));
        assert!(is_left("fetch-2-of-4", Stage::Fetch, shard(1, 4)));
        assert!(
            !is_left("fetch-1-of-4", Stage::Fetch, shard(1, 4)),
            "its worker may be at work"
        );
        assert!(is_left("fetch-1-of-4", Stage::Fetch, Shard::WHOLE));
        assert!(is_left(STAGING_DEFAULT, Stage::Fetch, shard(1, 4)));
        assert!(!overlaps("transcribe", Stage::Fetch, shard(1, 4)));
        assert!(!overlaps("transcribe-1-of-3", Stage::Fetch, Shard::WHOLE));
    }
}
