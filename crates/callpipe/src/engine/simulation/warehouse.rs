//! A warehouse in memory that fails as the weather has it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::warehouse::{
    Batching, CallDetails, CallFilter, CallRow, Change, ExportCursor, ExportPage, Outcome,
    PendingCall, PendingQuery, Scope, Summary, ValueCount, Warehouse,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, Utc};

use super::calls::{Calls, Nature};
use super::tables::Tables;
use super::weather::System;
use super::world::World;

/// How much later a save arrives that was given up.
const LATE_BY: Duration = Duration::from_secs(45);

/// The warehouse, which outlives every run.
#[derive(Clone)]
pub(super) struct MemoryWarehouse {
    pub(super) world: Arc<World>,
    pub(super) calls: Arc<Calls>,
    pub(super) batching: Batching,
    pub(super) tables: Arc<Mutex<Tables>>,
    saves: Arc<Mutex<Saves>>,
    peaks: Arc<Mutex<Peaks>>,
}

/// The most that was asked for or handed over at once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peaks {
    pub(super) contacts_added: usize,
    /// Grows with the number of calls that a stage has in hand.
    pub(super) calls_asked_for: usize,
    pub(super) outcomes_saved: usize,
}

/// Saves that have not reached the tables.
#[derive(Default)]
struct Saves {
    underway: BTreeMap<u64, Vec<Arc<Outcome>>>,
    /// They were given up, and arrive all the same.
    late: Vec<(Duration, Vec<Arc<Outcome>>)>,
    next: u64,
}

impl MemoryWarehouse {
    pub(super) fn new(world: Arc<World>, calls: Arc<Calls>, batching: Batching) -> Self {
        Self {
            world,
            calls,
            batching,
            tables: Arc::default(),
            saves: Arc::default(),
            peaks: Arc::default(),
        }
    }

    /// The most that was asked for or handed over at once.
    pub(super) fn peaks(&self) -> Peaks {
        *self.peaks.lock().unwrap()
    }

    fn note_peak(&self, of: impl FnOnce(&mut Peaks) -> &mut usize, now: usize) {
        let mut peaks = self.peaks.lock().unwrap();
        let peak = of(&mut peaks);
        *peak = now.max(*peak);
    }

    /// Does some work on the tables when the request has reached them.
    async fn ask<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut Tables) -> Outside<T>,
    ) -> Outside<T> {
        let passage = self.world.request(System::Warehouse, doing, "").await?;
        self.save_late(false);
        let done = work(&mut self.tables.lock().unwrap());
        passage.answer().await?;
        done
    }

    /// The run has ended: what it sent may still arrive.
    pub(super) fn cut_off(&self, chance: &mut Seeded) {
        let mut saves = self.saves.lock().unwrap();
        for outcomes in std::mem::take(&mut saves.underway).into_values() {
            if chance.permille(500) {
                let at = self.world.now() + Duration::from_millis(chance.below(60_000));
                saves.late.push((at, outcomes));
            }
        }
    }

    /// Whether saves were still on their way. Now they have arrived.
    pub(super) fn has_late_saves(&self) -> bool {
        self.save_late(true)
    }

    fn save_late(&self, all: bool) -> bool {
        let now = self.world.now();
        let late = &mut self.saves.lock().unwrap().late;
        let mut arrived = false;
        late.retain(|(at, outcomes)| {
            let arrives = all || *at <= now;
            if arrives && outcomes.iter().all(|outcome| self.refuse(outcome).is_ok()) {
                self.world
                    .tell(format_args!("late save {}", names(outcomes)));
                self.tables.lock().unwrap().save(outcomes);
            }
            arrived |= arrives;
            !arrives
        });
        arrived
    }

    fn begin_save(&self, outcomes: &[Arc<Outcome>]) -> u64 {
        let mut saves = self.saves.lock().unwrap();
        saves.next += 1;
        let number = saves.next;
        saves.underway.insert(number, outcomes.to_vec());
        number
    }

    /// A save was given up. It may arrive later.
    fn give_up_save(&self, number: u64) {
        let happens = self.world.happens(300);
        let mut saves = self.saves.lock().unwrap();
        if let Some(outcomes) = saves.underway.remove(&number)
            && happens
        {
            saves.late.push((self.world.now() + LATE_BY, outcomes));
        }
    }

    /// What the tables cannot take.
    fn refuse(&self, outcome: &Outcome) -> Outside<()> {
        let learned_at = match &outcome.change {
            Change::None | Change::NothingFound { .. } => None,
            Change::Fetched { .. } => Some(Stage::Fetch),
            Change::Transcribed(_) => Some(Stage::Transcribe),
            Change::Classified(call) => {
                let columns = Taxonomy::built_in();
                let known =
                    |field: &String| columns.sections.iter().any(|s| s.field.as_str() == field);
                if !call.classification.values().keys().all(known) {
                    return Err(Failure::new(FailureKind::StoreFailed, "no such column"));
                }
                Some(Stage::Classify)
            }
        };
        let call = self.calls.by_id.get(outcome.contact.id.as_str());
        match (call.map(|call| call.nature), learned_at) {
            (Some(Nature::Unsavable(stage)), Some(learned_at)) if stage == learned_at => {
                Err(Failure::new(FailureKind::StoreFailed, "the row is refused"))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Warehouse for MemoryWarehouse {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.ask("check", |_| Ok("fine".into())).await
    }

    async fn prepare(&self, _taxonomy: &Taxonomy) -> Outside<()> {
        Ok(())
    }

    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64> {
        self.note_peak(|peaks| &mut peaks.contacts_added, contacts.len());
        self.ask("add", |tables| Ok(tables.add(contacts, now)))
            .await
    }

    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        let doing = format!("pending {}", query.scope.stage);
        self.note_peak(|peaks| &mut peaks.calls_asked_for, query.limit);
        self.ask(&doing, |tables| Ok(tables.pending(query))).await
    }

    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>> {
        let doing = format!("next {}", scope.stage);
        self.ask(&doing, |tables| Ok(tables.next_ready_at(scope)))
            .await
    }

    async fn ready_count(&self, scope: &Scope, _now: DateTime<Utc>) -> Outside<u64> {
        self.ask("count", |tables| Ok(tables.ready_count(scope)))
            .await
    }

    fn batching(&self) -> Batching {
        self.batching
    }

    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()> {
        self.note_peak(|peaks| &mut peaks.outcomes_saved, outcomes.len());
        let number = self.begin_save(outcomes);
        let doing = format!("save {}", names(outcomes));
        let saved = self.ask(&doing, |tables| {
            self.saves.lock().unwrap().underway.remove(&number);
            for outcome in outcomes {
                self.refuse(outcome)?;
            }
            tables.save(outcomes);
            Ok(())
        });
        let saved = saved.await;
        self.give_up_save(number);
        saved
    }

    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary> {
        self.ask("summary", |tables| Ok(tables.summary(now))).await
    }

    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>> {
        self.ask("list", |tables| Ok(tables.list(filter))).await
    }

    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>> {
        self.ask("find", |tables| Ok(tables.find(contact_id))).await
    }

    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>> {
        self.ask("progress", |tables| Ok(tables.progress(filter)))
            .await
    }

    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        self.ask(
            "export",
            |tables| Ok(tables.export(filter, after, rows_max)),
        )
        .await
    }

    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>> {
        self.ask("values", |tables| Ok(tables.value_counts(field)))
            .await
    }
}

fn names(outcomes: &[Arc<Outcome>]) -> String {
    let state = |outcome: &Arc<Outcome>| {
        let progress = &outcome.progress;
        let (stage, status) = (progress.stage, progress.status.as_str());
        format!(
            "{} {stage} {status} {}",
            outcome.contact.id, progress.attempt
        )
    };
    outcomes.iter().map(state).collect::<Vec<_>>().join(", ")
}

#[tokio::test(start_paused = true)]
async fn it_is_a_warehouse() {
    use super::weather::Weather;

    let world = World::new(Weather::default(), Seeded::new(1));
    let batching = Batching {
        rows_max: 10,
        contacts_max: 10,
        size_bytes_max: 1_000_000,
        delay_max: Duration::from_millis(100),
        idle_delay: Duration::from_millis(100),
    };
    let warehouse = MemoryWarehouse::new(world, Arc::default(), batching);
    callpipe_core::conformance::warehouse::warehouse(&warehouse).await;
}
