//! Copies: what is asked for, what is not paid for, and whether a copy says what the tables say.

use std::collections::BTreeMap;

use callpipe_core::exported::ExportedCall;
use chrono::TimeDelta;

use super::*;
use crate::warehouses::copied::{Copied, CopiedTable, CopyQuery, CopyState, UnfinishedCopy};
use crate::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};

fn query(table: CopiedTable, since: Option<DateTime<Utc>>, with_transcripts: bool) -> CopyQuery {
    CopyQuery {
        table,
        since,
        with_transcripts,
    }
}

fn page(id: &str, token: Value) -> Value {
    json!({"jobComplete": true, "jobReference": {"projectId": "p", "jobId": "j"},
        "schema": {"fields": [{"name": "contactId", "type": "STRING"},
            {"name": "updated_at", "type": "TIMESTAMP"}, {"name": "labels", "type": "STRING",
            "mode": "REPEATED"}]},
        "rows": [{"f": [{"v": id}, {"v": "1795334400123456"}, {"v": [{"v": "x"}]}]}],
        "pageToken": token, "totalBytesProcessed": "2000", "totalBytesBilled": "10485760"})
}

#[tokio::test]
async fn a_table_is_asked_for_once_without_the_columns_that_no_copy_needs() {
    let labels = columns::classifications(&Taxonomy::built_in()).unwrap();
    let dry = json!({"jobComplete": true, "totalBytesProcessed": "1234"});
    let (script, endpoint) = Script::serve(vec![
        (200, json!({"schema": {"fields": columns::tracking()}})),
        (200, json!({"schema": {"fields": labels}})),
        (200, dry),
        (200, page("1", json!("next"))),
        (200, page("2", Value::Null)),
        (200, page("1", Value::Null)),
        (200, page("1", Value::Null)),
    ])
    .await;
    let warehouse = open(&config(&endpoint));
    let changed = query(CopiedTable::Tracking, Some(now()), false);
    assert_eq!(warehouse.copy_estimate(changed).await.unwrap(), Some(1_234));
    let first = warehouse.copy_begin(changed, 7).await.unwrap();
    assert_eq!(
        (first.bytes_processed, first.bytes_billed),
        (Some(2_000), Some(10_485_760))
    );
    let row =
        json!({"contactId": "1", "updated_at": "2026-11-22T08:00:00.123456Z", "labels": ["x"]});
    assert_eq!(Value::Object(first.rows[0].clone()), row);
    let second = warehouse
        .copy_go_on(first.place.as_ref().unwrap(), 7)
        .await
        .unwrap();
    assert_eq!((second.place, second.bytes_processed), (None, None));
    for with_transcripts in [false, true] {
        let all = query(CopiedTable::Classifications, None, with_transcripts);
        warehouse.copy_begin(all, 7).await.unwrap();
    }
    let asked = script.asked();
    let body = |number: usize| asked[number].json();
    let sql = |number: usize| body(number)["query"].as_str().unwrap().to_owned();
    assert_eq!(
        (&body(2)["dryRun"], body(3).get("dryRun")),
        (&json!(true), None)
    );
    assert_eq!((sql(2), &body(3)["maxResults"]), (sql(3), &json!(7)));
    assert!(
        sql(3).contains("`transcription`, ") && !sql(3).contains("raw_response"),
        "{}",
        sql(3)
    );
    assert!(
        sql(3).contains("updated_at >= @since") && !sql(3).contains("ORDER BY"),
        "{}",
        sql(3)
    );
    assert_eq!(body(3)["queryParameters"][0]["name"], "since");
    assert!(asked[4].path.ends_with("/queries/j") && asked[4].query.contains("pageToken=next"));
    assert!(
        !sql(5).contains("`transcript`") && sql(6).contains("`transcript`"),
        "{}",
        sql(5)
    );
    assert!(!sql(5).contains("@since"), "{}", sql(5));
    assert_eq!(asked.len(), 7);
}

async fn exported(warehouse: &dyn Warehouse) -> BTreeMap<String, ExportedCall> {
    let (mut calls, mut cursor) = (BTreeMap::new(), None);
    loop {
        let everything = CallFilter::default();
        let page = warehouse.export_page(&everything, cursor.as_ref(), 500);
        let page = page.await.unwrap();
        for call in page.calls {
            calls.insert(call.contact.id.to_string(), call);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return calls,
        }
    }
}

async fn copy(
    from: &BigQueryWarehouse,
    to: &SqliteWarehouse,
    since: Option<DateTime<Utc>>,
) -> usize {
    let state = CopyState {
        source: from.copy_source(),
        copied_to: None,
        full_copies: 0,
        unfinished: Some(UnfinishedCopy {
            is_full: since.is_none(),
            since,
            begun_at: now(),
            table: CopiedTable::Tracking,
            place: None,
            copied: Copied::default(),
        }),
    };
    to.begin_copy(&state).await.unwrap();
    let mut rows = 0;
    for table in [CopiedTable::Tracking, CopiedTable::Classifications] {
        let mut page = from
            .copy_begin(query(table, since, true), 500)
            .await
            .unwrap();
        loop {
            rows += page.rows.len();
            let place = page.place.take();
            to.take_copied(table, page.rows, &state).await.unwrap();
            let Some(place) = place else { break };
            page = from.copy_go_on(&place, 500).await.unwrap();
        }
    }
    rows
}

#[tokio::test]
async fn a_copy_says_what_the_tables_say() {
    let Some((_emulator, endpoint)) = emulator("copying BigQuery's tables into a local file")
    else {
        return;
    };
    let warehouse = open(&config(&endpoint));
    // Calls in every state, with any text in them.
    conformance::warehouse::warehouse(&warehouse).await;
    let directory = tempfile::tempdir().unwrap();
    let config = SqliteConfig {
        path: directory.path().join("callpipe.db"),
        ..SqliteConfig::default()
    };
    let file = SqliteWarehouse::open(config, BASE_URI.into()).unwrap();
    file.prepare(&Taxonomy::built_in()).await.unwrap();
    copy(&warehouse, &file, None).await;
    let (theirs, ours) = (exported(&warehouse).await, exported(&file).await);
    assert!(theirs.len() > 20, "{} calls prove little", theirs.len());
    assert_eq!(theirs, ours);
    assert_eq!(
        warehouse.summary(now()).await.unwrap(),
        file.summary(now()).await.unwrap()
    );

    // What changes later comes alone, also a start that is filled in.
    let later = theirs
        .values()
        .filter_map(|call| call.state.updated_at)
        .max()
        .unwrap();
    let later = later.max(now()) + TimeDelta::hours(1);
    warehouse
        .add_contacts(&[contact("without a start", "")], later)
        .await
        .unwrap();
    assert_eq!(copy(&warehouse, &file, Some(later)).await, 1);
    let even_later = later + TimeDelta::hours(1);
    let listed = [contact("without a start", "2026-03-01")];
    warehouse.add_contacts(&listed, even_later).await.unwrap();
    assert_eq!(copy(&warehouse, &file, Some(even_later)).await, 1);
    assert_eq!(exported(&warehouse).await, exported(&file).await);
}
