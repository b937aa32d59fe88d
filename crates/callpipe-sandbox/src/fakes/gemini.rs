//! Gemini on Vertex AI, and Google's sign-in beside it.

mod answer;
mod errors;
mod models;
mod sign_in;
mod spoil;
mod validate;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

use super::model::About;
use crate::faults::{FaultKind, Point};
use crate::google_account;
use crate::journal::{OpenEntry, System};
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
    let about = About::new(shared, &prompt_text(request), open);
    let subject = about.subject(&target.model);
    let fault = shared.strike(Point::Generate, &subject, open);
    if let Some(answer) = fault
        .as_ref()
        .and_then(|fault| errors::of_fault(fault, target))
    {
        return answer;
    }
    let answer = answer::answer(shared, request, target, about.call, fault.as_ref());
    open.entry.bill = Some(answer.bill());
    let latency = shared.options.latencies.gemini;
    shared.pause(latency, &about.key).await;
    let (cut, slow) = (FaultKind::GeminiCutReply, FaultKind::GeminiSlow);
    answer.sent(fault.as_ref(), cut, slow).await
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
