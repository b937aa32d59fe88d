//! Keeping leases while a run works, also over a time in which the archive is away.

use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::progress::Stage;
use futures::future::join_all;
use tokio::time::Instant;

use super::{StageLease, hold_until, in_the_way};
use crate::engine::Engine;
use crate::engine::lease::RenewalError;
use crate::engine::patience::Waits;

/// Why a run cannot keep its leases.
#[derive(Debug)]
pub(in crate::engine) enum Lost {
    /// Another run works on the same calls.
    TakenOver(String),
    /// The archive has been away for longer than an outage may last.
    OutOfReach(Stage, Failure),
}

impl Lost {
    /// Says so, and that the run stops for it.
    pub(in crate::engine) fn tell(&self) {
        match self {
            Self::TakenOver(reason) => {
                let hint = "this run was suspended, or its archive out of reach, for too long; run again \
                            when no other run is at work";
                tracing::error!(reason, hint, "the lease is lost: stopping");
            }
            Self::OutOfReach(stage, failure) => {
                let (reason, hint) = (failure.chain(), failure.hint.as_deref());
                tracing::error!(%stage, reason, hint, "the lease cannot be renewed: stopping");
            }
        }
    }
}

/// Renews leases until one is lost. While one of them has run out, because the archive is away, the run
/// begins nothing that another run may do by now.
pub(in crate::engine) async fn keep(engine: &Engine, leases: &mut [StageLease]) -> Lost {
    let ttl = engine.settings.lease_ttl;
    let mut trouble: Option<Trouble> = None;
    loop {
        let has_run_out = !engine.tenure.lasts(engine.clock.now());
        let wait = match &mut trouble {
            None => ttl / 3,
            Some(_) if !has_run_out => ttl / 15,
            Some(trouble) => trouble.waits.next(),
        };
        tokio::time::sleep(wait).await;
        let renewed = renew(engine, leases).await;
        let has_run_out = !engine.tenure.lasts(engine.clock.now());
        engine.tenure.set_until(hold_until(leases));
        let (stage, failure) = match renewed {
            Ok(()) => {
                trouble = None;
                if has_run_out {
                    tracing::info!("the leases are renewed: going on");
                }
                continue;
            }
            Err((_, NotRenewed::TakenOver(reason))) => return Lost::TakenOver(reason),
            Err((stage, NotRenewed::Store(failure))) => (stage, failure),
        };
        let trouble = trouble.get_or_insert_with(|| Trouble::begin(ttl));
        if has_run_out && trouble.since.elapsed() >= engine.settings.outage_max {
            return Lost::OutOfReach(stage, failure);
        }
        trouble.tell(stage, &failure, has_run_out);
    }
}

/// The longest wait before leases that have run out are renewed.
const RENEWAL_DELAY_MAX: Duration = Duration::from_secs(30);

/// A time in which leases cannot be renewed.
struct Trouble {
    since: Instant,
    /// The waits between attempts once a lease has run out.
    waits: Waits,
}

impl Trouble {
    fn begin(ttl: Duration) -> Self {
        Self {
            since: Instant::now(),
            waits: Waits::new(ttl / 15, RENEWAL_DELAY_MAX),
        }
    }

    fn tell(&self, stage: Stage, failure: &Failure, has_run_out: bool) {
        let (reason, hint) = (failure.chain(), failure.hint.as_deref());
        let away_s = self.since.elapsed().as_secs();
        match has_run_out {
            true => {
                tracing::warn!(%stage, away_s, reason, hint, "nothing new is begun: the lease has run out, and cannot be renewed");
            }
            false => {
                tracing::warn!(%stage, reason, hint, "a lease cannot be renewed: trying again");
            }
        }
    }
}

/// Why a lease was not renewed.
enum NotRenewed {
    TakenOver(String),
    Store(Failure),
}

/// Renews all; says of which that is not possible, of one that was taken over first.
async fn renew(engine: &Engine, leases: &mut [StageLease]) -> Result<(), (Stage, NotRenewed)> {
    let renewals = leases.iter_mut().map(|lease| async {
        let renewed = renew_in_time(engine, lease).await;
        renewed.map_err(|error| (lease.stage, error))
    });
    let mut result = Ok(());
    for renewed in join_all(renewals).await {
        match renewed {
            Err((_, NotRenewed::TakenOver(_))) => return renewed,
            Err(_) => result = renewed,
            Ok(()) => {}
        }
    }
    result
}

/// A store that does not answer is as bad as one that fails.
async fn renew_in_time(engine: &Engine, lease: &mut StageLease) -> Result<(), NotRenewed> {
    let time_left = (lease.lease.expires_at() - engine.clock.now()).to_std();
    let time_max = engine.settings.lease_ttl / 3;
    let time_max = time_left.map_or(time_max, |left| left.min(time_max));
    let no_answer = |_| {
        let message = "renewing a lease: no answer in time";
        let failure = Failure::new(FailureKind::Unavailable, message);
        Err(NotRenewed::Store(failure))
    };
    let renewed = tokio::time::timeout(time_max, renew_one(engine, lease)).await;
    renewed.unwrap_or_else(no_answer)
}

async fn renew_one(engine: &Engine, lease: &mut StageLease) -> Result<(), NotRenewed> {
    let clock = engine.clock.as_ref();
    lease.is_uncertain = clock.now() >= lease.holds_until();
    match lease.lease.renew(&engine.archive, clock).await {
        Ok(()) => {}
        Err(RenewalError::Store(failure)) => return Err(NotRenewed::Store(failure)),
        Err(RenewalError::TakenOver) => {
            return Err(NotRenewed::TakenOver(
                "another run has taken it over".into(),
            ));
        }
    }
    if lease.is_uncertain {
        let others = in_the_way(engine, lease.stage).await;
        if let Some(other) = others.map_err(NotRenewed::Store)? {
            let reason = format!("while it had run out, {} began to work", other.holder);
            return Err(NotRenewed::TakenOver(reason));
        }
        lease.is_uncertain = false;
    }
    Ok(())
}
