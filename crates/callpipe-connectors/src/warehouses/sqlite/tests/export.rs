//! Exports: how pages are found, how large they get, and what is read of tables that others made.

use callpipe_core::exported::{BriefCall, ExportedCall};
use callpipe_core::measures::Measures;

use super::*;

async fn exported(warehouse: &SqliteWarehouse, rows_max: usize) -> Vec<Vec<ExportedCall>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    let everything = CallFilter::default();
    loop {
        let page = warehouse.export_page(&everything, cursor.as_ref(), rows_max);
        let page = page.await.unwrap();
        pages.push(page.calls);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_are_walked_by_the_ids_and_never_sorted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    for conditions in [
        &[][..],
        &[
            "stage = ?",
            "stage_status = ?",
            "failure_kind = ?",
            "call_date >= ?",
        ],
        &["contactId IN (SELECT value FROM json_each(?))"],
    ] {
        let sql = warehouse.sql.exported(conditions);
        let plan = lines(&connection, &format!("EXPLAIN QUERY PLAN {sql}")).join("\n");
        assert!(plan.contains("(contactId"), "{plan}");
        assert!(!plan.contains("B-TREE FOR ORDER"), "{plan}");
    }
}

#[tokio::test]
async fn a_page_ends_where_it_has_enough_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE calls(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM calls LIMIT 10)
             INSERT INTO recording_fetch_status (contactId, stage, stage_status, transcription)
             SELECT 'long' || id, 'classify', 'done', printf('%.*c', 1500000, 'x') FROM calls",
        )
        .unwrap();
    let sizes: Vec<usize> = exported(&warehouse, 100)
        .await
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(sizes, [3, 3, 3, 1]);
    let sizes: Vec<usize> = exported(&warehouse, 2).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 2, 2, 2, 0]);
}

#[tokio::test]
async fn rows_that_make_no_sense_are_left_out_and_hold_up_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO recording_fetch_status (contactId, stage, stage_status) VALUES
             ('a', 'lunch', 'ready'), ('b' || char(10), 'fetch', 'ready'), ('c', 'fetch', 'odd')",
        )
        .unwrap();
    let pages = exported(&warehouse, 1).await;
    let calls: Vec<&ExportedCall> = pages.iter().flatten().collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].contact.id.as_str(), calls[0].state.status.as_str()),
        ("c", "odd")
    );
}

#[tokio::test]
async fn what_others_stored_is_read_as_far_as_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE recording_fetch_status (contactId TEXT, status TEXT, transcribed TEXT,
                transcription TEXT, topics TEXT, gcs_uri TEXT, gemini_analysed TEXT);
             CREATE TABLE call_classifications (contactId TEXT, transcript TEXT, sale_result TEXT,
                call_type TEXT, llm_model TEXT);
             INSERT INTO recording_fetch_status VALUES ('1', 'SUCCESS', '1', '',
                '[{\"topic\": \"Chains\", \"confidence\": 0.5, \"text\": \"a chain\"}, 7]',
                'gs://other/x.mp4', '1');
             INSERT INTO call_classifications
                VALUES ('1', 'Agent: Hello.', 'sale_completed', '[\"complaint\"]', '')",
        )
        .unwrap();
    let pages = exported(&prepared(&path).await, 9).await;
    let call = &pages[0][0];
    assert_eq!(call.state.status, "done");
    assert_eq!(call.audio_uri.as_deref(), Some("gs://other/x.mp4"));
    assert_eq!(
        call.transcript.conversation.as_deref(),
        Some("Agent: Hello.")
    );
    assert_eq!(call.transcript.analysis.topics.len(), 1);
    let labels = call.labels.as_ref().unwrap();
    assert_eq!(labels.values["call_type"], serde_json::json!(["complaint"]));
    assert_eq!((labels.values.len(), &labels.model), (2, &None));
}

/// What a list shows is what an export says of the same calls.
#[tokio::test]
async fn calls_in_brief_are_the_same_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO recording_fetch_status
                 (contactId, start_date, stage, stage_status, skip_reason, attempt, redo_count, not_before,
                  failure_kind, failure_reason, listed_at, updated_at, summary, transcription)
             VALUES
                 ('full', '2026-03-01T08:00:00+01:00', 'classify', 'ready', NULL, 2, 1, '2026-03-02T08:00:00Z',
                  'unavailable', 'HTTP 503', '2026-03-01T09:00:00Z', '2026-03-01T10:00:00Z', 'A chain.', 'Agent: yes'),
                 ('poor', NULL, 'fetch', 'skipped', 'no_recording', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                 ('other', NULL, 'fetch', 'ready', NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                 ('nonsense', NULL, 'no stage', 'ready', NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        )
        .unwrap();
    let measures = Measures {
        timeline: "aacc".into(),
        ..Measures::default()
    };
    let measures = serde_json::to_string(&measures).unwrap();
    let sql = "UPDATE recording_fetch_status SET measures = ?1 WHERE contactId = 'full'";
    connection.execute(sql, [measures]).unwrap();
    let ids = ["full", "poor", "nonsense", "absent"].map(|id| ContactId::parse(id).unwrap());
    let mut brief = warehouse.brief(ids.to_vec()).await.unwrap();
    brief.sort_by(|one, other| one.contact_id.cmp(&other.contact_id));
    let all = exported(&warehouse, 100).await.concat();
    let expected = all.into_iter().map(BriefCall::from);
    let expected: Vec<BriefCall> = expected
        .filter(|call| ids.contains(&call.contact_id))
        .collect();
    assert_eq!(brief, expected);
    assert_eq!(brief.len(), 2);
    assert_eq!(brief[0].summary.as_deref(), Some("A chain."));
    assert_eq!(brief[0].timeline.as_deref(), Some("aacc"));
    let plan = format!("EXPLAIN QUERY PLAN {}", warehouse.sql.brief());
    let plan = lines(&connection, &plan).join("\n");
    assert!(plan.contains("(contactId=?)"), "{plan}");
}
