//! The pages, and the calls that they are about.

use rusqlite::Connection;
use url::form_urlencoded;

/// The pages with the names of their pictures.
pub(super) const PAGES: [(&str, &str); 5] = [
    ("overview", "/"),
    ("agents", "/agents"),
    ("calls", "/calls"),
    ("runs", "/runs"),
    ("review", "/review"),
];

/// All calls, in the order of their ids.
pub(super) fn contact_ids(database: &Connection) -> Vec<String> {
    let mut statement = database
        .prepare("SELECT contactId FROM recording_fetch_status ORDER BY 1")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The page of a call that was classified.
pub(super) fn call_that_is_done(database: &Connection) -> String {
    let id: String = database
        .query_row(
            "SELECT contactId FROM recording_fetch_status WHERE stage_status = 'done' \
             ORDER BY duration_s DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    format!("/calls/{}", encoded(&id))
}

/// A contact id as a segment of a path.
pub(super) fn encoded(id: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    text.replace('+', "%20")
}
