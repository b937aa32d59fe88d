//! The sound of a call's recording: its player, and its waveform as wide as somebody wants it.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use callpipe_core::call::ContactId;
use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::Outside;
use callpipe_core::recording::{Recording, Role};
use callpipe_core::transcript::{RecordingTranscript, Speaker, Transcript};
use maud::Markup;

use super::marks;
use super::player::{Player, player as drawn_player};
use crate::audio::{WIDTHS_MAX, peaks};
use crate::charts::{Lane, Side, Waveform, Wider, drawing};
use crate::pages::address::call_path;
use crate::pages::error::PageError;
use crate::pages::view::View;
use crate::server::App;

/// How many times as wide as its page a waveform can be.
const WIDTHS: [usize; 4] = [1, 2, 4, WIDTHS_MAX];

/// The words of a call with their times, where these are known.
pub(super) async fn words(app: &App, call: &ExportedCall) -> Outside<Option<Transcript>> {
    match &call.transcript.key {
        Some(key) => app.archive.transcript(key).await,
        None => Ok(None),
    }
}

/// What was said in a recording; in the first one where there is none to hear.
pub(super) fn part<'a>(
    words: Option<&'a Transcript>,
    recording: Option<&Recording>,
) -> Option<&'a RecordingTranscript> {
    let parts = &words?.recordings;
    match recording {
        Some(recording) => parts.iter().find(|part| part.recording == recording.key),
        None => parts.first(),
    }
}

/// The player of the `number`th recording, from one on.
pub(super) async fn player(
    view: &View,
    call: &ExportedCall,
    number: usize,
    recording: &Recording,
    part: Option<&RecordingTranscript>,
) -> Markup {
    let path = call_path(&call.contact.id);
    let at_s = view.value("at").and_then(|at| at.parse().ok());
    drawn_player(&Player {
        audio_href: &format!("{path}/audio/{number}"),
        at_s: at_s.filter(|at_s: &f64| at_s.is_finite() && *at_s >= 0.0),
        waveform: &drawn(&view.app, call, recording, part, 1).await,
        wider: Wider {
            href: &format!("{path}/waveform/{number}"),
            widths: &WIDTHS,
        },
    })
}

/// `/calls/{contact_id}/waveform/{n}?widths=4`: the drawing alone, with more detail the wider it is.
pub(super) async fn waveform(
    path: Result<Path<(String, usize)>, PathRejection>,
    view: View,
) -> Result<Response, PageError> {
    let Path((contact_id, number)) = path.map_err(|_| PageError::NotFound)?;
    let id = ContactId::parse(contact_id.trim()).map_err(|_| PageError::NotFound)?;
    let asked = view.value("widths").unwrap_or("1");
    let widths = WIDTHS
        .into_iter()
        .find(|widths| widths.to_string() == asked)
        .ok_or(PageError::NotFound)?;
    let call = view.app.index.calls(&[id]).await?.pop();
    let call = call.ok_or(PageError::NotFound)?;
    let recordings = view.app.sounds.recordings(&call).await?;
    let recording = recordings
        .get(number.wrapping_sub(1))
        .ok_or(PageError::NotFound)?;
    let words = words(&view.app, &call).await?;
    let part = part(words.as_ref(), Some(recording));
    let drawn = drawn(&view.app, &call, recording, part, widths).await;
    let headers = [(CONTENT_TYPE, "image/svg+xml")];
    Ok((headers, drawing(&drawn, widths).into_string()).into_response())
}

/// The recordings of a call. That they cannot be found is no reason to show nothing.
pub(super) async fn recordings(view: &View, call: &ExportedCall) -> Vec<Recording> {
    let recordings = view.app.sounds.recordings(call).await;
    recordings.unwrap_or_else(|failure| {
        let contact_id = call.contact.id.as_str();
        tracing::warn!(contact_id, failure = %failure.told(), "there is no sound");
        Vec::new()
    })
}

/// What is drawn of a recording. A waveform that cannot be made is no reason to show nothing.
async fn drawn(
    app: &App,
    call: &ExportedCall,
    recording: &Recording,
    part: Option<&RecordingTranscript>,
    widths: usize,
) -> Waveform {
    let peaks = peaks(app, recording).await.unwrap_or_else(|failure| {
        let contact_id = call.contact.id.as_str();
        tracing::warn!(contact_id, failure = %failure.told(), "there is no waveform");
        None
    });
    let duration_s = peaks
        .as_ref()
        .map(|peaks| peaks.duration_s)
        .or(part.map(|part| part.duration_s));
    let channels = peaks.map_or_else(Vec::new, |peaks| peaks.columns(widths));
    Waveform {
        duration_s: duration_s
            .or(call.transcript.duration_s)
            .unwrap_or_default(),
        lanes: lanes(recording, part, &channels),
        marks: part.map_or_else(Vec::new, |part| {
            marks::marks(part, &call.transcript.analysis)
        }),
    }
}

/// A lane for each channel, by who speaks on it most.
fn lanes(
    recording: &Recording,
    part: Option<&RecordingTranscript>,
    channels: &[Vec<u8>],
) -> Vec<Lane> {
    let is_mono = channels.len() == 1;
    let lane = |(channel, peaks): (usize, &Vec<u8>)| {
        let told = recording.participants.iter().find(|participant| {
            participant
                .channel
                .is_some_and(|other| other as usize == channel)
        });
        let spoken = part.and_then(|part| {
            part.turns
                .iter()
                .find(|turn| turn.channel as usize == channel)
        });
        let role =
            told.map(|participant| participant.role)
                .or(match spoken.map(|turn| turn.speaker) {
                    Some(Speaker::Side(role)) => Some(role),
                    _ => None,
                });
        let (side, name) = match role {
            _ if is_mono => (Side::Other, "Both sides".to_owned()),
            Some(Role::Agent) => (Side::Agent, "Agent".to_owned()),
            Some(Role::Customer) => (Side::Customer, "Customer".to_owned()),
            None => (Side::Other, format!("Channel {}", channel + 1)),
        };
        Lane {
            name,
            side,
            peaks: peaks.iter().map(|peak| f32::from(*peak) / 255.0).collect(),
        }
    };
    channels.iter().enumerate().map(lane).collect()
}
