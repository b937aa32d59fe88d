//! The suite of the contract on goccy's emulator, and what is asked word for word.

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::conformance;
use serde_json::{Value, json};

use super::*;
use crate::bigquery::Statement;
use crate::bigquery::testing::{Script, clock, emulator};
use crate::bigquery::wire::{Field, NewTable, TableSchema};
use crate::http::Endpoint;
use crate::random;

fn source(endpoint: &Endpoint, table: &str, tracking: Option<&str>) -> BigQueryContacts {
    let config = BigQueryContactsConfig {
        table: Some(table.into()),
        project: Some("sandbox-project".into()),
        endpoint: Some(endpoint.clone()),
        ..BigQueryContactsConfig::default()
    };
    let tracking = tracking.map(|name| TableReference::parse(name, None, None).unwrap());
    BigQueryContacts::new(&config, tracking, &Identity::anonymous(), clock()).unwrap()
}

/// Makes a table of calls with columns of some types, and fills it.
async fn table(source: &BigQueryContacts, id_type: &str, start_type: &str, rows: &str) {
    source.bigquery.create_dataset(&source.table).await.unwrap();
    let schema = TableSchema {
        fields: vec![
            Field::nullable("contactId", id_type),
            Field::nullable("startDate", start_type),
        ],
    };
    let new = NewTable {
        table_reference: source.table.wire(),
        schema: &schema,
        time_partitioning: None,
        clustering: None,
        expiration_time: None,
        description: None,
    };
    source.bigquery.create_table(&new).await.unwrap();
    let sql = format!("INSERT INTO {} VALUES {rows}", source.table.quoted());
    source
        .bigquery
        .rows(&Statement::new(sql), "filling a table")
        .await
        .unwrap();
}

fn contact(id: &str, start: &str) -> Contact {
    Contact::new(ContactId::parse(id).unwrap(), parse_start(start))
}

#[tokio::test]
async fn it_keeps_the_contract_for_every_type_of_column() {
    let Some((_emulator, endpoint)) = emulator("the suite of the contact source on BigQuery")
    else {
        return;
    };
    for (id_type, start_type, rows, newest) in [
        (
            "STRING",
            "DATE",
            "('7', DATE '2026-03-02'), ('08', DATE '2026-03-01'), ('9', NULL)",
            "2026-03-02",
        ),
        (
            "INTEGER",
            "DATETIME",
            "(7, DATETIME '2026-03-02 10:11:12'), (8, DATETIME '2026-03-01 00:00:00'), (9, NULL)",
            "2026-03-02T10:11:12Z",
        ),
        (
            "INTEGER",
            "TIMESTAMP",
            "(7, TIMESTAMP '2026-03-02 10:11:12.5+00'), (8, TIMESTAMP '2026-03-01 00:00:00+00'), \
             (9, NULL)",
            "2026-03-02T10:11:12.5Z",
        ),
    ] {
        let name = format!("sandbox-project.d_{}.calls", random::name());
        let source = source(&endpoint, &name, None);
        table(&source, id_type, start_type, rows).await;
        let second = if id_type == "STRING" { "08" } else { "8" };
        let expected = [
            contact("7", newest),
            contact(second, "2026-03-01"),
            contact("9", ""),
        ];
        conformance::contact_source::contact_source(&source, &expected).await;
    }
}

#[tokio::test]
async fn calls_that_are_tracked_are_not_listed_again() {
    let Some((_emulator, endpoint)) = emulator("leaving out tracked calls of BigQuery") else {
        return;
    };
    let dataset = format!("sandbox-project.d_{}", random::name());
    let tracking = format!("{dataset}.tracking");
    let source = source(&endpoint, &format!("{dataset}.calls"), Some(&tracking));
    let rows = "(1, DATE '2026-03-01'), (2, DATE '2026-03-02'), (3, DATE '2026-03-03'), (4, NULL)";
    table(&source, "INTEGER", "DATE", rows).await;
    let sql = format!(
        "CREATE TABLE {} AS SELECT '1' AS contactId, TIMESTAMP '2026-03-01 00:00:00+00' AS \
         call_started_at UNION ALL SELECT '2', NULL UNION ALL SELECT '4', NULL",
        source.tracking.as_ref().unwrap().quoted()
    );
    source
        .bigquery
        .rows(&Statement::new(sql), "tracking calls")
        .await
        .unwrap();
    let page = source.list(&ContactQuery::default(), None).await.unwrap();
    // The start of 2 was not known.
    assert_eq!(
        page.contacts,
        [contact("3", "2026-03-03"), contact("2", "2026-03-02")]
    );
}

#[tokio::test]
async fn a_list_goes_on_from_its_cursor_and_tells_of_what_is_no_contact() {
    let page = |rows: &[(&str, &str)], token: Option<&str>| {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(id, start)| json!({"f": [{"v": id}, {"v": start}]}))
            .collect();
        json!({
            "jobComplete": true,
            "jobReference": {"projectId": "p", "jobId": "job-1", "location": "EU"},
            "schema": {"fields": [{"name": "contact_id", "type": "STRING"},
                {"name": "start_date", "type": "STRING"}]},
            "rows": rows,
            "pageToken": token,
        })
    };
    let schema = json!({"schema": {"fields": [{"name": "MasterContactId", "type": "STRING"}]}});
    let (script, endpoint) = Script::serve(vec![
        (200, schema),
        (
            200,
            page(
                &[("1", "2026-03-02"), (" ", "2026-03-01"), ("2", "soon")],
                Some("t/2"),
            ),
        ),
        (200, page(&[("3", "2026-03-01")], None)),
    ])
    .await;
    let source = source(&endpoint, "d.calls", Some("p.d.tracking"));
    let query = ContactQuery::since("2026-03-01".parse().ok());
    let first = source.list(&query, None).await.unwrap();
    assert_eq!(
        first.contacts,
        [contact("1", "2026-03-02"), contact("2", "")]
    );
    let problems: Vec<&str> = first
        .problems
        .iter()
        .map(|problem| problem.problem.as_str())
        .collect();
    assert!(
        problems[0].contains("blank") && problems[1].contains("soon"),
        "{problems:?}"
    );
    let last = source.list(&query, first.next).await.unwrap();
    assert_eq!(
        (last.contacts, last.next),
        (vec![contact("3", "2026-03-01")], None)
    );
    let asked = script.asked();
    let body = asked[1].json();
    let sql = body["query"].as_str().unwrap();
    assert!(sql.contains("LEFT JOIN `p`.`d`.`tracking`"), "{sql}");
    assert_eq!(
        body["queryParameters"][0]["parameterValue"]["value"],
        "2026-03-01"
    );
    assert!(sql.contains("listed.`masterContactId`"), "{sql}");
    assert!(
        asked[2].query.contains("pageToken=t%2F2"),
        "{}",
        asked[2].query
    );
}

#[test]
fn a_column_cannot_leave_its_quotes() {
    let config = BigQueryContactsConfig {
        contact_id_column: "a` FROM x --".into(),
        ..BigQueryContactsConfig::default()
    };
    assert!(config.columns().is_err());
}
