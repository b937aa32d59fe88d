//! Changes: in which order they come, what comes again, and how they are found.

use std::sync::Arc;

use callpipe_core::contracts::warehouse::{Change, Outcome};
use callpipe_core::progress::{CallProgress, Status};
use chrono::TimeDelta;

use super::*;

/// The ids of all changes behind a place, page by page, and the last place.
async fn changed(
    warehouse: &SqliteWarehouse,
    mut after: Option<ChangeCursor>,
    rows_max: usize,
) -> (Vec<String>, Option<ChangeCursor>) {
    let mut ids = Vec::new();
    loop {
        let page = warehouse.changed(after.as_ref(), rows_max).await.unwrap();
        ids.extend(page.calls.iter().map(|call| call.contact.id.to_string()));
        after = page.last.or(after);
        if !page.has_more {
            return (ids, after);
        }
    }
}

fn at(second: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(second)
}

async fn save(warehouse: &SqliteWarehouse, id: &str, at: DateTime<Utc>) {
    let contact = contact(id, "");
    let outcome = Outcome {
        progress: CallProgress {
            status: Status::Parked,
            ..CallProgress::new(contact.id.clone())
        },
        contact,
        change: Change::None,
        at,
    };
    warehouse.save(&[Arc::new(outcome)]).await.unwrap();
}

#[tokio::test]
async fn changes_come_in_their_order_those_without_a_moment_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    for (id, second) in [("c", 3), ("b", 5), ("a", 5), ("d", 4)] {
        save(&warehouse, id, at(second)).await;
    }
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO recording_fetch_status (contactId, stage, stage_status, updated_at) VALUES
             ('z', 'fetch', 'ready', NULL), ('y', 'fetch', 'ready', NULL),
             ('senseless', 'lunch', 'ready', NULL), ('x', 'fetch', 'ready', '')",
        )
        .unwrap();
    for rows_max in [1, 2, 3, 100] {
        let (ids, last) = changed(&warehouse, None, rows_max).await;
        assert_eq!(
            ids,
            ["y", "z", "x", "c", "d", "a", "b"],
            "{rows_max} a page"
        );
        let last = last.unwrap();
        assert_eq!(
            (last.contact_id.as_str(), &last),
            (
                "b",
                &ChangeCursor {
                    contact_id: "b".into(),
                    ..ChangeCursor::at(at(5))
                }
            )
        );
        assert_eq!(changed(&warehouse, Some(last), rows_max).await.0, [""; 0]);
    }
}

#[tokio::test]
async fn what_changes_comes_again_and_what_was_saved_late_by_looking_back() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = prepared(&directory.path().join("callpipe.db")).await;
    save(&warehouse, "a", at(0)).await;
    save(&warehouse, "b", at(60)).await;
    let (_, seen) = changed(&warehouse, None, 9).await;
    let seen = seen.unwrap();
    save(&warehouse, "late", at(30)).await;
    save(&warehouse, "a", at(90)).await;
    assert_eq!(changed(&warehouse, Some(seen.clone()), 9).await.0, ["a"]);
    let earlier = seen.earlier_by(TimeDelta::seconds(45));
    let ids = changed(&warehouse, Some(earlier), 9).await.0;
    assert_eq!(ids, ["late", "b", "a"]);
    let first = ChangeCursor {
        updated_at: None,
        contact_id: "a".into(),
    };
    assert_eq!(first.earlier_by(TimeDelta::seconds(45)), first);
}

#[tokio::test]
async fn a_start_that_is_filled_in_and_a_row_that_is_taken_up_are_changes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    warehouse
        .add_contacts(&[contact("a", "")], at(0))
        .await
        .unwrap();
    let (_, seen) = changed(&warehouse, None, 9).await;
    let again = [contact("a", "2026-03-01")];
    warehouse.add_contacts(&again, at(7)).await.unwrap();
    assert_eq!(changed(&warehouse, seen, 9).await.0, ["a"]);
    let connection = Connection::open(&path).unwrap();
    let theirs = "INSERT INTO recording_fetch_status (contactId, gemini_analysed) VALUES ('b', 1)";
    connection.execute_batch(theirs).unwrap();
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let moments = lines(&connection, "SELECT updated_at FROM recording_fetch_status");
    assert_eq!(moments[1].len(), moments[0].len());
    assert!(parse_start(&moments[1]).is_some(), "{moments:?}");
}

#[tokio::test]
async fn changes_are_walked_by_their_index_and_never_sorted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    for statement in [
        warehouse.sql.changed(),
        warehouse.sql.changed_at_no_moment(),
    ] {
        let plan = lines(&connection, &format!("EXPLAIN QUERY PLAN {statement}")).join("\n");
        assert!(
            plan.contains("INDEX callpipe_recording_fetch_status_changes ("),
            "{plan}"
        );
        assert!(!plan.contains("SCAN") && !plan.contains("B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn a_page_of_changes_ends_where_it_has_enough_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE calls(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM calls LIMIT 4)
             INSERT INTO recording_fetch_status (contactId, stage, stage_status, updated_at, transcription)
             SELECT 'long' || id, 'classify', 'done', iif(id < 3, NULL, '2026'),
             printf('%.*c', 1500000, 'x') FROM calls",
        )
        .unwrap();
    let page = warehouse.changed(None, 100).await.unwrap();
    assert_eq!((page.calls.len(), page.has_more), (3, true));
    let page = warehouse.changed(page.last.as_ref(), 100).await.unwrap();
    assert_eq!((page.calls.len(), page.has_more), (1, false));
}
