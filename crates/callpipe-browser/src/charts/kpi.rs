//! A figure with its change against the period before, and its way over time.

use maud::{Markup, html};

use super::words;

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// The more the better.
    More,
    /// The fewer the better.
    Fewer,
    /// Neither.
    Neither,
}

/// The same figure in this period and the one before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// In the period before.
    pub(crate) before: f64,
    /// In this one.
    pub(crate) now: f64,
    /// The figure before, as people read it.
    pub(crate) before_shown: String,
    /// What a change means.
    pub(crate) better: Better,
    /// Whether it is a share, 0 to 1: its change is told in points.
    pub(crate) is_share: bool,
}

/// A card with a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kpi {
    /// What it is.
    pub(crate) label: String,
    /// As people read it.
    pub(crate) value: String,
    /// Where the calls behind it are.
    pub(crate) href: Option<String>,
    /// Its change, where there was a period before.
    pub(crate) change: Option<Change>,
    /// A few words below.
    pub(crate) note: Option<String>,
    /// The figure over time, evenly spaced; empty where it was not known.
    pub(crate) trend: Vec<Option<f64>>,
}

/// The card.
pub(crate) fn kpi(kpi: &Kpi) -> Markup {
    html! {
        article.card.kpi {
            h2 {
                @match &kpi.href {
                    Some(href) => a href=(href) { (words::short(&kpi.label)) },
                    None => (words::short(&kpi.label)),
                }
            }
            p.value { (words::short(&kpi.value)) }
            div {
                @if let Some(change) = &kpi.change { (told(change)) }
                @if let Some(note) = &kpi.note { p.note { (words::short(note)) } }
            }
            (sparkline(&kpi.trend))
        }
    }
}

/// A change as an arrow and in words.
fn told(change: &Change) -> Markup {
    let by = change.now - change.before;
    if !by.is_finite() {
        return html! {};
    }
    let before = words::short(&change.before_shown);
    let size = size(change);
    // What is shown as no change is none.
    if size.starts_with("0.0") {
        return html! { p.change { b { span aria-hidden="true" { "= " } "unchanged" } " " span.nowrap { "from " (before) } } };
    }
    let (arrow, word) = if by > 0.0 {
        ("▲ ", " up")
    } else {
        ("▼ ", " down")
    };
    let class = match (change.better, by > 0.0) {
        (Better::Neither, _) => "",
        (Better::More, true) | (Better::Fewer, false) => "good",
        _ => "bad",
    };
    html! { p class={ "change " (class) } { b { span aria-hidden="true" { (arrow) } (size) (word) } " " span.nowrap { "from " (before) } } }
}

fn size(change: &Change) -> String {
    let by = (change.now - change.before).abs();
    if change.is_share {
        return format!("{:.1}\u{a0}points", by * 100.0);
    }
    let percent = by / change.before.abs() * 100.0;
    match percent {
        _ if by == 0.0 => "0.0".to_owned(),
        percent if !percent.is_finite() => String::new(),
        percent if percent >= 1_000.0 => "more than 10 times".to_owned(),
        percent => format!("{percent:.1}\u{a0}%"),
    }
}

/// A line without axes. It repeats what charts show in full, so it is not read aloud.
fn sparkline(trend: &[Option<f64>]) -> Markup {
    let known = || {
        trend
            .iter()
            .flatten()
            .copied()
            .filter(|value| value.is_finite())
    };
    let (low, high) = known().fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if known().count() < 2 {
        return html! {};
    }
    let last = (trend.len() - 1) as f64;
    let point = |(place, value): (usize, &Option<f64>)| {
        let value = value.filter(|value| value.is_finite())?;
        let up = if high > low {
            super::ratio(value / 2.0 - low / 2.0, high / 2.0 - low / 2.0)
        } else {
            0.5
        };
        Some(format!(
            "{:.1} {:.1}",
            place as f64 / last * 100.0,
            26.0 - up * 24.0
        ))
    };
    let mut line = String::new();
    let mut is_gap = true;
    for point in trend.iter().enumerate().map(point) {
        match point {
            Some(point) => {
                line.push(if is_gap { 'M' } else { 'L' });
                line.push_str(&point);
                is_gap = false;
            }
            None => is_gap = true,
        }
    }
    html! {
        svg.spark viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @if trend.iter().all(Option::is_some) { path.spark-area d={ (line) "V28H0Z" } {} }
            path d=(line) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn change(before: f64, now: f64, is_share: bool) -> String {
        let change = Change {
            before,
            now,
            before_shown: "B".to_owned(),
            better: Better::Fewer,
            is_share,
        };
        told(&change).into_string().replace('\u{a0}', " ")
    }

    #[test]
    fn a_change_is_told_by_arrow_and_words() {
        let up = change(100.0, 112.0, false);
        assert!(
            up.contains("▲")
                && up.contains("12.0 % up")
                && up.contains("from B")
                && up.contains("bad")
        );
        let down = change(0.5, 0.481, true);
        assert!(down.contains("▼") && down.contains("1.9 points down") && down.contains("good"));
        assert!(change(3.0, 3.0, false).contains("unchanged"));
        assert!(change(0.5, 0.500_01, true).contains("unchanged"));
        assert!(change(0.0, 0.0, false).contains("unchanged"));
    }

    #[test]
    fn a_change_from_nothing_has_no_size() {
        assert!(change(0.0, 5.0, false).contains("▲ </span> up"));
        assert!(change(1.0, 5e300, false).contains("more than 10 times"));
        for text in [
            change(f64::NAN, 1.0, false),
            change(f64::MIN, f64::MAX, false),
        ] {
            assert_eq!(text, "");
        }
    }

    #[test]
    fn a_line_has_gaps_where_nothing_is_known() {
        let html =
            sparkline(&[Some(0.0), Some(1.0), None, Some(f64::NAN), Some(0.5)]).into_string();
        assert!(
            html.contains("d=\"M0.0 26.0L25.0 2.0M100.0 14.0\""),
            "{html}"
        );
        assert!(!html.contains("spark-area"));
        assert_eq!(sparkline(&[]).into_string(), "");
        assert_eq!(sparkline(&[None, Some(1.0)]).into_string(), "");
        let html = sparkline(&[Some(f64::MAX), Some(f64::MIN), Some(0.0)]).into_string();
        hostile::check_numbers(&html);
    }

    #[test]
    fn texts_are_text() {
        let html = kpi(&Kpi {
            label: hostile::label(),
            value: hostile::label(),
            href: Some("/calls?a&b".to_owned()),
            change: None,
            note: Some(hostile::label()),
            trend: vec![Some(7.0), Some(7.0)],
        });
        let html = html.into_string();
        hostile::check(&html);
        assert!(
            html.contains("14.0"),
            "what does not change is a line in the middle"
        );
    }
}
