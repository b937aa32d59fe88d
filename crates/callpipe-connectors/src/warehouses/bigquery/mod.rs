//! The warehouse in BigQuery: for many machines, and for what the baseline's users have.
//!
//! What is ready is read once and mirrored (`mirror`), so that BigQuery is not asked for each
//! call. What is saved goes, many calls together, by a load into a staging table and one `MERGE` for
//! each table. Doing it twice changes nothing.

mod columns;
mod config;
mod copy;
mod emulator;
mod export;
mod mirror;
mod ready;
mod report;
mod sql;
mod staged;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::{
    Batching, CallDetails, CallFilter, CallRow, ExportCursor, ExportPage, Outcome, PendingCall,
    PendingQuery, Scope, Summary, ValueCount, Warehouse,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::CallProgress;
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

pub use config::BigQueryConfig;

use super::stored::{StoredRow, pending_call};
use crate::bigquery::{self, BigQuery, Row, Statement, TableReference};
use crate::google::Identity;
use mirror::Mirror;
use sql::Sql;
use staged::{Schemas, Staged};

/// A load has no limit that matters here; what waits to be saved is held in memory.
const BATCH_ROWS_MAX: usize = 2_500;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

impl StoredRow for Row {
    fn text(&self, name: &str) -> Option<String> {
        Row::text(self, name)
    }
}

/// Statements are counted and take seconds: none for a moment in which a stage looks for calls.
const IDLE_DELAY: Duration = Duration::from_millis(100);

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
                FailureKind::Denied,
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

    async fn row_of(&self, contact_id: &ContactId, sql: String) -> Outside<Option<Row>> {
        let statement = Statement::new(sql).bind("id", "STRING", contact_id.to_string());
        let rows = self.bigquery.rows(&statement, "looking for a call").await?;
        Ok(rows.into_iter().next())
    }
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
        self.prepare_tables(taxonomy).await
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
        let merged = self.with_staging(&staged, "taking up contacts", |staging| {
            vec![self.sql.merge_contacts(staging)]
        });
        if let Err(failure) = merged.await {
            // It may be done all the same: whoever asks again finds them known already.
            if let Some(mirror) = self.mirror.lock().await.as_mut() {
                mirror.forget();
            }
            return Err(failure);
        }
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
                    analysis_missing: false,
                });
            }
        }
        Ok(added)
    }

    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        let (scope, now) = (&query.scope, query.now);
        // While calls are in hand there is enough: a statement is dearer than the wait for them.
        let is_enough = |mirror: &Mirror| {
            mirror.has_due(scope.stage, now) || !mirror.may_lack(scope.stage, now)
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
            contacts_max: BATCH_ROWS_MAX,
            size_bytes_max: BATCH_BYTES_MAX,
            delay_max: self.delay_max,
            idle_delay: IDLE_DELAY,
        }
    }

    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()> {
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

    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        self.exported(filter, after, rows_max).await
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
