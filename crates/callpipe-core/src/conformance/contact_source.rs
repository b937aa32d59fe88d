//! The suite of [`ContactSource`].

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{assert_name, good};
use crate::call::Contact;
use crate::contracts::contact_source::{ContactQuery, ContactSource, Cursor};

/// More contacts than this in one page are not bounded.
const PAGE_CONTACTS_MAX: usize = 10_000;

/// A list that does not end.
const PAGES_MAX: usize = 100_000;

/// `expected` is what the source lists, in its order.
pub async fn contact_source(source: &dyn ContactSource, expected: &[Contact]) {
    assert_name(source.name());
    let report = good(source.check().await, "checking the contact source");
    assert!(!report.trim().is_empty(), "a check has something to say");

    let everything = ContactQuery::default();
    let (listed, cursors) = list(source, &everything, None).await;
    assert_eq!(listed, expected, "the whole list");
    let (again, _) = list(source, &everything, None).await;
    assert_eq!(again, expected, "listing again lists the same");

    // A list that was interrupted goes on from any of its cursors.
    for (already, cursor) in cursors {
        let (rest, _) = list(source, &everything, Some(cursor)).await;
        assert_eq!(rest, expected[already..], "what comes after a cursor");
    }
    let dates: BTreeSet<NaiveDate> = expected.iter().filter_map(Contact::date).collect();
    for since in dates {
        let query = ContactQuery::since(Some(since));
        let (recent, _) = list(source, &query, None).await;
        assert_nothing_is_missing(&recent, expected, since);
    }
}

/// A source may leave old calls out. Whatever is not older it lists, also calls without a start.
fn assert_nothing_is_missing(recent: &[Contact], expected: &[Contact], since: NaiveDate) {
    for contact in expected {
        let wanted = contact.date().is_none_or(|date| date >= since);
        assert!(
            !wanted || recent.contains(contact),
            "{} is missing since {since}",
            contact.id
        );
    }
}

/// All contacts from a cursor on, and after how many of them which cursor was given.
async fn list(
    source: &dyn ContactSource,
    query: &ContactQuery,
    mut after: Option<Cursor>,
) -> (Vec<Contact>, Vec<(usize, Cursor)>) {
    let mut contacts = Vec::new();
    let mut cursors = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = good(source.list(query, after).await, "listing contacts");
        assert!(
            page.contacts.len() <= PAGE_CONTACTS_MAX,
            "a page of {} contacts is not bounded",
            page.contacts.len()
        );
        contacts.extend(page.contacts);
        let Some(next) = page.next else {
            return (contacts, cursors);
        };
        cursors.push((contacts.len(), next.clone()));
        after = Some(next);
    }
    panic!("the list does not end");
}
