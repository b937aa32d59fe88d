//! Charts as SVG and HTML, made of figures and addresses: pure functions.
//!
//! Each mark leads to the calls behind it. What a mark says is there as text, too: charts of counts are
//! tables with a drawing in a cell, other marks have a label. Positions are percentages where the
//! drawing is as wide as its card, so that text keeps its size on a phone.

mod bars;
mod days;
mod funnel;
mod heat;
mod kpi;
mod meter;
mod patterns;
mod stacked;
mod strip;
mod waveform;
mod weeks;
pub(crate) mod words;

pub(crate) use bars::bars;
pub(crate) use days::{Day, DayColumn, days};
pub(crate) use funnel::{FunnelStage, funnel};
pub(crate) use heat::{HeatRow, Shade, heat_map};
pub(crate) use kpi::{Better, Change, Kpi, kpi};
pub(crate) use meter::meter;
pub(crate) use patterns::patterns;
pub(crate) use stacked::{StackedRow, stacked};
pub(crate) use strip::{Span, strip};
pub(crate) use waveform::{Lane, MarkKind, TimeMark, Waveform, Wider, drawing, waveform};
pub(crate) use weeks::{Scale, Week, weeks};

use maud::{Markup, html};

/// So many series can be told apart; further ones look like the last.
const SERIES_MAX: usize = 8;

/// Something counted, with the address of the calls behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// What it is, for people.
    pub(crate) label: String,
    /// How many calls.
    pub(crate) count: u64,
    /// Where these calls are.
    pub(crate) href: String,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The agent.
    Agent,
    /// The customer.
    Customer,
    /// Somebody: the sides are not known.
    Other,
}

impl Side {
    const ALL: [Self; 3] = [Self::Agent, Self::Customer, Self::Other];

    /// The class of its colour.
    fn class(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Customer => "customer",
            Self::Other => "other-side",
        }
    }

    /// For people.
    fn title(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Customer => "Customer",
            Self::Other => "Somebody",
        }
    }
}

/// What a chart of nothing shows.
fn nothing() -> Markup {
    html! { p.empty { "No calls here." } }
}

/// A part of a whole, 0 to 1, whatever the numbers are.
fn ratio(part: f64, whole: f64) -> f64 {
    let ratio = part / whole;
    if ratio.is_finite() {
        ratio.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// A part of a whole as a coordinate.
fn percent(ratio: f64) -> String {
    let text = format!("{:.2}", ratio.clamp(0.0, 1.0) * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The number of a series' colour and pattern, counted from one.
fn series(index: usize) -> usize {
    index.min(SERIES_MAX - 1) + 1
}

#[cfg(test)]
mod hostile {
    //! Labels as nobody should have them.

    /// A label of 10,000 characters with all that may do harm.
    pub(super) fn label() -> String {
        let beginning = "<script>alert(1)</script>\"'><svg onload=x>\u{202e}evil\u{1f4a9}";
        let long = "long ".repeat(2_000);
        format!("{beginning}{long}")
    }

    /// Panics where the label came through as markup or in full.
    pub(super) fn check(html: &str) {
        assert!(
            html.contains("&lt;script&gt;alert(1)"),
            "the label is shown"
        );
        assert!(!html.contains("<script") && !html.contains("<svg onload"));
        assert!(html.len() < 8_000, "{} bytes", html.len());
        check_numbers(html);
        assert!(!html.contains("style="), "no inline styles");
    }

    /// Panics where a number is none.
    pub(super) fn check_numbers(html: &str) {
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_always_one() {
        let cases = [
            (1.0, 2.0),
            (0.0, 0.0),
            (1.0, 0.0),
            (f64::NAN, 1.0),
            (9.0, 3.0),
            (-1.0, 3.0),
        ];
        let ratios = cases.map(|(part, whole)| ratio(part, whole));
        assert_eq!(ratios, [0.5, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(
            [0.0, 0.5, 1.0 / 3.0, 2.0].map(percent),
            ["0%", "50%", "33.33%", "100%"]
        );
    }
}
