//! A large tracking table: how long until the first request.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::figures::{figure, heading};
use crate::process;
use crate::server::Server;

/// One row in so many is to be done.
const PENDING_EVERY: usize = 100;

/// Starts the program on a table of so many rows, and asks the vendors when they were asked first.
pub(crate) fn first_request(rows: usize) {
    let server = Server::start(rows.min(2_000), false, 16);
    // The tables are made by the program itself.
    process::run(&mut server.program(&["status"]));
    fill(&server, rows);
    #[expect(
        clippy::disallowed_methods,
        reason = "the stand-ins live by the machine's clock"
    )]
    let begin = SystemTime::now();
    process::run(&mut server.program(&["fetch", "--limit", "200"]));
    let begin: DateTime<Utc> = begin.into();
    let first = first_asked(&server).unwrap();
    let delay_s = (first - begin).as_seconds_f64();
    heading(&format!(
        "a tracking table of {rows} rows, one in {PENDING_EVERY} to be done"
    ));
    figure("first request after the start", &[delay_s], "s", "<= 1");
}

fn fill(server: &Server, rows: usize) {
    let database = Connection::open(server.folder().join("data/callpipe.db")).unwrap();
    database
        .execute_batch(&format!(
            "BEGIN;
             INSERT INTO recording_fetch_status (contactId, call_started_at, call_date, start_date, \
             stage, stage_status, attempt, redo_count, transcribed, analysed, gemini_analysed, \
             listed_at, updated_at, transcription, transcription_raw, summary)
             WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {rows})
             SELECT CAST(800000000000 + n AS TEXT), \
             strftime('%Y-%m-%dT%H:%M:%f000Z', 1767225600 + n, 'unixepoch'), \
             date(1767225600 + n, 'unixepoch'), \
             strftime('%Y-%m-%dT%H:%M:%S+00:00', 1767225600 + n, 'unixepoch'), \
             CASE WHEN n % {PENDING_EVERY} = 0 THEN 'fetch' ELSE 'classify' END, \
             CASE WHEN n % {PENDING_EVERY} = 0 THEN 'ready' ELSE 'done' END, \
             0, 0, 1, 1, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', \
             hex(randomblob(500)), hex(randomblob(400)), hex(randomblob(50)) FROM number;
             COMMIT;"
        ))
        .unwrap();
}

/// When CXone was first asked, by the journal of the stand-ins.
fn first_asked(server: &Server) -> Option<DateTime<Utc>> {
    callpipe_connectors::http::choose_cryptography();
    let url = format!("{}/_sandbox/journal", server.control_url);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let journal =
        runtime.block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
    let first: serde_json::Value = serde_json::from_str(journal.lines().next()?).unwrap();
    first["at"].as_str()?.parse().ok()
}
