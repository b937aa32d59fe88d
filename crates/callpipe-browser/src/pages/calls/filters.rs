//! The form in which conditions are added: one field, its values with how many of the calls have each.

use maud::{Markup, html};

use super::Shape;
use crate::charts::words;
use crate::figure::Figure;
use crate::pages::view::View;
use crate::selection::Selection;

/// So many values of a field are offered, most frequent first.
const VALUES_SHOWN: usize = 60;

/// The menus: a field's values, and the bounds of figures.
pub(super) fn menu(view: &View, shape: &Shape) -> Markup {
    let fields = view.snapshot.fields();
    let open = view
        .value("filter")
        .filter(|name| fields.find(name).is_some());
    html! {
        details.menu open[open.is_some()] {
            summary.button { "Filter" }
            div.panel.stack {
                @match open {
                    Some(name) => (values(view, shape, name)),
                    None => {
                        ul.choices {
                            @for field in fields.all() {
                                li { a href=(shape.href(view, "/calls", &[("filter", &field.name)])) { (field.title) } }
                            }
                        }
                    }
                }
            }
        }
        details.menu {
            summary.button { "Figures" }
            (bounds(view, shape))
        }
    }
}

/// The values of a field among the calls of all other conditions.
fn values(view: &View, shape: &Shape, name: &str) -> Markup {
    let mut others: Selection = view.selection.clone();
    let chosen = others.fields.remove(name).unwrap_or_default();
    let found = view.found.as_ref().map(|found| found.ids.as_slice());
    let tally = view.snapshot.choose(&others, found).tally(&[name]);
    let counts = tally.fields.get(name).map_or(&[][..], Vec::as_slice);
    let title = view.snapshot.fields().title(name);
    html! {
        p { b { (title) } " " a href=(shape.href(view, "/calls", &[])) { "Close" } }
        @if counts.is_empty() { p.soft { "No call has a value." } }
        form action="/calls" {
            @for (key, value) in others.pairs() { input type="hidden" name=(key) value=(value); }
            @for (key, value) in shape.pairs() { input type="hidden" name=(key) value=(value); }
            fieldset.stack {
                legend.visually-hidden { (title) }
                ul.choices {
                    @for (value, count) in counts.iter().take(VALUES_SHOWN) {
                        li {
                            label {
                                input type="checkbox" name={ "is." (name) } value=(value) checked[chosen.contains(&**value)];
                                " " bdi { (words::short(&words::title(value))) }
                                " " span.faint { (words::count(*count)) }
                            }
                        }
                    }
                }
            }
            button.primary type="submit" { "Show these" }
        }
    }
}

/// The bounds of all figures in one form.
fn bounds(view: &View, shape: &Shape) -> Markup {
    let mut others = view.selection.clone();
    let chosen = std::mem::take(&mut others.figures);
    html! {
        form.panel.stack action="/calls" {
            @for (key, value) in others.pairs() { input type="hidden" name=(key) value=(value); }
            @for (key, value) in shape.pairs() { input type="hidden" name=(key) value=(value); }
            @for figure in Figure::ALL {
                @let bounds = chosen.get(&figure).copied().unwrap_or_default();
                fieldset.bounds {
                    legend { (figure.title()) span.faint { " " (unit(figure)) } }
                    label { "from " input type="number" step="any" name={ "min." (figure.as_str()) } value=[bounds.min]; }
                    label { "to " input type="number" step="any" name={ "max." (figure.as_str()) } value=[bounds.max]; }
                }
            }
            button.primary type="submit" { "Show these" }
        }
    }
}

fn unit(figure: Figure) -> &'static str {
    match figure {
        Figure::DurationS | Figure::LongestMonologueS => "seconds",
        Figure::Interruptions => "times",
        Figure::SentimentScore => "-1 to 1",
        Figure::CostUsd => "US dollars",
        Figure::AgentTalkShare
        | Figure::SilenceShare
        | Figure::OverlapShare
        | Figure::Confidence => "0 to 1",
    }
}
