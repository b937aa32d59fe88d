//! What a pull copies, by how far the copy has come.

use serde_json::json;

use super::*;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::minutes(minute)
}

fn copied_to(minute: i64) -> CopyState {
    CopyState {
        source: "a".into(),
        copied_to: Some(at(minute)),
        full_copies: 1,
        unfinished: None,
    }
}

fn begin(known: Option<CopyState>, is_full: bool, now: i64) -> (CopyState, UnfinishedCopy, bool) {
    begun(known, "a".into(), is_full, TimeDelta::minutes(16), at(now)).unwrap()
}

fn page(minutes: &[i64], place: Option<&str>) -> CopiedPage {
    let row = |minute: &i64| json!({"updated_at": at(*minute).to_rfc3339()});
    let rows: Vec<_> = minutes.iter().map(row).collect();
    CopiedPage {
        rows: serde_json::from_value(rows.into()).unwrap(),
        place: place.map(str::to_owned),
        ..CopiedPage::default()
    }
}

#[test]
fn the_first_pull_copies_all_and_the_next_what_has_changed_since_with_an_overlap() {
    let (state, mut copy, goes_on) = begin(None, false, 100);
    assert_eq!((copy.is_full, copy.since, goes_on), (true, None, false));
    assert_eq!(step(&mut copy, &page(&[3, 80], Some("p"))), Next::Page);
    assert_eq!(
        (copy.table, copy.place.as_deref()),
        (CopiedTable::Tracking, Some("p"))
    );
    assert_eq!(step(&mut copy, &page(&[7], None)), Next::Page);
    assert_eq!(
        (copy.table, &copy.place),
        (CopiedTable::Classifications, &None)
    );
    assert_eq!(step(&mut copy, &page(&[], None)), Next::End);
    let state = ended(state, &copy);
    assert_eq!((state.copied_to, state.full_copies), (Some(at(80)), 1));

    let (state, copy, _) = begin(Some(state), false, 200);
    assert_eq!((copy.is_full, copy.since), (false, Some(at(64))));
    // Nothing came: nothing was missed either.
    let state = ended(state, &copy);
    assert_eq!((state.copied_to, state.full_copies), (Some(at(80)), 1));
    let (state, copy, _) = begin(Some(state), true, 300);
    assert_eq!((copy.is_full, copy.since), (true, None));
    assert_eq!(ended(state, &copy).full_copies, 2);
}

#[test]
fn a_clock_that_goes_ahead_hides_nobody_elses_changes() {
    let (state, mut copy, _) = begin(Some(copied_to(50)), false, 100);
    step(&mut copy, &page(&[90, 5_000], None));
    assert_eq!(ended(state, &copy).copied_to, Some(at(100)));
}

#[test]
fn a_pull_that_was_broken_off_goes_on_unless_more_is_asked_for() {
    let (state, mut copy, _) = begin(Some(copied_to(50)), false, 100);
    step(&mut copy, &page(&[60], Some("p")));
    let broken_off = with(&state, &copy);
    let (_, went_on, goes_on) = begin(Some(broken_off.clone()), false, 110);
    assert_eq!((&went_on, goes_on), (&copy, true));
    // The result is gone by then.
    let (_, anew, goes_on) = begin(Some(broken_off.clone()), false, 100 + 20 * 60);
    assert_eq!((anew.since, anew.place, goes_on), (copy.since, None, true));
    let (_, full, goes_on) = begin(Some(broken_off), true, 110);
    assert_eq!((full.is_full, full.copied.calls, goes_on), (true, 0, false));

    let (state, mut copy, _) = begin(Some(copied_to(50)), true, 100);
    step(&mut copy, &page(&[60], Some("p")));
    for is_full in [true, false] {
        let (_, went_on, goes_on) = begin(Some(with(&state, &copy)), is_full, 110);
        assert_eq!(
            (&went_on, goes_on),
            (&copy, true),
            "a full one is ended first"
        );
    }
}

#[test]
fn a_copy_of_other_tables_is_not_mixed_with_these() {
    let known = Some(copied_to(50));
    let failure = begun(known, "b".into(), true, OVERLAP, at(100)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("[browser]"));
}

/// A stand-in of BigQuery that answers one request after the other.
mod scripted {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::extract::{Request, State};
    use axum::response::Response;
    use callpipe_connectors::google::Identity;
    use callpipe_connectors::http::Endpoint;
    use callpipe_connectors::warehouses::bigquery::{BigQueryConfig, BigQueryWarehouse};
    use serde_json::Value;

    use crate::clock::SystemClock;

    type Answers = Arc<Mutex<Vec<Value>>>;

    /// A warehouse whose questions get these answers, and a refusal after the last.
    pub(super) async fn warehouse(answers: Vec<Value>) -> BigQueryWarehouse {
        let answers: Answers = Arc::new(Mutex::new(answers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(answers);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = BigQueryConfig {
            project: Some("p".into()),
            endpoint: Some(Endpoint::parse(&url).unwrap()),
            ..BigQueryConfig::default()
        };
        let (identity, clock) = (Identity::anonymous(), Arc::new(SystemClock));
        BigQueryWarehouse::new(&config, "file:///data".into(), &identity, clock, 1).unwrap()
    }

    async fn answer(State(answers): State<Answers>, request: Request) -> Response {
        let mut answers = answers.lock().unwrap();
        let (status, body) = match answers.is_empty() {
            true => (400, Value::Null),
            false => (200, answers.remove(0)),
        };
        // What a place leads to is known by the place alone.
        let asks_for_next = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("pageToken=next"));
        assert_eq!(body["is_next"] == true, asks_for_next, "{}", request.uri());
        Response::builder()
            .status(status)
            .body(Body::from(body.to_string()))
            .unwrap()
    }
}

fn answered(id: &str, token: Option<&str>, is_next: bool) -> serde_json::Value {
    let micros = at(10).timestamp_micros().to_string();
    json!({"jobComplete": true, "jobReference": {"projectId": "p", "jobId": "j"}, "is_next": is_next,
        "schema": {"fields": [{"name": "contactId", "type": "STRING"},
            {"name": "stage", "type": "STRING"}, {"name": "updated_at", "type": "TIMESTAMP"}]},
        "rows": [{"f": [{"v": id}, {"v": "fetch"}, {"v": micros}]}], "pageToken": token,
        "totalBytesProcessed": "100"})
}

fn schemas() -> Vec<serde_json::Value> {
    let of = |names: &[&str]| {
        let fields = names
            .iter()
            .map(|name| json!({"name": name, "type": "STRING"}));
        json!({"schema": {"fields": fields.collect::<Vec<_>>()}})
    };
    vec![
        of(&["contactId", "stage", "updated_at"]),
        of(&["contactId", "sale_result"]),
    ]
}

fn labelled(id: &str) -> serde_json::Value {
    json!({"jobComplete": true, "schema": {"fields": [{"name": "contactId", "type": "STRING"}]},
        "rows": [{"f": [{"v": id}]}], "totalBytesProcessed": "10"})
}

#[tokio::test]
async fn what_was_broken_off_in_the_middle_is_not_paid_for_again() {
    use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
    use callpipe_core::contracts::warehouse::{CallFilter, Warehouse as _};
    use callpipe_core::taxonomy::Taxonomy;

    let directory = tempfile::tempdir().unwrap();
    let config = SqliteConfig {
        path: directory.path().join("callpipe.db"),
        ..SqliteConfig::default()
    };
    let to = SqliteWarehouse::open(config, "file:///data".into()).unwrap();
    to.prepare(&Taxonomy::built_in()).await.unwrap();
    let pull = |from| Pull {
        from,
        to: &to,
        save_delay: TimeDelta::minutes(1),
        count: Count::default(),
    };
    let stop = Stop::default();
    // The second page is refused.
    let from =
        scripted::warehouse([schemas(), vec![answered("a", Some("next"), false)]].concat()).await;
    let begun = pull(&from).begin(false, at(20)).await.unwrap();
    assert!(pull(&from).run(begun, &stop).await.is_err());

    let answers = vec![answered("b", None, true), labelled("a")];
    let answers = [answers, schemas()].concat();
    // The page needs no schema, the query for the labels does.
    let [second, labels, tracking, classifications] = answers.try_into().unwrap();
    let from = scripted::warehouse(vec![second, tracking, classifications, labels]).await;
    let begun = pull(&from).begin(false, at(30)).await.unwrap();
    let pulled = pull(&from).run(begun, &stop).await.unwrap().unwrap();
    assert_eq!(
        (pulled.calls, pulled.classifications, pulled.bytes_processed),
        (2, 1, 110)
    );
    assert_eq!((pulled.went_on, pulled.copied_to), (true, Some(at(10))));
    let calls = to
        .export_page(&CallFilter::default(), None, 9)
        .await
        .unwrap()
        .calls;
    assert_eq!(calls.len(), 2);
    assert_eq!(to.copy_state().await.unwrap().unwrap().unfinished, None);

    // A result that is gone is asked for anew; and a stop leaves what has come.
    let begin = pull(&from).begin(true, at(40)).await.unwrap();
    let mut copy = begin.copy.clone();
    copy.place =
        Some(json!({"job": {"projectId": "p", "jobId": "gone"}, "page_token": "gone"}).to_string());
    to.begin_copy(&with(&begin.state, &copy)).await.unwrap();
    drop(begin);
    let gone = json!({"jobComplete": true, "rows": [{"f": []}]});
    let answers = [
        vec![gone],
        schemas(),
        vec![answered("a", None, false), labelled("a")],
    ]
    .concat();
    let from = scripted::warehouse(answers).await;
    let begun = pull(&from).begin(false, at(41)).await.unwrap();
    let pulled = pull(&from).run(begun, &stop).await.unwrap().unwrap();
    assert_eq!((pulled.calls, pulled.removed, pulled.is_full), (1, 1, true));
    stop.ask();
    let begun = pull(&from).begin(false, at(42)).await.unwrap();
    assert_eq!(pull(&from).run(begun, &stop).await.unwrap(), None);
}
