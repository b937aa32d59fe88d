//! The warehouse in BigQuery: for many machines, and for what the baseline's users have.
//!
//! What is ready is read once and mirrored (`mirror`), so that BigQuery is not asked for each
//! call. What is saved goes, many calls together, by a load into a staging table and one `MERGE` for
//! each table. Doing it twice changes nothing.

mod columns;
mod config;
mod emulator;
mod mirror;
mod report;
mod sql;
mod staged;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::{
    Batching, CallDetails, CallFilter, CallRow, Outcome, PendingCall, PendingQuery, Scope, Summary,
    ValueCount, Warehouse,
};
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::progress::{CallProgress, Stage};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

pub use config::BigQueryConfig;

use super::stored::{StoredRow, pending_call};
use crate::bigquery::wire::{Clustering, NewTable, TimePartitioning};
use crate::bigquery::{self, BigQuery, Row, Statement, TableReference};
use crate::google::Identity;
use crate::random;
use mirror::{Mirror, MirroredCall};
use sql::Sql;
use staged::{Schemas, Staged};

/// So many ready calls of a stage are mirrored, about a kilobyte each.
const MIRRORED_MAX: usize = 10_000;

/// So many conversations that stand in the table only are read at once, some kilobytes each.
const CONVERSATIONS_MAX: usize = 500;

/// A load has no limit that matters here; what waits to be saved is held in memory.
const BATCH_ROWS_MAX: usize = 2_500;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The first day that BigQuery knows.
const DATE_MIN: &str = "0001-01-01";

/// Staging tables that a crash left behind are removed by BigQuery after so long.
const STAGING_KEPT_FOR: TimeDelta = TimeDelta::hours(6);

impl StoredRow for Row {
    fn text(&self, name: &str) -> Option<String> {
        Row::text(self, name)
    }
}

/// The two tables in BigQuery.
pub struct BigQueryWarehouse {
    bigquery: BigQuery,
    tracking: TableReference,
    classifications: TableReference,
    sql: Sql,
    archive_base_uri: String,
    delay_max: Duration,
    clock: Arc<dyn Clock>,
    schemas: Mutex<Option<Schemas>>,
    mirror: Mutex<Option<Mirror>>,
}

impl BigQueryWarehouse {
    /// A warehouse by its configuration; nothing is asked yet. `archive_base_uri` and `/` go before
    /// a recording's key in the column `gcs_uri`. `workers` share BigQuery's limits.
    pub fn new(
        config: &BigQueryConfig,
        archive_base_uri: String,
        identity: &Identity,
        clock: Arc<dyn Clock>,
        workers: u32,
    ) -> Outside<Self> {
        let (tracking, classifications) =
            (config.tracking_table()?, config.classifications_table()?);
        if tracking == classifications {
            return Err(Failure::new(
                callpipe_core::failure::FailureKind::Denied,
                format!("both tables are called {tracking}"),
            )
            .with_hint("give them two names under [warehouse.bigquery]"));
        }
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => bigquery::default_endpoint()?,
        };
        let bigquery = BigQuery::new(
            endpoint,
            identity,
            config.project()?.to_owned(),
            config.location.clone(),
            Arc::clone(&clock),
        )?;
        Ok(Self {
            bigquery: bigquery.sharing_changes_with(workers),
            sql: Sql::new(&tracking, &classifications),
            tracking,
            classifications,
            archive_base_uri,
            delay_max: Duration::from_secs(config.save_every_s),
            clock,
            schemas: Mutex::default(),
            mirror: Mutex::default(),
        })
    }

    /// Makes a table, or adds the columns that it lacks. Says whether it was there before.
    async fn table(
        &self,
        table: &TableReference,
        wanted: Vec<bigquery::wire::Field>,
        layout: (Option<TimePartitioning>, Clustering),
    ) -> Outside<(bigquery::wire::TableSchema, Before)> {
        let Some(existing) = self.bigquery.schema(table).await? else {
            let schema = bigquery::wire::TableSchema { fields: wanted };
            let (time_partitioning, clustering) = layout;
            let made = self
                .bigquery
                .create_table(&NewTable {
                    table_reference: table.wire(),
                    schema: &schema,
                    time_partitioning,
                    clustering: Some(clustering),
                    expiration_time: None,
                    description: Some("Made by callpipe."),
                })
                .await?;
            // Another worker may have been faster.
            let before = if made { Before::Missing } else { Before::Whole };
            return Ok((schema, before));
        };
        let Some(schema) = columns::widened(&existing, &wanted) else {
            return Ok((existing, Before::Whole));
        };
        if let Err(failure) = self.bigquery.widen(table, schema.clone()).await {
            // Another worker may have been faster: then nothing is missing any more.
            let now = self.bigquery.schema(table).await?.unwrap_or_default();
            return match columns::widened(&now, &wanted) {
                None => Ok((now, Before::Whole)),
                Some(_) => Err(failure),
            };
        }
        emulator::carry_out_widening(&self.bigquery, table, &existing, &schema).await?;
        Ok((schema, Before::Narrow))
    }

    /// The tables' schemas, read once where `prepare` was not called.
    async fn schemas(&self) -> Outside<Schemas> {
        let mut schemas = self.schemas.lock().await;
        if let Some(schemas) = schemas.as_ref() {
            return Ok(schemas.clone());
        }
        let read = Schemas {
            tracking: self
                .bigquery
                .schema(&self.tracking)
                .await?
                .unwrap_or_default(),
            classifications: self
                .bigquery
                .schema(&self.classifications)
                .await?
                .unwrap_or_default(),
        };
        *schemas = Some(read.clone());
        Ok(read)
    }

    /// Those of some contacts that are new, and those whose start was not known.
    async fn unknown<'a>(
        &self,
        contacts: &'a [Contact],
    ) -> Outside<(Vec<&'a Contact>, Vec<&'a Contact>)> {
        let ids = contacts.iter().map(|contact| contact.id.to_string());
        let statement = Statement::new(self.sql.known()).bind_texts("ids", ids.collect());
        let rows = self
            .bigquery
            .rows(&statement, "looking for known contacts")
            .await?;
        let known: HashMap<String, bool> = rows
            .iter()
            .filter_map(|row| {
                let has_start = row.text("has_start").is_some_and(|word| word == "true");
                Some((row.text("contactId")?, has_start))
            })
            .collect();
        let mut listed = HashSet::new();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for contact in contacts {
            let first = listed.insert(contact.id.as_str());
            match known.get(contact.id.as_str()) {
                None if first => new.push(contact),
                Some(false) if first && contact.started_at.is_some() => changed.push(contact),
                _ => {}
            }
        }
        Ok((new, changed))
    }

    async fn adopt(&self) -> Outside<()> {
        let statement = Statement::new(self.sql.adopt());
        self.bigquery
            .change(&statement, "taking up rows that others made")
            .await
    }

    /// Puts rows into a staging table of their own, does something with it, and removes it.
    async fn with_staging(
        &self,
        staged: &Staged,
        doing: &str,
        statements: impl Fn(&TableReference) -> Vec<String>,
    ) -> Outside<()> {
        let staging = self
            .tracking
            .beside(format!("callpipe_staging_{}", random::name()));
        let expires_at = self.clock.now() + STAGING_KEPT_FOR;
        self.bigquery
            .create_table(&NewTable {
                table_reference: staging.wire(),
                schema: &staged.schema,
                time_partitioning: None,
                clustering: None,
                expiration_time: Some(expires_at.timestamp_millis().to_string()),
                description: Some("Rows on their way into callpipe's tables."),
            })
            .await?;
        let merged = async {
            self.bigquery
                .load(&staging, &staged.schema, &staged.rows, doing)
                .await?;
            for statement in statements(&staging) {
                self.bigquery
                    .change(&Statement::new(statement), doing)
                    .await?;
            }
            Ok(())
        }
        .await;
        if let Err(failure) = self.bigquery.delete_table(&staging).await {
            tracing::debug!(
                reason = failure.chain(),
                "a staging table is left to expire"
            );
        }
        merged
    }

    async fn row_of(&self, contact_id: &ContactId, sql: String) -> Outside<Option<Row>> {
        let statement = Statement::new(sql).bind("id", "STRING", contact_id.to_string());
        let rows = self.bigquery.rows(&statement, "looking for a call").await?;
        Ok(rows.into_iter().next())
    }

    /// Does something with a mirror that covers a scope, which is read if need be.
    async fn with_mirror<T>(
        &self,
        scope: &Scope,
        is_enough: impl Fn(&Mirror) -> bool,
        read: impl FnOnce(&mut Mirror) -> T,
    ) -> Outside<T> {
        let mut mirror = self.mirror.lock().await;
        let usable = mirror
            .as_ref()
            .is_some_and(|mirror| mirror.covers(scope) && is_enough(mirror));
        if !usable {
            *mirror = Some(self.read_mirror(scope).await?);
        }
        match mirror.as_mut() {
            Some(mirror) => Ok(read(mirror)),
            None => Err(Failure::bug("there is no mirror of the calls")),
        }
    }

    async fn read_mirror(&self, scope: &Scope) -> Outside<Mirror> {
        let read_at = self.clock.now();
        let mut rows = self.ready_rows(scope, read_at).await?;
        if rows.iter().any(|row| row.text("stage").is_none()) {
            self.adopt().await?;
            rows = self.ready_rows(scope, read_at).await?;
        }
        let mut left_out: HashMap<Stage, u64> = HashMap::new();
        for row in &rows {
            let stage = row.text("stage").and_then(|word| Stage::parse(&word));
            if let (Some(stage), Some(ready)) = (stage, row.number("ready_calls")) {
                *left_out.entry(stage).or_insert(ready) -= 1;
            }
        }
        let call = |row: &Row| {
            let call = pending_call(row, &self.archive_base_uri)?;
            Some(MirroredCall {
                conversation_unread: call.progress.stage == Stage::Classify
                    && row.text("transcript_key").is_none(),
                call,
            })
        };
        let calls = rows.iter().filter_map(call).collect();
        Ok(Mirror::new(scope, read_at, calls, left_out))
    }

    async fn ready_rows(&self, scope: &Scope, now: DateTime<Utc>) -> Outside<Vec<Row>> {
        let since = scope.since.map(|since| since.to_string());
        let statement = Statement::new(self.sql.ready(scope.shard))
            .bind_moment("now", now)
            .bind("since", "DATE", since.unwrap_or_else(|| DATE_MIN.into()))
            .bind("rows_max", "INT64", MIRRORED_MAX.to_string());
        self.bigquery
            .rows(&statement, "looking for pending calls")
            .await
    }

    /// Reads conversations that stand in the table only, for the next calls that need one.
    async fn read_conversations(&self, scope: &Scope) -> Outside<()> {
        let ids = self
            .with_mirror(
                scope,
                |_| true,
                |mirror| mirror.unread(scope.stage, CONVERSATIONS_MAX),
            )
            .await?;
        let statement = Statement::new(self.sql.conversations()).bind_texts("ids", ids);
        let rows = self
            .bigquery
            .rows(&statement, "reading conversations")
            .await?;
        let told = rows
            .iter()
            .filter_map(|row| Some((row.text("contactId")?, row.text("transcription"))))
            .collect();
        self.with_mirror(scope, |_| true, |mirror| mirror.tell(scope.stage, told))
            .await
    }
}

/// How a table was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Missing,
    /// It lacked columns of ours: another program made it.
    Narrow,
    Whole,
}

#[async_trait]
impl Warehouse for BigQueryWarehouse {
    fn name(&self) -> &'static str {
        "bigquery"
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.bigquery
            .rows(
                &Statement::new("SELECT 1 AS one".into()),
                "asking BigQuery something",
            )
            .await?;
        let place = self.bigquery.describe();
        let dataset = self.tracking.dataset();
        if !self.bigquery.dataset_exists(&self.tracking).await? {
            return Ok(format!(
                "{place}; the dataset {dataset} is missing and will be made by the first run"
            ));
        }
        let staged = Staged {
            schema: bigquery::wire::TableSchema {
                fields: vec![bigquery::wire::Field::nullable("content", "STRING")],
            },
            rows: "{\"content\":\"written\"}\n".into(),
            classification_columns: Vec::new(),
        };
        self.with_staging(&staged, "checking the dataset", |staging| {
            vec![format!(
                "DELETE FROM {} WHERE content = 'written'",
                staging.quoted()
            )]
        })
        .await?;
        Ok(format!(
            "{place}; the dataset {dataset} can be written and read"
        ))
    }

    async fn prepare(&self, taxonomy: &Taxonomy) -> Outside<()> {
        let labels = columns::classifications(taxonomy)?;
        if !self.bigquery.dataset_exists(&self.tracking).await? {
            self.bigquery.create_dataset(&self.tracking).await?;
        }
        let clustered = |fields| Clustering { fields };
        // What is pending is found by stage and status.
        let layout = (None, clustered(&["stage", "stage_status", "contactId"][..]));
        let (tracking, before) = self
            .table(&self.tracking, columns::tracking(), layout)
            .await?;
        let by_month = TimePartitioning {
            r#type: "MONTH",
            field: "call_date",
        };
        let layout = (Some(by_month), clustered(&["contactId"][..]));
        let (classifications, _) = self.table(&self.classifications, labels, layout).await?;
        *self.schemas.lock().await = Some(Schemas {
            tracking,
            classifications,
        });
        if before == Before::Narrow {
            self.adopt().await?;
        }
        Ok(())
    }

    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64> {
        if contacts.is_empty() {
            return Ok(0);
        }
        let (new, changed) = self.unknown(contacts).await?;
        let added = new.len() as u64;
        if new.is_empty() && changed.is_empty() {
            return Ok(0);
        }
        let all: Vec<Contact> = new
            .iter()
            .chain(&changed)
            .map(|contact| (*contact).clone())
            .collect();
        let staged = staged::contacts(&all, now, &self.schemas().await?)?;
        self.with_staging(&staged, "taking up contacts", |staging| {
            vec![self.sql.merge_contacts(staging)]
        })
        .await?;
        if let Some(mirror) = self.mirror.lock().await.as_mut() {
            if !changed.is_empty() {
                mirror.forget();
            }
            for contact in new {
                mirror.add(PendingCall {
                    progress: CallProgress::new(contact.id.clone()),
                    contact: contact.clone(),
                    recordings: Vec::new(),
                    archived_audio: None,
                    conversation: None,
                });
            }
        }
        Ok(added)
    }

    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        let (scope, now) = (&query.scope, query.now);
        let is_enough = |mirror: &Mirror| {
            !mirror.pending(query).is_empty() || !mirror.may_lack(scope.stage, now)
        };
        let found = self
            .with_mirror(scope, is_enough, |mirror| {
                let calls = mirror.pending(query);
                let unread = calls.iter().any(|call| call.conversation_unread);
                (!unread).then(|| calls.into_iter().map(|call| call.call.clone()).collect())
            })
            .await?;
        if let Some(calls) = found {
            return Ok(calls);
        }
        self.read_conversations(scope).await?;
        self.with_mirror(
            scope,
            |_| true,
            |mirror| {
                let read = mirror.pending(query).into_iter();
                let read = read.take_while(|call| !call.conversation_unread);
                read.map(|call| call.call.clone()).collect()
            },
        )
        .await
    }

    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>> {
        self.with_mirror(scope, |_| true, |mirror| mirror.next_ready_at(scope.stage))
            .await
    }

    async fn ready_count(&self, scope: &Scope, _now: DateTime<Utc>) -> Outside<u64> {
        self.with_mirror(scope, |_| true, |mirror| mirror.ready_count(scope.stage))
            .await
    }

    fn batching(&self) -> Batching {
        Batching {
            rows_max: BATCH_ROWS_MAX,
            size_bytes_max: BATCH_BYTES_MAX,
            delay_max: self.delay_max,
        }
    }

    async fn save(&self, outcomes: &[Outcome]) -> Outside<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let schemas = self.schemas().await?;
        let staged = staged::outcomes(outcomes, &self.archive_base_uri, &schemas)?;
        let labels: Vec<&str> = staged
            .classification_columns
            .iter()
            .map(String::as_str)
            .collect();
        self.with_staging(&staged, "saving calls", |staging| {
            // A call is done when its labels are there, never before.
            let mut statements = Vec::with_capacity(2);
            if !labels.is_empty() {
                statements.push(self.sql.merge_classifications(staging, &labels));
            }
            statements.push(self.sql.merge_tracking(staging));
            statements
        })
        .await?;
        if let Some(mirror) = self.mirror.lock().await.as_mut() {
            for outcome in outcomes {
                mirror.saved(outcome);
            }
        }
        Ok(())
    }

    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary> {
        let statement = Statement::new(self.sql.summary()).bind_moment("now", now);
        let doing = "counting calls";
        let mut rows = self.bigquery.rows(&statement, doing).await?;
        if rows.iter().any(|row| row.text("stage").is_none()) {
            self.adopt().await?;
            rows = self.bigquery.rows(&statement, doing).await?;
        }
        Ok(report::summary(&rows))
    }

    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>> {
        let statement =
            report::filtered(filter, |conditions, limit| self.sql.list(conditions, limit));
        let rows = self.bigquery.rows(&statement, "listing calls").await?;
        Ok(rows.iter().filter_map(super::stored::call_row).collect())
    }

    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>> {
        let Some(tracking) = self.row_of(contact_id, self.sql.tracking_row()).await? else {
            return Ok(None);
        };
        let Some(listed) = super::stored::call_row(&tracking) else {
            return Ok(None);
        };
        let classification = self
            .row_of(contact_id, self.sql.classification_row())
            .await?;
        Ok(Some(CallDetails {
            row: listed,
            tracking: tracking.by_column(),
            classification: classification.map(|row| row.by_column()),
        }))
    }

    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>> {
        let statement = report::filtered(filter, |conditions, limit| {
            self.sql.progress(conditions, limit)
        });
        let rows = self.bigquery.rows(&statement, "reading calls").await?;
        let call = |row| pending_call(row, &self.archive_base_uri);
        Ok(rows.iter().filter_map(call).collect())
    }

    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>> {
        let schemas = self.schemas().await?;
        let fields = &schemas.classifications.fields;
        let sql = match fields.iter().find(|known| known.name == field) {
            Some(field) if field.is_repeated() => self.sql.element_counts(&field.name),
            Some(field) if !field.is_record() => self.sql.value_counts(&field.name),
            _ => return Ok(Vec::new()),
        };
        let rows = self
            .bigquery
            .rows(&Statement::new(sql), "counting values")
            .await?;
        let count = |row: &Row| {
            Some(ValueCount {
                value: row.text("value")?,
                count: row.number("calls")?,
            })
        };
        Ok(rows.iter().filter_map(count).collect())
    }
}
