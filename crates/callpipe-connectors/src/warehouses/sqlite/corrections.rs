//! What people say of labels: a table of its own, in which nothing is ever changed or removed.
//!
//! It is in the local file also where the warehouse is another one, and no copy of that one's tables
//! touches it. Values are JSON, so that a text that looks like a list is none.

use std::sync::Arc;

use callpipe_core::call::ContactId;
use callpipe_core::correction::{Correction, LabelName, LabelValue, Verdict};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::DateTime;
use rusqlite::{Connection, Row, ToSql, named_params};
use serde_json::Value;

use super::client::Problem;
use super::schema::column_names;
use super::sql::{Sql, quoted};
use super::{SqliteWarehouse, map};
use crate::warehouses::stored::moment;

impl SqliteWarehouse {
    /// Keeps verdicts behind those that there are: all of them or none.
    pub async fn correct(&self, corrections: &[Correction]) -> Outside<()> {
        let (sql, corrections) = (Arc::clone(&self.sql), corrections.to_vec());
        self.database
            .write("keeping corrections", move |transaction| {
                prepare(transaction, &sql)?;
                for correction in &corrections {
                    insert(transaction, &sql, correction)?;
                }
                Ok(())
            })
            .await
    }

    /// All verdicts on some calls, in the order in which they were given.
    pub async fn corrections(&self, contact_ids: &[ContactId]) -> Outside<Vec<Correction>> {
        let ids: Vec<&str> = contact_ids.iter().map(ContactId::as_str).collect();
        let ids = Value::from(ids).to_string();
        let found = self
            .report(move |connection, sql| {
                walk(connection, sql, &sql.corrections(), &[&ids], usize::MAX)
            })
            .await?;
        Ok(found
            .into_iter()
            .map(|(_, correction)| correction)
            .collect())
    }

    /// Verdicts on all calls that were given after the one with this position, at most so many, each
    /// with its own. Positions begin at one.
    pub async fn corrections_after(
        &self,
        position: i64,
        limit: usize,
    ) -> Outside<Vec<(i64, Correction)>> {
        self.report(move |connection, sql| {
            walk(
                connection,
                sql,
                &sql.corrections_after(),
                &[&position],
                limit,
            )
        })
        .await
    }
}

impl Sql {
    /// Makes the table of corrections, with the way from a call to its own.
    fn create_corrections(&self) -> String {
        let index = quoted(&format!("callpipe_{}_contact", self.corrections_name));
        format!(
            "CREATE TABLE {table} (position INTEGER PRIMARY KEY, contactId TEXT NOT NULL, \
             field TEXT NOT NULL, verdict TEXT NOT NULL, value TEXT, model_value TEXT, \
             corrected_by TEXT NOT NULL, corrected_at TEXT NOT NULL); \
             CREATE INDEX {index} ON {table} (contactId, position)",
            table = self.corrections
        )
    }

    fn correct(&self) -> String {
        format!(
            "INSERT INTO {} (contactId, field, verdict, value, model_value, corrected_by, \
             corrected_at) VALUES (:contact_id, :field, :verdict, :value, :model_value, :by, :at)",
            self.corrections
        )
    }

    /// The corrections of some calls: `?1` their ids as a JSON list.
    pub(super) fn corrections(&self) -> String {
        format!(
            "SELECT * FROM {} WHERE contactId IN (SELECT value FROM json_each(?1)) \
             ORDER BY position",
            self.corrections
        )
    }

    /// All corrections after one: `?1` its position.
    fn corrections_after(&self) -> String {
        format!(
            "SELECT * FROM {} WHERE position > ?1 ORDER BY position",
            self.corrections
        )
    }
}

/// Makes the table if there is none yet.
pub(super) fn prepare(connection: &Connection, sql: &Sql) -> Result<(), Problem> {
    let existing = column_names(connection, &sql.corrections_name)?;
    if existing.is_empty() {
        connection.execute_batch(&sql.create_corrections())?;
    } else if !existing.iter().any(|column| column == "position") {
        let message = format!("the table {} serves another purpose", sql.corrections_name);
        return Err(Failure::new(FailureKind::StoreFailed, message)
            .with_hint("name another one: `corrections_table` under [warehouse.sqlite]")
            .into());
    }
    Ok(())
}

fn insert(connection: &Connection, sql: &Sql, correction: &Correction) -> Result<(), Problem> {
    let value = match &correction.verdict {
        Verdict::Accepted => None,
        Verdict::Corrected { value } => Some(Value::from(value.clone()).to_string()),
    };
    connection
        .prepare_cached(&sql.correct())?
        .execute(named_params! {
            ":contact_id": correction.contact_id.as_str(),
            ":field": correction.field.to_string(),
            ":verdict": correction.verdict.as_str(),
            ":value": value,
            ":model_value": correction.model_value.as_ref().map(Value::to_string),
            ":by": correction.by,
            ":at": moment(correction.at),
        })?;
    Ok(())
}

/// The rows of a statement that make sense, until there are so many. A file that nobody has corrected
/// anything in need not have the table.
fn walk(
    connection: &Connection,
    sql: &Sql,
    statement: &str,
    values: &[&dyn ToSql],
    limit: usize,
) -> Result<Vec<(i64, Correction)>, Problem> {
    if column_names(connection, &sql.corrections_name)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let position: i64 = row.get("position")?;
        match correction(row)? {
            Some(correction) => found.push((position, correction)),
            None => tracing::warn!(
                position,
                "a correction cannot be understood: it is left out"
            ),
        }
    }
    Ok(found)
}

fn correction(row: &Row<'_>) -> rusqlite::Result<Option<Correction>> {
    let text = |name| Ok::<_, rusqlite::Error>(map::text(row.get_ref(name)?).unwrap_or_default());
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let value = json(&text("value")?);
    let verdict = match text("verdict")?.as_str() {
        "accepted" => Some(Verdict::Accepted),
        "corrected" => value
            .and_then(|value| LabelValue::try_from(value).ok())
            .map(|value| Verdict::Corrected { value }),
        _ => None,
    };
    let (contact_id, field) = (text("contactId")?, text("field")?);
    let at = DateTime::parse_from_rfc3339(&text("corrected_at")?);
    let (Ok(contact_id), Some(field), Some(verdict), Ok(at)) = (
        ContactId::parse(&contact_id),
        LabelName::parse(&field),
        verdict,
        at,
    ) else {
        return Ok(None);
    };
    Ok(Some(Correction {
        contact_id,
        field,
        verdict,
        model_value: json(&text("model_value")?),
        by: text("corrected_by")?,
        at: at.to_utc(),
    }))
}
