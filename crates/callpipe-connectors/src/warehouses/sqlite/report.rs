//! What is read for people: counts, lists, and all that is known of a call.

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{
    CallDetails, CallFilter, CallRow, FailureGroup, NotBought, PendingCall, SkipCount, StageCount,
    StageSpend, Summary, ValueCount,
};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use chrono::{DateTime, Utc};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde_json::Value;

use super::client::Problem;
use super::map;
use super::schema::column_names;
use super::sql::Sql;
use crate::warehouses::stored::{call_row, moment, pending_call};

/// How many calls stand where.
pub(super) fn summary(
    connection: &Connection,
    sql: &Sql,
    now: DateTime<Utc>,
) -> Result<Summary, Problem> {
    let mut counts: Vec<StageCount> = rows(
        connection,
        &sql.stage_counts(),
        &[moment(now).into()],
        |row| {
            let Some(stage) = stage(row)? else {
                return Ok(None);
            };
            Ok(Some(StageCount {
                stage,
                status: map::column(row, "stage_status")?.unwrap_or_default(),
                waiting: count(row, "waiting")?,
                count: count(row, "calls")?,
            }))
        },
    )?;
    counts.sort_by_key(|count| count.stage);
    let failures = rows(connection, &sql.failure_groups(), &[], |row| {
        let Some(stage) = stage(row)? else {
            return Ok(None);
        };
        Ok(Some(FailureGroup {
            stage,
            status: map::column(row, "stage_status")?.unwrap_or_default(),
            kind: map::column(row, "failure_kind")?.unwrap_or_default(),
            example: map::column(row, "failure_reason")?.unwrap_or_default(),
            contact_id: map::column(row, "contactId")?.unwrap_or_default(),
            count: count(row, "calls")?,
        }))
    })?;
    let skips = rows(connection, &sql.skip_counts(), &[], |row| {
        let reason = map::column(row, "skip_reason")?.unwrap_or_default();
        let count = count(row, "calls")?;
        Ok(Some(SkipCount { reason, count }))
    })?;
    let money = connection
        .prepare_cached(&sql.money())?
        .query_row([], Money::read)?;
    Ok(Summary {
        total: counts.iter().map(|count| count.count).sum(),
        counts,
        failures,
        skips,
        spend: money.spend,
        not_bought: money.not_bought,
        same_audio: money.same_audio,
    })
}

/// What all calls cost, and did not cost.
struct Money {
    spend: Vec<StageSpend>,
    not_bought: NotBought,
    same_audio: u64,
}

impl Money {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sum = |name: &str| row.get::<_, Option<f64>>(name);
        let mut spend = Vec::new();
        for stage in [Stage::Transcribe, Stage::Classify] {
            if let Some(usd) = sum(&format!("{stage}_usd"))? {
                let (usd, calls) = (
                    Usd::from_dollars(usd),
                    count(row, &format!("{stage}_calls"))?,
                );
                spend.push(StageSpend { stage, usd, calls });
            }
        }
        Ok(Self {
            spend,
            not_bought: NotBought {
                calls: count(row, "not_bought_calls")?,
                duration_s: sum("not_bought_s")?.unwrap_or_default(),
                usd: Usd::from_dollars(sum("saved_usd")?.unwrap_or_default()),
            },
            same_audio: count(row, "same_audio")?,
        })
    }
}

/// Calls that match, newest first.
pub(super) fn list(
    connection: &Connection,
    sql: &Sql,
    filter: &CallFilter,
) -> Result<Vec<CallRow>, Problem> {
    let (conditions, values) = conditions(filter);
    rows(connection, &sql.list(&conditions), &values, |row| {
        Ok(call_row(row))
    })
}

/// Calls that match as the state machine needs them, newest first.
pub(super) fn progress(
    connection: &Connection,
    sql: &Sql,
    archive_base_uri: &str,
    filter: &CallFilter,
) -> Result<Vec<PendingCall>, Problem> {
    let (conditions, values) = conditions(filter);
    rows(connection, &sql.progress(&conditions), &values, |row| {
        Ok(pending_call(row, archive_base_uri))
    })
}

/// All that is known of a call.
pub(super) fn find(
    connection: &Connection,
    sql: &Sql,
    contact_id: &ContactId,
) -> Result<Option<CallDetails>, Problem> {
    let found = connection
        .prepare_cached(&sql.tracking_row())?
        .query_row([contact_id.as_str()], |row| {
            Ok((call_row(row), map::row_by_column(row)?))
        })
        .optional()?;
    let Some((Some(row), tracking)) = found else {
        return Ok(None);
    };
    let classification: Option<Value> = connection
        .prepare_cached(&sql.classification_row())?
        .query_row([contact_id.as_str()], map::row_by_column)
        .optional()?;
    Ok(Some(CallDetails {
        row,
        tracking,
        classification,
    }))
}

/// How often each value of a column of the classifications was given. No such column, no values.
pub(super) fn value_counts(
    connection: &Connection,
    sql: &Sql,
    field: &str,
) -> Result<Vec<ValueCount>, Problem> {
    let known = column_names(connection, &sql.classifications_name)?;
    if !known.iter().any(|column| column == field) {
        return Ok(Vec::new());
    }
    rows(connection, &sql.value_counts(field), &[], |row| {
        let count = count(row, "calls")?;
        Ok(map::column(row, "value")?.map(|value| ValueCount { value, count }))
    })
}

/// The conditions of a filter with their values, the limit last.
pub(super) fn conditions(filter: &CallFilter) -> (Vec<&'static str>, Vec<SqlValue>) {
    let mut conditions = Vec::new();
    let mut values: Vec<SqlValue> = Vec::new();
    if let Some(stage) = filter.stage {
        conditions.push("stage = ?");
        values.push(stage.as_str().to_owned().into());
    }
    if let Some(status) = &filter.status {
        conditions.push("stage_status = ?");
        values.push(status.clone().into());
    }
    if let Some(kind) = &filter.failure_kind {
        conditions.push("failure_kind = ?");
        values.push(kind.clone().into());
    }
    if !filter.contact_ids.is_empty() {
        // One value however many ids: the number of values of a statement is limited.
        let ids: Vec<&str> = filter.contact_ids.iter().map(ContactId::as_str).collect();
        conditions.push("contactId IN (SELECT value FROM json_each(?))");
        values.push(serde_json::json!(ids).to_string().into());
    }
    if let Some(since) = filter.since {
        conditions.push("call_date >= ?");
        values.push(since.to_string().into());
    }
    let limit = filter
        .limit
        .map_or(-1, |limit| i64::try_from(limit).unwrap_or(-1));
    values.push(limit.into());
    (conditions, values)
}

fn stage(row: &Row<'_>) -> rusqlite::Result<Option<Stage>> {
    Ok(map::column(row, "stage")?.and_then(|word| Stage::parse(&word)))
}

fn count(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    let count: i64 = row.get(name)?;
    Ok(count.unsigned_abs())
}

/// All rows of a query that make sense.
fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: &[SqlValue],
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> Result<Vec<T>, Problem> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(read(row)?);
    }
    Ok(all)
}
