//! A call: to hear, to read, and what was understood of it.

mod aside;
mod marks;
pub(crate) mod player;
mod reply;
pub(crate) mod transcript;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use callpipe_core::call::ContactId;
use callpipe_core::correction::Correction;
use callpipe_core::exported::ExportedCall;
use callpipe_core::recording::{Recording, Role};
use callpipe_core::transcript::{RecordingTranscript, Speaker, Transcript};
use maud::{Markup, html};

use super::address::call_path;
use super::calls::{started, talk};
use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::audio::{Peaks, peaks};
use crate::charts::{Lane, Side, Waveform, words};
use crate::figure::minutes;
use crate::index::Values;
use crate::server::App;
use player::{Player, player};
use transcript::{transcript, word_data};

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/calls/{contact_id}", get(call))
        .route("/calls/{contact_id}/replies/{n}", get(reply::reply))
}

/// All that the page shows.
struct Shown {
    call: ExportedCall,
    values: Option<Values>,
    corrections: Vec<Correction>,
    /// Calls of the same caller, newest first.
    of_caller: Vec<ContactId>,
    words: Option<Transcript>,
}

async fn call(Path(contact_id): Path<String>, view: View) -> Result<Markup, PageError> {
    let id = ContactId::parse(contact_id.trim()).map_err(|_| PageError::NotFound)?;
    let shown = read(&view, &id).await?;
    let number = view
        .value("recording")
        .and_then(|number| number.parse().ok())
        .unwrap_or(1_usize);
    let recording = shown.call.recordings.get(number.wrapping_sub(1));
    let part = shown.words.as_ref().and_then(|words| match recording {
        Some(recording) => words
            .recordings
            .iter()
            .find(|part| part.recording == recording.key),
        None => words.recordings.first(),
    });
    let peaks = match recording {
        // A waveform that cannot be made is no reason to show nothing.
        Some(recording) => peaks(&view.app, recording).await.unwrap_or_else(|failure| {
            tracing::warn!(contact_id = id.as_str(), failure = %failure.told(), "there is no waveform");
            None
        }),
        None => None,
    };
    let title = format!("Call of {}", started(&shown.call));
    let body = html! {
        (heading(&view, &shown))
        @if let Some(recording) = recording {
            (recordings(&view, &shown, number))
            (sound(&view, &shown, number, recording, part, peaks.as_ref()))
        }
        div.split {
            div.stack { (conversation(&view, &shown, number, part)) }
            aside.stack aria-label="What was understood" { (aside::cards(&view, &shown)) }
        }
    };
    Ok(view.page(&title, Section::Calls, body))
}

async fn read(view: &View, id: &ContactId) -> Result<Shown, PageError> {
    let ids = [id.clone()];
    let call = view
        .app
        .index
        .calls(&ids)
        .await?
        .pop()
        .ok_or(PageError::NotFound)?;
    let found = view.app.index.find(id).await?;
    let (place, caller) = found.map_or((None, None), |(place, caller)| (Some(place), caller));
    let of_caller = match caller {
        Some(caller) => view.app.index.of_caller(caller, 20).await?,
        None => Vec::new(),
    };
    let contact_ids = view.app.index.contact_ids(of_caller.clone()).await?;
    let of_caller = of_caller.iter().filter_map(|place| contact_ids.get(place));
    let words = match &call.transcript.key {
        Some(key) => view.app.archive.transcript(key).await?,
        None => None,
    };
    Ok(Shown {
        values: place.and_then(|place| view.snapshot.values(place)),
        corrections: view.app.warehouse.corrections(&ids).await?,
        of_caller: of_caller
            .filter_map(|other| ContactId::parse(other).ok())
            .filter(|other| other != id)
            .collect(),
        words,
        call,
    })
}

fn heading(view: &View, shown: &Shown) -> Markup {
    let call = &shown.call;
    let agents = shown
        .values
        .as_ref()
        .map_or(&[][..], |values| values.of(view.snapshot.fields(), "agent"));
    html! {
        div.page-head {
            h1 { "Call of " (started(call)) }
            p.soft {
                @for agent in agents {
                    a href=(view.selection.only("agent", agent).href("/calls")) { bdi { (words::short(agent)) } } ", "
                }
                @if let Some(duration_s) = call.transcript.duration_s { (minutes(duration_s)) ", " }
                bdi { (words::short(call.contact.id.as_str())) }
            }
            div.actions.row { a.button href=(view.selection.href("/calls")) { "All calls" } }
        }
    }
}

/// Links to the recordings of a call that has several.
fn recordings(view: &View, shown: &Shown, number: usize) -> Markup {
    let path = call_path(&shown.call.contact.id);
    html! {
        @if shown.call.recordings.len() > 1 {
            nav.tabs aria-label="Recordings" {
                @for other in 1..=shown.call.recordings.len() {
                    a href=(view.selection.href_with(&path, &[("recording", &other.to_string())]))
                        aria-current=[(other == number).then_some("true")] { "Recording " (other) }
                }
            }
        }
    }
}

fn sound(
    view: &View,
    shown: &Shown,
    number: usize,
    recording: &Recording,
    part: Option<&RecordingTranscript>,
    peaks: Option<&Peaks>,
) -> Markup {
    let duration_s = peaks
        .map(|peaks| peaks.duration_s)
        .or(part.map(|part| part.duration_s));
    let drawn = Waveform {
        duration_s: duration_s
            .or(shown.call.transcript.duration_s)
            .unwrap_or_default(),
        lanes: peaks.map_or_else(Vec::new, |peaks| lanes(recording, part, peaks)),
        marks: part.map_or_else(Vec::new, |part| {
            marks::marks(part, &shown.call.transcript.analysis)
        }),
    };
    let at_s = view.value("at").and_then(|at| at.parse().ok());
    player(&Player {
        audio_href: &format!("{}/audio/{number}", call_path(&shown.call.contact.id)),
        at_s: at_s.filter(|at_s: &f64| at_s.is_finite() && *at_s >= 0.0),
        waveform: &drawn,
    })
}

/// A lane for each channel, by who speaks on it most.
fn lanes(recording: &Recording, part: Option<&RecordingTranscript>, peaks: &Peaks) -> Vec<Lane> {
    let is_mono = peaks.channels.len() == 1;
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
    peaks.channels.iter().enumerate().map(lane).collect()
}

/// Turn by turn with times where these are known, else as others stored it.
fn conversation(
    view: &View,
    shown: &Shown,
    number: usize,
    part: Option<&RecordingTranscript>,
) -> Markup {
    let path = call_path(&shown.call.contact.id);
    let recording = number.to_string();
    let href_at = |at_s: f64| {
        let at = format!("{at_s:.1}");
        view.selection
            .href_with(&path, &[("recording", &recording), ("at", &at)])
    };
    html! {
        section.card {
            header {
                h2 { "Conversation" }
                div.end { (talk(&shown.call)) }
            }
            @match (part, &shown.call.transcript.conversation) {
                (Some(part), _) => {
                    div.transcript-tools data-script hidden {
                        input type="search" data-part="find" aria-label="Search in this call" placeholder="Search in this call";
                        span role="status" data-part="found" {}
                    }
                    (transcript(part, &href_at))
                    (word_data(part, &marks::silences(part)))
                },
                (None, Some(text)) => {
                    ol.transcript { @for line in text.lines() { li.turn { p.said dir="auto" { (line) } } } }
                },
                (None, None) => p.empty { "Nothing was transcribed yet." },
            }
        }
    }
}
