//! Who speaks when, in a row of a table: the agent above, the customer below.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Side, ratio};

/// So finely a strip is drawn, in steps over its width.
const STEPS: f64 = 500.0;

/// When somebody speaks, in parts of the call from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// From here.
    pub(crate) from: f64,
    /// To here.
    pub(crate) to: f64,
    /// Who it is.
    pub(crate) side: Side,
}

/// The strip. Who speaks is told by the height, too.
pub(crate) fn strip(spans: &[Span]) -> Markup {
    if spans.is_empty() {
        return html! { span.faint { "not known" } };
    }
    html! {
        svg.strip viewBox={ "0 0 " (STEPS) " 10" } preserveAspectRatio="none" role="img" aria-label=(told(spans)) {
            @for side in Side::ALL {
                @let path = path(spans, side);
                @if !path.is_empty() { path class=(side.class()) d=(path) {} }
            }
        }
    }
}

fn path(spans: &[Span], side: Side) -> String {
    let (y, height) = match side {
        Side::Agent => (0, 5),
        Side::Customer => (5, 5),
        Side::Other => (3, 4),
    };
    let mut path = String::new();
    for (from, to) in pieces(spans.iter().filter(|span| span.side == side)) {
        // Writing to a string does not fail.
        let _ = write!(path, "M{from} {y}H{to}v{height}H{from}z");
    }
    path
}

/// Where something is drawn, in steps: what lies upon the piece before or touches it becomes one with
/// it, and what is shorter than a step is left out.
fn pieces<'a>(spans: impl Iterator<Item = &'a Span>) -> Vec<(u32, u32)> {
    let place = |at: f64| (ratio(at, 1.0) * STEPS).round() as u32;
    let mut pieces: Vec<(u32, u32)> = Vec::new();
    for span in spans {
        let (from, to) = (place(span.from), place(span.to));
        match pieces.last_mut() {
            Some((_, last)) if from <= *last => *last = to.max(*last),
            _ if to > from => pieces.push((from, to)),
            _ => {}
        }
    }
    pieces
}

/// The shares in words.
fn told(spans: &[Span]) -> String {
    let shares = Side::ALL.map(|side| {
        let own = spans.iter().filter(|span| span.side == side);
        let share: f64 = own
            .map(|span| ratio(span.to, 1.0) - ratio(span.from, 1.0))
            .map(|part| part.max(0.0))
            .sum();
        (share > 0.0).then(|| {
            format!(
                "{} speaks {:.0}\u{a0}%",
                side.title(),
                share.min(1.0) * 100.0
            )
        })
    });
    let shares: Vec<String> = shares.into_iter().flatten().collect();
    match shares.is_empty() {
        true => "Nobody speaks".to_owned(),
        false => format!("{} of the call", shares.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn span(from: f64, to: f64, side: Side) -> Span {
        Span { from, to, side }
    }

    #[test]
    fn sides_have_their_own_height_and_share() {
        let html =
            strip(&[span(0.0, 0.5, Side::Agent), span(0.5, 0.6, Side::Customer)]).into_string();
        assert!(
            html.contains("class=\"agent\" d=\"M0 0H250v5H0z\""),
            "{html}"
        );
        assert!(html.contains("class=\"customer\" d=\"M250 5H300v5H250z\""));
        assert!(html.contains("Agent speaks 50\u{a0}%, Customer speaks 10\u{a0}% of the call"));
    }

    #[test]
    fn thousands_of_short_spans_make_a_short_strip() {
        let spans: Vec<Span> = (0..20_000)
            .map(|n| f64::from(n) / 20_000.0)
            .map(|at| span(at, at + 0.000_04, Side::Other))
            .collect();
        assert!(strip(&spans).into_string().len() < 12_000);
        let twice = [span(0.1, 0.2, Side::Agent), span(0.1, 0.19, Side::Agent)];
        assert_eq!(path(&twice, Side::Agent).matches('M').count(), 1);
        let touching = [(0.1, 0.2), (0.2, 0.3), (0.4, 0.5)];
        let touching = touching.map(|(from, to)| span(from, to, Side::Agent));
        assert_eq!(
            path(&touching, Side::Agent),
            "M50 0H150v5H50zM200 0H250v5H200z"
        );
    }

    #[test]
    fn numbers_that_are_none_draw_nothing() {
        let odd = [f64::NAN, f64::INFINITY, -3.0, 7.0];
        let spans: Vec<Span> = odd
            .iter()
            .flat_map(|from| odd.map(|to| span(*from, to, Side::Agent)))
            .collect();
        hostile::check_numbers(&strip(&spans).into_string());
        assert!(strip(&[]).into_string().contains("not known"));
        assert!(
            strip(&[span(0.9, 0.1, Side::Agent)])
                .into_string()
                .contains("Nobody speaks")
        );
    }
}
