//! The rows of the list: what is known of each call on the page.

use std::collections::HashMap;

use callpipe_core::call::ContactId;
use callpipe_core::exported::BriefCall;
use chrono::{DateTime, FixedOffset};
use maud::{Markup, html};

use super::columns::Column;
use super::{Shape, snippet};
use crate::charts::{Side, Span, meter, strip, words};
use crate::figure::Figure;
use crate::index::{Place, Sort, SortBy, Values};
use crate::pages::address::call_path;
use crate::pages::error::PageError;
use crate::pages::view::View;

/// So much of a summary is shown, in characters.
const SUMMARY_CHARS_MAX: usize = 160;

/// And so much where somebody points at it.
const HOVERED_CHARS_MAX: usize = 500;

/// A call of the list.
pub(super) struct Row {
    pub(super) call: BriefCall,
    /// What was said, where words are looked for in it.
    conversation: Option<String>,
    /// Its values and figures as the index has them, so that people's corrections count.
    pub(super) values: Values,
}

/// What is known of calls, in their order. One that is gone meanwhile is left out.
pub(super) async fn read(view: &View, places: &[Place]) -> Result<Vec<Row>, PageError> {
    let ids: Vec<i64> = places.iter().map(|place| place.id).collect();
    let contact_ids = view.app.index.contact_ids(ids.clone()).await?;
    let wanted: Vec<ContactId> = contact_ids
        .values()
        .filter_map(|id| ContactId::parse(id).ok())
        .collect();
    let mut calls: HashMap<String, Told> = told(view, wanted)
        .await?
        .into_iter()
        .map(|(call, conversation)| (call.contact_id.to_string(), (call, conversation)))
        .collect();
    let row = |id: i64| {
        let (call, conversation) = calls.remove(contact_ids.get(&id)?)?;
        let values = view.snapshot.values(id)?;
        Some(Row {
            call,
            conversation,
            values,
        })
    };
    Ok(ids.into_iter().filter_map(row).collect())
}

/// A call, and what was said where words are looked for in it.
type Told = (BriefCall, Option<String>);

async fn told(view: &View, contact_ids: Vec<ContactId>) -> Result<Vec<Told>, PageError> {
    let index = &view.app.index;
    if view.words.is_none() {
        let calls = index.brief(contact_ids).await?;
        return Ok(calls.into_iter().map(|call| (call, None)).collect());
    }
    let calls = index.calls(&contact_ids).await?.into_iter();
    let told = calls.map(|mut call| {
        let conversation = call.transcript.conversation.take();
        (BriefCall::from(call), conversation)
    });
    Ok(told.collect())
}

/// The table.
pub(super) fn table(view: &View, shape: &Shape, rows: &[Row]) -> Markup {
    let fields = view.snapshot.fields();
    html! {
        div.table-frame tabindex="0" role="region" aria-label="List of calls" {
            table {
                thead {
                    tr {
                        (heading(view, shape, &SortBy::Start, "Start", false))
                        @for column in &shape.columns {
                            @let by = match column {
                                Column::Figure(figure) => SortBy::Figure(*figure),
                                column => SortBy::Field(column.name().to_owned()),
                            };
                            @if column.is_sortable() {
                                (heading(view, shape, &by, column.title(fields), is_number(column)))
                            } @else {
                                th scope="col" { (column.title(fields)) }
                            }
                        }
                    }
                }
                tbody {
                    @for row in rows { (tr(view, shape, row)) }
                }
            }
        }
    }
}

fn is_number(column: &Column) -> bool {
    matches!(column, Column::Figure(figure) if *figure != Figure::Confidence)
}

/// A heading by which the list is sorted; once more, and the other way round.
fn heading(view: &View, shape: &Shape, by: &SortBy, title: &str, is_number: bool) -> Markup {
    let is_sorted = shape.sort.by == *by;
    let is_descending = match is_sorted {
        true => !shape.sort.is_descending,
        false => !matches!(by, SortBy::Field(_)),
    };
    let sorted = match (is_sorted, shape.sort.is_descending) {
        (false, _) => None,
        (true, true) => Some("descending"),
        (true, false) => Some("ascending"),
    };
    let sort = Sort {
        by: by.clone(),
        is_descending,
    };
    let other = Shape {
        sort,
        columns: shape.columns.clone(),
        after: None,
    };
    html! {
        th.number[is_number] scope="col" aria-sort=[sorted] {
            a href=(other.href(view, "/calls", &[])) { (title) }
        }
    }
}

fn tr(view: &View, shape: &Shape, row: &Row) -> Markup {
    let call = &row.call;
    let path = view.selection.href(&call_path(&call.contact_id));
    let found = view.words.as_ref().and_then(|words| {
        let conversation = row.conversation.as_deref().unwrap_or_default();
        snippet::snippet(conversation, words)
            .or_else(|| snippet::snippet(call.summary.as_deref()?, words))
    });
    html! {
        tr {
            th scope="row" {
                a.nowrap href=(path) { (started(call.started_at)) }
                div.faint { bdi.clip { (words::short(call.contact_id.as_str())) } }
            }
            @for column in &shape.columns {
                @let cell = cell(view, column, row, found.as_ref());
                @if is_number(column) { td.number { (cell) } } @else { td { (cell) } }
            }
        }
    }
}

/// A call's start as people read it, in the call's own place.
pub(in crate::pages) fn started(at: Option<DateTime<FixedOffset>>) -> String {
    match at {
        Some(start) => start.format("%-d %b %Y %H:%M").to_string(),
        None => "Start not known".to_owned(),
    }
}

fn cell(view: &View, column: &Column, row: &Row, found: Option<&Markup>) -> Markup {
    match column {
        Column::Talk => talk(row.call.timeline.as_deref()),
        Column::Summary => match (found, &row.call.summary) {
            (Some(found), _) => found.clone(),
            (None, Some(summary)) => beginning(summary),
            (None, None) => state(&row.call),
        },
        Column::Field(name) => html! {
            @for (place, value) in row.values.of(view.snapshot.fields(), name).iter().enumerate() {
                @if place > 0 { ", " }
                a href=(view.selection.only(name, value).href("/calls")) { bdi { (words::short(&words::title(value))) } }
            }
        },
        Column::Figure(figure) => match (figure, row.values.figure(*figure)) {
            (Figure::Confidence, value) => meter("Confidence", value),
            (figure, Some(value)) => html! { (figure.shown(value)) },
            (_, None) => html! {},
        },
    }
}

/// The beginning of a summary; more of it where somebody points at it.
fn beginning(summary: &str) -> Markup {
    let shown = words::cut(summary, SUMMARY_CHARS_MAX);
    let all = words::cut(summary, HOVERED_CHARS_MAX);
    html! { bdi.summary title=[(all != shown).then_some(all)] { (shown) } }
}

/// Where a call stands that was not understood yet.
fn state(call: &BriefCall) -> Markup {
    let failure = call.state.last_failure.as_ref();
    html! {
        span.faint {
            (words::title(call.state.stage.as_str())) ": " (call.state.status)
            @if let Some(reason) = &call.state.skip_reason { ", " (words::title(reason)) }
            @if let Some(failure) = failure { ", " (words::title(failure.kind.as_str())) }
        }
    }
}

/// Who speaks when.
pub(in crate::pages) fn talk(timeline: Option<&str>) -> Markup {
    let Some(timeline) = timeline.filter(|timeline| !timeline.is_empty()) else {
        return html! {};
    };
    let parts = timeline.chars().count() as f64;
    let spans: Vec<Span> = timeline
        .chars()
        .enumerate()
        .flat_map(|(place, letter)| {
            let (from, to) = (place as f64 / parts, (place + 1) as f64 / parts);
            sides(letter).iter().map(move |side| Span {
                from,
                to,
                side: *side,
            })
        })
        .collect();
    strip(&spans)
}

fn sides(letter: char) -> &'static [Side] {
    match letter {
        'a' => &[Side::Agent],
        'c' => &[Side::Customer],
        'b' => &[Side::Agent, Side::Customer],
        '1'..='9' => &[Side::Other],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_that_is_shown_whole_is_not_sent_twice() {
        assert_eq!(
            beginning("A <b>chain</b>.").into_string(),
            "<bdi class=\"summary\">A &lt;b&gt;chain&lt;/b&gt;.</bdi>"
        );
        let long = beginning(&"word ".repeat(200)).into_string();
        assert!(long.contains("title=\"word ") && long.len() < 800, "{long}");
    }
}
