//! The local copy of the tables in BigQuery: `callpipe pull`.

use rusqlite::Connection;
use serde_json::Value;

use super::OnGoogle;

async fn exported(google: &OnGoogle, options: &[&str]) -> Vec<Value> {
    let arguments = [options, &["export", "--format", "jsonl"]].concat();
    let written = google.bench.run(&arguments).await.expect_code(0);
    let mut lines: Vec<&str> = written.stdout.lines().collect();
    lines.sort_unstable();
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn pull(google: &OnGoogle, options: &[&str]) -> Value {
    let arguments = [&["--json", "pull"], options].concat();
    google.bench.run(&arguments).await.expect_code(0).json()
}

#[tokio::test]
async fn a_copy_is_exported_as_the_tables_are_and_asks_nobody() {
    let left_out = "copying the tables in BigQuery into a local file";
    let Some(google) = OnGoogle::new(36, 60, left_out).await else {
        return;
    };
    let bench = &google.bench;
    google.list(&bench.sandbox.world().expected()).await;
    bench.run(&["run"]).await.expect_code(0);
    let would = pull(&google, &["--dry-run"]).await;
    assert_eq!(
        (&would["is_full"], &would["since"]),
        (&Value::Bool(true), &Value::Null)
    );
    let pulled = pull(&google, &[]).await;
    assert_eq!(
        (&pulled["calls"], &pulled["is_full"]),
        (&60.into(), &true.into())
    );
    let theirs = exported(&google, &[]).await;
    assert_eq!(theirs.len(), 60);
    assert!(
        theirs
            .iter()
            .any(|call| call["labels"]["sale_result"].is_string())
    );

    // The copy as a warehouse of its own.
    let path = bench.path("callpipe-data/callpipe.db");
    let local = std::fs::read_to_string(bench.path("callpipe.toml")).unwrap()
        + "[warehouse.sqlite]\npath = \"callpipe-data/callpipe.db\"\n";
    bench.write("local.toml", &local);
    let before = google.bigquery.statements();
    let ours = exported(&google, &["--config", "local.toml"]).await;
    assert_eq!(google.bigquery.statements(), before, "no query");
    assert_eq!(theirs, ours);
    let refused = bench
        .run(&["--config", "local.toml", "pull"])
        .await
        .expect_code(2);
    assert!(
        refused.stderr.contains("nothing to pull"),
        "{}",
        refused.stderr
    );

    // What people say of the labels is in the file, and in exports of the tables, too.
    let file = Connection::open(&path).unwrap();
    let done = theirs.iter().find(|call| call["status"] == "done").unwrap();
    let id = done["contact_id"].as_str().unwrap();
    let correction = "INSERT INTO call_corrections (contactId, field, verdict, value, model_value,
        corrected_by, corrected_at) VALUES (?1, 'agent_name', 'corrected', '\"=Zoë\"', '\"Zo\"',
        'bo', '2026-05-01T00:00:00.000000Z')";
    file.execute(correction, [id]).unwrap();
    // Two at once: one of them may find the other at work.
    let (one, other) = tokio::join!(bench.run(&["pull"]), bench.run(&["pull"]));
    let codes = [one.code, other.code];
    assert!(codes.contains(&Some(0)), "{}{}", one.stderr, other.stderr);
    assert!(
        codes.iter().all(|code| [Some(0), Some(75)].contains(code)),
        "{codes:?}"
    );
    let theirs = exported(&google, &[]).await;
    let corrected = theirs.iter().find(|call| call["contact_id"] == id).unwrap();
    assert_eq!(corrected["corrected"]["agent_name"], "=Zoë");
    assert_eq!(
        corrected["labels"]["agent_name"],
        done["labels"]["agent_name"]
    );
    assert_eq!(corrected["corrections"][0]["by"], "bo");

    let gone = format!("DELETE FROM {{recording_fetch_status}} WHERE contactId = '{id}'");
    google.bigquery.rows(&gone).await;
    let pulled = pull(&google, &[]).await;
    assert_eq!(
        (&pulled["removed"], &pulled["is_full"]),
        (&0.into(), &false.into())
    );
    let pulled = pull(&google, &["--full"]).await;
    assert_eq!(
        (&pulled["removed"], &pulled["calls"]),
        (&1.into(), &59.into())
    );
    let calls: i64 = file
        .query_row("SELECT COUNT(*) FROM recording_fetch_status", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(calls, 59);
}
