//! Texts of others that want to be something else: they are shown, and are nothing but text.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::json;

use super::chromium::Chromium;
use super::pages::{PAGES, contact_ids, encoded};
use super::served::Served;
use super::sockets::assert_markup_is_ours;

/// Would say so where it is taken for markup, in text or in an attribute.
const MARKUP: &str =
    "\"'><img src=x onerror=document.title='taken'><script>document.title='taken'</script>{{7*7}}";

/// The same as it must stand in a page.
const MARKUP_AS_TEXT: &str = "&lt;img src=x onerror=";

const SQL: &str = "'; DROP TABLE call_classifications; --";

/// Turns round what follows it, unless that is kept apart.
const TURNED: &str = "\u{202e}gnp.elif\u{2067} \u{05e9}\u{05dc}\u{05d5}\u{05dd}";

const EMOJI: &str = "👩‍👩‍👧‍👦🏴‍☠️ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢";

/// Ids that calls have.
fn ids() -> [String; 7] {
    [
        MARKUP.to_owned(),
        SQL.to_owned(),
        TURNED.to_owned(),
        EMOJI.to_owned(),
        "../../etc/passwd?a=b&c=d#e%2F%00".to_owned(),
        "W".repeat(200),
        "..".to_owned(),
    ]
}

/// The page of a call. Two dots would be another folder.
fn call_path(id: &str) -> String {
    match id {
        ".." => "/calls/%2E%2E%20".to_owned(),
        id => format!("/calls/{}", encoded(id)),
    }
}

/// Writes hostile texts into every field of every call.
fn spoil(folder: &Path) {
    let database = Connection::open(folder.join("data/callpipe.db")).unwrap();
    for (old, new) in contact_ids(&database).iter().zip(ids()) {
        for table in ["recording_fetch_status", "call_classifications"] {
            let sql = format!("UPDATE {table} SET contactId = ?1 WHERE contactId = ?2");
            database.execute(&sql, [&new, old]).unwrap();
        }
    }
    let long = "x".repeat(20_000);
    let text = format!("{MARKUP} {SQL} {TURNED} {EMOJI} {long}");
    let labels = json!([MARKUP, SQL, TURNED, EMOJI]).to_string();
    let metadata = json!({ "firstName": MARKUP, "lastName": TURNED, "agentId": SQL, "teamName": text,
        "skillName": MARKUP, "fromAddress": MARKUP, "agentName": MARKUP, "toAddress": EMOJI, MARKUP: text });
    let part = |name: &str| json!([{ name: MARKUP, "confidence": 0.5, "text": text }]).to_string();
    let sentiment = json!({
        "average": { "sentiment": MARKUP, "sentiment_score": -0.5 },
        "segments": [{ "text": text, "sentiment": MARKUP, "sentiment_score": 7.5 }],
    });
    database
        .execute(
            "UPDATE recording_fetch_status SET summary = ?1, transcription = ?2, transcription_raw = ?1, \
             topics = ?3, intents = ?4, sentiment = ?5, contact_metadata = ?6, transcriber_model = ?7, \
             analysis_model = ?7, skip_reason = CASE WHEN skip_reason IS NOT NULL THEN ?7 END, \
             recording_filename = ?7, gcs_uri = ?7, raw_response = ?1, recordings = '[]'",
            params![
                text,
                format!("Agent: {text}\n{MARKUP}: {text}\nCustomer: {TURNED}"),
                part("topic"),
                part("intent"),
                sentiment.to_string(),
                metadata.to_string(),
                MARKUP,
            ],
        )
        .unwrap();
    let view = "INSERT INTO saved_views (name, query, saved_by, saved_at) \
                VALUES (?1, ?2, ?1, '2026-11-01T00:00:00Z')";
    for query in [
        MARKUP.to_owned(),
        format!("javascript:1&q={MARKUP}&sort={MARKUP}"),
    ] {
        database
            .execute(view, [format!("{MARKUP} {}", query.len()), query])
            .unwrap();
    }
    database
        .execute(
            "UPDATE recording_fetch_status SET stage_status = 'parked', failure_kind = ?1, failure_reason = ?2 \
             WHERE contactId IN (?1, ?3)",
            params![MARKUP, text, SQL],
        )
        .unwrap();
    database
        .execute(
            "UPDATE call_classifications SET call_type = ?1, sale_result = ?2, no_sale_reasons = ?1, \
             product_family = ?3, problems_detected = ?1, escalation_actions = ?1, agent_name = ?2, \
             llm_model = ?2, classification_version = ?2, prompt_version = ?2, transcript = ?4, \
             delivery_tracking = ?5",
            params![
                labels,
                MARKUP,
                TURNED,
                text,
                json!({ "carrier": MARKUP, "customer_action": SQL, "reason_for_call": [MARKUP] }).to_string(),
            ],
        )
        .unwrap();
}

/// Addresses that say the same.
fn addresses() -> Vec<String> {
    let mut addresses = Vec::new();
    for text in [MARKUP, SQL, TURNED, EMOJI] {
        let text = encoded(text);
        for (_, path) in PAGES {
            addresses.push(format!("{path}?period=all&q={text}"));
            addresses.push(format!(
                "{path}?period=all&is.agent={text}&is.{text}={text}&sort={text}&columns={text}"
            ));
            addresses.push(format!(
                "{path}?after={text}&at={text}&order={text}&field={text}&min.duration_s={text}"
            ));
        }
        addresses.push(format!("/sign-in?next={text}"));
        addresses.push(format!("/{text}"));
    }
    addresses
}

/// The pages of calls that a page leads to.
fn call_links(html: &str) -> Vec<String> {
    let hrefs = html.split("href=\"/calls/").skip(1);
    let segments = hrefs.filter_map(|rest| rest.split(['"', '?', '#']).next());
    let links: BTreeSet<String> = segments
        .filter(|segment| !segment.contains('/'))
        .map(|segment| format!("/calls/{segment}"))
        .collect();
    links.into_iter().collect()
}

#[tokio::test]
async fn hostile_texts_are_shown_as_text() {
    let served = Served::start_with(spoil, &[]).await;
    for (_, path) in PAGES {
        let page = served.get(&format!("{path}?period=all")).await;
        assert_eq!(page.status, 200, "{path}");
        let html = page.text();
        assert!(html.contains(MARKUP_AS_TEXT), "{path} shows none of it");
        assert_markup_is_ours(&html);
    }
    let mut links = call_links(&served.get("/calls?period=all").await.text());
    links.retain(|link| ids().iter().any(|id| *link == call_path(id)));
    assert_eq!(links.len(), ids().len(), "{links:?}");
    for link in &links {
        let page = served.get(link).await;
        assert_eq!(page.status, 200, "{link}");
        assert!(
            page.text().contains(MARKUP_AS_TEXT),
            "{link} shows none of it"
        );
    }
    for address in links.into_iter().chain(addresses()) {
        let page = served.get(&address).await;
        assert!(page.status < 500, "{address}: {}", page.status);
        assert_markup_is_ours(&page.text());
    }
    let tables: i64 = served
        .database()
        .query_row("SELECT COUNT(*) FROM call_classifications", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(tables > 0);
}

#[tokio::test]
async fn a_file_for_spreadsheets_has_no_formulas() {
    let formula = |folder: &Path| {
        let database = Connection::open(folder.join("data/callpipe.db")).unwrap();
        let sql =
            "UPDATE recording_fetch_status SET summary = '=HYPERLINK(\"http://example.com\")'";
        database.execute(sql, []).unwrap();
    };
    let served = Served::start_with(formula, &[]).await;
    let answer = served.get("/calls.csv?period=all&columns=summary").await;
    let mut csv = csv::Reader::from_reader(answer.body.as_slice());
    let cells: Vec<String> = csv
        .records()
        .flat_map(|record| {
            record
                .unwrap()
                .iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(cells.iter().any(|cell| cell.contains("HYPERLINK")));
    assert!(!cells.iter().any(|cell| cell.starts_with('=')));
}

#[tokio::test]
async fn a_browser_takes_hostile_texts_for_nothing_else() {
    let served = Served::start_with(spoil, &[]).await;
    let Some(chromium) = Chromium::start(&served.origin).await else {
        return;
    };
    let pages = PAGES.iter().map(|(_, path)| format!("{path}?period=all"));
    let calls = call_links(&served.get("/calls?period=all").await.text());
    for address in pages
        .chain(addresses())
        .chain(calls.iter().take(10).cloned())
    {
        chromium.open(&address).await;
        assert_ne!(
            chromium.run("return document.title").await,
            "taken",
            "{address}"
        );
        assert_eq!(
            chromium.count("img, iframe, [onerror], [style]").await,
            0,
            "{address}"
        );
    }
    for (name, path) in PAGES {
        chromium.open(&format!("{path}?period=all")).await;
        chromium.screenshots(&format!("hostile-{name}")).await;
    }
    chromium.open(&calls[0]).await;
    chromium.screenshots("hostile-call").await;
    chromium
        .close_after_errors(|error| error.contains("404 (Not Found)"))
        .await;
}
