//! Copies of another warehouse's tables: what is replaced, what is removed, and what is left alone.

use callpipe_core::correction::{Correction, LabelName, Verdict};
use serde_json::{Map, Value, json};

use super::*;
use crate::warehouses::copied::{Copied, CopiedTable, CopyState, UnfinishedCopy};

fn come_to(is_full: bool) -> CopyState {
    CopyState {
        source: "p.d.t".into(),
        copied_to: None,
        full_copies: 0,
        unfinished: Some(UnfinishedCopy {
            is_full,
            since: None,
            begun_at: now(),
            table: CopiedTable::Tracking,
            place: Some("page 2".into()),
            copied: Copied::default(),
        }),
    }
}

fn ended() -> CopyState {
    CopyState {
        copied_to: Some(now()),
        full_copies: 1,
        unfinished: None,
        ..come_to(true)
    }
}

fn rows(rows: Value) -> Vec<Map<String, Value>> {
    serde_json::from_value(rows).unwrap()
}

fn call(id: &str, stage_status: &str) -> Value {
    json!({"contactId": id, "stage": "classify", "stage_status": stage_status,
        "updated_at": "2026-05-01T00:00:00.000000Z"})
}

async fn copy(
    warehouse: &SqliteWarehouse,
    calls: &[Value],
    labels: &[Value],
    is_full: bool,
) -> u64 {
    let state = come_to(is_full);
    warehouse.begin_copy(&state).await.unwrap();
    for (table, copied) in [
        (CopiedTable::Tracking, calls),
        (CopiedTable::Classifications, labels),
    ] {
        let copied = rows(copied.to_vec().into());
        warehouse.take_copied(table, copied, &state).await.unwrap();
    }
    warehouse.end_copy(&ended(), is_full).await.unwrap()
}

#[tokio::test]
async fn rows_are_replaced_and_only_a_full_copy_removes_any() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    let all = || {
        lines(
            &connection,
            "SELECT tracking.contactId, stage_status, sale_result, call_type
        FROM recording_fetch_status AS tracking LEFT JOIN call_classifications USING (contactId)
        ORDER BY 1",
        )
    };
    let labels =
        |id: &str, sale: &str| json!({"contactId": id, "sale_result": sale, "call_type": [sale]});
    let calls = [call("a", "ready"), call("b", "done"), call("c", "done")];
    copy(
        &warehouse,
        &calls,
        &[labels("b", "x"), labels("c", "x")],
        true,
    )
    .await;
    assert_eq!(
        all(),
        ["a ready - -", "b done x [\"x\"]", "c done x [\"x\"]"]
    );
    let note = Correction {
        contact_id: ContactId::parse("c").unwrap(),
        field: LabelName::parse("sale_result").unwrap(),
        verdict: Verdict::Accepted,
        model_value: Some(json!("x")),
        by: "zoe".into(),
        at: now(),
    };
    warehouse
        .correct(std::slice::from_ref(&note))
        .await
        .unwrap();
    let view = SavedView {
        name: "c's".into(),
        query: "q=c".into(),
        by: "zoe".into(),
        at: now(),
    };
    assert!(warehouse.save_view(&view, 1).await.unwrap());
    let removed = copy(&warehouse, &[call("a", "done")], &[labels("a", "y")], false).await;
    assert_eq!((removed, all().len()), (0, 3));
    assert_eq!(all()[0], "a done y [\"y\"]");
    // The same once more is the same.
    copy(&warehouse, &[call("a", "done")], &[labels("a", "y")], false).await;
    assert_eq!(all().len(), 3);
    // One call is gone, another one has lost its labels.
    let removed = copy(
        &warehouse,
        &[call("a", "done"), call("c", "ready")],
        &[labels("a", "y")],
        true,
    )
    .await;
    assert_eq!(removed, 1);
    assert_eq!(all(), ["a done y [\"y\"]", "c ready - -"]);
    let ids = [note.contact_id.clone()];
    assert_eq!(warehouse.corrections(&ids).await.unwrap(), [note]);
    assert_eq!(warehouse.saved_views().await.unwrap(), [view]);
    assert_eq!(warehouse.copy_state().await.unwrap(), Some(ended()));
}

#[tokio::test]
async fn values_are_stored_as_this_file_stores_them_whatever_they_hold() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let hostile = "'); DROP TABLE recording_fetch_status; --";
    let row = json!({"CONTACTID": hostile, "stage": "classify", "stage_status": "done", "attempt": 2,
        "duration_s": 1.5, "transcribed": 1, "summary": hostile, "reply_keys": ["a", "b"],
        "same_audio_as": null});
    let labels = json!({"contactId": hostile, "delivery_tracking": {"carrier": "TNT"},
        "of \"an\" earlier; taxonomy": [hostile], "is_late": true});
    copy(&warehouse, &[row], &[labels], true).await;
    let connection = Connection::open(&path).unwrap();
    let stored = lines(
        &connection,
        "SELECT attempt, duration_s, transcribed, reply_keys,
        same_audio_as, summary = contactId FROM recording_fetch_status",
    );
    assert_eq!(stored, ["2 1.5 1 [\"a\",\"b\"] - 1"]);
    let stored = lines(
        &connection,
        "SELECT delivery_tracking, is_late,
        \"of \"\"an\"\" earlier; taxonomy\" FROM call_classifications",
    );
    assert_eq!(
        stored,
        [format!("{{\"carrier\":\"TNT\"}} 1 [\"{hostile}\"]")]
    );
    let page = warehouse
        .export_page(&CallFilter::default(), None, 9)
        .await
        .unwrap();
    let labels = &page.calls[0].labels.as_ref().unwrap().values;
    assert_eq!(labels["delivery_tracking"], json!({"carrier": "TNT"}));
}

#[tokio::test]
async fn how_far_it_has_come_is_kept_with_each_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    assert_eq!(warehouse.copy_state().await.unwrap(), None);
    let state = come_to(true);
    warehouse.begin_copy(&state).await.unwrap();
    let one = rows(json!([call("a", "done")]));
    warehouse
        .take_copied(CopiedTable::Tracking, one, &state)
        .await
        .unwrap();
    // A page that cannot be stored changes nothing, and neither does it say that it has come.
    let further = CopyState {
        full_copies: 7,
        ..state.clone()
    };
    let bad = rows(json!([call("b", "done"), {"contactId": null, "stage": "classify"}]));
    warehouse
        .take_copied(CopiedTable::Tracking, bad, &further)
        .await
        .unwrap_err();
    drop(warehouse);
    let reopened = open(&path);
    assert_eq!(reopened.copy_state().await.unwrap(), Some(state));
    let page = reopened
        .export_page(&CallFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(page.calls.len(), 1);
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE callpipe_copy SET state = '{}'")
        .unwrap();
    let failure = reopened.copy_state().await.unwrap_err();
    assert!(failure.hint.unwrap().contains("newer callpipe"));
}

#[tokio::test]
async fn a_warehouse_of_its_own_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = open(&path);
    warehouse.refuse_own_calls().await.unwrap();
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    warehouse.refuse_own_calls().await.unwrap();
    warehouse
        .add_contacts(&[contact("1", "")], now())
        .await
        .unwrap();
    let failure = warehouse.refuse_own_calls().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("[browser]"));
    warehouse.begin_copy(&come_to(true)).await.unwrap();
    warehouse.refuse_own_calls().await.unwrap();
}

#[tokio::test]
async fn one_copies_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let (one, other) = (open(&path), open(&path));
    let lock = one.lock_copy().unwrap();
    let failure = other.lock_copy().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    drop(lock);
    other.lock_copy().unwrap();
}
