//! Rows to core types and back.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use crate::warehouses::stored::StoredRow;

/// A text, also where another program has stored a number.
pub(super) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// A value for people and programs: lists and objects as such.
pub(super) fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(_) | ValueRef::Blob(_) => {
            let text = text(value).unwrap_or_default();
            let structured = text.starts_with(['[', '{']);
            let parsed = structured.then(|| serde_json::from_str(&text).ok());
            parsed.flatten().unwrap_or(Value::String(text))
        }
    }
}

/// A whole row by column.
pub(super) fn row_by_column(row: &Row<'_>) -> rusqlite::Result<Value> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let mut object = Map::new();
    for (position, name) in statement.column_names().enumerate() {
        object.insert(name.to_owned(), json(row.get_ref(position)?));
    }
    Ok(Value::Object(object))
}

/// The text of a column; nothing where it is empty, as tables that went through CSV have it.
pub(super) fn column(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    Ok(text(row.get_ref(name)?).filter(|text| !text.is_empty()))
}

impl StoredRow for Row<'_> {
    fn text(&self, name: &str) -> Option<String> {
        // Every column that is asked for stands in the statement.
        column(self, name).ok().flatten()
    }
}
