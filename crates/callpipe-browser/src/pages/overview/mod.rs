//! What the calls were about: figures with their change, and charts of which every mark leads to the
//! calls behind it.

mod kpis;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use callpipe_core::failure::Failure;
use chrono::{Datelike, Days, NaiveDate};
use futures::TryFutureExt as _;
use maud::{Markup, html};

use super::error::PageError;
use super::layout::Section;
use super::view::View;
use crate::charts::{
    Counted, HeatRow, Scale, Shade, StackedRow, Week, bars, heat_map, stacked, weeks, words,
};
use crate::index::{Cross, Field, Tally};
use crate::selection::Period;
use crate::server::App;

/// So many values of a field are shown, most frequent first.
const BARS_MAX: usize = 12;

/// So many columns of a heat map are shown.
const COLUMNS_MAX: usize = 8;

/// What fewer calls say may be chance.
const FEW_CALLS: u64 = 10;

/// So many weeks are shown, the last ones.
const WEEKS_MAX: usize = 110;

/// The pages of this part.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(overview))
}

async fn overview(view: View) -> Result<Markup, PageError> {
    let view = Arc::new(view);
    let counted = Arc::clone(&view);
    // Counting walks over all calls: not on a thread that others wait for.
    let counting = async { tokio::task::spawn_blocking(move || body(&counted)).await };
    let counting = counting.map_err(|error| {
        let failure = Failure::bug("counting broke off").with_source(error);
        PageError::from(failure)
    });
    let body = view.part(counting).await?;
    Ok(view.page("Overview", Section::Overview, body))
}

fn body(view: &View) -> Markup {
    let fields = view.snapshot.fields();
    let names: Vec<&str> = fields
        .all()
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let tally = view.chosen().tally(&names);
    let before = view
        .snapshot
        .newest_date()
        .and_then(|newest| view.selection.period.dates_before(newest))
        .map(|(from, until)| {
            view.chosen_in((Some(from), Some(until))).tally(&[
                "status",
                "sentiment",
                "escalation_actions",
                "sale_result",
            ])
        });
    html! {
        div.page-head {
            h1 { "Overview" }
            p.soft { (words::calls(tally.calls)) }
        }
        (view.bar(Section::Overview, &[]))
        (kpis::cards(view, &tally, before.as_ref()))
        div.grid {
            section.card.wide {
                header { h2 { "Sentiment by week" } p { "-1 is negative, 1 positive; hatched are weeks of few calls" } }
                (sentiment(view, &tally))
            }
            @for (field, label) in fields.labels() {
                section.card {
                    header { h2 { (field.title) } p { (label.description) } }
                    (bars(&field.title, "Value", &counted(view, field, &tally), tally.calls))
                }
            }
            (heat(view, "product_family", "sale_result", Shade::OfRow))
            (parts(view, "call_type", "sale_result"))
            (heat(view, "problems_detected", "product_family", Shade::OfAll))
        }
    }
}

fn counted(view: &View, field: &Field, tally: &Tally) -> Vec<Counted> {
    let counts = tally.fields.get(&field.name).map_or(&[][..], Vec::as_slice);
    let bars = counts.iter().take(BARS_MAX).map(|(value, count)| Counted {
        label: words::title(value),
        count: *count,
        href: view.selection.only(&field.name, value).href("/calls"),
    });
    bars.collect()
}

/// Two labels against each other, where the taxonomy has both.
fn pair<'a>(view: &'a View, row: &str, column: &str) -> Option<(&'a Field, &'a Field, Cross)> {
    let fields = view.snapshot.fields();
    let (rows, columns) = (fields.find(row)?, fields.find(column)?);
    Some((rows, columns, view.chosen().cross(row, column)))
}

/// For each row, its calls by the values of the columns.
fn cells(
    view: &View,
    (row, column, cross): &(&Field, &Field, Cross),
    value: &str,
) -> Vec<(u64, String)> {
    let calls = view.selection.only(&row.name, value);
    let columns = cross.columns.iter().take(COLUMNS_MAX);
    columns
        .map(|(column_value, _)| {
            let calls = calls.only(&column.name, column_value).href("/calls");
            (cross.count(value, column_value), calls)
        })
        .collect()
}

fn titles(cross: &Cross) -> Vec<String> {
    let columns = cross.columns.iter().take(COLUMNS_MAX);
    columns.map(|(value, _)| words::title(value)).collect()
}

fn heat(view: &View, row: &str, column: &str, shade: Shade) -> Markup {
    let Some(pair) = pair(view, row, column) else {
        return html! {};
    };
    let (row, column, cross) = &pair;
    let rows: Vec<HeatRow> = cross
        .rows
        .iter()
        .map(|(value, total)| HeatRow {
            label: words::title(value),
            href: view.selection.only(&row.name, value).href("/calls"),
            total: *total,
            cells: cells(view, &pair, value),
        })
        .collect();
    let caption = format!("{} by {}", row.title, column.title.to_lowercase());
    html! {
        section.card.wide {
            header { h2 { (caption) } }
            (heat_map(&caption, &row.title, &titles(cross), &rows, shade))
        }
    }
}

fn parts(view: &View, row: &str, column: &str) -> Markup {
    let Some(pair) = pair(view, row, column) else {
        return html! {};
    };
    let (row, column, cross) = &pair;
    let rows: Vec<StackedRow> = cross
        .rows
        .iter()
        .map(|(value, _)| StackedRow {
            label: words::title(value),
            href: view.selection.only(&row.name, value).href("/calls"),
            parts: cells(view, &pair, value),
        })
        .collect();
    let caption = format!("{} by {}", row.title, column.title.to_lowercase());
    html! {
        section.card.wide {
            header { h2 { (caption) } }
            (stacked(&caption, &row.title, &titles(cross), &rows))
        }
    }
}

fn sentiment(view: &View, tally: &Tally) -> Markup {
    let mut by_week: BTreeMap<NaiveDate, (u64, f64, u64)> = BTreeMap::new();
    for (day, of_day) in &tally.days {
        let (calls, sum, known) = by_week.entry(monday(*day)).or_default();
        *calls += of_day.calls;
        *sum += of_day.sentiment.sum;
        *known += of_day.sentiment.count;
    }
    let (Some(first), Some(last)) = (by_week.keys().next(), by_week.keys().next_back()) else {
        return weeks("Sentiment by week", &[], SCALE, FEW_CALLS);
    };
    let all = first.iter_weeks().take_while(|week| week <= last);
    let shown: Vec<NaiveDate> = all.collect();
    let shown = &shown[shown.len().saturating_sub(WEEKS_MAX)..];
    let line: Vec<Week> = shown
        .iter()
        .map(|week| {
            let (calls, sum, known) = by_week.get(week).copied().unwrap_or_default();
            let until = week.checked_add_days(Days::new(6));
            let dates = Period::Dates {
                from: Some(*week),
                until,
            };
            Week {
                label: week.format("%-d %b %y").to_string(),
                value: (known > 0).then(|| sum / known as f64),
                calls,
                href: view.selection.within(dates).href("/calls"),
            }
        })
        .collect();
    weeks("Sentiment by week", &line, SCALE, FEW_CALLS)
}

const SCALE: Scale = Scale {
    min: -1.0,
    max: 1.0,
    shown: |value| format!("{value:+.2}"),
};

fn monday(day: NaiveDate) -> NaiveDate {
    let since = Days::new(u64::from(day.weekday().num_days_from_monday()));
    day.checked_sub_days(since).unwrap_or(day)
}
