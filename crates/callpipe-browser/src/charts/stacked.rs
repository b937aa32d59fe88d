//! Bars of parts: how a whole is made up, row by row.

use maud::{Markup, html};

use super::{nothing, patterns, percent, ratio, series, words};

/// A bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackedRow {
    /// What it is.
    pub(crate) label: String,
    /// Where all its calls are.
    pub(crate) href: String,
    /// For each series, how many calls, and where they are.
    pub(crate) parts: Vec<(u64, String)>,
}

/// A table of bars of equal length, each made up of the series.
pub(crate) fn stacked(caption: &str, what: &str, names: &[String], rows: &[StackedRow]) -> Markup {
    if rows.is_empty() || names.is_empty() {
        return nothing();
    }
    html! {
        (legend(names))
        table.stacked {
            caption.visually-hidden { (caption) }
            thead {
                tr {
                    th scope="col" { (what) }
                    th scope="col" { span.visually-hidden { "Parts" } }
                    th.number scope="col" { "Calls" }
                }
            }
            tbody { @for row in rows { (bar(row, names)) } }
        }
    }
}

fn legend(names: &[String]) -> Markup {
    html! {
        ul.legend {
            @for (index, name) in names.iter().enumerate() {
                li {
                    svg aria-hidden="true" focusable="false" { (swatch(series(index), "0", "100%")) }
                    bdi { (words::short(name)) }
                }
            }
        }
    }
}

fn swatch(series: usize, x: &str, width: &str) -> Markup {
    html! {
        rect class={ "series series-" (series) } x=(x) width=(width) height="100%" {}
        @if let Some(pattern) = patterns::fill(series) {
            rect x=(x) width=(width) height="100%" fill=(pattern) {}
        }
    }
}

fn bar(row: &StackedRow, names: &[String]) -> Markup {
    let total = row
        .parts
        .iter()
        .fold(0_u64, |sum, (count, _)| sum.saturating_add(*count));
    let mut before = 0_u64;
    let parts =
        row.parts
            .iter()
            .zip(names)
            .enumerate()
            .filter_map(|(index, ((count, href), name))| {
                let x = ratio(before as f64, total as f64);
                before = before.saturating_add(*count);
                (*count > 0).then_some((index, x, *count, href, name))
            });
    html! {
        tr {
            th scope="row" { a href=(row.href) { bdi { (words::short(&row.label)) } } }
            td.bar-cell {
                svg.stack-bar role="group" aria-label={ "Parts of " (words::plain(&row.label)) } {
                    @for (index, x, count, href, name) in parts {
                        @let told = format!("{}: {}, {}", words::plain(name), words::calls(count), words::share(count, total));
                        a href=(href) aria-label=(told) {
                            title { (told) }
                            (swatch(series(index), &percent(x), &percent(ratio(count as f64, total as f64))))
                        }
                    }
                }
            }
            td.number { (words::count(total)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn row(label: &str, counts: &[u64]) -> StackedRow {
        let parts = counts
            .iter()
            .map(|count| (*count, format!("/calls?n={count}")))
            .collect();
        StackedRow {
            label: label.to_owned(),
            href: "/calls".to_owned(),
            parts,
        }
    }

    #[test]
    fn parts_lie_side_by_side_and_lead_to_their_calls() {
        let names = ["Good", "Bad", "Ugly"].map(str::to_owned);
        let html = stacked("C", "W", &names, &[row("R", &[1, 0, 3])]).into_string();
        assert!(html.contains("x=\"25%\" width=\"75%\"") && html.contains("series-3"));
        assert!(
            html.contains("aria-label=\"Ugly: 3 calls, 75.0\u{a0}%\"")
                && html.contains("/calls?n=3")
        );
        assert!(!html.contains("/calls?n=0"), "a part of nothing is no link");
    }

    #[test]
    fn nothing_zeros_and_huge_numbers_are_shown() {
        assert!(
            stacked("C", "W", &[], &[])
                .into_string()
                .contains("No calls")
        );
        let names = ["A", "B"].map(str::to_owned);
        let rows = [
            row("R", &[0, 0]),
            row("R", &[u64::MAX, u64::MAX]),
            row("R", &[]),
        ];
        hostile::check_numbers(&stacked("C", "W", &names, &rows).into_string());
    }

    #[test]
    fn labels_are_text() {
        let names = [hostile::label()];
        hostile::check(&stacked("C", "W", &names, &[row(&hostile::label(), &[2])]).into_string());
    }
}
