//! Answers that BigQuery should not give: none stops the program, becomes rows that are not there, or is
//! repeated in a message.

use callpipe_core::failure::{Failure, FailureKind};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::client;
use super::rows::Page;
use super::wire::QueryResponse;
use crate::damage::{self, MARKER};
use crate::http::{ErrorAnswer, status_kind};

const DOING: &str = "asking for calls";

fn answers() -> Vec<Value> {
    let row = |id: &str| {
        json!({"f": [
            {"v": id}, {"v": "42"}, {"v": "1795334400123456"}, {"v": [{"v": MARKER}, {"v": "b"}]},
            {"v": {"f": [{"v": MARKER}, {"v": null}]}},
        ]})
    };
    let schema = json!({"fields": [
        {"name": "contactId", "type": "STRING", "mode": "REQUIRED"},
        {"name": "attempt", "type": "INTEGER"},
        {"name": "seen_at", "type": "TIMESTAMP"},
        {"name": "topics", "type": "STRING", "mode": "REPEATED"},
        {"name": "tracking", "type": "RECORD", "fields": [
            {"name": "carrier", "type": "STRING"}, {"name": "date", "type": "DATE"},
        ]},
    ]});
    let job = json!({"projectId": "p-1", "jobId": "job-1", "location": "EU"});
    vec![
        json!({"jobComplete": true, "jobReference": job, "schema": schema,
            "rows": [row("700001"), row("700002")], "totalRows": "2", "pageToken": "next"}),
        json!({"jobComplete": true, "jobReference": job, "schema": schema, "totalRows": "0"}),
        json!({"jobComplete": false, "jobReference": job}),
    ]
}

#[test]
fn a_damaged_answer_is_an_error_of_the_store_or_is_read_cell_by_cell() {
    damage::of_json(&answers(), |body| {
        let page = client::read::<QueryResponse>(body, DOING)
            .map_err(Failure::from)
            .and_then(|response| Page::read(response, DOING));
        match page {
            Ok(page) => {
                for row in page.rows {
                    assert!(row.by_column().is_object());
                    let _ = (row.text("contactId"), row.number("attempt"));
                }
            }
            Err(failure) => damage::assert_fit(&failure, &[FailureKind::StoreFailed]),
        }
    });
}

#[test]
fn a_damaged_refusal_is_told_in_a_line() {
    let refusal = |reason: &str| {
        json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no such table",
            "errors": [{"reason": reason, "message": "no such table", "domain": MARKER}]}})
    };
    let bodies = [
        "rateLimitExceeded",
        "quotaExceeded",
        "notFound",
        "accessDenied",
    ]
    .map(refusal);
    for status in [400, 403, 404, 409, 429, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        damage::of_json(&bodies, |body| {
            let answer = ErrorAnswer {
                failure: Failure::new(status_kind(status), DOING),
                status,
                body: body.to_vec().into(),
            };
            let failure = Failure::from(Refusal::of_answer(answer, DOING));
            let kinds = [
                FailureKind::StoreFailed,
                FailureKind::Denied,
                FailureKind::RateLimited,
                FailureKind::Unavailable,
            ];
            assert!(kinds.contains(&failure.kind), "{failure:?}");
            damage::assert_line(&failure.told());
        });
    }
}
