//! Records of a list, by column: CSV and JSON lines.

use std::collections::HashSet;
use std::io;

use serde_json::{Map, Value};

use super::client::{LINE_BYTES_MAX, Line, Lines};

/// A value in quotes may hold line breaks, but not more than these: a quote that is never closed
/// must not swallow the rest of the file.
const RECORD_LINES_MAX: usize = 100;

/// Beside the comma.
const OTHER_DELIMITERS: [u8; 2] = [b';', b'\t'];

/// What stands on a line.
pub(super) enum Item {
    /// The values by column; blank ones of CSV are left out.
    Record(Map<String, Value>),
    /// Why nothing can be read there.
    Problem(String),
}

/// The records of a list.
pub(super) struct Records {
    pub(super) lines: Lines,
    form: Form,
}

enum Form {
    Csv(Box<Table>),
    Jsonl,
}

/// How the records of CSV are read.
struct Table {
    columns: Vec<String>,
    splitter: Splitter,
}

/// A problem of CSV or JSON, told in a line.
type Told<T> = Result<T, String>;

impl Records {
    /// A list of JSON objects.
    pub(super) fn jsonl(lines: Lines) -> Self {
        Self {
            lines,
            form: Form::Jsonl,
        }
    }

    /// A list with this header, which has been read.
    pub(super) fn csv(lines: Lines, header: &str, is_id: impl Fn(&str) -> bool) -> Self {
        let by_comma = Table::of(header, b',');
        // The delimiter that makes the id a column of its own, or else that makes most columns.
        let rank = |table: &Table| {
            let has_id = table.columns.iter().any(|column| is_id(column));
            (has_id, table.columns.len())
        };
        let others = OTHER_DELIMITERS.map(|delimiter| Table::of(header, delimiter));
        let table = others.into_iter().fold(by_comma, |best, other| {
            if rank(&other) > rank(&best) {
                other
            } else {
                best
            }
        });
        Self {
            lines,
            form: Form::Csv(Box::new(table)),
        }
    }

    /// The columns, where the list has a header.
    pub(super) fn columns(&self) -> Option<&[String]> {
        match &self.form {
            Form::Csv(table) => Some(&table.columns),
            Form::Jsonl => None,
        }
    }

    /// The next record or problem with the number of its line. Blank lines are passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Item)>> {
        loop {
            let Some(line) = self.lines.next()? else {
                return Ok(None);
            };
            if line.is_blank() {
                continue;
            }
            let number = line.number;
            let read = match &mut self.form {
                Form::Jsonl => object(line),
                Form::Csv(table) => record(&mut self.lines, line, table)?,
            };
            let item = match read {
                Ok(record) if record.is_empty() && self.columns().is_some() => continue,
                Ok(record) => Item::Record(record),
                Err(problem) => Item::Problem(problem),
            };
            return Ok(Some((number, item)));
        }
    }
}

fn object(line: Line) -> Told<Map<String, Value>> {
    let text = utf8(line.bytes.ok_or_else(too_long)?)?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("is no JSON object".into()),
        // Where, not what: the parser's own words may repeat the line.
        Err(error) => Err(format!("is no JSON, from column {} on", error.column())),
    }
}

/// The record that begins with a line and may go on on the next ones. If it makes no sense, only
/// its first line is lost: the others may be good records of their own.
fn record(
    lines: &mut Lines,
    first: Line,
    table: &mut Table,
) -> io::Result<Told<Map<String, Value>>> {
    let Some(mut bytes) = first.bytes else {
        return Ok(Err(too_long()));
    };
    let delimiter = table.splitter.delimiter;
    let mut quotes = Quotes::Outside { field_begins: true }.after(&bytes, delimiter);
    let mut further = Vec::new();
    while quotes == Quotes::Inside
        && let Some(line) = lines.next()?
    {
        let room_bytes = LINE_BYTES_MAX.saturating_sub(bytes.len());
        let fitting = line.bytes.as_deref().filter(|next| next.len() < room_bytes);
        let fits = fitting.is_some() && further.len() < RECORD_LINES_MAX;
        if let Some(next) = fitting {
            quotes = quotes.after(next, delimiter);
            bytes.push(b'\n');
            bytes.extend_from_slice(next);
        }
        further.push(line);
        if !fits {
            quotes = Quotes::Inside;
            break;
        }
    }
    let read = match quotes {
        Quotes::Inside | Quotes::Broken => Err("has quotes that do not match".into()),
        Quotes::Outside { .. } | Quotes::MaybeClosed => {
            utf8(bytes).and_then(|text| by_column(&table.columns, table.splitter.fields(text)))
        }
    };
    if read.is_err() {
        lines.give_back(further);
    }
    Ok(read)
}

fn by_column(columns: &[String], fields: Vec<String>) -> Told<Map<String, Value>> {
    let surplus = fields
        .iter()
        .skip(columns.len())
        .any(|field| !field.trim().is_empty());
    if surplus
        || fields.len() < columns.len() && fields.iter().any(|field| !field.trim().is_empty())
    {
        // Not read all the same: a value in the wrong column would become a wrong id.
        return Err(format!(
            "has {} values where the header has {} columns",
            fields.len(),
            columns.len()
        ));
    }
    let named = columns.iter().cloned().zip(fields);
    Ok(named
        .filter(|(_, field)| !field.trim().is_empty())
        .map(|(column, field)| (column, Value::String(field)))
        .collect())
}

impl Table {
    fn of(header: &str, delimiter: u8) -> Self {
        let mut splitter = Splitter::new(delimiter);
        Self {
            columns: columns(splitter.fields(header.to_owned())),
            splitter,
        }
    }
}

/// The names of the columns. One without a name, or with a taken one, is named by its position.
fn columns(header: Vec<String>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    for (position, name) in header.into_iter().enumerate() {
        let name = name.trim();
        let unusable = name.is_empty() || taken.contains(name);
        let column = if unusable {
            format!("{name}_{}", position + 1)
                .trim_start_matches('_')
                .to_owned()
        } else {
            name.to_owned()
        };
        taken.insert(column.clone());
        columns.push(column);
    }
    columns
}

/// Splits records into fields. What it needs for that is made once: making it takes longer than
/// splitting a record.
struct Splitter {
    delimiter: u8,
    reader: csv_core::Reader,
}

impl Splitter {
    fn new(delimiter: u8) -> Self {
        let reader = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            // A carriage return inside a line is a character like any other.
            .terminator(csv_core::Terminator::Any(b'\n'))
            .build();
        Self { delimiter, reader }
    }

    /// The fields of one record, whose quotes match.
    fn fields(&mut self, mut record: String) -> Vec<String> {
        record.push('\n');
        let delimiters = record.bytes().filter(|byte| *byte == self.delimiter);
        let mut ends = vec![0; delimiters.count() + 1];
        let mut text = vec![0; record.len()];
        self.reader.reset();
        let (_, _, _, count) = self
            .reader
            .read_record(record.as_bytes(), &mut text, &mut ends);
        let mut begin = 0;
        let field = |end: usize| {
            let field = text.get(begin..end).unwrap_or_default();
            begin = end;
            // It is cut where ASCII stands.
            String::from_utf8_lossy(field).into_owned()
        };
        ends.into_iter().take(count).map(field).collect()
    }
}

fn utf8(bytes: Vec<u8>) -> Told<String> {
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".into())
}

fn too_long() -> String {
    format!("is longer than {LINE_BYTES_MAX} bytes")
}

/// Whether a line ends within quotes. A quote opens only at the beginning of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Outside {
        field_begins: bool,
    },
    Inside,
    MaybeClosed,
    /// Something else than a delimiter follows a closing quote.
    Broken,
}

impl Quotes {
    fn after(self, line: &[u8], delimiter: u8) -> Self {
        line.iter()
            .fold(self, |quotes, byte| match (quotes, *byte) {
                (Self::Outside { field_begins: true } | Self::MaybeClosed, b'"') => Self::Inside,
                (Self::Inside, b'"') => Self::MaybeClosed,
                (Self::Inside, _) => Self::Inside,
                (Self::MaybeClosed, byte) if byte != delimiter => Self::Broken,
                (Self::Broken, _) => Self::Broken,
                (_, byte) => Self::Outside {
                    field_begins: byte == delimiter,
                },
            })
    }
}
