//! Day by day, how many calls are in which state: what was given, and what is missing.

use maud::{Markup, html};

use crate::charts::{Day, DayColumn, days};
use crate::pages::layout::Section;
use crate::pages::view::View;
use crate::selection::Period;

/// So many days are shown, newest first.
const DAYS_MAX: usize = 92;

/// A state with its title: stages and statuses that belong to it.
struct State {
    title: &'static str,
    stages: &'static [&'static str],
    statuses: &'static [&'static str],
    is_alarm: bool,
}

const ANY_STAGE: &[&str] = &[];

const STATES: [State; 7] = [
    State {
        title: "Given",
        stages: ANY_STAGE,
        statuses: &[],
        is_alarm: false,
    },
    State {
        title: "To fetch",
        stages: &["fetch"],
        statuses: &["ready"],
        is_alarm: false,
    },
    State {
        title: "To transcribe",
        stages: &["transcribe"],
        statuses: &["ready"],
        is_alarm: false,
    },
    State {
        title: "To classify",
        stages: &["classify"],
        statuses: &["ready"],
        is_alarm: false,
    },
    State {
        title: "Classified",
        stages: ANY_STAGE,
        statuses: &["done"],
        is_alarm: false,
    },
    State {
        title: "Nothing to do",
        stages: ANY_STAGE,
        statuses: &["skipped"],
        is_alarm: false,
    },
    State {
        title: "Parked",
        stages: ANY_STAGE,
        statuses: &["parked"],
        is_alarm: true,
    },
];

impl State {
    fn holds(&self, stage: &str, status: &str) -> bool {
        (self.stages.is_empty() || self.stages.contains(&stage))
            && (self.statuses.is_empty() || self.statuses.contains(&status))
    }
}

/// The map of the selection's days.
pub(super) fn card(view: &View) -> Markup {
    let by_day = view.chosen().by_day("stage", "status");
    let shown: Vec<Day> = by_day
        .iter()
        .rev()
        .take(DAYS_MAX)
        .map(|(date, counts)| {
            let of_day = view.selection.within(Period::Dates {
                from: Some(*date),
                until: Some(*date),
            });
            let cells = STATES.iter().map(|state| {
                let counts = counts
                    .iter()
                    .filter(|((stage, status), _)| state.holds(stage, status));
                let count = counts.map(|(_, count)| count).sum();
                let set =
                    |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
                let mut calls = of_day.clone();
                for (field, values) in [("stage", state.stages), ("status", state.statuses)] {
                    if !values.is_empty() {
                        calls.fields.insert(field.to_owned(), set(values));
                    }
                }
                (count, calls.href("/calls"))
            });
            Day {
                date: *date,
                cells: cells.collect(),
            }
        })
        .collect();
    let columns: Vec<DayColumn> = STATES
        .iter()
        .map(|state| DayColumn {
            title: state.title.to_owned(),
            is_alarm: state.is_alarm,
        })
        .collect();
    html! {
        section.card.wide {
            header { h2 { "Calls of each day by state" } }
            (view.bar(Section::Runs, &[]))
            (days("Calls of each day by state", &columns, &shown))
            @if by_day.len() > DAYS_MAX { p.soft { "The newest " (DAYS_MAX) " of " (by_day.len()) " days are shown." } }
        }
    }
}
