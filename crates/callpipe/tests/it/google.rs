//! The whole pipeline on emulators of Google Cloud: contacts, state and results in goccy's BigQuery
//! emulator. Left out where there is none, and says so.

mod emulator;

use callpipe_sandbox::{ExpectedOutcome, System};
use serde_json::{Value, json};

use crate::support::{Bench, unlimited, world};
use emulator::{BigQuery, table};

/// A bench whose contacts, state and results are in BigQuery, configured by the environment of the
/// earlier scripts alone, as far as it goes.
async fn on_google(seed: u64, calls: usize, left_out: &str) -> Option<(Bench, BigQuery)> {
    let bigquery = BigQuery::find(left_out).await?;
    let bench = Bench::new(world(seed, calls), unlimited()).await;
    let configuration = bench.configuration();
    let (_, rest) = configuration.split_once("[recordings.nice_cxone]").unwrap();
    let (rest, _) = rest.split_once("[warehouse.sqlite]").unwrap();
    let engine = "[engine]\nretry_delay_ms = 20\nretry_delay_ms_max = 200\nlease_ttl_s = 1\n";
    bench.write(
        "callpipe.toml",
        &format!("[recordings.nice_cxone]{rest}{engine}"),
    );
    let (project, dataset, host) = (&bigquery.project, &bigquery.dataset, &bigquery.counted_url);
    bench.write(
        ".env",
        &format!(
            "GCP_PROJECT_ID={project}\nGCP_DATASET_ID={dataset}\nGCP_SOURCE_TABLE=contacts\n\
             GCP_TRACKING_TABLE=recording_fetch_status\nBIGQUERY_EMULATOR_HOST={host}\n"
        ),
    );
    let rows: Vec<Value> = bench
        .sandbox
        .world()
        .contacts()
        .iter()
        .map(|contact| {
            json!({
                "contactId": contact.contact_id,
                "startDate": contact.started_at.to_rfc3339(),
                "masterContactId": contact.master_contact_id,
            })
        })
        .collect();
    let columns = [
        ("contactId", "STRING"),
        ("startDate", "TIMESTAMP"),
        ("masterContactId", "STRING"),
    ];
    bigquery.create("contacts", &table(&columns)).await;
    bigquery.load("contacts", &table(&columns), &rows).await;
    Some((bench, bigquery))
}

#[tokio::test]
async fn a_thousand_calls_end_where_they_should_for_a_dozen_statements() {
    let left_out = "a whole run with contacts, state and results in BigQuery";
    let Some((bench, bigquery)) = on_google(31, 100, left_out).await else {
        return;
    };
    bench.run(&["run"]).await.expect_code(0);
    let statements = bigquery.statements();
    assert!(
        statements <= 12,
        "{statements} statements for a thousand calls"
    );
    assert_all_as_expected(&bench, &bigquery).await;
    assert_eq!(bench.bought_most(System::Deepgram), 1);
    assert_eq!(bench.bought_most(System::Gemini), 1);
}

/// The state of each call as its outcome in the sandbox's world wants it.
async fn assert_all_as_expected(bench: &Bench, bigquery: &BigQuery) {
    let rows = bigquery
        .rows(
            "SELECT contactId, stage, stage_status, skip_reason, status, transcribed, \
             gemini_analysed FROM {recording_fetch_status} ORDER BY contactId",
        )
        .await;
    let mut expected: Vec<Vec<Option<String>>> = bench
        .sandbox
        .world()
        .expected()
        .iter()
        .map(|call| {
            let (stage, status, reason, fetched, transcribed, classified) = match &call.outcome {
                ExpectedOutcome::NotFound => {
                    ("fetch", "skipped", Some("not_found"), "NOT_FOUND", "0", "0")
                }
                ExpectedOutcome::NoRecording => (
                    "fetch",
                    "skipped",
                    Some("no_recording"),
                    "NO_RECORDING",
                    "0",
                    "0",
                ),
                ExpectedOutcome::NoSpeech => (
                    "transcribe",
                    "skipped",
                    Some("no_speech"),
                    "SUCCESS",
                    "1",
                    "0",
                ),
                _ => ("classify", "done", None, "SUCCESS", "1", "1"),
            };
            let text = |word: &str| Some(word.to_owned());
            vec![
                text(&call.contact_id),
                text(stage),
                text(status),
                reason.map(str::to_owned),
                text(fetched),
                text(transcribed),
                text(classified),
            ]
        })
        .collect();
    expected.sort();
    eprintln!("DBG {:?} {:?}", bench.sandbox.world().contact("600000000280"), bigquery.rows("SELECT contactId, masterContactId FROM {contacts} WHERE contactId='600000000280'").await);
    eprintln!("DBG {:?}", bigquery.rows("SELECT contactId, master_contact_id, raw_response, start_date FROM {recording_fetch_status} WHERE contactId='600000000280'").await);
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(rows.len(), expected.len());
    let classified = rows
        .iter()
        .filter(|row| row[2].as_deref() == Some("done"))
        .count();
    let labels = bigquery
        .rows("SELECT COUNT(*), COUNT(DISTINCT contactId) FROM {call_classifications}")
        .await;
    let classified = Some(classified.to_string());
    assert_eq!(labels, [[classified.clone(), classified]]);
}
