//! A call: to hear, to read, and what was understood of it.

mod aside;
mod marks;
pub(crate) mod player;
mod reply;
mod sound;
pub(crate) mod transcript;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use callpipe_core::call::ContactId;
use callpipe_core::correction::Correction;
use callpipe_core::exported::ExportedCall;
use callpipe_core::transcript::{RecordingTranscript, Transcript};
use maud::{Markup, html};

use super::address::call_path;
use super::calls::{started, talk};
use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::words;
use crate::figure::minutes;
use crate::index::Values;
use crate::server::App;
use transcript::{transcript, word_data};

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/calls/{contact_id}", get(call))
        .route("/calls/{contact_id}/replies/{n}", get(reply::reply))
        .route("/calls/{contact_id}/waveform/{n}", get(sound::waveform))
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
    let part = sound::part(shown.words.as_ref(), recording);
    let player = match recording {
        Some(recording) => Some(sound::player(&view, &shown.call, number, recording, part).await),
        None => None,
    };
    let title = format!("Call of {}", started(shown.call.contact.started_at));
    let body = html! {
        (heading(&view, &shown))
        @if let Some(player) = player {
            (recordings(&view, &shown, number))
            (player)
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
    let mut call = view
        .app
        .index
        .calls(&ids)
        .await?
        .pop()
        .ok_or(PageError::NotFound)?;
    call.recordings = sound::recordings(view, &call).await;
    let found = view.app.index.find(id).await?;
    let (place, caller) = found.map_or((None, None), |(place, caller)| (Some(place), caller));
    let of_caller = match caller {
        Some(caller) => view.app.index.of_caller(caller, 20).await?,
        None => Vec::new(),
    };
    let contact_ids = view.app.index.contact_ids(of_caller.clone()).await?;
    let of_caller = of_caller.iter().filter_map(|place| contact_ids.get(place));
    Ok(Shown {
        values: place.and_then(|place| view.snapshot.values(place)),
        corrections: view.app.warehouse.corrections(&ids).await?,
        of_caller: of_caller
            .filter_map(|other| ContactId::parse(other).ok())
            .filter(|other| other != id)
            .collect(),
        words: sound::words(&view.app, &call).await?,
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
            h1 { "Call of " (started(call.contact.started_at)) }
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
                div.end { (talk(shown.call.transcript.timeline())) }
            }
            @match (part, &shown.call.transcript.conversation) {
                (Some(part), _) => {
                    div.transcript-tools data-script hidden {
                        input type="search" id="find" aria-label="Search in this call" placeholder="Search in this call";
                        span role="status" id="found" {}
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
