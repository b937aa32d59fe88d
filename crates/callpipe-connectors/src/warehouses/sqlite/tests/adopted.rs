//! Tables that another program made, and the questions that their users ask.

use super::*;

/// The baseline's tables as somebody has brought them over: no keys, all text, empty for missing.
const BASELINE: &str = "
    CREATE TABLE recording_fetch_status (contactId TEXT, recording_filename TEXT, gcs_uri TEXT,
        fetch_datetime TEXT, status TEXT, raw_response TEXT, transcribed TEXT, analysed TEXT,
        transcription TEXT, transcription_raw TEXT, summary TEXT, topics TEXT, intents TEXT,
        sentiment TEXT, gemini_analysed TEXT);
    CREATE TABLE call_classifications (call_id TEXT, contactId TEXT, call_date TEXT,
        transcript TEXT, classification_version TEXT, classification_timestamp TEXT,
        llm_model TEXT, call_type TEXT, sale_result TEXT, no_sale_reasons TEXT,
        product_family TEXT, product_category_detail TEXT, problems_detected TEXT,
        escalation_actions TEXT, agent_name TEXT, delivery_tracking TEXT, confidence_scores TEXT);
    INSERT INTO recording_fetch_status
        (contactId, status, transcribed, transcription, gemini_analysed, gcs_uri) VALUES
        ('failed', 'FAILED', '0', '', '', ''),
        ('fetched', 'SUCCESS', '0', '', '', 'gs://bucket/recordings/fetched_voice-only.mp4'),
        ('unknown', 'NOT_FOUND', NULL, NULL, NULL, NULL),
        ('unrecorded', 'NO_RECORDING', '0', '', '0', ''),
        ('transcribed', 'SUCCESS', '1', 'Agent: Hello.', '0', 'gs://x'),
        ('silent', 'SUCCESS', '1', ' ', '0', 'gs://x'),
        ('classified', 'SUCCESS', '1', 'Agent: Hello.', '1', 'gs://x'),
        ('', 'FAILED', '', '', '', '');
    INSERT INTO call_classifications (contactId, sale_result, product_family, confidence_scores)
        VALUES ('classified', 'sale_completed', 'fencing', '{\"overall_confidence\": 0.5}'),
        ('b', 'sale_completed', 'fencing', '{\"overall_confidence\": 1.0}'),
        ('c', 'not_sales_call', 'other', NULL);";

async fn adopted(path: &Path) -> SqliteWarehouse {
    Connection::open(path)
        .unwrap()
        .execute_batch(BASELINE)
        .unwrap();
    prepared(path).await
}

#[tokio::test]
async fn an_existing_table_goes_on_where_it_was_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = adopted(&path).await;
    let states = "SELECT contactId, stage, stage_status, skip_reason, attempt
        FROM recording_fetch_status ORDER BY rowid";
    let connection = Connection::open(&path).unwrap();
    let expected = [
        "failed fetch ready - 0",
        "fetched fetch ready - 0",
        "unknown fetch skipped not_found 0",
        "unrecorded fetch skipped no_recording 0",
        "transcribed classify ready - 0",
        "silent transcribe skipped no_speech 0",
        "classified classify done - 0",
        " - - - -",
    ];
    assert_eq!(lines(&connection, states), expected);
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    assert_eq!(lines(&connection, states), expected);

    let query = PendingQuery {
        scope: Scope::of(Stage::Classify),
        ..pending_query(9)
    };
    let pending = warehouse.pending(&query).await.unwrap();
    assert_eq!(pending[0].conversation.as_deref(), Some("Agent: Hello."));
    let listed = [
        contact("failed", "2026-03-01"),
        contact("new", "2026-03-02"),
    ];
    assert_eq!(warehouse.add_contacts(&listed, now()).await.unwrap(), 1);
    let pending = warehouse.pending(&pending_query(9)).await.unwrap();
    let ids: Vec<&str> = pending
        .iter()
        .map(|call| call.contact.id.as_str())
        .collect();
    assert_eq!(ids, ["new", "failed", "fetched"]);
    assert_eq!(warehouse.summary(now()).await.unwrap().total, 8);
}

#[tokio::test]
async fn an_existing_table_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    adopted(&path).await;
    Connection::open(&path)
        .unwrap()
        .execute_batch("DELETE FROM recording_fetch_status; DELETE FROM call_classifications")
        .unwrap();
    conformance::warehouse::warehouse(&open(&path)).await;
}

#[tokio::test]
async fn rows_that_are_there_twice_are_named_and_kept() {
    for (table, contact) in [
        ("recording_fetch_status", "failed"),
        ("call_classifications", "b"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callpipe.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(BASELINE).unwrap();
        let twice = format!("INSERT INTO {table} (contactId) VALUES ('{contact}')");
        connection.execute_batch(&twice).unwrap();
        let failure = open(&path)
            .prepare(&Taxonomy::built_in())
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(failure.chain().contains(table) && failure.chain().contains(contact));
        // Nothing was done by half, and the hint helps.
        assert_eq!(
            lines(&connection, "SELECT name FROM sqlite_schema").len(),
            2
        );
        let hint = failure.hint.unwrap();
        let (_, statement) = hint.split_once("each: ").unwrap();
        connection.execute_batch(statement).unwrap();
        open(&path).prepare(&Taxonomy::built_in()).await.unwrap();
    }
}

#[tokio::test]
async fn the_questions_of_the_baselines_users_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = adopted(&path).await;
    warehouse
        .add_contacts(&[contact("new", "")], now())
        .await
        .unwrap();
    let connection = Connection::open(&path).unwrap();
    let ask = |sql: &str| lines(&connection, sql);
    assert_eq!(
        ask("SELECT status, COUNT(*) FROM recording_fetch_status GROUP BY status"),
        [
            "- 1",
            "FAILED 2",
            "NOT_FOUND 1",
            "NO_RECORDING 1",
            "SUCCESS 4"
        ]
    );
    assert_eq!(
        ask(
            "SELECT SUM(transcribed = 1), SUM(transcribed IS NULL OR transcribed = 0), COUNT(*)
             FROM recording_fetch_status WHERE status = 'SUCCESS'"
        ),
        ["3 1 4"]
    );
    assert_eq!(
        ask("SELECT sale_result, product_family, COUNT(*),
             AVG(confidence_scores ->> 'overall_confidence')
             FROM call_classifications GROUP BY sale_result, product_family"),
        ["not_sales_call other 1 -", "sale_completed fencing 2 0.75"]
    );
    assert_eq!(ask("SELECT * FROM callpipe_status_counts")[1], "FAILED 2");
    assert_eq!(
        ask("SELECT * FROM callpipe_transcription_progress"),
        ["3 1 4"]
    );
    assert_eq!(
        ask("SELECT * FROM callpipe_sales")[1],
        "sale_completed fencing 2 0.75"
    );
}

#[tokio::test]
async fn a_view_of_other_tables_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    adopted(&path).await;
    let renamed = SqliteConfig {
        tracking_table: TableName::try_from("other".to_owned()).unwrap(),
        ..config(&path)
    };
    let warehouse = SqliteWarehouse::open(renamed, BASE_URI.into()).unwrap();
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    assert_eq!(
        lines(&connection, "SELECT * FROM callpipe_status_counts"),
        [""; 0]
    );
}
