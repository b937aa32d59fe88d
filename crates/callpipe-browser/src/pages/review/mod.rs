//! Labels that a person should look at: one call and one label at a time, one key for each decision.

mod decide;
mod order;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use callpipe_core::call::ContactId;
use callpipe_core::correction::{self, Correction};
use callpipe_core::exported::ExportedCall;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::address::call_path;
use super::calls::{started, talk};
use super::error::PageError;
use super::labels::values_of;
use super::layout::Section;
use super::view::View;
use crate::charts::{meter, words};
use crate::figure::Figure;
use crate::index::{Field, LabelField, Listed, Place};
use crate::server::App;
use order::Order;

/// So many calls of the queue are shown.
const QUEUE_SHOWN: usize = 8;

/// So much of a conversation is shown, in characters: the whole of it is on the call's page.
const CONVERSATION_CHARS_MAX: usize = 6_000;

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/review", get(review))
        .route("/review/decide", post(decide::decide))
}

/// A call that is looked at, with what people said of it so far.
struct Case {
    call: ExportedCall,
    place: Place,
    corrections: Vec<Correction>,
    given: Map<String, Value>,
    counting: Map<String, Value>,
}

async fn review(view: View) -> Result<Markup, PageError> {
    let order = Order::of(view.value("order"));
    let at = view.value("at").and_then(Place::parse);
    let (open, listed) = order::queue(&view, order, at).await?;
    let case = case(&view, &listed).await?;
    let body = html! {
        div.page-head {
            h1 { "Review" }
            p.soft { (words::calls(open)) " that nobody has looked at" }
        }
        (view.bar(Section::Review, &[("order", order.word())]))
        (orders(&view, order))
        @match &case {
            None => p.empty { "Nothing is left to review here." },
            Some(case) => {
                div.split {
                    div.stack { (card(&view, case)) }
                    aside.stack {
                        (questions(&view, order, case, &listed))
                        (queue(&view, order, &listed).await?)
                    }
                }
            }
        }
    };
    Ok(view.page("Review", Section::Review, body))
}

async fn case(view: &View, listed: &Listed) -> Result<Option<Case>, PageError> {
    let Some(place) = listed.places.first() else {
        return Ok(None);
    };
    let contact_ids = view.app.index.contact_ids(vec![place.id]).await?;
    let id = contact_ids
        .get(&place.id)
        .and_then(|id| ContactId::parse(id).ok());
    let ids: Vec<ContactId> = id.into_iter().collect();
    let Some(call) = view.app.index.calls(&ids).await?.pop() else {
        return Ok(None);
    };
    let corrections = view.app.warehouse.corrections(&ids).await?;
    let given = call
        .labels
        .as_ref()
        .map(|labels| labels.values.clone())
        .unwrap_or_default();
    Ok(Some(Case {
        counting: correction::corrected(&given, &corrections),
        call,
        place: *place,
        corrections,
        given,
    }))
}

fn orders(view: &View, current: Order) -> Markup {
    html! {
        nav.tabs aria-label="Which calls come first" {
            @for order in Order::ALL {
                a href=(view.selection.href_with("/review", &[("order", order.word())]))
                    aria-current=[(order == current).then_some("true")] title=(order.told()) { (order.title()) }
            }
        }
        p.soft { (current.told()) }
    }
}

/// What is known of the call.
fn card(view: &View, case: &Case) -> Markup {
    let call = &case.call;
    let values = view.snapshot.values(case.place.id);
    let confidence = values.and_then(|values| values.figure(Figure::Confidence));
    html! {
        section.card {
            header {
                h2 { a href=(call_path(&call.contact.id)) { (started(call.contact.started_at)) } }
                p { bdi { (words::short(call.contact.id.as_str())) } " " (meter("Confidence", confidence)) }
            }
            (talk(call.transcript.timeline()))
            @if let Some(summary) = &call.transcript.analysis.summary { p { bdi { (words::cut(summary, 1_200)) } } }
            @if view.app.sounds.may_have(call) {
                audio controls preload="none" src={ (call_path(&call.contact.id)) "/audio/1" }
                    title="Recording" {}
            }
            @if let Some(text) = &call.transcript.conversation { (conversation(text)) }
        }
    }
}

fn conversation(text: &str) -> Markup {
    html! {
        div.stack {
            @for line in words::cut(text, CONVERSATION_CHARS_MAX).lines() {
                @let (who, said) = line.split_once(": ").unwrap_or(("", line));
                p.turn.untimed.by-agent[who == "Agent"].by-customer[who == "Customer"] {
                    span.who { bdi { (who) } } " " span.said { bdi { (said) } }
                }
            }
        }
    }
}

/// The label that is asked for: the one of the address, else the first that nobody decided.
fn asked<'a>(view: &'a View, case: &'a Case) -> Option<(&'a Field, &'a LabelField)> {
    let fields = view.snapshot.fields();
    let named = view
        .value("field")
        .and_then(|name| fields.labels().find(|(field, _)| field.name == name));
    named.or_else(|| open_labels(view, case).next())
}

/// Labels of the call that the model gave and nobody decided yet.
fn open_labels<'a>(
    view: &'a View,
    case: &'a Case,
) -> impl Iterator<Item = (&'a Field, &'a LabelField)> + use<'a> {
    view.snapshot.fields().labels().filter(|(field, _)| {
        let is_given = !values_of(&field.name, &case.given).is_empty();
        is_given && !is_decided(case, &field.name)
    })
}

fn is_decided(case: &Case, name: &str) -> bool {
    case.corrections
        .iter()
        .any(|correction| correction.field.to_string() == name)
}

/// All labels of the call, the one that is asked for with its choices.
fn questions(view: &View, order: Order, case: &Case, listed: &Listed) -> Markup {
    let asked = asked(view, case);
    let here = case.place.word();
    html! {
        section.card {
            header { h2 { "Labels" } }
            div.labels {
                @for (field, label) in view.snapshot.fields().labels() {
                    @let given = values_of(&field.name, &case.counting);
                    @if asked.is_some_and(|(other, _)| other.name == field.name) {
                        (decide::form(view, order, case, (field, label)))
                    } @else if !given.is_empty() || is_decided(case, &field.name) {
                        div.label {
                            h3 {
                                a href=(view.selection.href_with("/review", &[
                                    ("order", order.word()), ("at", &here), ("field", &field.name),
                                ])) { (field.title) }
                                @if is_decided(case, &field.name) { " " span.good { "decided" } }
                            }
                            p { bdi { (listed_values(&given)) } }
                        }
                    }
                }
            }
            div.row {
                (decide::accept_all(view, order, case))
                @if let Some(next) = listed.places.get(1) {
                    a.button data-key="n" href=(view.selection.href_with("/review", &[
                        ("order", order.word()), ("at", &next.word()),
                    ])) { "Next call " kbd { "n" } }
                }
            }
        }
    }
}

fn listed_values(values: &[String]) -> String {
    match values.is_empty() {
        true => "None".to_owned(),
        false => {
            let titles: Vec<String> = values.iter().map(|value| words::title(value)).collect();
            words::short(&titles.join(", "))
        }
    }
}

async fn queue(view: &View, order: Order, listed: &Listed) -> Result<Markup, PageError> {
    let ids: Vec<i64> = listed.places.iter().map(|place| place.id).collect();
    let contact_ids = view.app.index.contact_ids(ids).await?;
    Ok(html! {
        section.card {
            header { h2 { "Next" } }
            ol.stack {
                @for place in listed.places.iter().skip(1) {
                    @if let Some(id) = contact_ids.get(&place.id) {
                        li.row {
                            a href=(view.selection.href_with("/review", &[
                                ("order", order.word()), ("at", &place.word()),
                            ])) { bdi { (words::short(id)) } }
                            @let values = view.snapshot.values(place.id);
                            span.end { (meter("Confidence", values.and_then(|values| values.figure(Figure::Confidence)))) }
                        }
                    }
                }
            }
        }
    })
}
