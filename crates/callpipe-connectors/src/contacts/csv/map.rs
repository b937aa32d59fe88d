//! Records to contacts. What is not understood is told, and costs the call only where its id is
//! unknown.

use callpipe_core::call::{Contact, ContactId, parse_start};
use serde_json::{Map, Value};

use super::config::CsvConfig;

/// The longest value that a problem repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// A contact, and what was not understood about it.
pub(super) struct Read {
    pub(super) contact: Contact,
    pub(super) problems: Vec<String>,
}

/// The contact of a record, or why it is none.
pub(super) fn contact(config: &CsvConfig, mut record: Map<String, Value>) -> Result<Read, String> {
    let (_, id) = take(&mut record, &config.contact_id_column).unwrap_or_default();
    let id =
        contact_id(&id).map_err(|problem| format!("{}: {problem}", config.contact_id_column))?;
    let mut problems = Vec::new();
    let mut contact = Contact::new(id, None);
    if let Some((column, value)) = take(&mut record, &config.master_contact_id_column)
        && !is_blank(&value)
    {
        match contact_id(&value) {
            Ok(master_id) => contact.master_id = Some(master_id),
            Err(problem) => {
                problems.push(format!("{column}: {problem}"));
                record.insert(column, value);
            }
        }
    }
    if let Some((column, value)) = take(&mut record, &config.start_date_column)
        && !is_blank(&value)
    {
        contact.started_at = value.as_str().and_then(parse_start);
        if contact.started_at.is_none() {
            problems.push(format!(
                "{column}: {} is no date; the call is kept without one",
                shown(&value)
            ));
            record.insert(column, value);
        }
    }
    contact.metadata = record;
    Ok(Read { contact, problems })
}

/// Whether a column's name is the wanted one: case, spaces, underscores and hyphens aside.
pub(super) fn is_called(column: &str, wanted: &str) -> bool {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(|character| !matches!(character, '_' | '-') && !character.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect()
    };
    plain(column) == plain(wanted)
}

/// Takes a column out of a record: the one with just this name, or else a similar one.
fn take(record: &mut Map<String, Value>, wanted: &str) -> Option<(String, Value)> {
    if let Some(entry) = record.remove_entry(wanted) {
        return Some(entry);
    }
    let similar = record
        .keys()
        .find(|column| is_called(column, wanted))?
        .clone();
    record.remove_entry(&similar)
}

fn contact_id(value: &Value) -> Result<ContactId, String> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            return Err(format!(
                "{number} is not an exact number: write the id as text"
            ));
        }
        Value::Number(number) => number.to_string(),
        _ => return Err("is neither text nor number".into()),
    };
    if is_rounded(text.trim()) {
        return Err(format!(
            "{} was rounded by a spreadsheet: format the column as text",
            text.trim()
        ));
    }
    ContactId::parse(&text).map_err(|error| error.to_string())
}

/// Whether an id looks like `7.00123E+11`, whose digits are gone for good.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("E+") else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(exponent) && digits(&mantissa.replacen(['.', ','], "", 1))
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= SHOWN_CHARS_MAX => format!("`{text}`"),
        Value::Number(number) => number.to_string(),
        _ => "what stands there".into(),
    }
}
