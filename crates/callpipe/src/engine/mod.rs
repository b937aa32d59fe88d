//! The engine: takes contacts up, drives each call through the stages, saves what happens.
//!
//! Data flows one way: `discover` fills the warehouse, a `stage_loop` for each stage takes pending
//! calls from the warehouse and has its `stages::StageWork` done, the `committer` saves outcomes in
//! batches and wakes the loop of the next stage. What happens to a call is decided by
//! `callpipe_core::transition` alone. `leases` keep other runs from the same calls, and `tenure` says how
//! long they do; `gate` and `doubts` are for vendors that are away, `patience` for stores.

pub mod committer;
pub mod discover;
mod doubts;
pub mod estimate;
pub mod gate;
pub mod holder;
pub mod lease;
pub mod leases;
mod look;
pub mod monitor;
pub mod paid;
pub mod patience;
mod run;
mod saver;
#[cfg(test)]
mod simulation;
pub mod spending;
pub mod stage_loop;
pub mod stages;
pub mod stop;
pub mod tenure;
#[cfg(test)]
mod told;
pub mod triage;

use std::sync::Arc;
use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_core::call::Contact;
use callpipe_core::contracts::chance::Chance;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::ContactSource;
use callpipe_core::contracts::warehouse::{Scope, Warehouse};
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;
use callpipe_core::shard::Shard;
use chrono::NaiveDate;

use holder::Holder;
use monitor::Monitor;
use patience::Patience;
use stages::StageWork;
use stop::Stop;
use tenure::Tenure;

pub use run::{Ending, RunReport, run};

/// Everything that a run works with.
pub struct Engine {
    /// Where new contacts come from; none when only known calls are worked on.
    pub contacts: Option<Arc<dyn ContactSource>>,
    /// The stages to be done, in their order.
    pub stages: Vec<Arc<dyn StageWork>>,
    /// State and results.
    pub warehouse: Arc<dyn Warehouse>,
    /// Leases live here; the stages know it by themselves.
    pub archive: Archive,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What spreads the waits of many calls.
    pub chance: Arc<dyn Chance>,
    /// Who is told what happens.
    pub monitor: Arc<Monitor>,
    /// How it is done.
    pub settings: Settings,
    /// Asks for a clean stop: nothing new is begun, what is in flight may end.
    pub stop: Stop,
    /// Until when new work may begin.
    pub tenure: Tenure,
}

/// See [`Settings::save_max`].
const SAVE_MAX: Duration = Duration::from_secs(9);

/// How a run is done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When calls are tried again.
    pub retry: RetryPolicy,
    /// Calls that started before this date are left alone.
    pub since: Option<NaiveDate>,
    /// The part of the calls that this run works on.
    pub shard: Shard,
    /// At most so many calls are taken up by each stage.
    pub limit: Option<usize>,
    /// For how long vendors and stores that are away are waited for before the run gives up.
    pub outage_max: Duration,
    /// For how long a run that has nothing else to do waits for a call that is to be tried again.
    pub wait_max: Duration,
    /// For how long work in flight may go on after a stop was asked for.
    pub stop_grace: Duration,
    /// For how long a lease holds without being renewed.
    pub lease_ttl: Duration,
    /// Who holds the leases.
    pub holder: Holder,
}

impl Settings {
    /// How long after a signal saving is given up. Who sends it kills after 10 seconds, unless work
    /// in flight is given longer.
    pub fn save_max(&self) -> Duration {
        SAVE_MAX.max(self.stop_grace + Duration::from_secs(1))
    }

    /// With stores that are away.
    fn patience(&self) -> Patience {
        Patience::new(self.outage_max)
    }

    /// Whether a contact is one that this run takes up.
    pub fn is_responsible_for(&self, contact: &Contact) -> bool {
        let is_late_enough = |since| contact.date().is_none_or(|date| date >= since);
        self.shard.contains(&contact.id) && self.since.is_none_or(is_late_enough)
    }

    /// The calls that this run is responsible for at a stage.
    pub fn scope(&self, stage: Stage) -> Scope {
        Scope {
            stage,
            since: self.since,
            shard: self.shard,
        }
    }
}
