//! Day by day, how many calls are in which state.

use chrono::{Datelike, NaiveDate, Weekday};
use maud::{Markup, html};

use super::heat::{cell, step};
use super::{nothing, words};

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayColumn {
    /// For people.
    pub(crate) title: String,
    /// Whether calls in it need a person.
    pub(crate) is_alarm: bool,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Day {
    /// The date.
    pub(crate) date: NaiveDate,
    /// For each state, how many calls, and where they are.
    pub(crate) cells: Vec<(u64, String)>,
}

/// A table of days, in the order given.
pub(crate) fn days(caption: &str, columns: &[DayColumn], days: &[Day]) -> Markup {
    if days.is_empty() || columns.is_empty() {
        return nothing();
    }
    let most = [most(columns, days, false), most(columns, days, true)];
    let month = |day: &Day| (day.date.year(), day.date.month());
    html! {
        div.heat-frame tabindex="0" role="region" aria-label=(caption) {
            table.heat.days {
                caption.visually-hidden { (caption) }
                thead {
                    tr {
                        th scope="col" { "Day" }
                        @for column in columns { th scope="col" { bdi { (words::short(&column.title)) } } }
                    }
                }
                tbody {
                    @for (place, day) in days.iter().enumerate() {
                        @if place == 0 || month(&days[place - 1]) != month(day) {
                            tr.month { th colspan=(columns.len() + 1) scope="rowgroup" { (day.date.format("%B %Y")) } }
                        }
                        (row(day, columns, most))
                    }
                }
            }
        }
    }
}

fn row(day: &Day, columns: &[DayColumn], most: [u64; 2]) -> Markup {
    let is_weekend = matches!(day.date.weekday(), Weekday::Sat | Weekday::Sun);
    html! {
        tr class=[is_weekend.then_some("weekend")] {
            th scope="row" { time datetime=(day.date) { (day.date.format("%a %-d %b")) } }
            @for ((count, href), column) in day.cells.iter().zip(columns) {
                @let ramp = if column.is_alarm { "alarm" } else { "heat" };
                (cell(*count, href, step(*count, most[usize::from(column.is_alarm)]), ramp))
            }
        }
    }
}

/// The most calls of a day in a state that does, or does not, need a person.
fn most(columns: &[DayColumn], days: &[Day], is_alarm: bool) -> u64 {
    let cells = days.iter().flat_map(|day| day.cells.iter().zip(columns));
    let fitting = cells.filter(|(_, column)| column.is_alarm == is_alarm);
    fitting.map(|((count, _), _)| *count).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn column(title: &str, is_alarm: bool) -> DayColumn {
        DayColumn {
            title: title.to_owned(),
            is_alarm,
        }
    }

    fn day(date: &str, counts: &[u64]) -> Day {
        let cells = counts
            .iter()
            .map(|count| (*count, format!("/calls?n={count}")))
            .collect();
        Day {
            date: date.parse().unwrap(),
            cells,
        }
    }

    #[test]
    fn days_have_weeks_months_and_their_own_shades_for_alarms() {
        let columns = [column("Done", false), column("Parked", true)];
        let rows = [day("2026-11-01", &[400, 2]), day("2026-10-30", &[100, 0])];
        let html = days("C", &columns, &rows).into_string();
        assert!(html.contains("November 2026") && html.contains("October 2026"));
        assert!(html.contains(
            "<tr class=\"weekend\"><th scope=\"row\"><time datetime=\"2026-11-01\">Sun 1 Nov"
        ));
        assert!(html.contains("heat-8\"><a href=\"/calls?n=400\">400") && html.contains("heat-5"));
        assert!(html.contains("alarm-8\"><a href=\"/calls?n=2\">2") && html.contains("alarm-0"));
    }

    #[test]
    fn titles_are_text_and_nothing_is_shown_as_such() {
        let html = days(
            "C",
            &[column(&hostile::label(), true)],
            &[day("9999-12-31", &[u64::MAX])],
        );
        hostile::check(&html.into_string());
        assert!(days("C", &[], &[]).into_string().contains("No calls"));
        let few_cells = days("C", &[column("A", false)], &[day("0001-01-01", &[])]).into_string();
        hostile::check_numbers(&few_cells);
    }
}
