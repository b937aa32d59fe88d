//! Horizontal bars with counts and shares.

use maud::{Markup, html};

use super::{Counted, nothing, percent, ratio, words};

/// A table of bars, in the order given. `what` names the rows, `whole` is what shares are of: rows of a
/// field with several values add up to more.
pub(crate) fn bars(caption: &str, what: &str, bars: &[Counted], whole: u64) -> Markup {
    if bars.is_empty() {
        return nothing();
    }
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    html! {
        table.bars {
            caption.visually-hidden { (caption) }
            thead {
                tr {
                    th scope="col" { (what) }
                    td {}
                    th.number scope="col" { "Calls" }
                    th.number scope="col" { "Share" }
                }
            }
            tbody { @for bar in bars { (row(bar, most, whole)) } }
        }
    }
}

fn row(bar: &Counted, most: u64, whole: u64) -> Markup {
    html! {
        tr.row-link {
            th scope="row" { a href=(bar.href) { bdi { (words::short(&bar.label)) } } }
            td.bar-cell { (gauge(ratio(bar.count as f64, most as f64))) }
            td.number { (words::count(bar.count)) }
            td.number.share { (words::share(bar.count, whole)) }
        }
    }
}

/// A bar on its ground; what it says stands beside it.
pub(super) fn gauge(ratio: f64) -> Markup {
    html! {
        svg aria-hidden="true" focusable="false" {
            rect.bar-back width="100%" height="100%" rx="2" {}
            rect.bar width=(percent(ratio)) height="100%" rx="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn bar(label: &str, count: u64) -> Counted {
        let (label, href) = (label.to_owned(), "/calls?is.x=a&is.y=b".to_owned());
        Counted { label, count, href }
    }

    #[test]
    fn the_longest_bar_fills_its_cell() {
        let html = bars("Types", "Type", &[bar("A", 30), bar("B", 15)], 60).into_string();
        for part in [
            "width=\"100%\"",
            "width=\"50%\"",
            ">50.0\u{a0}%<",
            ">25.0\u{a0}%<",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("href=\"/calls?is.x=a&amp;is.y=b\""));
    }

    #[test]
    fn nothing_and_zeros_are_shown_as_such() {
        assert!(
            bars("Types", "Type", &[], 0)
                .into_string()
                .contains("No calls")
        );
        let html = bars("Types", "Type", &[bar("A", 0)], 0).into_string();
        assert!(html.contains("width=\"0%\"") && html.contains('–'));
        hostile::check_numbers(&html);
    }

    #[test]
    fn labels_are_text() {
        let html = bars("Types", "Type", &[bar(&hostile::label(), u64::MAX)], 1).into_string();
        hostile::check(&html);
    }
}
