//! A figure week by week: a line with gaps where nothing is known.

use maud::{Markup, html};

use super::{nothing, percent, ratio, words};

/// So many dates stand below the line.
const DATES_MAX: usize = 8;

/// The drawing's part above the dates, as shares of its height.
const TOP: f64 = 0.06;
const BOTTOM: f64 = 0.84;

/// A week.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Week {
    /// Its first day, for people: `2 Nov`.
    pub(crate) label: String,
    /// The figure, where it is known.
    pub(crate) value: Option<f64>,
    /// From how many calls.
    pub(crate) calls: u64,
    /// Where they are.
    pub(crate) href: String,
}

/// What the height means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// At the bottom.
    pub(crate) min: f64,
    /// At the top.
    pub(crate) max: f64,
    /// A value as people read it.
    pub(crate) shown: fn(f64) -> String,
}

impl Scale {
    /// The values that have a line, from the top down. The style sheet puts them beside the lines.
    fn ticks(&self) -> [f64; 3] {
        [self.max, f64::midpoint(self.min, self.max), self.min]
    }

    /// How far down a value is, as a share of the drawing's height.
    fn y(&self, value: f64) -> f64 {
        BOTTOM - ratio(value - self.min, self.max - self.min) * (BOTTOM - TOP)
    }
}

/// The line. Weeks of fewer than `few` calls have a hatched ground: what they say may be chance.
pub(crate) fn weeks(caption: &str, weeks: &[Week], scale: Scale, few: u64) -> Markup {
    if weeks.iter().all(|week| known(week).is_none()) {
        return nothing();
    }
    html! {
        div.weeks {
            div.scale aria-hidden="true" {
                @for value in scale.ticks() { span { ((scale.shown)(value)) } }
            }
            svg role="group" aria-label=(caption) {
                (axes(scale))
                (dates(weeks))
                @for (place, week) in weeks.iter().enumerate() {
                    @if week.calls < few {
                        rect.few-calls x=(percent(left(place, weeks))) y=(percent(TOP))
                            width=(percent(1.0 / weeks.len() as f64)) height=(percent(BOTTOM - TOP))
                            fill="url(#pattern-faint)" {}
                    }
                }
                (line(weeks, scale))
                @for (place, week) in weeks.iter().enumerate() { (mark(place, weeks, week, scale, few)) }
            }
            @if weeks.iter().any(|week| week.calls < few) {
                ul.legend {
                    li {
                        svg aria-hidden="true" focusable="false" { rect width="100%" height="100%" fill="url(#pattern-faint)" {} }
                        "fewer than " (words::calls(few))
                    }
                }
            }
        }
    }
}

fn known(week: &Week) -> Option<f64> {
    week.value.filter(|value| value.is_finite())
}

fn left(place: usize, weeks: &[Week]) -> f64 {
    place as f64 / weeks.len() as f64
}

fn middle(place: usize, weeks: &[Week]) -> f64 {
    (place as f64 + 0.5) / weeks.len() as f64
}

fn axes(scale: Scale) -> Markup {
    let has_zero = scale.min < 0.0 && scale.max > 0.0;
    html! {
        @for value in scale.ticks() {
            @let y = percent(scale.y(value));
            line.axis x1="0" x2="100%" y1=(y) y2=(y) {}
        }
        @if has_zero {
            @let y = percent(scale.y(0.0));
            line.axis.zero x1="0" x2="100%" y1=(y) y2=(y) {}
        }
    }
}

/// Some of the dates; every second of them is left out on a phone.
fn dates(weeks: &[Week]) -> Markup {
    let step = weeks.len().div_ceil(DATES_MAX).max(1);
    html! {
        @for (place, week) in weeks.iter().enumerate().step_by(step) {
            @let class = if place / step % 2 == 1 { "no-narrow" } else { "" };
            text class=(class) x=(percent(middle(place, weeks))) y="99%" text-anchor="middle" {
                (words::plain(&week.label))
            }
        }
    }
}

/// The line from each known week to the next; thin where weeks between them are not known.
fn line(weeks: &[Week], scale: Scale) -> Markup {
    let points: Vec<(usize, f64)> = weeks
        .iter()
        .enumerate()
        .filter_map(|(place, week)| Some((place, known(week)?)))
        .collect();
    html! {
        @for pair in points.windows(2) {
            @let class = if pair[1].0 - pair[0].0 == 1 { "stroke" } else { "bridge" };
            line class=(class)
                x1=(percent(middle(pair[0].0, weeks))) y1=(percent(scale.y(pair[0].1)))
                x2=(percent(middle(pair[1].0, weeks))) y2=(percent(scale.y(pair[1].1))) {}
        }
    }
}

/// A week's dot, within a column that leads to its calls.
fn mark(place: usize, weeks: &[Week], week: &Week, scale: Scale, few: u64) -> Markup {
    let Some(value) = known(week) else {
        return html! {};
    };
    let is_few = week.calls < few;
    let told = format!(
        "{}: {}, {}{}",
        words::plain(&week.label),
        (scale.shown)(value),
        words::calls(week.calls),
        if is_few { ", few" } else { "" }
    );
    html! {
        a href=(week.href) aria-label=(told) {
            title { (told) }
            rect.hit x=(percent(left(place, weeks))) width=(percent(1.0 / weeks.len() as f64)) height=(percent(BOTTOM)) {}
            circle class={ "dot" @if is_few { " few" } }
                cx=(percent(middle(place, weeks))) cy=(percent(scale.y(value))) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    const SCALE: Scale = Scale {
        min: -1.0,
        max: 1.0,
        shown: |value| format!("{value:+.1}"),
    };

    fn week(value: Option<f64>, calls: u64) -> Week {
        Week {
            label: "2 Nov".to_owned(),
            value,
            calls,
            href: "/calls?from=a&until=b".to_owned(),
        }
    }

    #[test]
    fn weeks_are_points_of_a_line_with_gaps() {
        let rows = [
            week(Some(1.0), 50),
            week(Some(0.0), 50),
            week(None, 0),
            week(Some(-1.0), 3),
        ];
        let html = weeks("Sentiment", &rows, SCALE, 5).into_string();
        assert_eq!(html.matches("class=\"stroke\"").count(), 1);
        assert_eq!(html.matches("class=\"bridge\"").count(), 1);
        assert_eq!(
            html.matches("<a href=\"/calls?from=a&amp;until=b\"")
                .count(),
            3
        );
        assert!(html.contains("2 Nov: -1.0, 3 calls, few"));
        assert!(html.contains("cx=\"12.5%\" cy=\"6%\""), "{html}");
        assert!(html.contains("fewer than 5 calls"));
    }

    #[test]
    fn many_weeks_have_few_dates() {
        let rows: Vec<Week> = (0..300).map(|_| week(Some(0.5), 9)).collect();
        let html = weeks("S", &rows, SCALE, 5).into_string();
        assert!(html.matches("text-anchor").count() <= DATES_MAX);
        assert!(!html.contains("fewer than"));
    }

    #[test]
    fn numbers_that_are_none_are_not_known() {
        let rows = [week(Some(f64::NAN), 1), week(Some(f64::INFINITY), 1)];
        assert!(
            weeks("S", &rows, SCALE, 0)
                .into_string()
                .contains("No calls")
        );
        assert!(weeks("S", &[], SCALE, 0).into_string().contains("No calls"));
        let flat = Scale {
            min: 3.0,
            max: 3.0,
            ..SCALE
        };
        let html = weeks("S", &[week(Some(f64::MAX), u64::MAX)], flat, 0).into_string();
        assert!(!html.contains("NaN%"), "{html}");
    }

    #[test]
    fn labels_are_text() {
        let row = Week {
            label: hostile::label(),
            ..week(Some(0.0), 1)
        };
        hostile::check(&weeks(&words::short(&hostile::label()), &[row], SCALE, 5).into_string());
    }
}
