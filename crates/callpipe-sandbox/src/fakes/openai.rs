//! A server with OpenAI's chat-completions API.

mod answer;
mod errors;
mod validate;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::model::About;
use crate::faults::{FaultKind, Point};
use crate::journal::{OpenEntry, System};
use crate::options::CREDENTIALS;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/models", get(models))
        .fallback(unknown_url)
        .with_state(shared)
}

async fn chat_completions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut open = shared.open(System::OpenAi, "chat/completions");
    let _in_flight = shared.journal.enter(System::OpenAi);
    open.entry.sha256 = Some(crate::chance::sha256_hex(&body));
    let answer = match admit(&shared, &headers, &body) {
        Ok(request) => complete(&shared, &request, &mut open).await,
        Err(refusal) => *refusal,
    };
    file(open, answer)
}

async fn models(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let open = shared.open(System::OpenAi, "models");
    let answer = match has_key(&headers) {
        true => {
            let models = shared.options.openai_models.iter();
            let models: Vec<Value> = models
                .map(|id| json!({ "id": id, "object": "model", "created": 1_790_000_000, "owned_by": "sandbox" }))
                .collect();
            reply::json(200, &json!({ "object": "list", "data": models }))
        }
        false => errors::invalid_key(),
    };
    file(open, answer)
}

async fn unknown_url() -> Response {
    errors::unknown_url()
}

async fn complete(shared: &Shared, request: &Value, open: &mut OpenEntry) -> Response {
    let about = About::new(shared, &prompt_text(request), open);
    let model = request["model"].as_str().unwrap_or_default();
    let subject = about.subject(model);
    let fault = points(request).find_map(|point| shared.strike(point, &subject, open));
    let refusal = fault
        .as_ref()
        .and_then(|fault| errors::of_fault(fault, model));
    if let Some(answer) = refusal {
        return answer;
    }
    let answer = answer::answer(shared, request, about.call, fault.as_ref());
    open.entry.bill = Some(answer.bill());
    let latency = shared.options.latencies.openai;
    shared.pause(latency, &about.key).await;
    let (cut, slow) = (FaultKind::OpenAiCutReply, FaultKind::OpenAiSlow);
    answer.sent(fault.as_ref(), cut, slow).await
}

fn admit(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    if !has_key(headers) {
        return Err(Box::new(errors::invalid_key()));
    }
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| errors::refuse("", "We could not parse the JSON body of your request."))?;
    validate::validate(&request)?;
    let model = request["model"].as_str().unwrap_or_default();
    if !shared.options.openai_models.iter().any(|one| one == model) {
        return Err(Box::new(errors::model_not_found(model)));
    }
    Ok(request)
}

fn has_key(headers: &HeaderMap) -> bool {
    reply::bearer(headers) == Some(CREDENTIALS.openai_api_key)
}

/// Where a fault can strike this request: what only some requests ask for comes first.
fn points(request: &Value) -> impl Iterator<Item = Point> {
    let form = request["response_format"]["type"].as_str();
    let some = [
        (form == Some("json_schema"), Point::ChatSchema),
        (form.is_some(), Point::ChatForm),
        (request.get("max_tokens").is_some(), Point::ChatOldLimit),
        (true, Point::Chat),
    ];
    some.into_iter()
        .filter_map(|(asks, point)| asks.then_some(point))
}

/// All text that the users of a conversation have written.
fn prompt_text(request: &Value) -> String {
    let texts = messages(request, |role| role == "user");
    texts.join("\n")
}

/// The texts of the messages of some roles.
fn messages(request: &Value, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let messages = request["messages"].as_array().into_iter().flatten();
    let messages = messages.filter(|one| one["role"].as_str().is_some_and(&is_wanted));
    messages.map(|one| text(&one["content"])).collect()
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}
