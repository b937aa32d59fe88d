//! Routes for tests that run in another process: read the journal, arm and disarm faults.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::reply;
use crate::shared::Shared;

/// Lives on the port of the CXone fake.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sandbox/journal", get(journal).delete(clear_journal))
        .route("/_sandbox/summary", get(summary))
        .route(
            "/_sandbox/faults",
            get(list_faults).post(arm_faults).delete(disarm_faults),
        )
        .route("/_sandbox/contacts.csv", get(contacts))
}

async fn journal(State(shared): State<Arc<Shared>>) -> Response {
    reply::reply(200, "application/x-ndjson", shared.journal.to_json_lines())
}

async fn clear_journal(State(shared): State<Arc<Shared>>) -> Response {
    shared.journal.clear();
    reply::json(200, &json!({}))
}

async fn summary(State(shared): State<Arc<Shared>>) -> Response {
    let summary = json!({
        "maxima": shared.journal.maxima(),
        "violations": shared.journal.violations(),
        "purchases": shared.journal.purchases(),
    });
    reply::json(200, &summary)
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Response {
    let armed = shared.faults.armed();
    let armed: Vec<Value> = armed
        .iter()
        .map(|(fault, struck)| json!({ "fault": fault.to_string(), "struck": struck }))
        .collect();
    let known: Vec<Value> = Fault::list()
        .map(|(name, about)| json!({ "name": name, "about": about }))
        .collect();
    reply::json(200, &json!({ "armed": armed, "known": known }))
}

/// One fault a line; all or none are armed.
async fn arm_faults(State(shared): State<Arc<Shared>>, text: String) -> Response {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let faults: Result<Vec<Fault>, _> = lines.map(Fault::parse).collect();
    match faults {
        Ok(faults) => {
            let count = faults.len();
            for fault in faults {
                shared.faults.arm(fault);
            }
            reply::json(200, &json!({ "armed": count }))
        }
        Err(error) => reply::json(400, &json!({ "message": error.to_string() })),
    }
}

async fn disarm_faults(State(shared): State<Arc<Shared>>) -> Response {
    shared.faults.disarm_all();
    reply::json(200, &json!({}))
}

async fn contacts(State(shared): State<Arc<Shared>>) -> Response {
    reply::reply(200, "text/csv; charset=utf-8", shared.world.contacts_csv())
}
