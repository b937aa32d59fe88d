//! Rows of an answer, read by the names and types of their columns.

use std::sync::Arc;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

use super::wire::{Cell, Field, QueryResponse, WireRow};

/// Some rows of an answer, and where it goes on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) job: Option<super::wire::JobReference>,
    pub(crate) page_token: Option<String>,
    pub(crate) bytes_processed: Option<u64>,
    pub(crate) bytes_billed: Option<u64>,
}

impl Page {
    /// Reads an answer. Rows whose columns are not told are no rows: they must not pass for empty.
    pub(crate) fn read(response: QueryResponse, doing: &str) -> Outside<Self> {
        if response.schema.is_none() && !response.rows.is_empty() {
            let message = format!("{doing}: BigQuery gives rows without their schema");
            return Err(Failure::new(FailureKind::StoreFailed, message));
        }
        let (bytes_processed, bytes_billed) = (response.bytes_processed(), response.bytes_billed());
        let columns: Arc<[Field]> = response.schema.unwrap_or_default().fields.into();
        let row = |row: WireRow| Row {
            columns: Arc::clone(&columns),
            cells: row.f,
        };
        Ok(Self {
            rows: response.rows.into_iter().map(row).collect(),
            job: response.job_reference,
            page_token: response.page_token.filter(|token| !token.is_empty()),
            bytes_processed,
            bytes_billed,
        })
    }
}

/// A row with its columns.
#[derive(Debug)]
pub(crate) struct Row {
    columns: Arc<[Field]>,
    cells: Vec<Cell>,
}

impl Row {
    /// A value as text; nothing where it is NULL or empty, as tables that went through CSV have it.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A value with its parts.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        let position = self
            .columns
            .iter()
            .position(|field| field.is_called(name))?;
        Some(json(
            self.columns.get(position)?,
            &self.cells.get(position)?.v,
        ))
    }

    /// The whole row by column, as a value.
    pub(crate) fn by_column(&self) -> Value {
        Value::Object(self.columns())
    }

    /// The whole row by column.
    pub(crate) fn columns(&self) -> Map<String, Value> {
        object(&self.columns, self.cells.iter().map(|cell| &cell.v))
    }
}

fn object<'a>(fields: &[Field], values: impl Iterator<Item = &'a Value>) -> Map<String, Value> {
    let named = fields.iter().zip(values);
    named
        .map(|(field, value)| (field.name.clone(), json(field, value)))
        .collect()
}

/// A cell by the type of its column: numbers as numbers, moments as RFC 3339, lists and structs with
/// their parts.
fn json(field: &Field, value: &Value) -> Value {
    if field.is_repeated() {
        let cells = value.as_array().into_iter().flatten();
        return cells.map(|cell| element(field, &cell["v"])).collect();
    }
    element(field, value)
}

/// A cell, or one of those of a list.
fn element(field: &Field, value: &Value) -> Value {
    if field.is_record() {
        return match value.get("f").and_then(Value::as_array) {
            Some(cells) => {
                Value::Object(object(&field.fields, cells.iter().map(|cell| &cell["v"])))
            }
            None => Value::Null,
        };
    }
    let Value::String(text) = value else {
        return value.clone();
    };
    let read = match field.r#type.as_str() {
        "INTEGER" | "INT64" => text.parse::<i64>().ok().map(Value::from),
        "FLOAT" | "FLOAT64" => text.parse::<f64>().ok().map(Value::from),
        "BOOLEAN" | "BOOL" => text
            .to_ascii_lowercase()
            .parse::<bool>()
            .ok()
            .map(Value::from),
        "TIMESTAMP" => moment(text).map(Value::from),
        _ => None,
    };
    read.unwrap_or_else(|| value.clone())
}

/// Microseconds since 1970, as `useInt64Timestamp` asks for; seconds with a fraction otherwise.
fn moment(text: &str) -> Option<String> {
    let micros = text.parse::<i64>().ok().or_else(|| {
        let seconds = text.parse::<f64>().ok()?;
        Some((seconds * 1e6).round() as i64)
    })?;
    let moment = DateTime::from_timestamp_micros(micros)?;
    Some(moment.to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_read_by_the_types_of_their_columns() {
        let response: QueryResponse = serde_json::from_value(json!({
            "jobComplete": true,
            "schema": {"fields": [
                {"name": "contactId", "type": "STRING", "mode": "REQUIRED"},
                {"name": "attempt", "type": "INTEGER"},
                {"name": "score", "type": "FLOAT"},
                {"name": "ready", "type": "BOOLEAN"},
                {"name": "seen_at", "type": "TIMESTAMP"},
                {"name": "labels", "type": "STRING", "mode": "REPEATED"},
                {"name": "tracking", "type": "RECORD", "fields": [
                    {"name": "carrier", "type": "STRING"},
                    {"name": "reasons", "type": "STRING", "mode": "REPEATED"},
                ]},
                {"name": "nothing", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]},
                {"name": "empty", "type": "STRING"},
            ]},
            "rows": [{"f": [
                {"v": "007"}, {"v": "42"}, {"v": "1.5"}, {"v": "true"}, {"v": "1795334400123456"},
                {"v": [{"v": "a"}, {"v": "b"}]},
                {"v": {"f": [{"v": "c"}, {"v": [{"v": "x"}]}]}},
                {"v": null}, {"v": ""},
            ]}],
        }))
        .unwrap();
        let page = Page::read(response, "asking").unwrap();
        let [row] = page.rows.as_slice() else {
            panic!("not one row");
        };
        assert_eq!(
            row.by_column(),
            json!({
                "contactId": "007", "attempt": 42, "score": 1.5, "ready": true,
                "seen_at": "2026-11-22T08:00:00.123456Z", "labels": ["a", "b"],
                "tracking": {"carrier": "c", "reasons": ["x"]}, "nothing": null, "empty": "",
            })
        );
        assert_eq!(row.text("CONTACTID").as_deref(), Some("007"));
        assert_eq!((row.number("attempt"), row.text("empty")), (Some(42), None));
        assert_eq!(row.text("missing"), None);
    }

    #[test]
    fn rows_without_a_schema_are_not_taken_for_empty_ones() {
        let read = |answer: Value| {
            let response: QueryResponse = serde_json::from_value(answer).unwrap();
            Page::read(response, "asking").map(|page| page.rows.len())
        };
        let told = read(json!({"rows": [{"f": [{"v": "x"}]}]})).unwrap_err();
        assert!(told.chain().contains("without their schema"), "{told}");
        assert_eq!(read(json!({"jobComplete": true})).unwrap(), 0);
    }

    #[test]
    fn a_moment_is_read_in_both_forms() {
        assert_eq!(
            moment("1795334400.5").as_deref(),
            Some("2026-11-22T08:00:00.500000Z")
        );
        assert_eq!(moment("soon"), None);
    }
}
