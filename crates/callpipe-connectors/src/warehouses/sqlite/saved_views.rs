//! Names that people gave to selections of calls: a table of its own, beside that of corrections.
//!
//! It is in the local file also where the warehouse is another one, and no copy of that one's tables
//! touches it. A query is kept as it is given: what it means is the browser's business.

use std::sync::Arc;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, named_params};

use super::client::Problem;
use super::schema::column_names;
use super::sql::Sql;
use super::{SqliteWarehouse, map};
use crate::warehouses::stored::moment;

/// A name for a selection of calls with its order and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// The name, of which there is one.
    pub name: String,
    /// The query of the list's address.
    pub query: String,
    /// Who saved it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl SqliteWarehouse {
    /// All saved views, by name.
    pub async fn saved_views(&self) -> Outside<Vec<SavedView>> {
        self.report(read).await
    }

    /// Saves a view in place of the one that has its name, if there is one. A new name is not taken
    /// where there are so many views already; says whether the view was saved.
    pub async fn save_view(&self, view: &SavedView, views_max: usize) -> Outside<bool> {
        let (sql, view) = (Arc::clone(&self.sql), view.clone());
        self.database
            .write("saving a view", move |transaction| {
                prepare(transaction, &sql)?;
                save(transaction, &sql, &view, views_max)
            })
            .await
    }

    /// Removes the view of a name; that there is none is as well.
    pub async fn remove_view(&self, name: &str) -> Outside<()> {
        let (sql, name) = (Arc::clone(&self.sql), name.to_owned());
        self.database
            .write("removing a view", move |transaction| {
                prepare(transaction, &sql)?;
                transaction.execute(&sql.remove_view(), [name])?;
                Ok(())
            })
            .await
    }
}

impl Sql {
    fn create_saved_views(&self) -> String {
        format!(
            "CREATE TABLE {} (name TEXT PRIMARY KEY NOT NULL, query TEXT NOT NULL, \
             saved_by TEXT NOT NULL, saved_at TEXT NOT NULL)",
            self.saved_views
        )
    }

    fn saved_views(&self) -> String {
        format!(
            "SELECT * FROM {} ORDER BY name COLLATE NOCASE, name",
            self.saved_views
        )
    }

    /// Saves a view where there is one of its name, or where there are fewer than `:views_max`.
    fn save_view(&self) -> String {
        format!(
            "INSERT INTO {table} (name, query, saved_by, saved_at) \
             SELECT :name, :query, :by, :at \
             WHERE EXISTS (SELECT 1 FROM {table} WHERE name = :name) \
             OR (SELECT COUNT(*) FROM {table}) < :views_max \
             ON CONFLICT (name) DO UPDATE SET query = excluded.query, \
             saved_by = excluded.saved_by, saved_at = excluded.saved_at",
            table = self.saved_views
        )
    }

    fn remove_view(&self) -> String {
        format!("DELETE FROM {} WHERE name = ?1", self.saved_views)
    }
}

/// Makes the table if there is none yet.
pub(super) fn prepare(connection: &Connection, sql: &Sql) -> Result<(), Problem> {
    let existing = column_names(connection, &sql.saved_views_name)?;
    if existing.is_empty() {
        connection.execute_batch(&sql.create_saved_views())?;
    } else if !["name", "query", "saved_by", "saved_at"]
        .iter()
        .all(|column| existing.iter().any(|other| other == column))
    {
        let message = format!("the table {} serves another purpose", sql.saved_views_name);
        return Err(Failure::new(FailureKind::StoreFailed, message)
            .with_hint("name another one: `saved_views_table` under [warehouse.sqlite]")
            .into());
    }
    Ok(())
}

fn save(
    connection: &Connection,
    sql: &Sql,
    view: &SavedView,
    views_max: usize,
) -> Result<bool, Problem> {
    let saved = connection
        .prepare_cached(&sql.save_view())?
        .execute(named_params! {
            ":name": view.name,
            ":query": view.query,
            ":by": view.by,
            ":at": moment(view.at),
            ":views_max": i64::try_from(views_max).unwrap_or(i64::MAX),
        })?;
    Ok(saved > 0)
}

/// A file in which nobody has saved a view need not have the table.
fn read(connection: &Connection, sql: &Sql) -> Result<Vec<SavedView>, Problem> {
    if column_names(connection, &sql.saved_views_name)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(&sql.saved_views())?;
    let mut rows = statement.query([])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        match saved_view(row)? {
            Some(view) => views.push(view),
            None => tracing::warn!("a saved view cannot be understood: it is left out"),
        }
    }
    Ok(views)
}

fn saved_view(row: &Row<'_>) -> rusqlite::Result<Option<SavedView>> {
    let text = |name| Ok::<_, rusqlite::Error>(map::text(row.get_ref(name)?).unwrap_or_default());
    let at = DateTime::parse_from_rfc3339(&text("saved_at")?);
    Ok(Some(SavedView {
        name: text("name")?,
        query: text("query")?,
        by: text("saved_by")?,
        at: match at {
            Ok(at) => at.to_utc(),
            Err(_) => return Ok(None),
        },
    }))
}
