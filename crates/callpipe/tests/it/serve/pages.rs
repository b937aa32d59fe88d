//! Every page in a real browser: what it looks like, whether everybody can use it, and whom it asks.

use rusqlite::Connection;
use url::form_urlencoded;

use super::chromium::Chromium;
use super::served::Served;

/// The pages with the names of their pictures.
pub(super) const PAGES: [(&str, &str); 3] = [
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

/// A contact id as a segment of a path.
pub(super) fn encoded(id: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    text.replace('+', "%20")
}

#[tokio::test]
async fn every_page_is_pictured_and_shuts_nobody_out() {
    let served = Served::start().await;
    let Some(chromium) = Chromium::start(&served.origin).await else {
        return;
    };
    for (name, path) in PAGES {
        chromium.open(&format!("{path}?period=all")).await;
        for scheme in ["light", "dark"] {
            chromium.prefer(scheme).await;
            chromium.assert_accessible().await;
        }
        chromium.prefer("light").await;
        chromium.screenshots(name).await;
    }
    chromium.close().await;
}
