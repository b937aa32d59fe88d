//! The playback service: which recordings a contact has, and where they are.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::{failure, playback_body, signed_in};
use crate::fakes::media;
use crate::faults::{Fault, FaultKind, Point, Subject};
use crate::journal::{OpenEntry, System, Violation};
use crate::reply::{self, Refusal};
use crate::shared::{Shared, file};
use crate::world::{Contact, Interaction, NoRecordingForm, Outcome};

const ROUTE: &str = "/media-playback/v1/contacts";

/// What the query asks for.
#[derive(Debug)]
pub(super) struct PlaybackQuery {
    acd_call_id: String,
    pub(super) media_types: Vec<String>,
    pub(super) waveforms: bool,
    is_download: bool,
}

impl PlaybackQuery {
    fn read(pairs: &[(String, String)]) -> Result<PlaybackQuery, Refusal> {
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let flag = |name: &str, default: bool| match value(name).map(String::as_str) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(bad_request(&format!("{name} must be true or false"))),
        };
        let known = ["voice-only", "voice-and-screen", "chat", "email", "all"];
        let media_types: Vec<String> = pairs
            .iter()
            .filter(|(key, _)| key == "media-type")
            .flat_map(|(_, value)| value.split(',').map(str::to_owned))
            .collect();
        if media_types
            .iter()
            .any(|media_type| !known.contains(&media_type.as_str()))
        {
            return Err(bad_request("media-type is not one of the known types"));
        }
        let acd_call_id = value("acd-call-id").filter(|id| !id.is_empty()).cloned();
        Ok(PlaybackQuery {
            acd_call_id: acd_call_id.ok_or_else(|| bad_request("acd-call-id is missing"))?,
            media_types,
            waveforms: !flag("exclude-waveforms", true)?,
            is_download: flag("isDownload", false)?,
        })
    }

    /// Whether interactions of this kind are asked for. Without a type, all are.
    fn wants(&self, interaction: &Interaction) -> bool {
        let wanted: &[&str] = match interaction {
            Interaction::Voice { .. } => &["all", "voice-only", "voice-and-screen"],
            Interaction::Chat => &["all", "chat"],
        };
        self.media_types.is_empty()
            || self
                .media_types
                .iter()
                .any(|media_type| wanted.contains(&media_type.as_str()))
    }
}

fn bad_request(message: &str) -> Refusal {
    Box::new(failure(400, "MCR-400-1", message))
}

pub(super) async fn contacts(
    State(shared): State<Arc<Shared>>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let mut open = shared.open(System::NiceCxone, ROUTE);
    let answer = match admit(&shared, &headers, &pairs, &mut open) {
        Ok((token, query)) => look_up(&shared, token, &query, &mut open).await,
        Err(refusal) => Err(refusal),
    };
    file(open, answer.unwrap_or_else(|refusal| *refusal))
}

fn admit<'a>(
    shared: &Shared,
    headers: &'a HeaderMap,
    pairs: &[(String, String)],
    open: &mut OpenEntry,
) -> Result<(&'a str, PlaybackQuery), Refusal> {
    let token = signed_in(shared, headers)?;
    let asked = pairs
        .iter()
        .find(|(key, _)| key == "acd-call-id")
        .map(|(_, id)| id.as_str());
    open.entry.contact_id = asked.map(|id| {
        shared
            .world
            .contact_by_master(id)
            .map_or(id, |contact| &contact.contact_id)
            .to_owned()
    });
    if !shared.admit_to_window() {
        open.entry.violation = Some(Violation::OverRequestLimit);
        return Err(Box::new(too_many()));
    }
    Ok((token, PlaybackQuery::read(pairs)?))
}

async fn look_up(
    shared: &Shared,
    token: &str,
    query: &PlaybackQuery,
    open: &mut OpenEntry,
) -> Result<Response, Refusal> {
    let id = &query.acd_call_id;
    shared.pause(shared.options.latencies.nice_cxone, id).await;
    let contact = shared.world.contact_by_master(id);
    let asked_as_child = shared.world.contact(id);
    let ids = [contact, asked_as_child].into_iter().flatten();
    let ids = ids.flat_map(|contact| [contact.contact_id.as_str(), &contact.master_contact_id]);
    let subject = Subject {
        contacts: ids.collect(),
        key: id,
        ..Subject::default()
    };
    let fault = shared.strike(Point::Metadata, &subject, open);
    if let Some(fault) = &fault {
        if fault.kind == FaultKind::Metadata401Once {
            shared.tokens.revoke(token);
        }
        if let Some(answer) = refusal_of(fault) {
            return Ok(answer);
        }
        if fault.kind == FaultKind::MetadataSlow {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
        }
    }
    let mut body = answer(shared, contact, query, &subject, open)?;
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::MetadataMalformedJson) => return Ok(reply::half_json(&body)),
        Some(FaultKind::MetadataNullLists) => playback_body::null_lists(&mut body),
        _ => {}
    }
    Ok(reply::json(200, &body))
}

fn too_many() -> Response {
    reply::json(
        429,
        &json!({ "message": "API rate limit exceeded", "route": ROUTE }),
    )
}

fn refusal_of(fault: &Fault) -> Option<Response> {
    let retry_after_s = fault.retry_after_s;
    Some(match fault.kind {
        FaultKind::Metadata401Once => failure(401, "MCR-401-2", "The access token has expired"),
        FaultKind::Metadata403 => failure(
            403,
            "MCR-403-1",
            "The user has no permission to play recordings",
        ),
        FaultKind::Metadata404Pending => failure(404, "MCR-404-1", "Interaction Not Found"),
        FaultKind::Metadata429 => reply::with_retry_after(too_many(), retry_after_s),
        FaultKind::Metadata500 => failure(500, "MCR-500-1", "Internal error"),
        FaultKind::Metadata503 => {
            reply::with_retry_after(reply::html(503, "Service Unavailable"), retry_after_s)
        }
        FaultKind::Metadata404Gateway => {
            reply::reply(404, "text/plain; charset=utf-8", "default backend - 404")
        }
        FaultKind::MetadataEmptyObject => reply::json(200, &json!({})),
        FaultKind::MetadataHtml => reply::html(200, "Sign in"),
        FaultKind::ConnectionReset => reply::reset(),
        _ => return None,
    })
}

fn answer(
    shared: &Shared,
    contact: Option<&Contact>,
    query: &PlaybackQuery,
    subject: &Subject<'_>,
    open: &mut OpenEntry,
) -> Result<Value, Refusal> {
    let not_found = || Box::new(failure(404, "MCR-404-1", "Interaction Not Found"));
    let contact = contact.ok_or_else(not_found)?;
    let interactions = match &contact.outcome {
        Outcome::NotFound => return Err(not_found()),
        Outcome::NoRecording(NoRecordingForm::Status404) => {
            return Err(Box::new(failure(
                404,
                "MCR-404-2",
                "No recording was found for the interaction",
            )));
        }
        Outcome::NoRecording(NoRecordingForm::NullList) => Value::Null,
        Outcome::NoRecording(NoRecordingForm::EmptyList) => json!([]),
        Outcome::NoRecording(NoRecordingForm::NoUrl) => {
            json!([playback_body::without_url(contact)])
        }
        Outcome::Recorded { interactions } => {
            let wanted = interactions
                .iter()
                .enumerate()
                .filter(|(_, one)| query.wants(one));
            let numbers: Vec<usize> = wanted.map(|(number, _)| number).collect();
            if query.is_download {
                return redirect(shared, contact, &numbers, subject, open);
            }
            let bodies = numbers.iter().map(|number| {
                let url = recording_url(shared, contact, *number, subject, open);
                playback_body::interaction(shared, contact, *number, url, query.waveforms)
            });
            bodies.collect()
        }
    };
    if query.is_download {
        return Err(not_found());
    }
    Ok(playback_body::envelope(contact, interactions))
}

fn redirect(
    shared: &Shared,
    contact: &Contact,
    numbers: &[usize],
    subject: &Subject<'_>,
    open: &mut OpenEntry,
) -> Result<Value, Refusal> {
    let url = numbers
        .iter()
        .find_map(|number| recording_url(shared, contact, *number, subject, open));
    match url {
        Some(url) => Ok(json!({ "redirectUrl": url })),
        None => Err(Box::new(failure(404, "MCR-404-1", "Interaction Not Found"))),
    }
}

/// None for an interaction that has nothing to play.
fn recording_url(
    shared: &Shared,
    contact: &Contact,
    number: usize,
    subject: &Subject<'_>,
    open: &mut OpenEntry,
) -> Option<String> {
    shared.world.call_of(contact.interactions().get(number)?)?;
    let url = media::signed_url(shared, contact, number);
    if shared.strike(Point::MediaAddress, subject, open).is_some() {
        // The top-level domain `invalid` is reserved: it never leads anywhere.
        return Some(url.replacen(
            &shared.addresses.media,
            "https://recordings.example.invalid",
            1,
        ));
    }
    Some(url)
}
