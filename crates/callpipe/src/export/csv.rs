//! CSV by RFC 4180: one line a call, a column for each value, structs in columns of their own
//! (`labels.sale_result`), lists as JSON.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::Value;

use super::ReviewedCall;
use super::fields::{Field, Shape};
use super::record::record;
use super::table::Sink;
use callpipe_core::defuse::defused;

/// What a spreadsheet reads UTF-8 by.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// Texts as they are, also those that a spreadsheet would run as formulas.
    pub raw: bool,
    /// A byte order mark first, by which Excel knows UTF-8.
    pub byte_order_mark: bool,
}

/// A column: where its value is in the record, and what it looks like.
struct Column {
    path: Vec<String>,
    shape: Shape,
}

/// Writes a line for each call.
pub(super) struct CsvSink<W: Write> {
    to: Writer<W>,
    all: Vec<Field>,
    columns: Vec<Column>,
    options: CsvOptions,
}

impl<W: Write> CsvSink<W> {
    /// Writes the names of the columns. `fields` are those of `all` that are written.
    pub(super) fn new(
        mut to: W,
        all: Vec<Field>,
        fields: &[Field],
        options: CsvOptions,
    ) -> io::Result<Self> {
        if options.byte_order_mark {
            to.write_all(BYTE_ORDER_MARK)?;
        }
        let mut columns = Vec::new();
        flatten(fields, &[], &mut columns);
        let mut to = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(to);
        let names = columns.iter().map(|column| column.path.join("."));
        to.write_record(names).map_err(io_error)?;
        Ok(Self {
            to,
            all,
            columns,
            options,
        })
    }
}

fn flatten(fields: &[Field], within: &[String], columns: &mut Vec<Column>) {
    for field in fields {
        let mut path = within.to_vec();
        path.push(field.name.clone());
        match &field.shape {
            Shape::Struct(parts) => flatten(parts, &path, columns),
            shape => columns.push(Column {
                path,
                shape: shape.clone(),
            }),
        }
    }
}

impl<W: Write + Send> Sink<W> for CsvSink<W> {
    fn write(&mut self, calls: &[ReviewedCall]) -> io::Result<()> {
        for call in calls {
            let record = record(call, &self.all);
            for column in &self.columns {
                let value = column
                    .path
                    .iter()
                    .try_fold(&record, |value, name| value.get(name));
                let cell = cell(value.unwrap_or(&Value::Null), &column.shape, self.options);
                self.to.write_field(cell.as_bytes()).map_err(io_error)?;
            }
            self.to.write_record(None::<&[u8]>).map_err(io_error)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<W> {
        self.to
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}

/// What went wrong when writing: a reader that stopped listening must be known as such.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A value as a cell. Only texts can be formulas: numbers, moments and JSON begin as such.
fn cell<'a>(value: &'a Value, shape: &Shape, options: CsvOptions) -> Cow<'a, str> {
    match (shape, value) {
        (_, Value::Null) => Cow::Borrowed(""),
        (Shape::Text, Value::String(text)) if options.raw => Cow::Borrowed(text),
        (Shape::Text, Value::String(text)) => without_nul(defused(text)),
        (_, Value::String(text)) => Cow::Borrowed(text),
        (_, other) => Cow::Owned(other.to_string()),
    }
}

/// Most readers of CSV end a text, or a file, at a NUL.
fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_stay_numbers_and_texts_stay_texts() {
        let cell = |value: Value, shape| cell(&value, &shape, CsvOptions::default()).into_owned();
        assert_eq!(cell(json!(-0.5), Shape::Number), "-0.5");
        assert_eq!(cell(json!("-0.5"), Shape::Text), "'-0.5");
        assert_eq!(cell(json!("a\0b"), Shape::Text), "a\u{fffd}b");
        assert_eq!(cell(json!(["=a", "b"]), Shape::Texts), "[\"=a\",\"b\"]");
        assert_eq!(cell(Value::Null, Shape::Text), "");
        let options = CsvOptions {
            raw: true,
            ..CsvOptions::default()
        };
        assert_eq!(super::cell(&json!("=a"), &Shape::Text, options), "=a");
    }
}
