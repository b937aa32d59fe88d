//! Patterns laid over colours, so that series are told apart without them.

use maud::{Markup, html};

/// The definitions that charts refer to: once on each page.
///
/// The first series has no pattern.
pub(crate) fn patterns() -> Markup {
    // One line of path for each series: stripes up, down, across, along, grid, dots, waves.
    let strokes = [
        (2, "M-2 2 2 -2M0 8 8 0M6 10 10 6"),
        (3, "M0 4H8"),
        (4, "M-2 6 2 10M0 0 8 8M6 -2 10 2"),
        (5, "M4 0V8"),
        (7, "M0 4H8M4 0V8"),
        (8, "M0 4 2 2 6 6 8 4"),
    ];
    html! {
        svg.chart-patterns width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                @for (number, path) in strokes {
                    (pattern(&number.to_string(), 8, html! { path.pattern-ink d=(path) {} }))
                }
                (pattern("6", 8, html! { circle.pattern-dot cx="4" cy="4" r="1.8" {} }))
                (pattern("faint", 6, html! { path.pattern-faint d="M-1 1 1 -1M0 6 6 0M5 7 7 5" {} }))
                (pattern("overlap", 5, html! { path.pattern-overlap d="M0 0 5 5M0 5 5 0" {} }))
            }
        }
    }
}

fn pattern(name: &str, size: u32, inside: Markup) -> Markup {
    html! {
        pattern id={ "pattern-" (name) } width=(size) height=(size) patternUnits="userSpaceOnUse" { (inside) }
    }
}

/// What fills the pattern of a series, counted from one.
pub(super) fn fill(series: usize) -> Option<String> {
    (series > 1).then(|| format!("url(#pattern-{series})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_but_the_first_has_its_pattern() {
        let html = patterns().into_string();
        for series in 2..=super::super::SERIES_MAX {
            assert!(
                html.contains(&format!("id=\"pattern-{series}\"")),
                "{series}"
            );
            assert_eq!(fill(series), Some(format!("url(#pattern-{series})")));
        }
        assert_eq!(fill(1), None);
        assert!(html.contains("patternUnits"), "SVG's names keep their case");
    }
}
