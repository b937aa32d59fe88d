//! The query for the list, and its rows to contacts.

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::contact_source::{ContactPage, ContactProblem};

use crate::bigquery::{Row, Statement, TableReference};

/// The list: newest first, ids and starts as text, whatever their types. Calls that the tracking
/// table knows are left out, so that only what is new travels; those whose start it does not know
/// come once more.
///
/// The date is compared as text: it works for every type that a start may have.
pub(super) fn listing(
    source: &TableReference,
    (id, start): &(String, String),
    tracking: Option<&TableReference>,
    since: Option<chrono::NaiveDate>,
) -> Statement {
    let id_text = format!("CAST(listed.{id} AS STRING)");
    let start_text = format!("CAST(listed.{start} AS STRING)");
    let mut sql = format!(
        "SELECT {id_text} AS contact_id, {start_text} AS start_date FROM {} AS listed",
        source.quoted()
    );
    let mut conditions = Vec::new();
    if let Some(tracking) = tracking {
        sql.push_str(&format!(
            " LEFT JOIN {} AS known ON known.contactId = {id_text}",
            tracking.quoted()
        ));
        conditions.push(format!(
            "(known.contactId IS NULL OR \
             (known.call_started_at IS NULL AND listed.{start} IS NOT NULL))"
        ));
    }
    if since.is_some() {
        conditions.push(format!(
            "(listed.{start} IS NULL OR SUBSTR({start_text}, 1, 10) >= @since)"
        ));
    }
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
    sql.push_str(" ORDER BY start_date DESC, contact_id");
    let statement = Statement::new(sql);
    match since {
        Some(since) => statement.bind("since", "STRING", since.to_string()),
        None => statement,
    }
}

/// How many calls the table lists, and whether ids and starts can be read.
pub(super) fn counting(source: &TableReference, (id, start): &(String, String)) -> Statement {
    Statement::new(format!(
        "SELECT COUNT({id}) AS calls, COUNT({start}) AS starts FROM {}",
        source.quoted()
    ))
}

/// The contacts of some rows.
pub(super) fn page(rows: &[Row], source: &TableReference) -> ContactPage {
    let mut page = ContactPage::default();
    for row in rows {
        let text = row.text("contact_id").unwrap_or_default();
        let problem = |problem: String| ContactProblem {
            place: source.to_string(),
            problem,
        };
        let id = match ContactId::parse(&text) {
            Ok(id) => id,
            Err(error) => {
                page.problems.push(problem(error.to_string()));
                continue;
            }
        };
        let start = row.text("start_date");
        let started_at = start.as_deref().and_then(parse_start);
        if let (Some(start), None) = (&start, started_at) {
            let told = format!("call {id}: `{start}` is no date; the call is kept without one");
            page.problems.push(problem(told));
        }
        page.contacts.push(Contact::new(id, started_at));
    }
    page
}
