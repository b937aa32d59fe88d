//! The suite of the contract on goccy's emulator, and what is BigQuery's alone. What needs the
//! emulator is left out where there is none, and says so.
//!
//! Where the emulator (v0.8.1) differs from BigQuery: it takes a `MERGE` from a table only, not from
//! a query, which is one reason for staging tables; it gives no counts of changed rows; it does not
//! keep to `maxResults`.

use std::collections::HashSet;
use std::sync::Arc;

use callpipe_core::call::parse_start;
use callpipe_core::conformance;
use callpipe_core::contracts::warehouse::{Change, ClassifiedCall};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{Stage, Status};
use serde_json::{Value, json};

use super::*;
use crate::bigquery::testing::{Script, clock, emulator};
use crate::http::Endpoint;
use crate::random;

mod adopted;
mod copied;

const BASE_URI: &str = "gs://bucket";

fn now() -> DateTime<Utc> {
    clock().now()
}

/// A dataset of its own for each test.
fn config(endpoint: &Endpoint) -> BigQueryConfig {
    BigQueryConfig {
        project: Some("sandbox-project".into()),
        dataset: format!("d_{}", random::name()),
        endpoint: Some(endpoint.clone()),
        ..BigQueryConfig::default()
    }
}

fn open(config: &BigQueryConfig) -> BigQueryWarehouse {
    let identity = Identity::anonymous();
    BigQueryWarehouse::new(config, BASE_URI.into(), &identity, clock(), 1).unwrap()
}

fn contact(id: &str, start: &str) -> Contact {
    Contact::new(ContactId::parse(id).unwrap(), parse_start(start))
}

fn query(stage: Stage, limit: usize) -> PendingQuery {
    let scope = Scope::of(stage);
    PendingQuery {
        scope,
        now: now(),
        limit,
        in_hand: HashSet::new(),
    }
}

fn ids(calls: &[PendingCall]) -> Vec<&str> {
    calls.iter().map(|call| call.contact.id.as_str()).collect()
}

impl BigQueryWarehouse {
    /// Runs any statement and gives its rows, each as JSON.
    async fn ask(&self, sql: &str) -> Vec<Value> {
        let sql = sql
            .replace("{tracking}", &self.tracking.quoted())
            .replace("{classifications}", &self.classifications.quoted());
        let rows = self.bigquery.rows(&Statement::new(sql), "testing").await;
        rows.unwrap().iter().map(Row::by_column).collect()
    }
}

/// Forgets its mirror before each question, so that everything that is read comes from the tables.
struct WithoutMirror(BigQueryWarehouse);

impl WithoutMirror {
    async fn fresh(&self) -> &BigQueryWarehouse {
        *self.0.mirror.lock().await = None;
        &self.0
    }
}

#[async_trait]
impl Warehouse for WithoutMirror {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    async fn check(&self) -> Outside<CheckReport> {
        self.fresh().await.check().await
    }
    async fn prepare(&self, taxonomy: &Taxonomy) -> Outside<()> {
        self.fresh().await.prepare(taxonomy).await
    }
    async fn add_contacts(&self, contacts: &[Contact], now: DateTime<Utc>) -> Outside<u64> {
        self.fresh().await.add_contacts(contacts, now).await
    }
    async fn pending(&self, query: &PendingQuery) -> Outside<Vec<PendingCall>> {
        self.fresh().await.pending(query).await
    }
    async fn next_ready_at(&self, scope: &Scope) -> Outside<Option<DateTime<Utc>>> {
        self.fresh().await.next_ready_at(scope).await
    }
    async fn ready_count(&self, scope: &Scope, now: DateTime<Utc>) -> Outside<u64> {
        self.fresh().await.ready_count(scope, now).await
    }
    fn batching(&self) -> Batching {
        self.0.batching()
    }
    async fn save(&self, outcomes: &[Arc<Outcome>]) -> Outside<()> {
        self.fresh().await.save(outcomes).await
    }
    async fn summary(&self, now: DateTime<Utc>) -> Outside<Summary> {
        self.fresh().await.summary(now).await
    }
    async fn list(&self, filter: &CallFilter) -> Outside<Vec<CallRow>> {
        self.fresh().await.list(filter).await
    }
    async fn find(&self, contact_id: &ContactId) -> Outside<Option<CallDetails>> {
        self.fresh().await.find(contact_id).await
    }
    async fn progress(&self, filter: &CallFilter) -> Outside<Vec<PendingCall>> {
        self.fresh().await.progress(filter).await
    }
    async fn export_page(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        let warehouse = self.fresh().await;
        warehouse.export_page(filter, after, rows_max).await
    }
    async fn value_counts(&self, field: &str) -> Outside<Vec<ValueCount>> {
        self.fresh().await.value_counts(field).await
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let Some((_emulator, endpoint)) = emulator("the suite of the warehouse on BigQuery") else {
        return;
    };
    conformance::warehouse::warehouse(&open(&config(&endpoint))).await;
}

#[tokio::test]
async fn it_keeps_the_contract_by_its_tables_alone() {
    let Some((_emulator, endpoint)) =
        emulator("the suite of the warehouse on BigQuery, without its mirror")
    else {
        return;
    };
    conformance::warehouse::warehouse(&WithoutMirror(open(&config(&endpoint)))).await;
}

#[tokio::test]
async fn values_have_the_types_of_the_baseline() {
    let Some((_emulator, endpoint)) = emulator("the types of BigQuery's columns") else {
        return;
    };
    let warehouse = open(&config(&endpoint));
    warehouse.prepare(&Taxonomy::built_in()).await.unwrap();
    let contact = contact("typed-1", "2026-03-02T08:00:00+11:00");
    let answer = json!({
        "call_type": ["order_support"], "sale_result": "not_sales_call",
        "product_family": "other", "product_category_detail": ["other"], "agent_name": "Zoë",
        "delivery_tracking": {"carrier": "startrack", "customer_action": "enquiry",
            "reason_for_call": ["late_delivery"]},
        "problems_detected": [], "escalation_actions": ["none"],
        "confidence_scores": {"call_type_confidence": 0.5, "sale_result_confidence": 0.75,
            "product_classification_confidence": 0.25, "overall_confidence": 0.625},
    });
    let taxonomy = Taxonomy::built_in();
    let labels = delivery_answer(&taxonomy, answer);
    let progress = CallProgress {
        stage: Stage::Classify,
        status: Status::Done,
        ..CallProgress::new(contact.id.clone())
    };
    let call = ClassifiedCall {
        classification: labels,
        conversation: "Agent: Hello.".into(),
        reply_key: callpipe_core::recording::ArchiveKey::file("x"),
        analysis: None,
    };
    let outcome = Outcome {
        contact,
        progress,
        change: Change::Classified(Box::new(call)),
        at: now(),
    };
    warehouse.save(&[Arc::new(outcome)]).await.unwrap();
    let rows = warehouse
        .ask(
            "SELECT delivery_tracking.carrier, confidence_scores.overall_confidence AS score, \
             call_type[OFFSET(0)] AS type, FORMAT_DATE('%F', call_date) AS day \
             FROM {classifications}",
        )
        .await;
    assert_eq!(rows[0]["type"], "order_support");
    assert_eq!(rows[0]["score"], json!(0.625));
    assert_eq!(rows[0]["day"], "2026-03-02");
    assert!(rows[0]["carrier"].is_string());
}

/// The answer with the labels that the taxonomy offers for the delivery.
fn delivery_answer(
    taxonomy: &Taxonomy,
    mut answer: Value,
) -> callpipe_core::classification::Classification {
    use callpipe_core::taxonomy::Rule;
    let delivery = taxonomy
        .sections
        .iter()
        .find(|section| section.field.as_str() == "delivery_tracking")
        .unwrap();
    let Rule::Group { parts } = &delivery.rule else {
        panic!("not a group");
    };
    for part in parts {
        let value = match &part.rule {
            Rule::Label { labels } => json!(labels[0].value),
            Rule::Labels { labels, .. } => json!([labels[0].value]),
            _ => json!("x"),
        };
        answer["delivery_tracking"][part.field.as_str()] = value;
    }
    callpipe_core::classification::Classification::from_answer(taxonomy, &answer, "m").unwrap()
}

#[tokio::test]
async fn a_thousand_calls_cost_a_handful_of_statements() {
    let calls: Vec<Contact> = (0..1_000)
        .map(|number| contact(&format!("call-{number}"), "2026-03-02"))
        .collect();
    // Known contacts, their staging table with load and merge, and its removal; then what is
    // ready, and saving all of it.
    let rows =
        |columns: Value| json!({"jobComplete": true, "schema": {"fields": columns}, "rows": []});
    let done = json!({"status": {"state": "DONE"}});
    let table = json!({"schema": {"fields": columns::tracking()}});
    let labels = json!({"schema": {"fields":
        columns::classifications(&Taxonomy::built_in()).unwrap()}});
    let nothing = || (200, json!({}));
    let merged = || (200, rows(json!([])));
    let (script, endpoint) = Script::serve(vec![
        (200, rows(json!([]))),
        (200, table),
        (200, labels),
        nothing(),
        (200, json!({"location": "EU"})),
        (200, done.clone()),
        merged(),
        nothing(),
        (200, rows(json!([]))),
        nothing(),
        (200, done),
        merged(),
        nothing(),
    ])
    .await;
    let warehouse = open(&config(&endpoint));
    assert_eq!(warehouse.add_contacts(&calls, now()).await.unwrap(), 1_000);
    // The mirror is read once, empty here; what is saved from then on is known without asking.
    assert!(
        warehouse
            .pending(&query(Stage::Fetch, 20))
            .await
            .unwrap()
            .is_empty()
    );
    let outcomes: Vec<Arc<Outcome>> = calls
        .iter()
        .map(|contact| Outcome {
            contact: contact.clone(),
            progress: CallProgress {
                stage: Stage::Transcribe,
                ..CallProgress::new(contact.id.clone())
            },
            change: Change::Fetched {
                recordings: Vec::new(),
                raw_metadata: None,
            },
            at: now(),
        })
        .map(Arc::new)
        .collect();
    warehouse.save(&outcomes).await.unwrap();
    let pending = warehouse
        .pending(&query(Stage::Transcribe, 9))
        .await
        .unwrap();
    assert_eq!(pending.len(), 9);
    let statements = script
        .asked()
        .iter()
        .filter(|asked| asked.path.ends_with("/queries"))
        .count();
    assert_eq!(statements, 4, "{:?}", script.asked());
}

/// The statement is done, and its answer does not come.
#[tokio::test]
async fn contacts_that_may_have_been_taken_up_are_looked_for() {
    let rows =
        |columns: Value| json!({"jobComplete": true, "schema": {"fields": columns}, "rows": []});
    let labels = columns::classifications(&Taxonomy::built_in()).unwrap();
    let lost = json!({"error": {"errors": [{"reason": "quotaExceeded"}]}});
    let nothing = || (200, json!({}));
    let (script, endpoint) = Script::serve(vec![
        (200, rows(json!([]))),
        (200, rows(json!([]))),
        (200, json!({"schema": {"fields": columns::tracking()}})),
        (200, json!({"schema": {"fields": labels}})),
        nothing(),
        (200, json!({"location": "EU"})),
        (200, json!({"status": {"state": "DONE"}})),
        (403, lost),
        nothing(),
        (200, rows(json!([]))),
    ])
    .await;
    let warehouse = open(&config(&endpoint));
    let fetch = query(Stage::Fetch, 20);
    assert_eq!(warehouse.pending(&fetch).await.unwrap().len(), 0);
    let contacts = [contact("1", "2026-03-02")];
    let failure = warehouse.add_contacts(&contacts, now()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::RateLimited, "{failure:?}");
    let asked = script.asked().len();
    assert_eq!(warehouse.pending(&fetch).await.unwrap().len(), 0);
    assert_eq!(script.asked().len(), asked + 1);
}

#[test]
fn what_is_missing_is_named_with_its_variable() {
    let config = BigQueryConfig::default();
    let failure =
        BigQueryWarehouse::new(&config, BASE_URI.into(), &Identity::anonymous(), clock(), 1)
            .err()
            .unwrap();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.hint.unwrap().contains("GCP_PROJECT_ID"));
    let config = BigQueryConfig {
        project: Some("p".into()),
        classifications_table: "recording_fetch_status".into(),
        ..config
    };
    let twice =
        BigQueryWarehouse::new(&config, BASE_URI.into(), &Identity::anonymous(), clock(), 1);
    assert!(
        twice
            .err()
            .unwrap()
            .chain()
            .contains("recording_fetch_status")
    );
}

#[tokio::test]
async fn an_export_asks_once_and_turns_the_pages_of_one_result() {
    let fields = json!([
        {"name": "contactId", "type": "STRING"}, {"name": "stage", "type": "STRING"},
        {"name": "stage_status", "type": "STRING"},
        {"name": "classification", "type": "RECORD", "fields": [
            {"name": "contactId", "type": "STRING"}, {"name": "call_type", "type": "STRING",
             "mode": "REPEATED"}, {"name": "llm_model", "type": "STRING"}]},
    ]);
    let row = |id: &str, labels: Value| json!({"f": [{"v": id}, {"v": "classify"}, {"v": "done"}, {"v": {"f": labels}}]});
    let job = json!({"projectId": "p", "jobId": "j", "location": "EU"});
    let page = |row: Value, token: Value| {
        json!({"jobComplete": true, "jobReference": job, "schema": {"fields": fields},
            "rows": [row], "pageToken": token})
    };
    let labelled = json!([{"v": "1"}, {"v": [{"v": "complaint"}]}, {"v": "gemini"}]);
    let (script, endpoint) = Script::serve(vec![
        (200, json!({"schema": {"fields": columns::tracking()}})),
        (
            200,
            json!({"schema": {"fields": [{"name": "contactId", "type": "STRING"}]}}),
        ),
        (200, page(row("1", labelled), json!("next"))),
        (
            200,
            page(
                row("2", json!([{"v": null}, {"v": []}, {"v": null}])),
                Value::Null,
            ),
        ),
    ])
    .await;
    let warehouse = open(&config(&endpoint));
    let filter = CallFilter {
        status: Some("done".into()),
        ..CallFilter::default()
    };
    let first = warehouse.export_page(&filter, None, 1).await.unwrap();
    let second = warehouse
        .export_page(&filter, first.next.as_ref(), 1)
        .await
        .unwrap();
    assert_eq!(second.next, None);
    let labels = first.calls[0].labels.as_ref().unwrap();
    assert_eq!(labels.values.get("call_type"), Some(&json!(["complaint"])));
    assert_eq!(labels.model.as_deref(), Some("gemini"));
    assert_eq!(second.calls[0].contact.id.as_str(), "2");
    assert_eq!(
        second.calls[0].labels, None,
        "a call without labels has none"
    );
    let asked = script.asked();
    let query = asked[2].json();
    assert_eq!((&query["maxResults"], asked.len()), (&json!(1), 4));
    let sql = query["query"].as_str().unwrap();
    assert!(!sql.contains("OFFSET") && !sql.contains(" LIMIT "), "{sql}");
    assert!(asked[3].path.ends_with("/queries/j"), "{}", asked[3].path);
    assert!(
        asked[3].query.contains("pageToken=next"),
        "{}",
        asked[3].query
    );
}
