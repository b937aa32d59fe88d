//! Every call: filtered, sorted, counted, searched, as CSV, and by views that people have saved.

mod columns;
mod csv;
mod filters;
mod rows;
mod saved;
mod snippet;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use maud::{Markup, html};

use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::words;
use crate::index::{Fields, Listed, Place, Sort, SortBy};
use crate::selection::Selection;
use crate::server::App;
use columns::Column;

pub(super) use rows::{started, talk};

/// Calls on a page.
const PAGE_CALLS: usize = 40;

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/calls", get(calls))
        .route("/calls.csv", get(csv::csv))
        .route("/views/save", post(saved::save))
        .route("/views/remove", post(saved::remove))
}

/// What of the list is shown.
struct Shape {
    sort: Sort,
    columns: Vec<Column>,
    after: Option<Place>,
}

impl Shape {
    fn of(view: &View) -> Self {
        let fields = view.snapshot.fields();
        Self {
            after: view.value("after").and_then(Place::parse),
            ..Self::read(view.value("sort"), view.value("columns"), fields)
        }
    }

    /// From the words of an address, at the beginning of the list; as usual where they make no sense.
    fn read(sort: Option<&str>, columns: Option<&str>, fields: &Fields) -> Self {
        let sort = Sort::parse(sort.unwrap_or_default());
        let is_known = match &sort.by {
            SortBy::Field(name) => fields.find(name).is_some(),
            SortBy::Start | SortBy::Figure(_) => true,
        };
        Self {
            sort: if is_known { sort } else { Sort::default() },
            columns: columns::chosen(columns, fields),
            after: None,
        }
    }

    /// Keys of the address that stay, but for the place.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if self.sort != Sort::default() {
            pairs.push(("sort", self.sort.word()));
        }
        if self.columns != columns::usual() {
            pairs.push(("columns", columns::word(&self.columns)));
        }
        pairs
    }

    /// An address of the list in this shape, with further keys.
    fn href(&self, view: &View, path: &str, more: &[(&str, &str)]) -> String {
        self.address(&view.selection, path, more)
    }

    /// The same for any calls.
    fn address(&self, selection: &Selection, path: &str, more: &[(&str, &str)]) -> String {
        let pairs = self.pairs();
        let mut all: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        all.extend(more);
        selection.href_with(path, &all)
    }
}

/// The calls of an address.
pub(crate) struct CallList {
    count: u64,
    /// A page of them, with the ways to others.
    table: Markup,
}

impl CallList {
    async fn read(view: &View, shape: &Shape) -> Result<Self, PageError> {
        let (count, listed) = {
            let chosen = view.chosen();
            let listed = chosen.list(&shape.sort, shape.after, PAGE_CALLS);
            (chosen.count(), listed)
        };
        let rows = rows::read(view, &listed.places).await?;
        let table = html! {
            @if rows.is_empty() {
                p.empty { "No calls match. " a href="/calls?period=all" { "Show all calls" } }
            } @else {
                (rows::table(view, shape, &rows))
                (pager(view, shape, &listed))
            }
        };
        Ok(Self { count, table })
    }
}

async fn calls(view: View) -> Result<Markup, PageError> {
    let shape = Shape::of(&view);
    let list = CallList::read(&view, &shape);
    let list = view.app.kept_lists.get(&view.snapshot, &view.address, list);
    let list = list.await?;
    let views = saved::read(&view, &shape).await?;
    let pairs = shape.pairs();
    let more: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let body = html! {
        div.page-head {
            h1 { "Calls" }
            p.soft { (words::calls(list.count)) @if shape.after.is_some() { ", further on" } }
            div.actions.row {
                a.button href=(shape.href(&view, "/calls.csv", &[])) download="calls.csv" { "CSV" }
            }
        }
        (saved::tabs(&views))
        (view.bar(Section::Calls, &more))
        div.row.list-tools {
            (filters::menu(&view, &shape))
            (columns::menu(&view, &shape))
            (saved::menu(&view, &views))
        }
        (list.table)
    };
    Ok(view.page_with("Calls", Section::Calls, saved::notice(&view), body))
}

fn pager(view: &View, shape: &Shape, listed: &Listed) -> Markup {
    let next = listed.places.last().filter(|_| listed.has_more);
    html! {
        nav.row.pager aria-label="Pages of the list" {
            @if shape.after.is_some() {
                a.button href=(shape.href(view, "/calls", &[])) { "First page" }
            }
            @if let Some(last) = next {
                a.button rel="next" href=(shape.href(view, "/calls", &[("after", &last.word())])) { "Next page" }
            }
        }
    }
}
