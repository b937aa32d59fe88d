//! Saved views: names for addresses of the list, to go to, to save, and to remove.
//!
//! They are kept beside the corrections, since the index may be removed at any time. A query is read as
//! any address is and written anew, when it is saved and when it is shown: whatever others have put into
//! the table, no link leads elsewhere than into the list.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use callpipe_connectors::warehouses::sqlite::SavedView;
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded;

use super::Shape;
use crate::charts::words;
use crate::index::Fields;
use crate::pages::error::PageError;
use crate::pages::name::name;
use crate::pages::view::View;
use crate::safety::Visitor;
use crate::selection::Selection;
use crate::server::App;

/// So many views are kept: all of them are on every page of the list.
const VIEWS_MAX: usize = 50;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 60;

/// The longest query, in bytes.
const QUERY_BYTES_MAX: usize = 2_000;

/// The key of an address that says what was done to a view.
const DONE: &str = "views";

/// The views that there are, and the one that is shown.
pub(super) struct Views {
    saved: Vec<SavedView>,
    /// The query of this page, as a view has it.
    here: String,
}

/// Reads all views.
pub(super) async fn read(view: &View, shape: &Shape) -> Result<Views, PageError> {
    let fields = view.snapshot.fields();
    let saved = view.app.warehouse.saved_views().await?;
    let written_anew = saved.into_iter().map(|saved| SavedView {
        query: written_anew(&saved.query, fields),
        ..saved
    });
    let shown = written_anew.filter(|saved| saved.query.len() <= QUERY_BYTES_MAX);
    Ok(Views {
        saved: shown.take(VIEWS_MAX).collect(),
        here: query(shape, &view.selection),
    })
}

/// A query as all links to the list are written; what makes no sense is left out.
fn written_anew(text: &str, fields: &Fields) -> String {
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    let value = |key: &str| {
        let found = pairs.iter().find(|(other, _)| other == key);
        let value = found.map(|(_, value)| &**value);
        value.filter(|value| !value.is_empty())
    };
    let shape = Shape::read(value("sort"), value("columns"), fields);
    query(&shape, &Selection::parse(text))
}

fn query(shape: &Shape, selection: &Selection) -> String {
    let address = shape.address(selection, "", &[]);
    address.trim_start_matches('?').to_owned()
}

fn address(query: &str) -> String {
    match query.is_empty() {
        true => "/calls".to_owned(),
        false => format!("/calls?{query}"),
    }
}

/// A link for each view.
pub(super) fn tabs(views: &Views) -> Markup {
    html! {
        @if !views.saved.is_empty() {
            nav.tabs aria-label="Saved views" {
                @for saved in &views.saved {
                    a href=(address(&saved.query))
                        aria-current=[(saved.query == views.here).then_some("true")] {
                        bdi { (words::short(&saved.name)) }
                    }
                }
            }
        }
    }
}

/// The forms that save what is shown as a view, and that remove views.
pub(super) fn menu(view: &View, views: &Views) -> Markup {
    let hidden = html! {
        input type="hidden" name="token" value=(view.visitor.form_token);
        input type="hidden" name="query" value=(views.here);
    };
    html! {
        details.menu {
            summary.button { "Save this view as …" }
            div.panel.stack {
                form.stack method="post" action="/views/save" {
                    (hidden)
                    label.field {
                        "Name; a view of this name is replaced"
                        input name="name" required maxlength=(NAME_CHARS_MAX) autocomplete="off";
                    }
                    button.primary type="submit" { "Save" }
                }
                @if !views.saved.is_empty() {
                    form method="post" action="/views/remove" {
                        (hidden)
                        ul.stack.saved aria-label="Saved views" {
                            @for saved in &views.saved { (removable(saved)) }
                        }
                    }
                }
            }
        }
    }
}

fn removable(saved: &SavedView) -> Markup {
    html! {
        li.row {
            span {
                bdi { (words::short(&saved.name)) }
                span.faint { " by " bdi { (words::short(&saved.by)) } ", " (saved.at.format("%-d %b %Y")) }
            }
            button.end type="submit" name="name" value=(saved.name)
                aria-label={ "Remove: " (words::plain(&saved.name)) } { "Remove" }
        }
    }
}

/// What was done to a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Saved,
    Removed,
    NoRoom,
}

impl Done {
    const ALL: [Self; 3] = [Self::Saved, Self::Removed, Self::NoRoom];

    fn word(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Removed => "removed",
            Self::NoRoom => "no-room",
        }
    }

    fn told(self) -> String {
        match self {
            Self::Saved => "The view is saved.".to_owned(),
            Self::Removed => "The view is removed.".to_owned(),
            Self::NoRoom => format!(
                "The view is not saved: there are {VIEWS_MAX} already. Remove one, or save under \
                 the name of one."
            ),
        }
    }
}

/// What the page says after a form.
pub(super) fn notice(view: &View) -> Option<Markup> {
    let word = view.value(DONE)?;
    let done = Done::ALL.into_iter().find(|done| done.word() == word)?;
    Some(html! { (done.told()) })
}

fn back(query: &str, done: Done) -> Redirect {
    let and = if query.is_empty() { "" } else { "&" };
    Redirect::to(&format!("/calls?{query}{and}{DONE}={}", done.word()))
}

/// What a form says.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    name: String,
    #[serde(default)]
    query: String,
}

/// Saves a view, in place of the one that has its name.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(asked): Form<Asked>,
) -> Result<Redirect, PageError> {
    let name = name(&asked.name, NAME_CHARS_MAX).ok_or_else(|| {
        let wanted = format!("a view needs a name of at most {NAME_CHARS_MAX} characters");
        PageError::BadForm(wanted)
    })?;
    let query = written_anew(&asked.query, app.index.snapshot().fields());
    if query.len() > QUERY_BYTES_MAX {
        let problem = "it has more conditions than a view that is saved may have";
        return Err(PageError::BadForm(problem.to_owned()));
    }
    let view = SavedView {
        name: name.to_owned(),
        query,
        by: visitor.name,
        at: app.clock.now(),
    };
    let done = match app.warehouse.save_view(&view, VIEWS_MAX).await? {
        true => Done::Saved,
        false => Done::NoRoom,
    };
    Ok(back(&view.query, done))
}

/// Removes the view of a name, whatever the name is: others may have put it into the table.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Form(asked): Form<Asked>,
) -> Result<Redirect, PageError> {
    app.warehouse.remove_view(&asked.name).await?;
    let query = written_anew(&asked.query, app.index.snapshot().fields());
    Ok(back(&query, Done::Removed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use callpipe_core::taxonomy::Taxonomy;

    fn anew(query: &str) -> String {
        written_anew(query, &Fields::of(&Taxonomy::built_in()))
    }

    #[test]
    fn a_query_is_written_as_links_are_and_periods_stay_relative() {
        let query = "period=7d&q=wrong+parcel&is.call_type=complaint&min.duration_s=60\
                     &sort=-duration_s&columns=agent%2Csummary";
        assert_eq!(anew(query), query);
        let in_disorder = "columns=agent,summary&sort=-duration_s&min.duration_s=60.0&q=wrong%20parcel\
                           &after=1_2&views=saved&is.call_type=complaint&period=7d&period=7d";
        assert_eq!(anew(in_disorder), query);
        // What is shown where nothing else is asked for has no query, and stays the last 30 days.
        assert_eq!(anew("period=30d&sort=-start"), "");
    }

    #[test]
    fn nothing_odd_gets_in() {
        let odd = "//evil.example/?x=\r\ny&sort=-weight'&columns=<b>&min.x=1&period=never&token=1";
        assert_eq!(anew(odd), "");
        let encoded = anew("is.agent=%00%0D%0A\"<b>é&q=a%26sort%3Dx#y");
        assert_eq!(
            encoded,
            "q=a%26sort%3Dx%23y&is.agent=%00%0D%0A%22%3Cb%3E%C3%A9"
        );
        assert_eq!(anew(&encoded), encoded);
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(
            name("  Lost \u{1f4a9} parcels\t", NAME_CHARS_MAX),
            Some("Lost \u{1f4a9} parcels")
        );
        assert!(name(&"é".repeat(NAME_CHARS_MAX), NAME_CHARS_MAX).is_some());
        for no_name in ["", " \u{a0}", "a\nb", "\0", &"é".repeat(NAME_CHARS_MAX + 1)] {
            assert_eq!(name(no_name, NAME_CHARS_MAX), None, "{no_name}");
        }
    }
}
