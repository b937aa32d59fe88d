//! Which calls a page is about, above it: the period, and the conditions with a way to drop each.

use maud::{Markup, html};

use crate::charts::words;
use crate::selection::{Period, Selection};

/// So many conditions are shown one by one.
const CHIPS_MAX: usize = 24;

/// What the bar is made of.
pub(crate) struct SelectionBar<'a> {
    /// Path of the page.
    pub(crate) path: &'a str,
    /// The calls.
    pub(crate) selection: &'a Selection,
    /// Keys and values of the page's own, such as its order, which stay.
    pub(crate) more: &'a [(&'a str, &'a str)],
    /// The title of a field.
    pub(crate) field_title: &'a dyn Fn(&str) -> String,
}

/// A condition: what it is about, what it says, and the calls without it.
struct Chip {
    about: String,
    says: String,
    without: Selection,
}

/// The bar.
pub(crate) fn selection_bar(bar: &SelectionBar<'_>) -> Markup {
    let chips = chips(bar);
    let href = |selection: &Selection| selection.href_with(bar.path, bar.more);
    html! {
        section.selection aria-label="Which calls" {
            (periods(bar))
            (dates(bar))
            @if !chips.is_empty() {
                ul.chips aria-label="Conditions" {
                    @for chip in chips.iter().take(CHIPS_MAX) {
                        li.chip {
                            span { b { (words::short(&chip.about)) } bdi { (words::short(&chip.says)) } }
                            a href=(href(&chip.without)) aria-label={
                                "Drop: " (words::plain(&chip.about)) " " (words::plain(&chip.says))
                            } { "×" }
                        }
                    }
                    @if chips.len() > CHIPS_MAX { li.faint { "and " (chips.len() - CHIPS_MAX) " more" } }
                    @if chips.len() > 1 {
                        li {
                            a href=(href(&Selection { period: bar.selection.period, ..Selection::default() })) { "Drop all" }
                        }
                    }
                }
            }
        }
    }
}

fn periods(bar: &SelectionBar<'_>) -> Markup {
    let choices = [
        (Period::Days(7), "7 days"),
        (Period::Days(30), "30 days"),
        (Period::Days(90), "90 days"),
        (Period::All, "All"),
    ];
    html! {
        nav.segmented aria-label="Period" {
            @for (period, title) in choices {
                a href=(bar.selection.within(period).href_with(bar.path, bar.more))
                    aria-current=[(period == bar.selection.period).then_some("true")] { (title) }
            }
        }
    }
}

/// The form for other dates. It shows those that are chosen.
fn dates(bar: &SelectionBar<'_>) -> Markup {
    let (from, until) = match bar.selection.period {
        Period::Dates { from, until } => (from, until),
        _ => (None, None),
    };
    let shown = match (bar.selection.period, from, until) {
        (_, Some(from), Some(until)) => format!("{from} to {until}"),
        (_, Some(from), None) => format!("since {from}"),
        (_, None, Some(until)) => format!("until {until}"),
        (Period::Days(days), ..) if ![7, 30, 90].contains(&days) => format!("{days} days"),
        _ => "Dates".to_owned(),
    };
    let kept = bar.selection.within(Selection::default().period).pairs();
    html! {
        details.menu {
            summary.button { (shown) }
            form.panel.stack action=(bar.path) {
                @for (key, value) in &kept { input type="hidden" name=(key) value=(value); }
                @for (key, value) in bar.more { input type="hidden" name=(key) value=(value); }
                div.fields {
                    label.field { "From" input type="date" name="from" value=[from]; }
                    label.field { "Until" input type="date" name="until" value=[until]; }
                }
                button.primary type="submit" { "Show these dates" }
            }
        }
    }
}

fn chips(bar: &SelectionBar<'_>) -> Vec<Chip> {
    let selection = bar.selection;
    let mut chips = Vec::new();
    if let Some(said) = &selection.words {
        let without = Selection {
            words: None,
            ..selection.clone()
        };
        chips.push(Chip {
            about: "Said".to_owned(),
            says: said.clone(),
            without,
        });
    }
    for (field, values) in &selection.fields {
        for value in values {
            let (about, says) = ((bar.field_title)(field), words::title(value));
            chips.push(Chip {
                about,
                says,
                without: selection.without(field, value),
            });
        }
    }
    for (figure, bounds) in &selection.figures {
        for (word, bound, is_min) in [
            ("at least", bounds.min, true),
            ("at most", bounds.max, false),
        ] {
            let Some(bound) = bound else { continue };
            let mut without = selection.clone();
            if let Some(left) = without.figures.get_mut(figure) {
                if is_min {
                    left.min = None
                } else {
                    left.max = None
                }
            }
            let says = format!("{word} {}", figure.shown(bound));
            chips.push(Chip {
                about: figure.title().to_owned(),
                says,
                without,
            });
        }
    }
    chips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str) -> String {
        let bar = SelectionBar {
            path: "/calls",
            selection: &Selection::parse(query),
            more: &[("sort", "-duration_s")],
            field_title: &|field| words::title(field),
        };
        selection_bar(&bar).into_string()
    }

    #[test]
    fn each_condition_can_be_dropped() {
        let html = shown(
            "q=lost&is.call_type=order_support&is.call_type=a&min.duration_s=60&max.duration_s=90",
        );
        for part in [
            "<b>Said</b><bdi>lost</bdi>",
            "<b>Call type</b><bdi>Order support</bdi>",
            "<b>Length</b><bdi>at least 1:00</bdi>",
            "<a href=\"/calls?q=lost&amp;is.call_type=a&amp;min.duration_s=60&amp;max.duration_s=90&amp;sort=-duration_s\" aria-label=\"Drop: Call type Order support\">",
            "<a href=\"/calls?q=lost&amp;is.call_type=a&amp;is.call_type=order_support&amp;max.duration_s=90&amp;sort=-duration_s\" aria-label=\"Drop: Length at least 1:00\">",
            "<a href=\"/calls?sort=-duration_s\">Drop all</a>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn periods_are_links_and_dates_a_form() {
        let html = shown("period=7d&is.a=b");
        assert!(html.contains("<a href=\"/calls?period=7d&amp;is.a=b&amp;sort=-duration_s\" aria-current=\"true\">7 days"));
        assert!(html.contains("<a href=\"/calls?period=all&amp;is.a=b&amp;sort=-duration_s\">All"));
        assert!(
            !html.contains("type=\"hidden\" name=\"period\""),
            "dates take its place"
        );
        assert!(html.contains("type=\"hidden\" name=\"is.a\" value=\"b\""));
        let html = shown("from=2026-10-01");
        assert!(
            html.contains("since 2026-10-01")
                && html.contains("name=\"from\" value=\"2026-10-01\"")
        );
        assert!(shown("period=12d").contains("12 days"));
    }

    #[test]
    fn hundreds_of_hostile_conditions_make_a_short_bar() {
        let values: Vec<String> = (0..190)
            .map(|n| {
                format!(
                    "is.%3Cscript%3E={n}%E2%80%AE%3Cscript%3E{}",
                    "x".repeat(200)
                )
            })
            .collect();
        let html = shown(&values.join("&"));
        assert!(html.contains("and 166 more") && !html.contains("<script"));
    }
}
