//! Every call: filtered, sorted, counted, searched, and as CSV.

mod columns;
mod csv;
mod filters;
mod rows;
mod snippet;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::words;
use crate::index::{Listed, Place, Sort};
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
}

/// What of the list is shown.
struct Shape {
    sort: Sort,
    columns: Vec<Column>,
    after: Option<Place>,
}

impl Shape {
    fn of(view: &View) -> Self {
        Self {
            sort: Sort::parse(view.value("sort").unwrap_or_default()),
            columns: columns::chosen(view.value("columns"), view.snapshot.fields()),
            after: view.value("after").and_then(Place::parse),
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
        let pairs = self.pairs();
        let mut all: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        all.extend(more);
        view.selection.href_with(path, &all)
    }
}

async fn calls(view: View) -> Result<Markup, PageError> {
    let body = view.part(body(&view)).await?;
    Ok(view.page("Calls", Section::Calls, body))
}

async fn body(view: &View) -> Result<Markup, PageError> {
    let shape = Shape::of(view);
    let (count, listed) = {
        let chosen = view.chosen();
        (
            chosen.count(),
            chosen.list(&shape.sort, shape.after, PAGE_CALLS),
        )
    };
    let rows = rows::read(view, &listed.places).await?;
    let pairs = shape.pairs();
    let more: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    Ok(html! {
        div.page-head {
            h1 { "Calls" }
            p.soft { (words::calls(count)) @if shape.after.is_some() { ", further on" } }
            div.actions.row {
                a.button href=(shape.href(view, "/calls.csv", &[])) download="calls.csv" { "CSV" }
            }
        }
        (view.bar(Section::Calls, &more))
        div.row.list-tools {
            (filters::menu(view, &shape))
            (columns::menu(view, &shape))
        }
        @if rows.is_empty() {
            p.empty { "No calls match. " a href="/calls?period=all" { "Show all calls" } }
        } @else {
            (rows::table(view, &shape, &rows))
            (pager(view, &shape, &listed))
        }
    })
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
