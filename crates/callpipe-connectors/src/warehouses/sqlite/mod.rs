//! The warehouse in a SQLite file: the default, and enough for a million calls.
//!
//! Both tables can be read by any program while we write. All values are bound; the names of
//! columns come from the checked taxonomy.

mod changes;
mod client;
mod columns;
mod config;
mod copy;
mod corrections;
mod export;
mod map;
mod report;
mod save;
mod saved_views;
mod schema;
mod sql;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::warehouse::{
    Batching, CallDetails, CallFilter, CallRow, ExportCursor, ExportPage, Outcome, PendingCall,
    PendingQuery, Scope, Summary, ValueCount, Warehouse,
};
use callpipe_core::exported::BriefCall;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use rusqlite::{Connection, ToSql};

pub use changes::{ChangeCursor, ChangedPage};
pub use config::{SqliteConfig, TableName, TableNameError};
pub use copy::CopyLock;
pub use saved_views::SavedView;

use super::stored::{moment, pending_call};
use client::{Database, Problem};
use sql::Sql;

/// A transaction costs little, so that the next stage need not wait for its calls.
const BATCHING: Batching = Batching {
    rows_max: 500,
    // Their many small pieces lie between all else while they are taken up.
    contacts_max: 100,
    size_bytes_max: 4 * 1024 * 1024,
    delay_max: Duration::from_millis(100),
    idle_delay: Duration::from_millis(5),
};

/// The two tables in a SQLite file.
pub struct SqliteWarehouse {
    database: Database,
    sql: Arc<Sql>,
    archive_base_uri: Arc<str>,
}

impl SqliteWarehouse {
    /// Opens the file, or makes it. `archive_base_uri` and `/` go before a recording's key in the
    /// column `gcs_uri`.
    pub fn open(config: SqliteConfig, archive_base_uri: String) -> Outside<Self> {
        Self::open_with_readers(config, archive_base_uri, 1)
    }

    /// The same for a program that asks several things at once: so many reads go on beside each
    /// other, and a slow one holds up none of the others.
    pub fn open_with_readers(
        config: SqliteConfig,
        archive_base_uri: String,
        readers: usize,
    ) -> Outside<Self> {
        if let Some(name) = config.name_given_twice() {
            return Err(Failure::new(
                FailureKind::StoreFailed,
                format!("two tables are called {name}"),
            )
            .with_hint("give each a name of its own under [warehouse.sqlite]"));
        }
        let busy_timeout = Duration::from_millis(config.busy_timeout_ms);
        Ok(Self {
            database: Database::open(&config.path, busy_timeout, readers)?,
            sql: Arc::new(Sql::new(&config)),
            archive_base_uri: archive_base_uri.into(),
        })
    }
}

#[async_trait]
impl Warehouse for SqliteWarehouse {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.database.probe().await?;
        Ok(format!(
            "SQLite {} at {}",
            rusqlite::version(),
            self.database.path().display()
        ))
    }

    async fn prepare(&self, taxonomy: &Taxonomy) -> Outside<()> {
        let (sql, taxonomy) = (Arc::clone(&self.sql), taxonomy.clone());
        self.database
            .write("preparing the tables", move |transaction| {
                schema::prepare(transaction, &sql, &taxonomy)
            })
            .await
    }

    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64> {
        let (sql, contacts) = (Arc::clone(&self.sql), contacts.to_vec());
        self.database
            .write("taking up contacts", move |transaction| {
                save::add_contacts(transaction, &sql, &contacts, now)
            })
            .await
    }

    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        let (sql, query) = (Arc::clone(&self.sql), query.clone());
        let archive_base_uri = Arc::clone(&self.archive_base_uri);
        self.database
            .read("looking for pending calls", move |transaction| {
                Ok(pending_calls(transaction, &sql, &archive_base_uri, &query)?)
            })
            .await
    }

    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>> {
        let (sql, scope) = (Arc::clone(&self.sql), *scope);
        self.database
            .read("looking for waiting calls", move |transaction| {
                Ok(next_ready_at(transaction, &sql, &scope)?)
            })
            .await
    }

    /// A run asks before its first request: the summary would read all rows for it.
    async fn ready_count(&self, scope: &Scope, _now: DateTime<Utc>) -> Outside<u64> {
        let (sql, scope) = (Arc::clone(&self.sql), *scope);
        self.database
            .read("counting calls to be done", move |transaction| {
                let mut statement = transaction.prepare_cached(&sql.ready_count())?;
                let calls: i64 = statement.query_row([scope.stage.as_str()], |row| row.get(0))?;
                let shards = u64::from(scope.shard.count());
                Ok(u64::try_from(calls).unwrap_or_default().div_ceil(shards))
            })
            .await
    }

    fn batching(&self) -> Batching {
        BATCHING
    }

    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()> {
        let (sql, outcomes) = (Arc::clone(&self.sql), outcomes.to_vec());
        let archive_base_uri = Arc::clone(&self.archive_base_uri);
        self.database
            .write("saving calls", move |transaction| {
                save::save(transaction, &sql, &archive_base_uri, &outcomes)
            })
            .await
    }

    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary> {
        self.report(move |connection, sql| report::summary(connection, sql, now))
            .await
    }

    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>> {
        let filter = filter.clone();
        self.report(move |connection, sql| report::list(connection, sql, &filter))
            .await
    }

    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>> {
        let contact_id = contact_id.clone();
        self.report(move |connection, sql| report::find(connection, sql, &contact_id))
            .await
    }

    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>> {
        let (filter, base_uri) = (filter.clone(), Arc::clone(&self.archive_base_uri));
        self.report(move |connection, sql| report::progress(connection, sql, &base_uri, &filter))
            .await
    }

    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        let (filter, after) = (filter.clone(), after.cloned());
        self.report(move |connection, sql| {
            export::page(connection, sql, &filter, after.as_ref(), rows_max)
        })
        .await
    }

    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>> {
        let field = field.to_owned();
        self.report(move |connection, sql| report::value_counts(connection, sql, &field))
            .await
    }
}

impl SqliteWarehouse {
    /// Some calls in brief, in no order; those that there are.
    pub async fn brief(&self, contact_ids: Vec<ContactId>) -> Outside<Vec<BriefCall>> {
        self.report(move |connection, sql| export::brief(connection, sql, &contact_ids))
            .await
    }

    async fn report<T, Read>(&self, read: Read) -> Outside<T>
    where
        T: Send + 'static,
        Read: FnOnce(&Connection, &Sql) -> Result<T, Problem> + Send + 'static,
    {
        let sql = Arc::clone(&self.sql);
        self.database
            .read("reading the tables", move |transaction| {
                read(transaction, &sql)
            })
            .await
    }
}

/// The newest calls first, then those without a start. Rows that make no sense do not count
/// towards the limit, and neither do those of other shards: they would hold up all others.
fn pending_calls(
    connection: &Connection,
    sql: &Sql,
    archive_base_uri: &str,
    query: &PendingQuery,
) -> rusqlite::Result<Vec<PendingCall>> {
    let scope = &query.scope;
    let stage = scope.stage.as_str();
    let now = moment(query.now);
    let since = date_text(scope.since);
    let from = scope.since.and_then(earliest_moment).unwrap_or_default();
    let values: [&dyn ToSql; 4] = [&stage, &now, &since, &from];
    let statements = [(sql.pending(), 4), (sql.pending_without_start(), 3)];
    let mut calls = Vec::new();
    for (statement, values_count) in statements {
        let mut statement = connection.prepare_cached(&statement)?;
        let mut rows = statement.query(&values[..values_count])?;
        while calls.len() < query.limit
            && let Some(row) = rows.next()?
        {
            let id = map::column(row, "contactId")?.unwrap_or_default();
            if query.in_hand.contains(id.as_str()) {
                continue;
            }
            let call = pending_call(row, archive_base_uri);
            calls.extend(call.filter(|call| scope.shard.contains(&call.contact.id)));
        }
    }
    Ok(calls)
}

/// The earliest moment that a call of the shard waits for.
fn next_ready_at(
    connection: &Connection,
    sql: &Sql,
    scope: &Scope,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let mut statement = connection.prepare_cached(&sql.next_ready_at())?;
    let mut rows = statement.query((scope.stage.as_str(), date_text(scope.since)))?;
    while let Some(row) = rows.next()? {
        let id = ContactId::parse(&map::column(row, "contactId")?.unwrap_or_default());
        if id.is_ok_and(|id| scope.shard.contains(&id)) {
            let moment = map::column(row, "not_before")?.and_then(|moment| parse_start(&moment));
            return Ok(moment.map(|moment| moment.with_timezone(&Utc)));
        }
    }
    Ok(None)
}

/// A date as it is stored; a text before all dates where there is none.
fn date_text(date: Option<NaiveDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

/// A moment at which a date has begun nowhere yet: an offset is always less than a day.
fn earliest_moment(date: NaiveDate) -> Option<String> {
    let before = date.checked_sub_days(Days::new(1))?;
    Some(moment(before.and_time(NaiveTime::MIN).and_utc()))
}
