//! The real SQLite warehouse in the made-up world: its requests get lost like all others.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::conformance::chance::Seeds;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::warehouse::{
    Batching, CallDetails, CallFilter, CallRow, ExportCursor, ExportPage, Outcome, PendingCall,
    PendingQuery, Scope, Summary, ValueCount, Warehouse,
};
use callpipe_core::failure::Outside;
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, Utc};

use super::lives::Ended;
use super::seeds::{SEEDS, in_parallel, universe};
use super::verdict::breaches;
use super::weather::System;
use super::world::World;

/// Files are slower than memory: one world is tried for so many that are asked for.
const ONE_FOR: u64 = 50;

/// A warehouse of others, reached through the world's weather.
pub(super) struct Reached {
    pub(super) world: Arc<World>,
    pub(super) warehouse: Arc<SqliteWarehouse>,
}

impl Reached {
    async fn ask<T>(&self, doing: &str, work: impl Future<Output = Outside<T>>) -> Outside<T> {
        let passage = self.world.request(System::Warehouse, doing, "").await?;
        let done = work.await;
        passage.answer().await?;
        done
    }
}

#[async_trait]
impl Warehouse for Reached {
    fn name(&self) -> &'static str {
        self.warehouse.name()
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.ask("check", self.warehouse.check()).await
    }

    async fn prepare(&self, taxonomy: &Taxonomy) -> Outside<()> {
        self.warehouse.prepare(taxonomy).await
    }

    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64> {
        self.ask("add", self.warehouse.add_contacts(contacts, now))
            .await
    }

    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        self.ask("pending", self.warehouse.pending(query)).await
    }

    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>> {
        self.ask("next", self.warehouse.next_ready_at(scope)).await
    }

    fn batching(&self) -> Batching {
        self.warehouse.batching()
    }

    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()> {
        self.ask("save", self.warehouse.save(outcomes)).await
    }

    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary> {
        self.ask("summary", self.warehouse.summary(now)).await
    }

    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>> {
        self.warehouse.list(filter).await
    }

    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>> {
        self.warehouse.find(contact_id).await
    }

    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>> {
        self.warehouse.progress(filter).await
    }

    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        self.warehouse.export_page(filter, after, rows_max).await
    }

    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>> {
        self.warehouse.value_counts(field).await
    }
}

/// How each call ended, and whose labels it has.
pub(super) fn ended(warehouse: &SqliteWarehouse) -> Vec<Ended> {
    wait_for(async {
        let calls = warehouse.progress(&CallFilter::default()).await.unwrap();
        let mut ended = Vec::new();
        for call in calls {
            let details = warehouse.find(&call.contact.id).await.unwrap().unwrap();
            let labels = details.classification;
            let label = labels.and_then(|row| Some(row["agent_name"].as_str()?.to_owned()));
            ended.push((call.progress, label));
        }
        ended
    })
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn the_real_sqlite_warehouse_gives_the_same_guarantees() {
    let Range { start, end } = Seeds::asked_for(SEEDS).range();
    in_parallel(start..start + (end - start).div_ceil(ONE_FOR), |seed| {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig {
            path: folder.path().join("calls.db"),
            ..SqliteConfig::default()
        };
        let warehouse = SqliteWarehouse::open(config, "memory://".into()).unwrap();
        wait_for(warehouse.prepare(&Taxonomy::built_in())).unwrap();
        let universe = universe(seed).without_refusals().on(warehouse);
        universe.live_by_chance();
        universe.live_in_peace();
        assert_eq!(breaches(&universe), [""; 0], "seed {seed}");
    });
}
