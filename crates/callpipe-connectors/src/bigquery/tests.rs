//! What is asked of BigQuery, word for word, and what is made of its answers.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::failure::FailureKind;
use callpipe_sandbox::peers::named;
use serde_json::{Value, json};

use super::retrying::Retries;
use super::testing::{Asked, Script, clock};
use super::wire::{Clustering, Field, NewTable, TableSchema, TimePartitioning};
use super::*;
use crate::google::Identity;

async fn scripted(answers: Vec<(u16, Value)>) -> (Script, BigQuery) {
    let (script, endpoint) = Script::serve(answers).await;
    let location = Some("EU".to_owned());
    let mut bigquery = BigQuery::new(
        endpoint,
        &Identity::anonymous(),
        "p-1".into(),
        location,
        clock(),
    )
    .unwrap();
    bigquery.retries = Retries {
        delay: Duration::from_millis(1),
        delay_max: Duration::from_millis(2),
        ..Retries::default()
    };
    (script, bigquery)
}

fn refused(reason: &str) -> Value {
    json!({"error": {"code": 0, "message": "no", "errors": [{"reason": reason, "message": "no"}]}})
}

fn answered(rows: &[&str]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|text| json!({"f": [{"v": text}]}))
        .collect();
    json!({
        "jobComplete": true,
        "jobReference": {"projectId": "p-1", "jobId": "job-1", "location": "EU"},
        "schema": {"fields": [{"name": "x", "type": "STRING"}]},
        "rows": rows,
    })
}

fn statement() -> Statement {
    Statement::new("SELECT x FROM t WHERE id IN UNNEST(@ids) AND d > @since".into())
        .bind_texts("ids", vec!["1".into(), "'; DROP TABLE t".into()])
        .bind("since", "DATE", "2026-03-01".into())
        .bind_moment("now", clock().now())
}

fn texts(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.text("x").unwrap()).collect()
}

fn table() -> TableReference {
    TableReference::parse("p-1.d.t", None, None).unwrap()
}

#[tokio::test]
async fn values_are_bound_and_the_request_is_the_same_when_it_is_sent_again() {
    let (script, bigquery) = scripted(vec![
        (403, refused("rateLimitExceeded")),
        (503, json!("not json of ours")),
        (200, answered(&["a"])),
    ])
    .await;
    let rows = bigquery.rows(&statement(), "asking").await.unwrap();
    assert_eq!(texts(&rows), ["a"]);
    let asked = script.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].path, "/bigquery/v2/projects/p-1/queries");
    let body = asked[0].json();
    assert!(
        body["requestId"]
            .as_str()
            .is_some_and(|id| (1..=36).contains(&id.len()))
    );
    assert_eq!(
        asked[2].json(),
        body,
        "the same id, so that it is done once"
    );
    assert!(
        !body["query"].as_str().unwrap().contains("DROP"),
        "a value is no SQL"
    );
    assert_eq!(
        body["queryParameters"][0]["parameterValue"]["arrayValues"][0]["value"],
        "1"
    );
    assert_eq!(body["useLegacySql"], false);
}

#[tokio::test]
async fn a_failed_job_is_made_anew_and_a_lasting_refusal_is_not() {
    let (script, bigquery) = scripted(vec![
        (400, refused("jobBackendError")),
        (200, answered(&["a"])),
    ])
    .await;
    bigquery.rows(&statement(), "asking").await.unwrap();
    let ids: Vec<Value> = script
        .asked()
        .iter()
        .map(|asked| asked.json()["requestId"].clone())
        .collect();
    assert_ne!(ids[0], ids[1], "a new job has an id of its own");

    let disturbed = json!({"error": {"code": 400, "errors": [{"reason": "invalidQuery",
        "message": "Could not serialize access to table p:d.t due to concurrent update"}]}});
    let (script, bigquery) = scripted(vec![(400, disturbed), (200, answered(&["a"]))]).await;
    bigquery.rows(&statement(), "asking").await.unwrap();
    assert_eq!(script.asked().len(), 2, "others were at work on the table");

    for reason in ["quotaExceeded", "accessDenied", "invalidQuery"] {
        let (script, bigquery) = scripted(vec![(403, refused(reason)), (200, answered(&[]))]).await;
        assert!(bigquery.rows(&statement(), "asking").await.is_err());
        assert_eq!(script.asked().len(), 1, "{reason}");
    }
    let (script, bigquery) = scripted(vec![(403, refused("rateLimitExceeded")); 9]).await;
    let failure = bigquery.rows(&statement(), "asking").await.unwrap_err();
    assert_eq!(
        (script.asked().len(), failure.kind),
        (6, FailureKind::RateLimited)
    );
}

#[tokio::test]
async fn a_job_that_takes_long_is_waited_for_and_pages_are_put_together() {
    let running = json!({"jobComplete": false,
        "jobReference": {"projectId": "p-1", "jobId": "job-1", "location": "EU"}});
    let mut first = answered(&["a", "b"]);
    first["pageToken"] = "next".into();
    let mut last = answered(&["c"]);
    last.as_object_mut().unwrap().remove("jobReference");
    let (script, bigquery) = scripted(vec![
        (200, running.clone()),
        (200, running),
        (200, first),
        (200, last),
    ])
    .await;
    let rows = bigquery.rows(&statement(), "asking").await.unwrap();
    assert_eq!(texts(&rows), ["a", "b", "c"]);
    let asked = script.asked();
    assert!(
        asked[1].path.ends_with("/projects/p-1/queries/job-1"),
        "{}",
        asked[1].path
    );
    assert!(asked[1].query.contains("location=EU"));
    assert!(asked[3].query.contains("pageToken=next"));
}

#[tokio::test]
async fn an_answer_whose_pages_do_not_end_is_given_up() {
    let mut page = answered(&["a"]);
    page["pageToken"] = "next".into();
    let (script, bigquery) = scripted(vec![(200, page); 200]).await;
    let failure = bigquery.rows(&statement(), "asking").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(failure.message.contains("more than 100 pages"), "{failure}");
    assert_eq!(script.asked().len(), 100);
}

/// Somebody else's, in place of BigQuery's: whoever asked waits, and asks again.
#[tokio::test]
async fn a_success_that_says_nothing_is_no_answer() {
    let (_script, bigquery) = scripted(vec![(200, json!({}))]).await;
    let failure = bigquery.rows(&statement(), "asking").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    let begun = json!({"status": {"state": "RUNNING"}});
    let (_script, bigquery) = scripted(vec![(200, begun), (200, json!({}))]).await;
    let schema = TableSchema {
        fields: vec![Field::nullable("x", "STRING")],
    };
    let rows = Bytes::new();
    let loaded = bigquery.load(&table(), &schema, &rows, "loading").await;
    let failure = loaded.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
}

#[tokio::test]
async fn a_load_that_may_have_been_taken_up_is_not_done_twice() {
    let done = json!({"status": {"state": "DONE"}});
    let (script, bigquery) = scripted(vec![
        (503, refused("backendError")),
        (409, refused("duplicate")),
        (200, json!({"status": {"state": "RUNNING"}})),
        (200, done.clone()),
    ])
    .await;
    let rows = Bytes::from_static(b"{\"x\":\"1\"}\n");
    let schema = TableSchema {
        fields: vec![Field::nullable("x", "STRING")],
    };
    bigquery
        .load(&table(), &schema, &rows, "loading")
        .await
        .unwrap();
    let asked = script.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0].path, "/upload/bigquery/v2/projects/p-1/jobs");
    assert_eq!(asked[0].query, "uploadType=multipart");
    assert_eq!(asked[0].body, asked[1].body, "the same job id");
    let id = load_of(&asked[0])["jobReference"]["jobId"].clone();
    assert!(
        asked[2].path.ends_with(id.as_str().unwrap()),
        "{}",
        asked[2].path
    );

    // A job that ended badly for a passing reason is made anew; its data is not repeated in errors.
    let failed = json!({"status": {"state": "DONE",
        "errorResult": {"reason": "backendError", "message": "x"}}});
    let invalid = json!({"status": {"state": "DONE", "errorResult": {"reason": "invalid",
        "message": "Error while reading data, row: {\"x\": \"secret\"}"}}});
    let (script, bigquery) = scripted(vec![(200, failed), (200, invalid)]).await;
    let failure = bigquery
        .load(&table(), &schema, &rows, "loading")
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreFailed);
    assert!(!failure.chain().contains("secret"), "{}", failure.chain());
    let ids: Vec<Value> = script.asked().iter().map(load_of).collect();
    assert_ne!(ids[0]["jobReference"], ids[1]["jobReference"]);
}

#[tokio::test]
async fn a_job_is_asked_for_where_its_dataset_is() {
    let (script, mut bigquery) = scripted(vec![
        (200, json!({"location": "australia-southeast1"})),
        (200, json!({"status": {"state": "RUNNING"}})),
        (200, json!({"status": {"state": "DONE"}})),
        (200, json!({"status": {"state": "DONE"}})),
    ])
    .await;
    bigquery.location = None;
    let schema = TableSchema::default();
    for _ in 0..2 {
        let rows = Bytes::from_static(b"{}\n");
        bigquery
            .load(&table(), &schema, &rows, "loading")
            .await
            .unwrap();
    }
    let asked = script.asked();
    assert_eq!(asked.len(), 4, "the dataset is looked up once");
    assert!(asked[0].path.ends_with("/datasets/d"));
    let job = load_of(&asked[1]);
    assert_eq!(job["jobReference"]["location"], "australia-southeast1");
    assert!(asked[2].query.contains("location=australia-southeast1"));
}

#[tokio::test]
async fn what_exists_and_what_is_missing_is_told_apart_from_failing() {
    let (_script, bigquery) = scripted(vec![
        (404, refused("notFound")),
        (409, refused("duplicate")),
        (404, refused("notFound")),
        (403, refused("accessDenied")),
    ])
    .await;
    assert_eq!(bigquery.schema(&table()).await.unwrap(), None);
    assert!(
        !bigquery
            .create_table(&new_table(&TableSchema::default()))
            .await
            .unwrap()
    );
    bigquery.delete_table(&table()).await.unwrap();
    let failure = bigquery.schema(&table()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("roles/bigquery"));
}

#[tokio::test]
async fn a_field_that_we_do_not_know_is_given_back_as_it_was() {
    let theirs = json!({"schema": {"fields": [
        {"name": "x", "type": "STRING", "mode": "NULLABLE", "maxLength": "9", "policyTags": {"names": ["n"]}},
    ]}});
    let (script, bigquery) = scripted(vec![(200, theirs.clone()), (200, json!({}))]).await;
    let schema = bigquery.schema(&table()).await.unwrap().unwrap();
    bigquery.widen(&table(), schema).await.unwrap();
    let asked = script.asked();
    assert_eq!(
        (asked[1].method.as_str(), asked[1].json()),
        ("PATCH", theirs)
    );
}

fn new_table(schema: &TableSchema) -> NewTable<'_> {
    let (project_id, dataset_id, table_id) = ("p-1", "d", "t");
    NewTable {
        table_reference: super::wire::WireTable {
            project_id,
            dataset_id,
            table_id,
        },
        schema,
        time_partitioning: Some(TimePartitioning {
            r#type: "MONTH",
            field: "d",
        }),
        clustering: Some(Clustering { fields: &["x"] }),
        expiration_time: Some("1790000000000".into()),
        description: Some("x"),
    }
}

/// The job of a multipart request.
fn load_of(asked: &Asked) -> Value {
    let text = String::from_utf8_lossy(&asked.body);
    let (_, rest) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(rest.split_once("\r\n--").unwrap().0).unwrap()
}

/// Every body that we send, held against Google's own schema, where that is at hand: the folder
/// with `validate.py` and the Discovery documents is named by an environment variable.
#[tokio::test]
async fn bodies_keep_to_googles_schema() {
    let left_out = "checking bodies by Google's schema";
    let Some(folder) = named("CALLPIPE_TEST_DISCOVERY", left_out) else {
        return;
    };
    let done = json!({"status": {"state": "DONE"}});
    let (script, bigquery) = scripted(vec![
        (200, answered(&["a"])),
        (200, json!({})),
        (200, json!({})),
        (200, json!({})),
        (200, done),
    ])
    .await;
    let schema = TableSchema {
        fields: vec![
            Field::required("x", "STRING"),
            Field::record("r", vec![Field::repeated("y", "FLOAT")]),
        ],
    };
    bigquery.rows(&statement(), "asking").await.unwrap();
    bigquery.create_dataset(&table()).await.unwrap();
    bigquery.create_table(&new_table(&schema)).await.unwrap();
    bigquery.widen(&table(), schema.clone()).await.unwrap();
    bigquery
        .load(&table(), &schema, &Bytes::from_static(b"{}\n"), "loading")
        .await
        .unwrap();
    let asked = script.asked();
    let kinds = ["QueryRequest", "Dataset", "Table", "Table"];
    for (kind, asked) in kinds.iter().zip(&asked) {
        assert_valid(&folder, kind, &asked.json());
    }
    assert_valid(&folder, "Job", &load_of(&asked[4]));
    // The check itself can fail.
    assert!(!is_valid(
        &folder,
        "QueryRequest",
        &json!({"querry": "SELECT 1"})
    ));
}

fn assert_valid(folder: &str, kind: &str, body: &Value) {
    assert!(is_valid(folder, kind, body), "{kind}: {body}");
}

fn is_valid(folder: &str, kind: &str, body: &Value) -> bool {
    let mut check = Command::new("python3")
        .args(["validate.py", "bigquery__v2.json", kind])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(body.to_string().as_bytes())
        .unwrap();
    check.wait().unwrap().success()
}
