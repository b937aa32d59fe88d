//! From the vendor's report to our contacts. Pure: the vendor's quirks live here.

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::contact_source::ContactProblem;
use callpipe_core::failure::Outside;
use serde::Deserialize;
use serde_json::Value;

use super::position::Position;
use super::wire::{CompletedAnswer, CompletedContact};
use crate::nice_cxone::unreadable;

/// Keys of which a report has at least one.
const KNOWN_KEYS: [&str; 5] = [
    "completedContacts",
    "resultSet",
    "totalRecords",
    "_links",
    "businessUnitId",
];

/// A page of the report.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rows {
    /// Newest first.
    pub(super) contacts: Vec<Contact>,
    /// Rows that are no contacts.
    pub(super) problems: Vec<ContactProblem>,
    /// How many rows there were, whatever became of them.
    pub(super) count: u64,
    /// How many there are in the whole period.
    pub(super) total: Option<u64>,
    /// Whether there is another page, where the vendor says so.
    pub(super) goes_on: Option<bool>,
}

impl Rows {
    /// Whether the period has rows behind this page. A page without rows is always the last, so
    /// that no answer can make the list endless.
    pub(super) fn has_more(&self, position: &Position, page_size: u64) -> bool {
        let read = position.further(self.count).skip;
        self.count > 0
            && self.goes_on != Some(false)
            && match self.total {
                Some(total) => read < total,
                None => self.goes_on == Some(true) || self.count >= page_size,
            }
    }
}

/// Reads a page.
pub(super) fn rows(
    body: &[u8],
    position: &Position,
    only_logged: bool,
    doing: &str,
) -> Outside<Rows> {
    let value: Value = serde_json::from_slice(body).map_err(|_| unreadable(doing))?;
    let is_report = value
        .as_object()
        .is_some_and(|object| KNOWN_KEYS.iter().any(|key| object.contains_key(*key)));
    if !is_report {
        return Err(unreadable(doing));
    }
    let answer = CompletedAnswer::deserialize(value).map_err(|_| unreadable(doing))?;
    let answer = match answer.result_set {
        Some(inner) => *inner,
        None => answer,
    };
    let items = match answer.completed_contacts {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(unreadable(doing)),
    };
    let mut rows = Rows {
        count: items.len() as u64,
        total: answer.total_records,
        goes_on: answer
            .links
            .map(|links| links.next.is_some_and(|next| !next.trim().is_empty())),
        ..Rows::default()
    };
    for (number, item) in items.into_iter().enumerate() {
        match contact(item, only_logged) {
            Ok(contact) => rows.contacts.extend(contact),
            Err(problem) => rows.problems.push(ContactProblem {
                place: place(position, number),
                problem: problem.to_owned(),
            }),
        }
    }
    // Stable: contacts of the same moment keep the vendor's order. Without a start they come last.
    rows.contacts
        .sort_by_key(|contact| std::cmp::Reverse(contact.started_at_utc()));
    Ok(rows)
}

fn place(position: &Position, number: usize) -> String {
    format!(
        "CXone's completed contacts of {} to {}, number {}",
        position.start().date_naive(),
        position.end.date_naive(),
        position.further(number as u64 + 1).skip
    )
}

/// The contact of a row; nothing where it is to be left out.
fn contact(item: Value, only_logged: bool) -> Result<Option<Contact>, &'static str> {
    let row = CompletedContact::deserialize(&item).map_err(|_| "the row is no object")?;
    let Value::Object(mut metadata) = item else {
        return Err("the row is no object");
    };
    if only_logged && row.is_logged == Some(false) {
        return Ok(None);
    }
    let id = row.contact_id.ok_or("the row has no contact id")?;
    let id = ContactId::parse(&id).map_err(|_| "the contact id cannot be used")?;
    let started_at = [row.contact_start_date, row.contact_start]
        .into_iter()
        .flatten()
        .find_map(|text| parse_start(&text));
    let mut contact = Contact::new(id, started_at);
    contact.master_id = row
        .master_contact_id
        .and_then(|id| ContactId::parse(&id).ok())
        .filter(|master_id| *master_id != contact.id);
    for known in ["contactId", "masterContactId"] {
        metadata.remove(known);
    }
    if started_at.is_some() {
        for known in ["contactStartDate", "contactStart"] {
            metadata.remove(known);
        }
    }
    metadata.retain(|_, value| !value.is_null());
    contact.metadata = metadata;
    Ok(Some(contact))
}
