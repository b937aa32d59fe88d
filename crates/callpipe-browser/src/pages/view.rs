//! What every page about calls begins with: who looks, which calls are selected, and what is known of
//! them now.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use maud::{Markup, html};
use url::form_urlencoded;

use super::error::PageError;
use super::layout::{Frame, Section, page};
use super::selection_bar::{SelectionBar, selection_bar};
use crate::charts::words;
use crate::index::{Chosen, FOUND_MAX, Found, Snapshot, Words};
use crate::safety::Visitor;
use crate::selection::{Dates, Selection};
use crate::server::App;

/// A request for a page about calls.
pub(crate) struct View {
    pub(crate) app: Arc<App>,
    pub(crate) visitor: Visitor,
    pub(crate) selection: Selection,
    pub(crate) snapshot: Arc<Snapshot>,
    /// The words that are searched for, if there are any.
    pub(crate) words: Option<Words>,
    /// The calls in which they were said.
    pub(crate) found: Option<Arc<Found>>,
    /// Path and query.
    pub(crate) address: String,
    query: Vec<(String, String)>,
}

impl FromRequestParts<Arc<App>> for View {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        let query = parts.uri.query().unwrap_or_default();
        let selection = Selection::parse(query);
        let words = selection.words.as_deref().map(Words::parse);
        let snapshot = app.index.snapshot();
        let found = match (&words, &selection.words) {
            (Some(Some(words)), Some(text)) => {
                let search = app.index.search(words, i64::MAX, FOUND_MAX);
                Some(app.kept_searches.get(&snapshot, text, search).await?)
            }
            // Words of which nothing can be searched for are said in no call.
            (words, _) => words.as_ref().map(|_| Arc::new(Found::nothing())),
        };
        let address = parts.uri.path_and_query().map(ToString::to_string);
        Ok(Self {
            app: Arc::clone(app),
            visitor,
            snapshot,
            words: words.flatten(),
            found,
            address: address.unwrap_or_default(),
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            selection,
        })
    }
}

impl View {
    /// A key of the address that is the page's own; nothing where it is empty.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let value = self.query.iter().find(|(other, _)| other == key);
        value
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The calls of the selection.
    pub(crate) fn chosen(&self) -> Chosen<'_> {
        self.snapshot.choose(&self.selection, self.found_ids())
    }

    /// The calls of the selection in other dates than its own.
    pub(crate) fn chosen_in(&self, dates: Dates) -> Chosen<'_> {
        self.snapshot
            .choose_dates(&self.selection, dates, self.found_ids())
    }

    fn found_ids(&self) -> Option<&[i64]> {
        self.found.as_ref().map(|found| found.ids.as_slice())
    }

    /// The bar with period and conditions. `more` are keys of the page's own that stay.
    pub(crate) fn bar(&self, section: Section, more: &[(&str, &str)]) -> Markup {
        let fields = self.snapshot.fields();
        html! {
            (selection_bar(&SelectionBar {
                path: section.path(),
                selection: &self.selection,
                more,
                field_title: &|name| fields.title(name).to_owned(),
            }))
            @if let Some(dates) = self.dates_shown() { p.soft { (dates) } }
            @if self.found.as_ref().is_some_and(|found| !found.is_all) {
                p.soft {
                    "These words were said in very many calls: counted are the newest "
                    (words::count(FOUND_MAX as u64)) " of them."
                }
            }
            @if self.snapshot.is_behind {
                p.notice role="status" {
                    "Calls are still being read: " (words::count(self.snapshot.calls() as u64))
                    " so far. All counts grow until that is done."
                }
            }
        }
    }

    /// From when to when, in words.
    fn dates_shown(&self) -> Option<String> {
        let shown = |date: chrono::NaiveDate| date.format("%-d %B %Y").to_string();
        match self.snapshot.dates(&self.selection) {
            (None, None) => None,
            (Some(from), Some(until)) if from == until => Some(shown(from)),
            (Some(from), Some(until)) => Some(format!("{} to {}", shown(from), shown(until))),
            (Some(from), None) => Some(format!("Since {}", shown(from))),
            (None, Some(until)) => Some(format!("Until {}", shown(until))),
        }
    }

    /// A part of a page that says the same to everybody at this address, until a call changes: it holds
    /// nothing of the visitor. One that others have asked for need not be made.
    pub(crate) async fn part(
        &self,
        make: impl Future<Output = Result<Markup, PageError>>,
    ) -> Result<Markup, PageError> {
        let kept = self
            .app
            .kept_parts
            .get(&self.snapshot, &self.address, make)
            .await?;
        Ok(Markup::clone(&kept))
    }

    /// A page in its frame.
    pub(crate) fn page(&self, title: &str, section: Section, body: Markup) -> Markup {
        self.page_with(title, section, None, body)
    }

    /// A page that says what just happened.
    pub(crate) fn page_with(
        &self,
        title: &str,
        section: Section,
        notice: Option<Markup>,
        body: Markup,
    ) -> Markup {
        let frame = Frame {
            title,
            section,
            selection: &self.selection,
            address: &self.address,
            visitor_name: &self.visitor.name,
            is_signed_in: self.visitor.is_signed_in,
            form_token: &self.visitor.form_token,
            theme: self.visitor.theme.as_str(),
            notice,
        };
        page(&frame, body)
    }
}
