//! The leases of a run: one for each of its stages, of its shard, renewed while it works.
//!
//! Runs of different shards of one count do not touch each other's calls. A run of all calls, or of
//! shards of another count, would: it may not hold a lease at the same time. Who wants to work takes
//! its own lease first and looks at the others then, so that of two who begin together at least one
//! sees the other.

mod keep;

use callpipe_connectors::archive::{Archive, STAGING_DEFAULT};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::Outside;
use callpipe_core::progress::Stage;
use callpipe_core::shard::Shard;
use chrono::{DateTime, Utc};
use futures::future::join_all;

use super::Engine;
use super::holder::Holder;
use super::lease::{Applicant, FOLDER, Held, Lease, Taken, holder_of};

pub(super) use keep::{Lost, keep};

/// The lease of one of a run's stages.
#[derive(Debug)]
pub(super) struct StageLease {
    stage: Stage,
    lease: Lease,
    /// It had run out, and has been renewed before it was known whether that let another run in.
    is_uncertain: bool,
}

impl StageLease {
    fn holds_until(&self) -> DateTime<Utc> {
        match self.is_uncertain {
            true => DateTime::<Utc>::MIN_UTC,
            false => self.lease.expires_at(),
        }
    }
}

/// Until when all of a run's leases hold.
pub(super) fn hold_until(leases: &[StageLease]) -> DateTime<Utc> {
    let moments = leases.iter().map(StageLease::holds_until);
    moments.min().unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A lease for each stage of a run, or who holds one that stands in the way. Whoever asks again after a
/// failure does so with the same nonce.
pub(super) async fn take(engine: &Engine, nonce: u64) -> Outside<Result<Vec<StageLease>, Held>> {
    let mut leases = Vec::new();
    for work in &engine.stages {
        let not_taken = match take_one(engine, work.stage(), nonce).await {
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

async fn take_one(engine: &Engine, stage: Stage, nonce: u64) -> Outside<Result<StageLease, Held>> {
    let settings = &engine.settings;
    let applicant = Applicant {
        holder: &settings.holder,
        ttl: settings.lease_ttl,
        nonce,
    };
    let name = name(stage, settings.shard);
    let clock = engine.clock.as_ref();
    let lease = match Lease::take(&engine.archive, clock, &name, applicant).await? {
        Taken::Ours(lease) => lease,
        Taken::Held(held) => return Ok(Err(held)),
    };
    match in_the_way(engine, stage).await {
        Ok(None) => Ok(Ok(StageLease {
            stage,
            lease,
            is_uncertain: false,
        })),
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
pub(super) async fn release(engine: &Engine, leases: &[StageLease]) {
    let released = leases.iter().map(|StageLease { lease, .. }| async move {
        if let Err(failure) = lease.release(&engine.archive).await {
            let (lease, reason) = (lease.name(), failure.chain());
            tracing::warn!(lease, reason, "a lease cannot be given back: it runs out");
        }
    });
    join_all(released).await;
}

#[cfg(test)]
mod tests {
    use super::*;

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
