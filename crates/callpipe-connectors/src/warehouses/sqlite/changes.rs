//! Calls in the order of their last changes, for who follows them: an index that is built from the
//! table and must learn what is new in it.

use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::Outside;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::client::Problem;
use super::export::{self, Room};
use super::sql::Sql;
use super::{SqliteWarehouse, map};
use crate::warehouses::stored::moment;

/// A place among the changes: behind the change of this call at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCursor {
    /// The moment as it is stored; nothing where the call's row has none. Such calls come first.
    pub updated_at: Option<String>,
    /// The call.
    pub contact_id: String,
}

impl ChangeCursor {
    /// A place before all changes of a moment and of those after it.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self {
            updated_at: Some(moment(at)),
            contact_id: String::new(),
        }
    }

    /// A place earlier by so much. A change bears the moment at which the work was done, and is saved
    /// a little later together with others: who asks only for what comes behind the last one that was
    /// seen misses those that were on their way then.
    #[must_use]
    pub fn earlier_by(&self, overlap: TimeDelta) -> Self {
        let text = self.updated_at.as_deref();
        let at = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let earlier = at.and_then(|at| at.to_utc().checked_sub_signed(overlap));
        earlier.map_or_else(|| self.clone(), Self::at)
    }
}

/// Some calls in the order of their last changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangedPage {
    /// The calls. There may be fewer than rows: those that make no sense are left out.
    pub calls: Vec<ExportedCall>,
    /// Behind the last of them; nothing where nothing came.
    pub last: Option<ChangeCursor>,
    /// Whether others may follow already.
    pub has_more: bool,
}

impl SqliteWarehouse {
    /// Calls whose last change lies behind a place, or all of them: at most `rows_max`, and fewer
    /// where they are long. A call that changes meanwhile comes again; one that has changed before
    /// that place, but was saved after it was passed, does not: see [`ChangeCursor::earlier_by`].
    ///
    /// The pages of a pull come in no order. Where the file is a copy, no place is to be kept while a
    /// pull is unfinished, and after another full one all is to be read again, since calls may be
    /// gone: see [`SqliteWarehouse::copy_state`].
    pub async fn changed(
        &self,
        after: Option<&ChangeCursor>,
        rows_max: usize,
    ) -> Outside<ChangedPage> {
        let after = after.cloned();
        self.report(move |connection, sql| page(connection, sql, after.as_ref(), rows_max))
            .await
    }
}

/// Two walks along the same index: what has no moment is neither before nor after another one.
fn page(
    connection: &Connection,
    sql: &Sql,
    after: Option<&ChangeCursor>,
    rows_max: usize,
) -> Result<ChangedPage, Problem> {
    let (mut page, mut room) = (ChangedPage::default(), Room::new(rows_max));
    let id = |cursor: Option<&ChangeCursor>| -> SqlValue {
        cursor
            .map_or("", |cursor| cursor.contact_id.as_str())
            .to_owned()
            .into()
    };
    let passed = after.and_then(|cursor| cursor.updated_at.as_deref());
    if passed.is_none() {
        let values = vec![id(after)];
        walk(
            connection,
            sql,
            &sql.changed_at_no_moment(),
            values,
            &mut room,
            &mut page,
        )?;
    }
    let values = match passed {
        Some(passed) => vec![passed.to_owned().into(), id(after)],
        None => vec![String::new().into(), String::new().into()],
    };
    walk(
        connection,
        sql,
        &sql.changed(),
        values,
        &mut room,
        &mut page,
    )?;
    page.has_more = !room.is_left();
    Ok(page)
}

/// Takes the rows of a statement as long as there is room. The limit is its last value.
fn walk(
    connection: &Connection,
    sql: &Sql,
    statement: &str,
    mut values: Vec<SqlValue>,
    room: &mut Room,
    page: &mut ChangedPage,
) -> Result<(), Problem> {
    let rows_max = i64::try_from(room.rows()).unwrap_or(i64::MAX);
    values.push(rows_max.into());
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while room.is_left()
        && let Some(row) = rows.next()?
    {
        room.take(row)?;
        page.last = Some(ChangeCursor {
            updated_at: map::text(row.get_ref("updated_at")?),
            contact_id: map::text(row.get_ref("contactId")?).unwrap_or_default(),
        });
        page.calls.extend(export::call(connection, sql, row)?);
    }
    Ok(())
}
