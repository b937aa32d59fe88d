//! A copy of another warehouse's tables in this file. Rows come page by page, each page in one
//! transaction with how far the copy has come, so that one that is broken off goes on where it was.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::sync::Arc;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::{Map, Value};

use super::client::Problem;
use super::sql::{self, Sql, quoted};
use super::{SqliteWarehouse, schema};
use crate::warehouses::copied::{CopiedTable, CopyState};

/// How far the copy has come, in one row, and which rows a full copy has seen.
const STATE: &str = "CREATE TABLE IF NOT EXISTS callpipe_copy (state TEXT NOT NULL); \
     CREATE TABLE IF NOT EXISTS callpipe_copy_seen (part TEXT NOT NULL, contactId TEXT NOT NULL, \
     PRIMARY KEY (part, contactId)) WITHOUT ROWID";

/// A row of a table by column.
type CopiedRow = Map<String, Value>;

/// As long as it lives, nobody else copies into the file.
#[derive(Debug)]
pub struct CopyLock {
    /// The file system lets go of the lock when it is closed, whatever becomes of the program.
    _file: File,
}

impl SqliteWarehouse {
    /// Keeps others from copying into the file.
    pub fn lock_copy(&self) -> Outside<CopyLock> {
        // Not the database itself: SQLite has locks of its own on that.
        let path = self.database.path().with_added_extension("pull");
        let doing = format!("opening {}", path.display());
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|error| {
            Failure::new(FailureKind::StoreFailed, doing)
                .with_source(error)
                .with_hint("let the user that runs callpipe write to the database's directory")
        })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let path = self.database.path().display();
                let message = format!("another pull is copying into {path}");
                Err(Failure::new(FailureKind::Unavailable, message)
                    .with_hint("wait for its end: it copies what this one would have copied"))
            }
            // A file system without locks is no reason to stop: the same row twice is one row.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(CopyLock { _file: file }),
        }
    }

    /// How far the copy in the file has come; nothing where the file is none. A copy must be told from
    /// a warehouse of its own, which must not be written over.
    pub async fn copy_state(&self) -> Outside<Option<CopyState>> {
        self.report(|connection, _| state(connection)).await
    }

    /// Fails where the file has calls that came by another way than a copy.
    pub async fn refuse_own_calls(&self) -> Outside<()> {
        let path = self.database.path().display().to_string();
        self.report(move |connection, sql| {
            if state(connection)?.is_some() || !has_calls(connection, sql)? {
                return Ok(());
            }
            let message = format!("{path} is no copy: it has calls of its own");
            Err(Failure::new(FailureKind::Denied, message)
                .with_hint("name another file: `path` under [browser]")
                .into())
        })
        .await
    }

    /// Makes the file a copy of which nothing has come yet.
    pub async fn begin_copy(&self, begun: &CopyState) -> Outside<()> {
        let begun = begun.clone();
        self.database
            .write("beginning a copy", move |transaction| {
                transaction.execute_batch(STATE)?;
                transaction.execute("DELETE FROM callpipe_copy_seen", [])?;
                save_state(transaction, &begun)
            })
            .await
    }

    /// Puts rows in the place of those that the same calls have, and keeps how far the copy has come
    /// by that.
    pub async fn take_copied(
        &self,
        table: CopiedTable,
        rows: Vec<CopiedRow>,
        come_to: &CopyState,
    ) -> Outside<()> {
        let (sql, come_to) = (Arc::clone(&self.sql), come_to.clone());
        self.database
            .write("copying calls", move |transaction| {
                put(transaction, &sql, table, &rows)?;
                let is_full = come_to.unfinished.as_ref().is_some_and(|copy| copy.is_full);
                if is_full {
                    note_seen(transaction, table, &rows)?;
                }
                save_state(transaction, &come_to)
            })
            .await
    }

    /// Ends a copy. A full one removes the calls that it has not seen, and says how many those were.
    pub async fn end_copy(&self, ended: &CopyState, is_full: bool) -> Outside<u64> {
        let (sql, ended) = (Arc::clone(&self.sql), ended.clone());
        self.database
            .write("ending a copy", move |transaction| {
                let mut removed = 0;
                if is_full {
                    for table in [CopiedTable::Classifications, CopiedTable::Tracking] {
                        let statement = sql.remove_unseen(table);
                        removed = transaction.execute(&statement, [table.as_str()])?;
                    }
                }
                transaction.execute("DELETE FROM callpipe_copy_seen", [])?;
                save_state(transaction, &ended)?;
                Ok(removed as u64)
            })
            .await
    }
}

impl Sql {
    /// A table as it is named.
    fn name_of(&self, table: CopiedTable) -> &str {
        match table {
            CopiedTable::Tracking => &self.tracking_name,
            CopiedTable::Classifications => &self.classifications_name,
        }
    }

    fn has_calls(&self) -> String {
        format!("SELECT EXISTS (SELECT 1 FROM {})", self.tracking)
    }

    /// Removes the rows of calls that a full copy has not seen: `?1` the table's word.
    fn remove_unseen(&self, table: CopiedTable) -> String {
        format!(
            "DELETE FROM {} WHERE contactId NOT IN \
             (SELECT contactId FROM callpipe_copy_seen WHERE part = ?1)",
            quoted(self.name_of(table))
        )
    }
}

fn state(connection: &Connection) -> Result<Option<CopyState>, Problem> {
    if schema::column_names(connection, "callpipe_copy")?.is_empty() {
        return Ok(None);
    }
    let text: Option<String> = connection
        .query_row("SELECT state FROM callpipe_copy", [], |row| row.get(0))
        .optional()?;
    let unreadable = |error| {
        Failure::new(
            FailureKind::StoreFailed,
            "the file does not say how far its copy has come",
        )
        .with_source(error)
        .with_hint("was it made by a newer callpipe? Otherwise remove the file, and pull again")
    };
    let read = text.map(|text| serde_json::from_str(&text).map_err(unreadable));
    Ok(read.transpose()?)
}

fn save_state(connection: &Connection, state: &CopyState) -> Result<(), Problem> {
    let text = serde_json::to_string(state)
        .map_err(|error| Failure::bug("a copy's state cannot be written").with_source(error))?;
    connection.execute("DELETE FROM callpipe_copy", [])?;
    connection.execute("INSERT INTO callpipe_copy (state) VALUES (?1)", [text])?;
    Ok(())
}

fn has_calls(connection: &Connection, sql: &Sql) -> Result<bool, Problem> {
    if schema::column_names(connection, &sql.tracking_name)?.is_empty() {
        return Ok(false);
    }
    Ok(connection.query_row(&sql.has_calls(), [], |row| row.get(0))?)
}

/// Puts rows into a table, whose columns are added where it lacks them: labels of an earlier taxonomy
/// are exported, too.
fn put(
    connection: &Connection,
    sql: &Sql,
    table: CopiedTable,
    rows: &[CopiedRow],
) -> Result<(), Problem> {
    let columns: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.keys().map(String::as_str))
        .collect();
    let Some(id) = columns
        .iter()
        .find(|name| name.eq_ignore_ascii_case("contactId"))
    else {
        return Ok(());
    };
    let declared: Vec<(String, &'static str)> = columns
        .iter()
        .map(|name| ((*name).to_owned(), "TEXT"))
        .collect();
    schema::table(connection, sql, sql.name_of(table), &declared)?;
    let all: Vec<&str> = columns.iter().copied().collect();
    let into = quoted(sql.name_of(table));
    let mut statement = connection.prepare_cached(&sql::put(&into, &quoted(id), &all))?;
    for row in rows {
        let values = columns.iter().map(|column| stored(row.get(*column)));
        statement.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// A value as this file stores it: lists and structs as JSON.
fn stored(value: Option<&Value>) -> SqlValue {
    match value {
        None | Some(Value::Null) => SqlValue::Null,
        Some(Value::Bool(is_true)) => SqlValue::Integer(i64::from(*is_true)),
        Some(Value::String(text)) => SqlValue::Text(text.clone()),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => SqlValue::Integer(whole),
            (None, Some(real)) => SqlValue::Real(real),
            (None, None) => SqlValue::Text(number.to_string()),
        },
        Some(parts @ (Value::Array(_) | Value::Object(_))) => SqlValue::Text(parts.to_string()),
    }
}

fn note_seen(
    connection: &Connection,
    table: CopiedTable,
    rows: &[CopiedRow],
) -> Result<(), Problem> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO callpipe_copy_seen (part, contactId) VALUES (?, ?)",
    )?;
    for row in rows {
        let id = row
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("contactId"));
        if let Some((_, id)) = id.filter(|(_, id)| !id.is_null()) {
            statement.execute((table.as_str(), stored(Some(id))))?;
        }
    }
    Ok(())
}
