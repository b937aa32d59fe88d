//! Calls on their way to other programs, page by page in the order of their ids, which never change.

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{CallFilter, ExportCursor, ExportPage};
use callpipe_core::exported::{BriefCall, ExportedCall};
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::client::Problem;
use super::map;
use super::report::conditions;
use super::sql::Sql;
use crate::warehouses::stored::{EXPORTED_COLUMNS, brief_call, exported_call};

/// A page ends when it holds so many bytes of text: conversations may be long.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The calls after a cursor.
pub(super) fn page(
    connection: &Connection,
    sql: &Sql,
    filter: &CallFilter,
    after: Option<&ExportCursor>,
    rows_max: usize,
) -> Result<ExportPage, Problem> {
    let (conditions, mut values) = conditions(filter);
    let after = after.map_or("", |cursor| cursor.0.as_str());
    values.insert(0, after.to_owned().into());
    values.pop();
    values.push(SqlValue::Integer(
        i64::try_from(rows_max).unwrap_or(i64::MAX),
    ));
    let mut statement = connection.prepare_cached(&sql.exported(&conditions))?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = ExportPage::default();
    let (mut room, mut last) = (Room::new(rows_max), None);
    while room.is_left()
        && let Some(row) = rows.next()?
    {
        room.take(row)?;
        last = map::column(row, "contactId")?;
        page.calls.extend(call(connection, sql, row)?);
    }
    if !room.is_left() {
        page.next = last.map(ExportCursor);
    }
    Ok(page)
}

/// Some calls in brief, in no order.
pub(super) fn brief(
    connection: &Connection,
    sql: &Sql,
    contact_ids: &[ContactId],
) -> Result<Vec<BriefCall>, Problem> {
    let ids: Vec<&str> = contact_ids.iter().map(ContactId::as_str).collect();
    let mut statement = connection.prepare_cached(&sql.brief())?;
    let mut rows = statement.query([serde_json::json!(ids).to_string()])?;
    let mut calls = Vec::with_capacity(contact_ids.len());
    while let Some(row) = rows.next()? {
        calls.extend(brief_call(row));
    }
    Ok(calls)
}

/// What a page may still take.
pub(super) struct Room {
    rows: usize,
    size_bytes: usize,
}

impl Room {
    pub(super) fn new(rows_max: usize) -> Self {
        Self {
            rows: rows_max,
            size_bytes: PAGE_BYTES_MAX,
        }
    }

    pub(super) fn is_left(&self) -> bool {
        self.rows > 0 && self.size_bytes > 0
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Counts a row of the [`EXPORTED_COLUMNS`].
    pub(super) fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.rows = self.rows.saturating_sub(1);
        self.size_bytes = self.size_bytes.saturating_sub(size_of(row)?);
        Ok(())
    }
}

/// A call by its row of the tracking table, with its labels.
pub(super) fn call(
    connection: &Connection,
    sql: &Sql,
    row: &Row<'_>,
) -> Result<Option<ExportedCall>, Problem> {
    let id: SqlValue = row.get("contactId")?;
    let classification = connection
        .prepare_cached(&sql.classification_row())?
        .query_row([id], map::row_by_column)
        .optional()?;
    Ok(exported_call(row, classification))
}

/// How many bytes of text a row has.
fn size_of(row: &Row<'_>) -> rusqlite::Result<usize> {
    let mut size_bytes = 0;
    for position in 0..EXPORTED_COLUMNS.len() {
        if let ValueRef::Text(text) | ValueRef::Blob(text) = row.get_ref(position)? {
            size_bytes += text.len();
        }
    }
    Ok(size_bytes)
}
