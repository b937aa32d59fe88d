//! The call browser over sockets: what every page keeps to, what is refused, and sound.

use axum::http::Method;
use rusqlite::Connection;

use super::pages::{PAGES, call_that_is_done, contact_ids, encoded};
use super::served::{Answer, Served};

/// No first page is larger, in bytes.
const PAGE_BYTES_MAX: usize = 100_000;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whatever a page shows, its markup is our own.
#[track_caller]
pub(super) fn assert_markup_is_ours(html: &str) {
    for tag in html.split("<script").skip(1) {
        let is_ours = tag.starts_with(" type=\"module\" src=\"/assets/")
            || tag.starts_with(" type=\"application/json\"");
        assert!(
            is_ours,
            "<script{}",
            tag.chars().take(80).collect::<String>()
        );
    }
    for foreign in [
        "<img",
        "<iframe",
        "<style",
        "<object",
        "<base",
        "<form action=\"http",
        "javascript:",
    ] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for tag in html
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
    {
        assert!(!tag.contains(" style="), "<{tag}>");
    }
}

fn assert_page(answer: &Answer, path: &str) {
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(
        answer.header("content-type"),
        "text/html; charset=utf-8",
        "{path}"
    );
    assert!(
        answer.body.len() < PAGE_BYTES_MAX,
        "{path}: {} bytes",
        answer.body.len()
    );
    let policy: Vec<&str> = answer
        .header("content-security-policy")
        .split("; ")
        .collect();
    for directive in POLICY.split("; ") {
        assert!(policy.contains(&directive), "{path}: {directive}");
    }
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert!(answer.text().contains("<h1"), "{path}");
    assert_markup_is_ours(&answer.text());
}

#[tokio::test]
async fn every_page_answers_with_markup_of_its_own_and_a_strict_policy() {
    let served = Served::start().await;
    let call = call_that_is_done(&served.database());
    for (_, path) in PAGES.into_iter().chain([("", call.as_str())]) {
        assert_page(&served.get(path).await, path);
        let selected =
            format!("{path}?from=2020-01-01&is.sale_result=sale_completed&min.duration_s=1&q=the");
        assert_page(&served.get(&selected).await, &selected);
    }
    assert_eq!(served.get("/healthz").await.text(), "ok\n");
    let metrics = served.get("/metrics").await;
    assert!(
        metrics.header("content-type").starts_with("text/plain"),
        "{:?}",
        metrics.headers
    );
    let page = served.get("/calls").await.text();
    let assets = page.split('"').filter(|part| part.starts_with("/assets/"));
    let mut count = 0;
    for asset in assets {
        let answer = served.get(asset).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(
            answer.header("cache-control").contains("immutable"),
            "{asset}"
        );
        count += 1;
    }
    assert!(count >= 2, "{count}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let served = Served::start().await;
    let known = contact_ids(&served.database())[0].clone();
    let known = encoded(&known);
    for path in [
        "/nothing",
        "/calls/nothing",
        "/calls/%00",
        "/calls/nothing/audio/1",
        &format!("/calls/{known}/audio/0"),
        &format!("/calls/{known}/audio/99"),
        &format!("/calls/{known}/audio/..%2F..%2Fcallpipe.db"),
        "/calls/..%2F..%2Fcallpipe.toml/audio/1",
        "/assets/..%2Fcallpipe.toml",
        "/assets/style-0000.css",
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_markup_is_ours(&answer.text());
    }
}

#[tokio::test]
async fn filters_choose_the_calls_that_the_tables_say() {
    let served = Served::start().await;
    let database = served.database();
    let mut statement = database
        .prepare("SELECT sale_result, COUNT(*) FROM call_classifications GROUP BY sale_result")
        .unwrap();
    let counts = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let counts: Vec<(String, usize)> = counts.map(Result::unwrap).collect();
    assert!(counts.len() > 1);
    for (value, count) in counts {
        let path = format!("/calls.csv?period=all&is.sale_result={value}");
        let csv = served.get(&path).await;
        let rows = csv::Reader::from_reader(csv.body.as_slice())
            .into_records()
            .count();
        assert_eq!(rows, count, "{value}");
    }
}

/// Why a form is none of ours, its headers, and what it says.
type Forged<'a> = (&'a str, &'a [(&'a str, &'a str)], String);

#[tokio::test]
async fn a_change_that_no_page_of_ours_asked_for_is_refused() {
    let served = Served::start().await;
    let kept = |served: &Served| {
        let views: i64 = served
            .database()
            .query_row("SELECT COUNT(*) FROM saved_views", [], |row| row.get(0))
            .unwrap();
        (states(&served.database()), corrections(served), views)
    };
    let before = kept(&served);
    let token = form_token(&served.get("/review").await.text());
    let own = served.origin.clone();
    let asked = "theme=dark&name=x";
    for path in [
        "/review/decide",
        "/runs/again",
        "/theme",
        "/views/save",
        "/views/remove",
    ] {
        let forged: [Forged<'_>; 6] = [
            ("no token", &[], asked.into()),
            (
                "another token",
                &[],
                format!("{asked}&token={}", "0".repeat(token.len())),
            ),
            (
                "another site",
                &[("origin", "http://example.com")],
                format!("{asked}&token={token}"),
            ),
            (
                "a frame of another site",
                &[("sec-fetch-site", "cross-site")],
                format!("{asked}&token={token}"),
            ),
            (
                "another name for this host",
                &[("host", "evil.example")],
                format!("{asked}&token={token}"),
            ),
            (
                "no form",
                &[("origin", &own), ("content-type", "text/plain")],
                format!("token={token}"),
            ),
        ];
        for (what, headers, form) in forged {
            let answer = served.post(path, headers, &form).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path}, {what}: {}",
                answer.status
            );
            assert_eq!(answer.header("set-cookie"), "", "{path}, {what}");
        }
        let by_link = served.get(&format!("{path}?token={token}&{asked}")).await;
        assert!(
            (400..500).contains(&by_link.status),
            "{path}: {}",
            by_link.status
        );
    }
    assert_eq!(kept(&served), before);
    // The same form, as a page of ours sends it.
    let answer = served
        .post(
            "/theme",
            &[("origin", &own)],
            &format!("theme=dark&next=/calls&token={token}"),
        )
        .await;
    assert_eq!((answer.status, answer.header("location")), (303, "/calls"));
    let elsewhere = format!("theme=dark&next=//evil.example&token={token}");
    let answer = served.post("/theme", &[("origin", &own)], &elsewhere).await;
    assert!(
        !answer.header("location").contains("evil"),
        "{}",
        answer.header("location")
    );
}

#[tokio::test]
async fn sound_is_given_in_parts_and_noted() {
    let served = Served::start().await;
    let call = call_that_is_done(&served.database());
    let path = format!("{call}/audio/1");
    let whole = served.get(&path).await;
    assert_eq!(
        (whole.status, whole.header("accept-ranges")),
        (200, "bytes")
    );
    assert!(
        whole.header("content-type").starts_with("audio/"),
        "{:?}",
        whole.headers
    );
    let length = whole.body.len();
    let (last, suffix) = (length - 1, &whole.body[length - 5..]);
    let parts: [(&str, &[u8], String); 3] = [
        (
            "bytes=10-19",
            &whole.body[10..20],
            format!("bytes 10-19/{length}"),
        ),
        (
            "bytes=-5",
            suffix,
            format!("bytes {}-{last}/{length}", length - 5),
        ),
        (
            "bytes=0-99999999999",
            &whole.body,
            format!("bytes 0-{last}/{length}"),
        ),
    ];
    for (range, bytes, content_range) in parts {
        let part = served
            .ask(Method::GET, &path, &[("range", range)], "")
            .await;
        assert_eq!(
            (part.status, part.header("content-range")),
            (206, content_range.as_str()),
            "{range}"
        );
        assert!(part.body == bytes, "{range}");
    }
    let beyond = [("range", "bytes=99999999999-")];
    let beyond = served.ask(Method::GET, &path, &beyond, "").await;
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, format!("bytes */{length}").as_str())
    );
    let tag = whole.header("etag").to_owned();
    let again = served
        .ask(Method::GET, &path, &[("if-none-match", &tag)], "")
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

/// Stage and status of all calls.
fn states(database: &Connection) -> Vec<(String, String, String)> {
    let mut statement = database
        .prepare("SELECT contactId, stage, stage_status FROM recording_fetch_status ORDER BY 1")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// How many labels were decided by people.
pub(super) fn corrections(served: &Served) -> i64 {
    let count = "SELECT COUNT(*) FROM call_corrections";
    served
        .database()
        .query_row(count, [], |row| row.get(0))
        .unwrap()
}

/// What a page puts into its forms.
pub(super) fn form_token(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}
