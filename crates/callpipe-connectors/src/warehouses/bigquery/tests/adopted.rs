//! Tables that the baseline left half done, and the questions that its users ask.

use super::*;
use crate::bigquery::wire::{Field, NewTable, TableSchema};

/// The baseline's tables, with a row in each state that its scripts leave behind.
async fn baseline(warehouse: &BigQueryWarehouse) {
    let text = |name| Field::nullable(name, "STRING");
    let tracking = TableSchema {
        fields: vec![
            Field::required("contactId", "STRING"),
            text("recording_filename"),
            text("gcs_uri"),
            Field::nullable("fetch_datetime", "TIMESTAMP"),
            text("status"),
            text("raw_response"),
            Field::nullable("transcribed", "INTEGER"),
            Field::nullable("analysed", "INTEGER"),
            text("transcription"),
            text("transcription_raw"),
            text("summary"),
            text("topics"),
            text("intents"),
            text("sentiment"),
            Field::nullable("gemini_analysed", "INTEGER"),
        ],
    };
    let mut labels = columns::classifications(&Taxonomy::built_in()).unwrap();
    labels.retain(|field| !["prompt_version", "reply_key"].contains(&field.name.as_str()));
    let classifications = TableSchema { fields: labels };
    warehouse
        .bigquery
        .create_dataset(&warehouse.tracking)
        .await
        .unwrap();
    for (table, schema) in [
        (&warehouse.tracking, &tracking),
        (&warehouse.classifications, &classifications),
    ] {
        let new = NewTable {
            table_reference: table.wire(),
            schema,
            time_partitioning: None,
            clustering: None,
            expiration_time: None,
            description: None,
        };
        assert!(warehouse.bigquery.create_table(&new).await.unwrap());
    }
    warehouse
        .ask(
            "INSERT INTO {tracking} (contactId, status, transcribed, transcription, \
             gemini_analysed, gcs_uri) VALUES \
             ('failed', 'FAILED', 0, NULL, NULL, NULL), \
             ('fetched', 'SUCCESS', 0, NULL, NULL, 'gs://bucket/recordings/fetched_voice-only.mp4'), \
             ('elsewhere', 'SUCCESS', NULL, NULL, NULL, 'gs://other/recordings/x.mp4'), \
             ('unknown', 'NOT_FOUND', NULL, NULL, NULL, NULL), \
             ('unrecorded', 'NO_RECORDING', 0, NULL, 0, NULL), \
             ('transcribed', 'SUCCESS', 1, 'Agent: Hello.', 0, 'gs://x'), \
             ('silent', 'SUCCESS', 1, ' ', 0, 'gs://x'), \
             ('classified', 'SUCCESS', 1, 'Agent: Hello.', 1, 'gs://x')",
        )
        .await;
    warehouse
        .ask(
            "INSERT INTO {classifications} (contactId, sale_result, product_family, \
             confidence_scores) VALUES \
             ('classified', 'sale_completed', 'fencing', STRUCT(0.5, 0.5, 0.5, 0.5)), \
             ('transcribed', 'sale_completed', 'fencing', STRUCT(1.0, 1.0, 1.0, 1.0))",
        )
        .await;
}

#[tokio::test]
async fn an_existing_table_goes_on_where_it_was_left() {
    let Some((_emulator, endpoint)) = emulator("taking up the baseline's tables in BigQuery")
    else {
        return;
    };
    let warehouse = open(&config(&endpoint));
    baseline(&warehouse).await;
    for _ in 0..2 {
        warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    }
    let states = warehouse
        .ask(
            "SELECT CONCAT(contactId, ' ', stage, ' ', stage_status, ' ', \
             COALESCE(skip_reason, '-')) AS state FROM {tracking} ORDER BY contactId",
        )
        .await;
    let states: Vec<&str> = states
        .iter()
        .filter_map(|row| row["state"].as_str())
        .collect();
    assert_eq!(
        states,
        [
            "classified classify done -",
            "elsewhere fetch ready -",
            "failed fetch ready -",
            "fetched fetch ready -",
            "silent transcribe skipped no_speech",
            "transcribed classify ready -",
            "unknown fetch skipped not_found",
            "unrecorded fetch skipped no_recording",
        ]
    );
    let classify = warehouse.pending(&query(Stage::Classify, 9)).await.unwrap();
    assert_eq!(ids(&classify), ["transcribed"]);
    assert_eq!(classify[0].conversation.as_deref(), Some("Agent: Hello."));
    let fetch = warehouse.pending(&query(Stage::Fetch, 9)).await.unwrap();
    let audio = |id: &str| {
        let call = fetch
            .iter()
            .find(|call| call.contact.id.as_str() == id)
            .unwrap();
        call.archived_audio.as_ref().map(ToString::to_string)
    };
    assert_eq!(
        audio("fetched").as_deref(),
        Some("recordings/fetched_voice-only.mp4")
    );
    assert_eq!(
        audio("elsewhere"),
        None,
        "audio of another bucket is not ours"
    );
    assert_eq!(audio("failed"), None);

    // A start that the scripts did not keep is filled in, and orders the calls.
    let listed = [
        contact("failed", "2026-03-01"),
        contact("new", "2026-03-02"),
    ];
    assert_eq!(warehouse.add_contacts(&listed, now()).await.unwrap(), 1);
    let fetch = warehouse.pending(&query(Stage::Fetch, 9)).await.unwrap();
    assert_eq!(ids(&fetch), ["new", "failed", "elsewhere", "fetched"]);
}

#[tokio::test]
async fn rows_that_the_scripts_add_later_are_taken_up_too() {
    let Some((_emulator, endpoint)) =
        emulator("taking up rows that others add to BigQuery's tables")
    else {
        return;
    };
    let warehouse = open(&config(&endpoint));
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    warehouse
        .ask("INSERT INTO {tracking} (contactId, status) VALUES ('late', 'FAILED')")
        .await;
    assert_eq!(warehouse.summary(now()).await.unwrap().total, 1);
    let fetch = warehouse.pending(&query(Stage::Fetch, 9)).await.unwrap();
    assert_eq!(ids(&fetch), ["late"]);
}

#[tokio::test]
async fn the_questions_of_the_baselines_users_are_answered() {
    let Some((_emulator, endpoint)) = emulator("the baseline's questions to BigQuery") else {
        return;
    };
    let warehouse = open(&config(&endpoint));
    baseline(&warehouse).await;
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let counts = warehouse
        .ask("SELECT status, COUNT(*) AS calls FROM {tracking} GROUP BY status ORDER BY status")
        .await;
    assert_eq!(
        counts,
        [
            json!({"status": "FAILED", "calls": 1}),
            json!({"status": "NOT_FOUND", "calls": 1}),
            json!({"status": "NO_RECORDING", "calls": 1}),
            json!({"status": "SUCCESS", "calls": 5}),
        ]
    );
    let progress = warehouse
        .ask(
            "SELECT COUNTIF(transcribed = 1) AS done, \
             COUNTIF(transcribed IS NULL OR transcribed = 0) AS remaining, COUNT(*) AS total \
             FROM {tracking} WHERE status='SUCCESS'",
        )
        .await;
    assert_eq!(progress, [json!({"done": 3, "remaining": 2, "total": 5})]);
    let sales = warehouse
        .ask(
            "SELECT sale_result, product_family, COUNT(*) AS calls, \
             AVG(confidence_scores.overall_confidence) AS confidence \
             FROM {classifications} GROUP BY sale_result, product_family",
        )
        .await;
    assert_eq!(
        sales,
        [
            json!({"sale_result": "sale_completed", "product_family": "fencing", "calls": 2,
            "confidence": 0.75})
        ]
    );
}
