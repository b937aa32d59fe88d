//! Deepgram's transcription of recorded audio.

mod errors;
mod intelligence;
mod listen_query;
mod results;
mod speech;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::post;
use futures::StreamExt as _;
use serde_json::Value;

use crate::audio;
use crate::corpus::{CorpusCall, Turn, Word};
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::{Bill, OpenEntry, System, Violation};
use crate::options::CREDENTIALS;
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};

use errors::Errors;
use listen_query::ListenQuery;

/// More than any call of the corpus, and little enough for a small machine.
const AUDIO_BYTES_MAX: usize = 256 << 20;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/listen", post(listen))
        .with_state(shared)
}

/// What is to be transcribed.
struct Heard<'a> {
    sha256: String,
    /// None for audio that is not of the corpus, in which the fake hears silence.
    call: Option<&'a CorpusCall>,
    duration_s: f64,
    channels: usize,
}

async fn listen(
    State(shared): State<Arc<Shared>>,
    Query(pairs): Query<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let mut open = shared.open(System::Deepgram, "/v1/listen");
    let in_flight = shared.journal.enter(System::Deepgram);
    let request_id = shared.next_uuid();
    let errors = Errors::new(&request_id);
    let admitted = admit(&shared, request, &pairs, in_flight.now, &errors, &mut open).await;
    let answer = match admitted {
        Ok((query, audio)) => transcribe(&shared, &query, &audio, &errors, &mut open).await,
        Err(refusal) => *refusal,
    };
    file(
        open,
        reply::with_header(answer, "dg-request-id", &request_id),
    )
}

/// What is asked, and of which audio.
async fn admit(
    shared: &Shared,
    request: Request,
    pairs: &[(String, String)],
    in_flight: usize,
    errors: &Errors<'_>,
    open: &mut OpenEntry,
) -> Result<(ListenQuery, Bytes), Refusal> {
    let (head, body) = request.into_parts();
    // Read even if it is to be refused: a client that still sends would see a reset instead.
    let body = to_bytes(body, AUDIO_BYTES_MAX)
        .await
        .map_err(|_| errors.too_large())?;
    let key = head
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = key.and_then(|value| value.strip_prefix("Token "));
    if key != Some(CREDENTIALS.deepgram_api_key) {
        return Err(Box::new(errors.invalid_auth()));
    }
    let query = ListenQuery::read(pairs, shared.world.seed());
    let query = query.map_err(|text| errors.bad_query(&text))?;
    if in_flight > shared.options.deepgram_in_flight_max {
        open.entry.violation = Some(Violation::OverInFlightLimit);
        return Err(Box::new(errors.too_many()));
    }
    let audio = audio_of(shared, &head.headers, body, errors).await?;
    Ok((query, audio))
}

async fn transcribe(
    shared: &Shared,
    query: &ListenQuery,
    audio: &Bytes,
    errors: &Errors<'_>,
    open: &mut OpenEntry,
) -> Response {
    let sha256 = crate::chance::sha256_hex(audio);
    let known = shared.world.audio_with_hash(&sha256);
    open.entry.sha256 = Some(sha256.clone());
    open.entry.contact_id = known.and_then(|known| known.contact_id.clone());
    open.entry.call_id = known.map(|known| known.call_id.clone());
    let contact = known.and_then(|known| shared.world.contact(known.contact_id.as_ref()?));
    let ids = contact
        .iter()
        .flat_map(|one| [one.contact_id.as_str(), &one.master_contact_id]);
    let subject = Subject {
        contacts: ids.collect(),
        call: known.map(|known| known.call_id.as_str()),
        model: &query.model,
        key: &sha256,
    };
    let fault = shared.strike(Point::Listen, &subject, open);
    if let Some(answer) = fault.as_ref().and_then(|fault| errors.of_fault(fault)) {
        return answer;
    }
    let call = known.and_then(|known| shared.world.corpus().call(&known.call_id));
    let numbered = match (call, &open.entry.contact_id) {
        (Some(call), Some(id)) if shared.options.contacts_say_their_number => {
            Some(with_number(call, id))
        }
        _ => None,
    };
    let Some(heard) = hear(sha256, numbered.as_ref().or(call), audio) else {
        return errors.corrupt();
    };
    let body = results::reply(shared, query, &heard, errors.request_id);
    // Before the pause: who hangs up while Deepgram works has to pay as well.
    let channels = query.channels(heard.channels);
    open.entry.bill = Some(Bill::Audio {
        seconds: heard.duration_s,
        channels,
    });
    shared
        .pause(shared.options.latencies.deepgram, &heard.sha256)
        .await;
    sold(body, fault.as_ref()).await
}

/// The call with a last sentence that says the contact's number.
fn with_number(call: &CorpusCall, contact_id: &str) -> CorpusCall {
    let mut call = call.clone();
    let Some(last) = call.turns.last() else {
        return call;
    };
    let start_s = last.end_s;
    let word = Word {
        word: contact_id.to_owned(),
        punctuated_word: format!("{contact_id}."),
        start_s,
        end_s: call.duration_s.max(start_s),
    };
    let number = Turn {
        start_s,
        end_s: word.end_s,
        text: word.punctuated_word.clone(),
        words: vec![word],
        ..last.clone()
    };
    call.turns.push(number);
    call
}

fn hear<'a>(sha256: String, call: Option<&'a CorpusCall>, audio: &[u8]) -> Option<Heard<'a>> {
    if let Some(call) = call {
        return Some(Heard {
            sha256,
            duration_s: call.duration_s,
            channels: call.channels,
            call: Some(call),
        });
    }
    let outline = audio::outline(audio)?;
    Some(Heard {
        sha256,
        call,
        duration_s: outline.duration_s,
        channels: outline.channels,
    })
}

/// The body itself, or what its link leads to.
async fn audio_of(
    shared: &Shared,
    headers: &HeaderMap,
    body: Bytes,
    errors: &Errors<'_>,
) -> Result<Bytes, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !content_type
        .unwrap_or_default()
        .starts_with("application/json")
    {
        return Ok(body);
    }
    let link: Option<Value> = serde_json::from_slice(&body).ok();
    let link = link.as_ref().and_then(|value| value["url"].as_str());
    let Some(link) = link else {
        return Err(Box::new(
            errors.bad_query("Failed to deserialize JSON payload"),
        ));
    };
    fetch(shared, link)
        .await
        .map_err(|reason| Box::new(errors.remote_content(&reason)))
}

async fn fetch(shared: &Shared, link: &str) -> Result<Bytes, String> {
    let unreachable = |_| "The remote server hosting the media could not be reached.".to_owned();
    let answer = shared.fetcher.get(link).send().await.map_err(unreachable)?;
    let status = answer.status();
    if !status.is_success() {
        let kind = if status.is_client_error() {
            "client"
        } else {
            "server"
        };
        return Err(format!(
            "The remote server hosting the media returned a {kind} error: {status}"
        ));
    }
    let mut audio = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let aborted = |_| "The remote server ended the connection early.".to_owned();
        audio.extend_from_slice(&chunk.map_err(aborted)?);
        if audio.len() > AUDIO_BYTES_MAX {
            return Err("The remote media is too large.".to_owned());
        }
    }
    Ok(audio.into())
}

/// The answer that was paid for, perhaps spoilt by a fault.
async fn sold(mut body: Value, fault: Option<&Fault>) -> Response {
    let Some(fault) = fault else {
        return reply::json(200, &body);
    };
    match fault.kind {
        FaultKind::DeepgramMalformedJson => return reply::half_json(&body),
        FaultKind::DeepgramCutReply => {
            return reply::cut("application/json", &Bytes::from(body.to_string()), true);
        }
        FaultKind::DeepgramEmptyBody => {
            return reply::reply(200, "application/json", Body::empty());
        }
        FaultKind::DeepgramMissingSections => results::drop_sections(&mut body),
        FaultKind::DeepgramWrappedTopics => results::wrap_topics(&mut body),
        FaultKind::DeepgramAbsurdNumbers => results::make_absurd(&mut body),
        FaultKind::DeepgramSlow => tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await,
        _ => {}
    }
    reply::json(200, &body)
}
