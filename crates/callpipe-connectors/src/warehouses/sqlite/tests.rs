//! The suite of the contract on a real file, and what is SQLite's alone.

use std::collections::HashSet;
use std::path::Path;

use callpipe_core::conformance;
use callpipe_core::contracts::warehouse::{Change, ClassifiedCall};
use callpipe_core::progress::{CallProgress, Stage, Status};
use callpipe_core::recording::ArchiveKey;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;

mod adopted;
mod broken;
mod changes;
mod copy;
mod corrections;
mod export;
mod saved_views;

const BASE_URI: &str = "file:///data/archive";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn config(path: &Path) -> SqliteConfig {
    SqliteConfig {
        path: path.to_owned(),
        // Tests that meet a lock mean to meet it.
        busy_timeout_ms: 20,
        ..SqliteConfig::default()
    }
}

fn open(path: &Path) -> SqliteWarehouse {
    SqliteWarehouse::open(config(path), BASE_URI.into()).unwrap()
}

async fn prepared(path: &Path) -> SqliteWarehouse {
    let warehouse = open(path);
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    warehouse
}

fn contact(id: &str, start: &str) -> Contact {
    Contact::new(ContactId::parse(id).unwrap(), parse_start(start))
}

fn pending_query(limit: usize) -> PendingQuery {
    PendingQuery {
        scope: Scope::of(Stage::Fetch),
        now: now(),
        limit,
        in_hand: HashSet::new(),
    }
}

/// The rows of a query, each as one line.
fn lines(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    // A plan is asked for without values.
    let nothing = vec![Value::Null; statement.parameter_count()];
    let rows = statement.query_map(rusqlite::params_from_iter(nothing), |row| {
        let cells: Vec<String> = (0..width)
            .map(|position| match row.get(position).unwrap() {
                Value::Null => "-".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => number.to_string(),
                Value::Text(text) => text,
                Value::Blob(_) => "blob".to_owned(),
            })
            .collect();
        Ok(cells.join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let warehouse = open(&directory.path().join("new/callpipe.db"));
    conformance::warehouse::warehouse(&warehouse).await;
}

#[tokio::test]
async fn it_keeps_the_contract_on_a_reopened_file_under_other_names() {
    let directory = tempfile::tempdir().unwrap();
    let config = SqliteConfig {
        tracking_table: TableName::try_from("select".to_owned()).unwrap(),
        classifications_table: TableName::try_from("Group".to_owned()).unwrap(),
        ..config(&directory.path().join("callpipe.db"))
    };
    let reopened = || SqliteWarehouse::open(config.clone(), BASE_URI.into()).unwrap();
    reopened().prepare(&Taxonomy::built_in()).await.unwrap();
    conformance::warehouse::warehouse(&reopened()).await;
}

#[tokio::test]
async fn a_conversation_comes_with_its_row_unless_it_is_long() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let longest = "é".repeat(sql::CONVERSATION_BYTES_MAX / 2);
    let longer = format!("{longest}!");
    for (id, conversation) in [("1", &longest), ("2", &longer)] {
        let contacts = [contact(id, "2026-03-01")];
        warehouse.add_contacts(&contacts, now()).await.unwrap();
        let transcribed = "UPDATE recording_fetch_status SET stage = 'classify',
            transcript_key = 'transcripts/x.json', transcription = ?2 WHERE contactId = ?1";
        let other = Connection::open(&path).unwrap();
        assert_eq!(other.execute(transcribed, [id, conversation]).unwrap(), 1);
    }
    let query = PendingQuery {
        scope: Scope::of(Stage::Classify),
        ..pending_query(9)
    };
    let pending = warehouse.pending(&query).await.unwrap();
    let conversations: Vec<_> = pending.iter().map(|call| &call.conversation).collect();
    assert_eq!(conversations, [&Some(longest), &None]);
}

fn classified(id: &str, labels: serde_json::Value) -> Arc<Outcome> {
    let contact = contact(id, "2026-03-01");
    let classification = serde_json::from_value(serde_json::json!({
        "values": labels, "taxonomy_version": "1", "prompt_version": "1", "model": "m",
    }));
    let call = ClassifiedCall {
        classification: classification.unwrap(),
        conversation: "Agent: Hello.".into(),
        reply_key: ArchiveKey::file("x"),
        analysis: None,
    };
    Arc::new(Outcome {
        progress: CallProgress {
            stage: Stage::Classify,
            status: Status::Done,
            ..CallProgress::new(contact.id.clone())
        },
        contact,
        change: Change::Classified(Box::new(call)),
        at: now(),
    })
}

#[tokio::test]
async fn calls_of_a_batch_may_have_different_labels() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let other = Connection::open(&path).unwrap();
    for field in ["mood", "product"] {
        let column = format!("ALTER TABLE call_classifications ADD COLUMN {field} TEXT");
        other.execute_batch(&column).unwrap();
    }
    let outcomes = [
        classified("1", serde_json::json!({"mood": "good"})),
        classified("2", serde_json::json!({"product": "pump"})),
        classified("3", serde_json::json!({"product": "hose"})),
        classified("4", serde_json::json!({"mood": "bad", "product": "tap"})),
    ];
    warehouse.save(&outcomes).await.unwrap();
    assert_eq!(
        lines(
            &other,
            "SELECT contactId, mood, product FROM call_classifications ORDER BY contactId"
        ),
        ["1 good -", "2 - pump", "3 - hose", "4 bad tap"]
    );
}

#[tokio::test]
async fn what_was_saved_is_there_for_the_next_run_and_for_other_programs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    // Somebody looks at the tables all the while.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN").unwrap();
    assert_eq!(
        lines(&other, "SELECT COUNT(*) FROM recording_fetch_status"),
        ["0"]
    );
    warehouse
        .add_contacts(&[contact("1", "2026-03-01")], now())
        .await
        .unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        lines(
            &other,
            "SELECT contactId, stage FROM recording_fetch_status"
        ),
        ["1 fetch"]
    );
    drop(warehouse);
    assert_eq!(
        open(&path).pending(&pending_query(9)).await.unwrap().len(),
        1
    );
}

#[test]
fn many_who_make_a_new_file_at_once_all_open_it() {
    const MANY: usize = 8;
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let patient = SqliteConfig {
            busy_timeout_ms: 10_000,
            ..config(&folder.path().join("callpipe.db"))
        };
        let together = std::sync::Barrier::new(MANY);
        std::thread::scope(|scope| {
            for _ in 0..MANY {
                scope.spawn(|| {
                    together.wait();
                    SqliteWarehouse::open(patient.clone(), BASE_URI.into()).unwrap();
                });
            }
        });
    }
}

#[tokio::test]
async fn nobody_who_reads_waits_for_who_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let contacts = [contact("1", "2026-03-01")];
    warehouse.add_contacts(&contacts, now()).await.unwrap();
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(warehouse.pending(&pending_query(9)).await.unwrap().len(), 1);
    assert_eq!(warehouse.summary(now()).await.unwrap().total, 1);
    let failure = warehouse.add_contacts(&contacts, now()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.hint.unwrap().contains("lock"));
    assert_eq!(
        warehouse.check().await.unwrap_err().kind,
        FailureKind::StoreFailed
    );
    writer.execute_batch("ROLLBACK").unwrap();
    warehouse.add_contacts(&contacts, now()).await.unwrap();
    warehouse.check().await.unwrap();
}

#[tokio::test]
async fn a_check_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let report = open(&path).check().await.unwrap();
    assert!(report.contains("callpipe.db"), "{report}");
    let tables = "SELECT name FROM sqlite_schema";
    assert_eq!(lines(&Connection::open(&path).unwrap(), tables), [""; 0]);
}

#[tokio::test]
async fn the_queue_is_walked_by_its_index_and_never_sorted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    for statement in [
        warehouse.sql.pending(),
        warehouse.sql.pending_without_start(),
    ] {
        let plan = lines(&connection, &format!("EXPLAIN QUERY PLAN {statement}")).join("\n");
        assert!(
            plan.contains("USING INDEX callpipe_recording_fetch_status_queue"),
            "{plan}"
        );
        assert!(
            plan.contains("stage=? AND stage_status=? AND call_started_at"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN") && !plan.contains("B-TREE"), "{plan}");
    }
    for (statement, index) in [
        (warehouse.sql.next_ready_at(), "waiting"),
        (warehouse.sql.stage_counts(), "queue"),
        (warehouse.sql.failure_groups(), "failures"),
        (warehouse.sql.skip_counts(), "skips"),
        (warehouse.sql.list(&[]), "newest"),
        (
            warehouse.sql.list(&["stage = ?", "stage_status = ?"]),
            "queue",
        ),
        ("SELECT * FROM callpipe_status_counts".into(), "status"),
        (
            "SELECT * FROM callpipe_transcription_progress".into(),
            "status",
        ),
    ] {
        let plan = lines(&connection, &format!("EXPLAIN QUERY PLAN {statement}")).join("\n");
        let index = format!("INDEX callpipe_recording_fetch_status_{index}");
        assert!(plan.contains(&index), "{statement}\n{plan}");
    }
}

#[tokio::test]
async fn rows_that_make_no_sense_do_not_hold_up_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    warehouse
        .add_contacts(
            &[
                contact("good", "2026-03-01"),
                contact("worse", "2026-03-01"),
            ],
            now(),
        )
        .await
        .unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "UPDATE recording_fetch_status SET stage = 'lunch' WHERE contactId = 'worse';
             INSERT INTO recording_fetch_status (contactId, stage, stage_status, call_started_at)
             VALUES ('a' || char(10), 'fetch', 'ready', '2027'), (' ', 'fetch', 'ready', '2028'),
             ('b' || char(10) || 'c', 'fetch', 'ready', '2029');",
        )
        .unwrap();
    let pending = warehouse.pending(&pending_query(1)).await.unwrap();
    assert_eq!(pending[0].contact.id.as_str(), "good");
    let listed = warehouse.list(&CallFilter::default()).await.unwrap();
    assert_eq!(listed.len(), 4);
    let summary = warehouse.summary(now()).await.unwrap();
    assert_eq!(summary.total, 4);
}

#[tokio::test]
async fn an_operator_redoes_work_by_one_update() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO recording_fetch_status (contactId) VALUES ('added by hand');
             INSERT INTO recording_fetch_status (contactId, stage, stage_status, not_before)
             VALUES ('redone', 'fetch', 'ready', '2026-03-01 10:00:00'),
             ('later', 'fetch', 'ready', '2027-01-01 00:00:00');",
        )
        .unwrap();
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let pending = warehouse.pending(&pending_query(9)).await.unwrap();
    let ids: Vec<&str> = pending
        .iter()
        .map(|call| call.contact.id.as_str())
        .collect();
    assert_eq!(ids, ["added by hand", "redone"]);
}

#[tokio::test]
async fn a_new_taxonomy_adds_columns_and_old_labels_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("callpipe.db");
    let warehouse = prepared(&path).await;
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO call_classifications (contactId, sale_result) VALUES ('1', 'x')",
        )
        .unwrap();
    let taxonomy = |field: &str| {
        Taxonomy::parse(&format!(
            "version = \"2\"\n[[section]]\nfield = \"{field}\"\nkind = \"text\"\ndescription = \"d\""
        ))
        .unwrap()
    };
    warehouse.prepare(&taxonomy("select")).await.unwrap();
    let labels = "SELECT sale_result, \"select\" FROM call_classifications";
    assert_eq!(lines(&connection, labels), ["x -"]);
    for reserved in ["transcript", "contactid", "call_date"] {
        let failure = warehouse.prepare(&taxonomy(reserved)).await.unwrap_err();
        assert!(failure.chain().contains(reserved), "{}", failure.chain());
        assert!(failure.hint.is_some());
    }
}

#[test]
fn names_of_tables_are_checked() {
    let parse = |name: &str| TableName::try_from(name.to_owned());
    for good in ["recording_fetch_status", "_x1", "SELECT"] {
        assert_eq!(parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "1x",
        "a b",
        "a\"b",
        "a;b",
        "sqlite_x",
        "SQLite_y",
        "é",
        &"x".repeat(61),
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let twice = SqliteConfig {
        tracking_table: parse("calls").unwrap(),
        classifications_table: parse("Calls").unwrap(),
        ..SqliteConfig::default()
    };
    let also_twice = SqliteConfig {
        corrections_table: parse("Call_Classifications").unwrap(),
        ..SqliteConfig::default()
    };
    let twice_beside = SqliteConfig {
        saved_views_table: parse("Call_Corrections").unwrap(),
        ..SqliteConfig::default()
    };
    for config in [twice, also_twice, twice_beside] {
        let failure = SqliteWarehouse::open(config, BASE_URI.into())
            .err()
            .unwrap();
        assert!(
            failure.message.contains("two tables are called Call"),
            "{failure}"
        );
    }
}
