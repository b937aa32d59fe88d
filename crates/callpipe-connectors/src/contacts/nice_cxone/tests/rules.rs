//! The rules that need no network: what a row is, where a list goes on, which period is next.

use callpipe_core::contracts::contact_source::{ContactQuery, Cursor};
use callpipe_core::failure::{FailureKind, Outside};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::super::ContactsConfig;
use super::super::map::{self, Rows};
use super::super::position::Position;

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn position() -> Position {
    Position {
        oldest: moment("2026-10-01T00:00:00Z"),
        end: moment("2026-11-20T10:00:00Z"),
        days: 30,
        skip: 4,
        sorted: true,
    }
}

fn read(answer: &Value, only_logged: bool) -> Outside<Rows> {
    map::rows(
        answer.to_string().as_bytes(),
        &position(),
        only_logged,
        "asking",
    )
}

fn rows(rows: &Value) -> Rows {
    read(&json!({ "completedContacts": rows }), false).unwrap()
}

#[test]
fn both_generations_of_names_are_read_in_both_envelopes() {
    let new = json!({ "contactId": 600, "masterContactId": 500,
        "contactStartDate": "2026-11-19T08:00:00.000Z", "fromAddress": "+61491570156" });
    let old = json!({ "contactId": "600", "masterContactId": "500",
        "contactStart": "2026-11-19T08:00:00.000Z", "fromAddr": "+61491570156" });
    for row in [&new, &old] {
        let report = json!({ "completedContacts": [row], "totalRecords": 1 });
        for answer in [report.clone(), json!({ "resultSet": report })] {
            let rows = read(&answer, false).unwrap();
            let contact = &rows.contacts[0];
            assert_eq!(contact.id.as_str(), "600");
            assert_eq!(contact.master_id.as_ref().unwrap().as_str(), "500");
            assert_eq!(
                contact.started_at_utc(),
                Some(moment("2026-11-19T08:00:00Z"))
            );
            assert_eq!((rows.count, rows.total), (1, Some(1)));
        }
    }
    assert_eq!(
        rows(&json!([new])).contacts[0].metadata["fromAddress"],
        "+61491570156"
    );
    assert_eq!(
        rows(&json!([old])).contacts[0].metadata["fromAddr"],
        "+61491570156"
    );
}

#[test]
fn a_master_that_is_none_is_none() {
    for none in [
        json!(0),
        json!("0"),
        json!(null),
        json!(""),
        json!(600),
        json!("600"),
        json!([]),
    ] {
        let rows = rows(&json!([{ "contactId": 600, "masterContactId": none }]));
        assert_eq!(rows.contacts[0].master_id, None, "{none}");
    }
}

#[test]
fn everything_else_of_a_contact_is_kept_under_the_vendors_names() {
    let row = json!({ "contactId": 600, "masterContactId": 1, "contactStartDate": "2026-11-19",
        "agentId": 7, "tags": [{ "tagId": 1 }], "skillName": null, "isLogged": true });
    let metadata = Value::Object(rows(&json!([row])).contacts[0].metadata.clone());
    assert_eq!(
        metadata,
        json!({ "agentId": 7, "tags": [{ "tagId": 1 }], "isLogged": true })
    );
    let unreadable = rows(&json!([{ "contactId": 600, "contactStart": "yesterday" }]));
    assert_eq!(unreadable.contacts[0].started_at, None);
    assert_eq!(unreadable.contacts[0].metadata["contactStart"], "yesterday");
}

#[test]
fn rows_that_are_no_contacts_are_told_by_their_place_alone() {
    let phone = "+61491570156";
    let rows = rows(&json!([
        { "contactId": 1 }, null, { "fromAddress": phone }, { "contactId": 0 },
        { "contactId": -5 }, { "contactId": format!("{phone}\n1") }, [1],
    ]));
    assert_eq!(rows.contacts.len(), 1);
    assert_eq!(rows.count, 7);
    let places: Vec<&str> = rows.problems.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(
        places[0],
        "CXone's completed contacts of 2026-10-21 to 2026-11-20, number 6"
    );
    assert_eq!(places.len(), 6);
    assert!(!format!("{:?}", rows.problems).contains(phone));
}

#[test]
fn a_page_is_newest_first_whatever_the_vendor_made_of_our_wish() {
    let rows = rows(&json!([
        { "contactId": 1, "contactStartDate": "2026-11-19T08:00:00Z" },
        { "contactId": 2 },
        { "contactId": 3, "contactStartDate": "2026-11-19T09:00:00Z" },
        { "contactId": 4, "contactStartDate": "2026-11-19T08:00:00Z" },
    ]));
    let ids: Vec<&str> = rows
        .contacts
        .iter()
        .map(|contact| contact.id.as_str())
        .collect();
    assert_eq!(ids, ["3", "1", "4", "2"]);
}

#[test]
fn contacts_that_were_not_logged_are_left_out_only_on_demand() {
    let answer = json!({ "completedContacts": [
        { "contactId": 1, "isLogged": true }, { "contactId": 2, "isLogged": false },
        { "contactId": 3 },
    ] });
    assert_eq!(read(&answer, false).unwrap().contacts.len(), 3);
    let logged = read(&answer, true).unwrap();
    assert_eq!(
        (logged.contacts.len(), logged.count, logged.problems.len()),
        (2, 3, 0)
    );
}

#[test]
fn what_is_no_report_is_worth_another_attempt() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"message":"x"}"#,
        r#"{"completedContacts":7}"#,
    ] {
        let failure = map::rows(body.as_bytes(), &position(), false, "asking").unwrap_err();
        assert_eq!(failure.kind, FailureKind::CorruptTransfer, "{body}");
    }
    assert_eq!(rows(&json!(null)), Rows::default());
}

#[test]
fn a_period_goes_on_until_its_last_link_its_total_or_a_page_without_rows() {
    let goes_on = |count, total, links: Value| {
        let rows: Vec<Value> = (1..=count).map(|id| json!({ "contactId": id })).collect();
        let answer = json!({ "completedContacts": rows, "totalRecords": total, "_links": links });
        read(&answer, false).unwrap().has_more(&position(), 3)
    };
    let (next, last) = (
        json!({ "next": "https://h/?skip=7" }),
        json!({ "next": null }),
    );
    // Four were read before.
    assert!(goes_on(3, json!(8), next.clone()));
    assert!(!goes_on(3, json!(7), next.clone()));
    assert!(!goes_on(3, json!(8), last.clone()));
    assert!(!goes_on(0, json!(8), next.clone()));
    assert!(goes_on(1, json!(null), next));
    assert!(!goes_on(3, json!(null), last));
    assert!(goes_on(1, json!(8), json!(null)));
    assert!(goes_on(3, json!(null), json!(null)));
    assert!(!goes_on(2, json!(null), json!(null)));
}

#[test]
fn a_list_begins_at_the_later_of_the_dates_that_bound_it() {
    let now = moment("2026-11-20T10:00:00Z");
    let first = |from: Option<&str>, to: Option<&str>, since: Option<&str>| {
        let config = ContactsConfig {
            from: from.map(date),
            to: to.map(date),
            ..ContactsConfig::default()
        };
        let query = ContactQuery::since(since.map(date));
        let first = Position::first(&config, &query, now)?;
        Some((first.oldest.to_rfc3339(), first.end.to_rfc3339()))
    };
    let bounds =
        |oldest: &str, end: &str| Some((format!("{oldest}+00:00"), format!("{end}+00:00")));
    let today = "2026-11-20T10:00:00";
    assert_eq!(
        first(None, None, None),
        bounds("2026-10-21T00:00:00", today)
    );
    assert_eq!(
        first(None, None, Some("2025-01-01")),
        bounds("2025-01-01T00:00:00", today)
    );
    assert_eq!(
        first(Some("2026-02-01"), Some("2026-02-28"), Some("2026-01-01")),
        bounds("2026-02-01T00:00:00", "2026-02-28T23:59:59.999")
    );
    assert_eq!(
        first(Some("2026-02-01"), Some("2026-12-31"), Some("2026-03-01")),
        bounds("2026-03-01T00:00:00", today)
    );
    assert_eq!(first(Some("2026-12-01"), None, None), None);
}

#[test]
fn periods_go_back_without_a_gap_to_the_first_day() {
    // Bounded, so that a list without an end fails here instead of filling the memory.
    let periods = std::iter::successors(Some(position()), Position::older).take(9);
    let periods: Vec<_> = periods
        .map(|position| (position.start().to_rfc3339(), position.end.to_rfc3339()))
        .collect();
    let period = |start: &str, end: &str| (format!("{start}+00:00"), format!("{end}+00:00"));
    assert_eq!(
        periods,
        [
            period("2026-10-21T10:00:00", "2026-11-20T10:00:00"),
            period("2026-10-01T00:00:00", "2026-10-21T10:00:00"),
        ]
    );
    assert_eq!(position().older().unwrap().skip, 0);
}

#[test]
fn a_refused_period_is_halved_down_to_a_day_and_begun_again() {
    let refused = std::iter::successors(Some(position()), Position::shorter).take(9);
    let days: Vec<_> = refused
        .map(|position| (position.days, position.skip))
        .collect();
    assert_eq!(days, [(30, 4), (15, 0), (7, 0), (3, 0), (1, 0)]);
    // The last period is shorter than its name: half of what it is, is asked for.
    let last = Position {
        oldest: moment("2026-11-10T10:00:00Z"),
        ..position()
    };
    assert_eq!(last.shorter().unwrap().days, 5);
}

#[test]
fn a_cursor_reads_back_and_a_foreign_one_does_not() {
    let cursor = position().cursor().unwrap();
    assert_eq!(Position::resume(&cursor).unwrap(), position());
    let foreign = Position::resume(&Cursor("contacts.csv:17".to_owned()));
    assert_eq!(foreign.unwrap_err().kind, FailureKind::Bug);
}

#[test]
fn a_table_takes_plain_keys_and_refuses_unknown_ones() {
    let table = json!({ "issuer": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b",
        "access_key_id": "c", "access_key_secret": "d", "from": "2026-03-01" });
    let config: ContactsConfig = serde_json::from_value(table).unwrap();
    assert_eq!(config.account().client_secret.unwrap().expose(), "b");
    assert_eq!(config.from, Some(date("2026-03-01")));
    assert_eq!(
        (config.api_version, config.page_size, config.media_type_id),
        (34, 1000, 4)
    );
    assert!(!config.only_logged);
    for wrong in [json!({ "until": "2026-03-01" }), json!({ "to": "March" })] {
        assert!(
            serde_json::from_value::<ContactsConfig>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}
