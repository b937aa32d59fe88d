//! Two fields against each other: a table with shades.

use maud::{Markup, html};

use super::{nothing, ratio, words};

/// A row of a heat map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatRow {
    /// What it is.
    pub(crate) label: String,
    /// Where its calls are.
    pub(crate) href: String,
    /// How many they are: where a call can have several of the columns, fewer than their sum.
    pub(crate) total: u64,
    /// For each column, how many calls, and where they are.
    pub(crate) cells: Vec<(u64, String)>,
}

/// What a shade compares a count with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shade {
    /// The largest of all cells.
    OfAll,
    /// The row's total: rows with few calls can be compared with others.
    OfRow,
}

/// The table. `corner` names the rows.
pub(crate) fn heat_map(
    caption: &str,
    corner: &str,
    columns: &[String],
    rows: &[HeatRow],
    shade: Shade,
) -> Markup {
    if rows.is_empty() || columns.is_empty() {
        return nothing();
    }
    let most = rows
        .iter()
        .flat_map(|row| &row.cells)
        .map(|(count, _)| *count)
        .max()
        .unwrap_or(0);
    html! {
        (scale(shade))
        div.heat-frame tabindex="0" role="region" aria-label=(caption) {
            table.heat {
                caption.visually-hidden { (caption) }
                thead {
                    tr {
                        th scope="col" { (corner) }
                        @for column in columns { th scope="col" { bdi { (words::short(column)) } } }
                        th.total scope="col" { "All" }
                    }
                }
                tbody {
                    @for row in rows {
                        @let most = if shade == Shade::OfRow { row.total } else { most };
                        tr {
                            th scope="row" { a href=(row.href) { bdi { (words::short(&row.label)) } } }
                            @for (count, href) in &row.cells { (cell(*count, href, step(*count, most), "heat")) }
                            td.total { (words::count(row.total)) }
                        }
                    }
                }
            }
        }
    }
}

fn scale(shade: Shade) -> Markup {
    html! {
        ul.legend {
            li {
                "few"
                span.heat-scale aria-hidden="true" { @for step in 0..=8 { i class={ "heat-" (step) } {} } }
                @match shade {
                    Shade::OfAll => "many calls",
                    Shade::OfRow => "many of the row's calls",
                }
            }
        }
    }
}

/// A cell: its count leads to its calls.
pub(super) fn cell(count: u64, href: &str, step: u32, ramp: &str) -> Markup {
    html! {
        td class={ (ramp) "-" (step) } {
            @if count == 0 { span { "0" } } @else { a href=(href) { (words::count(count)) } }
        }
    }
}

/// The shade of a count: 0 for nothing, 8 for the most. By the square root, since few cells have most
/// of the calls and the others would all look alike.
pub(super) fn step(count: u64, most: u64) -> u32 {
    if count == 0 {
        return 0;
    }
    1 + (ratio(count as f64, most as f64).sqrt() * 7.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn row(label: &str, counts: &[u64]) -> HeatRow {
        let cells = counts
            .iter()
            .map(|count| (*count, format!("/calls?n={count}")))
            .collect();
        HeatRow {
            label: label.to_owned(),
            href: "/calls".to_owned(),
            total: 100,
            cells,
        }
    }

    #[test]
    fn shades_follow_the_counts() {
        let steps = [0, 1, 25, 100].map(|count| step(count, 100));
        assert_eq!(steps, [0, 2, 5, 8]);
        assert_eq!(
            [step(1, 0), step(u64::MAX, 1), step(1, u64::MAX)],
            [1, 8, 1]
        );
    }

    #[test]
    fn cells_lead_to_their_calls_but_those_of_nothing() {
        let columns = ["A", "B"].map(str::to_owned);
        let html = heat_map("C", "X", &columns, &[row("R", &[0, 25])], Shade::OfRow).into_string();
        assert!(
            html.contains("<td class=\"heat-5\"><a href=\"/calls?n=25\">25</a></td>"),
            "{html}"
        );
        assert!(html.contains("<td class=\"heat-0\"><span>0</span></td>"));
        let html = heat_map("C", "X", &columns, &[row("R", &[0, 25])], Shade::OfAll).into_string();
        assert!(html.contains("<td class=\"heat-8\"><a"));
    }

    #[test]
    fn labels_are_text_and_nothing_is_shown_as_such() {
        let columns = [hostile::label()];
        let html = heat_map(
            "C",
            "X",
            &columns,
            &[row(&hostile::label(), &[1])],
            Shade::OfAll,
        );
        hostile::check(&html.into_string());
        assert!(
            heat_map("C", "X", &columns, &[], Shade::OfAll)
                .into_string()
                .contains("No calls")
        );
    }
}
