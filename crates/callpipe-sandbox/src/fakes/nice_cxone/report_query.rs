//! The query of the report of completed contacts, checked as the vendor checks it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::reports::FIELDS;
use crate::world::Contact;

/// The most that `top` may ask for.
const TOP_MAX: usize = 10_000;

/// What a page of the report is to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReportQuery {
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    updated_since: Option<DateTime<Utc>>,
    fields: Vec<String>,
    pub(super) skip: usize,
    pub(super) top: usize,
    pub(super) order_by: Option<(String, bool)>,
    media_type_id: Option<i64>,
}

impl ReportQuery {
    /// The error is the vendor's text.
    pub(super) fn read(
        pairs: &[(String, String)],
        page_max: usize,
    ) -> Result<ReportQuery, &'static str> {
        let value = |name: &str| {
            let pair = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            pair.map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let query = ReportQuery {
            start: value("startDate")
                .map(date)
                .transpose()
                .map_err(|()| "Invalid startDate")?,
            end: value("endDate")
                .map(date)
                .transpose()
                .map_err(|()| "Invalid endDate")?,
            updated_since: value("updatedSince")
                .map(date)
                .transpose()
                .map_err(|()| "Invalid updatedSince")?,
            fields: fields(value("fields"))?,
            skip: value("skip")
                .unwrap_or("0")
                .parse()
                .map_err(|_| "Invalid skip")?,
            top: top(value("top"), page_max)?,
            order_by: value("orderBy").map(order).transpose()?,
            media_type_id: value("mediaTypeId")
                .map(str::parse)
                .transpose()
                .map_err(|_| "Invalid mediaTypeId")?,
        };
        if query.start.is_none() && query.updated_since.is_none() {
            return Err("Invalid startDate");
        }
        if query
            .start
            .zip(query.end)
            .is_some_and(|(start, end)| end < start)
        {
            return Err("Invalid DateRange");
        }
        Ok(query)
    }

    /// Both ends of the period belong to it.
    pub(super) fn wants(&self, contact: &Contact, updated_at: DateTime<Utc>) -> bool {
        // The phone is 4; the sandbox's contacts are all by phone, whatever else they have.
        self.media_type_id.is_none_or(|id| id == 4)
            && self.start.is_none_or(|start| contact.started_at >= start)
            && self.end.is_none_or(|end| contact.started_at <= end)
            && self.updated_since.is_none_or(|since| updated_at >= since)
    }

    pub(super) fn keep_fields(&self, row: &mut Value) {
        if let (false, Value::Object(row)) = (self.fields.is_empty(), row) {
            row.retain(|name, _| {
                self.fields
                    .iter()
                    .any(|field| field.eq_ignore_ascii_case(name))
            });
        }
    }
}

/// ISO 8601 that ends in Z; offsets and bare dates are refused.
fn date(text: &str) -> Result<DateTime<Utc>, ()> {
    if !text.ends_with('Z') {
        return Err(());
    }
    text.parse().map_err(|_| ())
}

fn top(value: Option<&str>, page_max: usize) -> Result<usize, &'static str> {
    match value.map(str::parse::<usize>) {
        None => Ok(page_max),
        Some(Ok(top)) if (1..=TOP_MAX).contains(&top) => Ok(top.min(page_max)),
        Some(_) => Err("Invalid top"),
    }
}

fn fields(value: Option<&str>) -> Result<Vec<String>, &'static str> {
    let fields: Vec<String> = value
        .unwrap_or_default()
        .split(',')
        .map(|field| field.trim().to_owned())
        .collect();
    let fields: Vec<String> = fields
        .into_iter()
        .filter(|field| !field.is_empty())
        .collect();
    if fields.iter().all(|field| known(field)) {
        Ok(fields)
    } else {
        Err("Invalid fields")
    }
}

fn order(value: &str) -> Result<(String, bool), &'static str> {
    let (field, direction) = value.split_once(' ').unwrap_or((value, "asc"));
    let descending = match direction.to_ascii_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => return Err("Invalid orderby"),
    };
    if known(field) {
        Ok((field.to_owned(), descending))
    } else {
        Err("Invalid orderby")
    }
}

fn known(field: &str) -> bool {
    FIELDS.iter().any(|(new, old)| {
        field.eq_ignore_ascii_case(new) || old.is_some_and(|old| field.eq_ignore_ascii_case(old))
    })
}
