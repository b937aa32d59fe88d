//! Gemini on Vertex AI, and Google's sign-in beside it.

mod answer;
mod errors;
mod models;
mod sign_in;
mod spoil;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

use super::contacts_heard_in;
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::google_account;
use crate::journal::{Bill, OpenEntry, System};
use crate::options::CREDENTIALS;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};

/// The path of one request.
#[derive(Debug)]
struct Target {
    project: String,
    location: String,
    model: String,
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let generate = "/v1/projects/{project}/locations/{location}/publishers/google/models/{method}";
    Router::new()
        .route(generate, post(generate_content))
        .route("/token", post(sign_in::token))
        .route(
            "/computeMetadata/v1/instance/service-accounts/default/token",
            get(sign_in::metadata_token),
        )
        .route(
            "/computeMetadata/v1/instance/service-accounts/default/email",
            get(sign_in::metadata_email),
        )
        .route(
            "/v1/projects/-/serviceAccounts/{method}",
            post(sign_in::sign_blob),
        )
        .with_state(shared)
}

async fn generate_content(
    State(shared): State<Arc<Shared>>,
    Path((project, location, method)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut open = shared.open(System::Gemini, "generateContent");
    let _in_flight = shared.journal.enter(System::Gemini);
    open.entry.sha256 = Some(crate::chance::sha256_hex(&body));
    let Some(model) = method.strip_suffix(":generateContent") else {
        return file(
            open,
            errors::not_found(&format!("Method {method} not found.")),
        );
    };
    open.entry.model = Some(model.to_owned());
    let target = Target {
        project,
        location,
        model: model.to_owned(),
    };
    let answer = match admit(&shared, &headers, &target, &body) {
        Ok(request) => generate(&shared, &target, &request, &mut open).await,
        Err(refusal) => *refusal,
    };
    file(open, answer)
}

async fn generate(
    shared: &Shared,
    target: &Target,
    request: &Value,
    open: &mut OpenEntry,
) -> Response {
    let prompt = prompt_text(request);
    let call_id = shared.recogniser.recognise(&prompt).map(str::to_owned);
    let contacts = contacts_heard_in(shared, call_id.as_deref());
    open.entry.call_id.clone_from(&call_id);
    if let [only] = contacts[..] {
        open.entry.contact_id = Some(only.to_owned());
    }
    let key = call_id
        .clone()
        .or_else(|| open.entry.sha256.clone())
        .unwrap_or_default();
    let subject = Subject {
        contacts,
        call: call_id.as_deref(),
        model: &target.model,
        key: &key,
    };
    let fault = shared.strike(Point::Generate, &subject, open);
    if let Some(answer) = fault
        .as_ref()
        .and_then(|fault| errors::of_fault(fault, target))
    {
        return answer;
    }
    let call = call_id
        .as_deref()
        .and_then(|id| shared.world.corpus().call(id));
    let generated = answer::answer(shared, request, target, call, fault.as_ref());
    open.entry.bill = Some(Bill::Tokens {
        input: generated.input_tokens,
        output: generated.output_tokens,
    });
    shared.pause(shared.options.latencies.gemini, &key).await;
    sent(&generated.body, fault.as_ref()).await
}

async fn sent(body: &Value, fault: Option<&Fault>) -> Response {
    match fault {
        Some(fault) if fault.kind == FaultKind::GeminiCutReply => {
            reply::cut("application/json", &Bytes::from(body.to_string()), true)
        }
        Some(fault) if fault.kind == FaultKind::GeminiSlow => {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
            reply::json(200, body)
        }
        _ => reply::json(200, body),
    }
}

fn admit(
    shared: &Shared,
    headers: &HeaderMap,
    target: &Target,
    body: &[u8],
) -> Result<Value, Refusal> {
    let token = reply::bearer(headers);
    let is_good = |token: &str| {
        token == CREDENTIALS.google_access_token
            || shared.tokens.is_good(token, shared.now())
            || google_account::is_own_token(token, shared.now())
    };
    if !token.is_some_and(is_good) {
        return Err(Box::new(errors::unauthenticated()));
    }
    if target.project != CREDENTIALS.google_project {
        return Err(Box::new(errors::permission_denied(target)));
    }
    if !models::is_served(
        &target.model,
        &target.location,
        &shared.options.gemini_retired_models,
    ) {
        return Err(Box::new(errors::model_not_found(target)));
    }
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| errors::refuse("Invalid JSON payload received."))?;
    validate::validate(&request, &target.model).map_err(|text| errors::refuse(&text))?;
    Ok(request)
}

/// All text of the request's contents.
fn prompt_text(request: &Value) -> String {
    let contents = request["contents"].as_array().into_iter().flatten();
    let parts = contents.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}
