//! Calls on their way to other programs, page by page in the order of their ids, which never change.

use callpipe_core::contracts::warehouse::{CallFilter, ExportCursor, ExportPage};
use callpipe_core::exported::ExportedCall;
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::client::Problem;
use super::map;
use super::report::conditions;
use super::sql::Sql;
use crate::warehouses::stored::{EXPORTED_COLUMNS, exported_call};

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
    let (mut rows_count, mut size_bytes, mut last) = (0, 0, None);
    while size_bytes < PAGE_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        rows_count += 1;
        size_bytes += size_of(row)?;
        last = map::column(row, "contactId")?;
        page.calls.extend(call(connection, sql, row)?);
    }
    if rows_count == rows_max || size_bytes >= PAGE_BYTES_MAX {
        page.next = last.map(ExportCursor);
    }
    Ok(page)
}

fn call(
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
