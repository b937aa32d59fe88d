//! Every page in a real browser: what it looks like, whether everybody can use it, and whom it asks.

use rusqlite::Connection;
use url::form_urlencoded;

use super::chromium::{Chromium, WIDTHS};
use super::served::Served;

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

/// The program with further arguments, and a browser for its pages; none where there is no browser.
async fn in_a_browser(arguments: &[&str]) -> Option<(Served, Chromium)> {
    let served = Served::start_with(|_| {}, arguments).await;
    let chromium = Chromium::start(&served.origin).await?;
    Some((served, chromium))
}

async fn assert_shuts_nobody_out(chromium: &Chromium) {
    for width in WIDTHS {
        chromium.resize(width).await;
        for scheme in ["light", "dark"] {
            chromium.prefer(scheme).await;
            chromium.assert_accessible().await;
        }
    }
}

#[tokio::test]
async fn the_sign_in_is_pictured_and_shuts_nobody_out() {
    let Some((_served, chromium)) = in_a_browser(&["--new-token"]).await else {
        return;
    };
    chromium.open("/calls?period=7d").await;
    assert_eq!(
        chromium.address().await,
        "/sign-in?next=%2Fcalls%3Fperiod%3D7d"
    );
    assert_shuts_nobody_out(&chromium).await;
    chromium.prefer("light").await;
    chromium.screenshots("sign-in").await;
    chromium.close().await;
}

#[tokio::test]
async fn every_page_is_pictured_and_shuts_nobody_out() {
    let Some((served, chromium)) = in_a_browser(&[]).await else {
        return;
    };
    let call = call_that_is_done(&served.database());
    for (name, path) in PAGES.into_iter().chain([("call", call.as_str())]) {
        chromium.open(&format!("{path}?period=all")).await;
        assert_shuts_nobody_out(&chromium).await;
        chromium.prefer("light").await;
        chromium.screenshots(name).await;
    }
    chromium.close().await;
}

#[tokio::test]
async fn the_player_seeks_and_the_transcript_follows() {
    let Some((served, chromium)) = in_a_browser(&[]).await else {
        return;
    };
    let call = call_that_is_done(&served.database());
    chromium.open(&format!("{call}?at=10")).await;
    let audio = "document.getElementById('audio')";
    chromium
        .wait_until(&format!(
            "{audio}.readyState >= 1 && {audio}.currentTime >= 9.9"
        ))
        .await;
    // The turn that is heard at this moment is marked.
    chromium
        .wait_until("document.querySelectorAll('.turn.is-current').length === 1")
        .await;
    chromium.press("l").await;
    chromium
        .wait_until(&format!("{audio}.currentTime >= 19.9"))
        .await;
    chromium.press("j").await;
    chromium
        .wait_until(&format!("{audio}.currentTime < 11"))
        .await;
    // A turn that is clicked is heard.
    chromium.click(".turn:nth-of-type(2) .said").await;
    chromium
        .wait_until("document.querySelectorAll('.turn.is-current').length === 1")
        .await;
    chromium.close().await;
}

#[tokio::test]
async fn a_widened_waveform_is_drawn_finer_and_seeks_where_it_is_clicked() {
    let Some((served, chromium)) = in_a_browser(&[]).await else {
        return;
    };
    chromium.open(&call_that_is_done(&served.database())).await;
    let audio = "document.getElementById('audio')";
    let box_ = "document.querySelector('[data-part=box]')";
    let drawing = "document.querySelector('[data-part=drawing]')";
    let finely = format!("{drawing}.querySelector('svg').innerHTML.length");
    chromium
        .wait_until(&format!("{audio}.readyState >= 1"))
        .await;
    let before = chromium.run(&format!("return {finely}")).await;
    chromium.press("++").await;
    chromium
        .wait_until(&format!(
            "Math.abs({drawing}.clientWidth - 4 * {box_}.clientWidth) < 2 && {finely} > 2 * {before}"
        ))
        .await;
    let clicked = format!(
        "{box_}.scrollLeft = {box_}.clientWidth;\
         const {{ left, width, top }} = {drawing}.getBoundingClientRect();\
         const click = {{ clientX: left + width / 2, clientY: top + 5, bubbles: true }};\
         {drawing}.dispatchEvent(new MouseEvent('click', click));\
         return {audio}.currentTime / {audio}.duration"
    );
    let sought = chromium.run(&clicked).await.as_f64().unwrap();
    assert!((0.49..0.51).contains(&sought), "{sought}");
    chromium.press("---").await;
    chromium
        .wait_until(&format!("{drawing}.clientWidth <= {box_}.clientWidth"))
        .await;
    chromium.close().await;
}

#[tokio::test]
async fn one_key_decides_on_a_label() {
    let Some((served, chromium)) = in_a_browser(&[]).await else {
        return;
    };
    chromium.open("/review?period=all").await;
    let first = chromium.text("form.is-asked h3").await;
    chromium.press("a").await;
    chromium
        .wait_until(&format!(
            "document.querySelector('form.is-asked h3').textContent !== {first:?}"
        ))
        .await;
    let decided: i64 = served
        .database()
        .query_row("SELECT COUNT(*) FROM call_corrections", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(decided, 1);
    chromium.close().await;
}

#[tokio::test]
async fn every_bar_leads_to_as_many_calls_as_it_says() {
    let Some((_served, chromium)) = in_a_browser(&[]).await else {
        return;
    };
    chromium.open("/?period=all").await;
    let bars = chromium
        .run(
            "return [...document.querySelectorAll('table.bars tbody tr')].slice(0, 6).map(\
             row => [row.querySelector('a').getAttribute('href'), row.querySelector('td.number').textContent])",
        )
        .await;
    let bars: Vec<(String, String)> = serde_json::from_value(bars).unwrap();
    assert!(!bars.is_empty());
    for (href, count) in bars {
        chromium.open(&href).await;
        let said = chromium.text(".page-head p").await;
        assert!(said.starts_with(&count), "{href}: {count} and {said}");
    }
    chromium.close().await;
}
