//! Creates what is missing, and takes up tables that another program made.
//!
//! What is missing is found by looking, not by counting migrations: the tables may have come from
//! the baseline or from a restored copy, and a new taxonomy adds columns at any time.
//! `PRAGMA user_version` only keeps older programs away from newer tables.

use std::collections::HashSet;

use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::taxonomy::Taxonomy;
use rusqlite::{Connection, OptionalExtension};

use super::client::{Problem, SCHEMA_VERSION, user_version};
use super::sql::{Sql, View, quoted};
use super::{columns, corrections, saved_views};

/// Does all of it, in the caller's transaction.
pub(super) fn prepare(
    connection: &Connection,
    sql: &Sql,
    taxonomy: &Taxonomy,
) -> Result<(), Problem> {
    if let Some(field) = columns::reserved(taxonomy) {
        return Err(told(format!("the taxonomy has a section `{field}`"))
            .with_hint("this name is a column with another meaning: rename the section")
            .into());
    }
    table(connection, sql, &sql.tracking_name, &columns::tracking())?;
    let classifications = columns::classifications(taxonomy);
    table(connection, sql, &sql.classifications_name, &classifications)?;
    corrections::prepare(connection, sql)?;
    saved_views::prepare(connection, sql)?;
    for index in sql.indexes() {
        connection.execute_batch(&index)?;
    }
    connection.execute(&sql.adopt(), [])?;
    for view in sql.views() {
        replace_view(connection, &view)?;
    }
    if user_version(connection)? < SCHEMA_VERSION {
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    Ok(())
}

/// Creates a table, or adds the columns that it lacks.
pub(super) fn table(
    connection: &Connection,
    sql: &Sql,
    name: &str,
    columns: &[(String, &'static str)],
) -> Result<(), Problem> {
    let existing = column_names(connection, name)?;
    if existing.is_empty() {
        return Ok(create_table(connection, name, columns)?);
    }
    let existing: HashSet<String> = existing
        .into_iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    if !existing.contains("contactid") {
        return Err(told(format!("the table {name} has no column contactId"))
            .with_hint("it serves another purpose: name another table under [warehouse.sqlite]")
            .into());
    }
    for (column, declaration) in columns {
        if !existing.contains(&column.to_ascii_lowercase()) {
            connection.execute_batch(&format!(
                "ALTER TABLE {} ADD COLUMN {} {declaration}",
                quoted(name),
                quoted(column)
            ))?;
        }
    }
    unique_contacts(connection, sql, name)
}

fn create_table(
    connection: &Connection,
    name: &str,
    columns: &[(String, &'static str)],
) -> rusqlite::Result<()> {
    let columns: Vec<String> = columns
        .iter()
        .map(|(column, declaration)| {
            let key = if column == "contactId" {
                " PRIMARY KEY NOT NULL"
            } else {
                ""
            };
            format!("{} {declaration}{key}", quoted(column))
        })
        .collect();
    connection.execute_batch(&format!(
        "CREATE TABLE {} ({})",
        quoted(name),
        columns.join(", ")
    ))
}

/// A table of ours has a primary key; one that another program made may have none.
fn unique_contacts(connection: &Connection, sql: &Sql, name: &str) -> Result<(), Problem> {
    let is_unique: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) AS list \
         WHERE list.\"unique\" AND NOT list.partial AND (SELECT group_concat(info.name) \
         FROM pragma_index_info(list.name) AS info) = 'contactId' COLLATE NOCASE)",
        [name],
        |row| row.get(0),
    )?;
    if is_unique {
        return Ok(());
    }
    let duplicate = connection
        .query_row(&sql.duplicate_contact(name), [], |row| {
            Ok(super::map::text(row.get_ref(0)?))
        })
        .optional()?
        .flatten();
    match duplicate {
        None => Ok(connection.execute_batch(&sql.unique_contacts(name))?),
        Some(contact_id) => Err(told(format!(
            "the table {name} has more than one row for a contact, such as {contact_id}"
        ))
        .with_hint(format!(
            "keep the last row of each: DELETE FROM {name} WHERE rowid NOT IN \
             (SELECT MAX(rowid) FROM {name} GROUP BY contactId)"
        ))
        .into()),
    }
}

/// A view holds nothing, so one that has changed can be made anew.
fn replace_view(connection: &Connection, view: &View) -> rusqlite::Result<()> {
    let existing: Option<String> = connection
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?1",
            [view.name],
            |row| row.get(0),
        )
        .optional()?;
    if existing.as_deref() == Some(view.create.as_str()) {
        return Ok(());
    }
    connection.execute_batch(&format!(
        "DROP VIEW IF EXISTS {}; {}",
        view.name, view.create
    ))
}

/// The columns of a table; none where there is no such table.
pub(super) fn column_names(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn told(message: String) -> Failure {
    Failure::new(FailureKind::StoreFailed, message)
}
