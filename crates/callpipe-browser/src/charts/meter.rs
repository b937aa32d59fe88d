//! How sure a model is.

use maud::{Markup, html};

use super::percent;

/// Below this a value is called low.
const LOW: f64 = 0.6;

/// Below this a value is called fair.
const FAIR: f64 = 0.8;

/// A value from 0 to 1 as a bar, a number, and a word where it is not high. Other values are unknown.
pub(crate) fn meter(what: &str, value: Option<f64>) -> Markup {
    let Some(value) = value.filter(|value| (0.0..=1.0).contains(value)) else {
        return html! { span.meter.faint { span.visually-hidden { (what) ": " } "not known" } };
    };
    let (class, word) = match value {
        value if value < LOW => ("low", " low"),
        value if value < FAIR => ("middling", " fair"),
        _ => ("", ""),
    };
    html! {
        span class={ "meter " (class) } {
            svg aria-hidden="true" focusable="false" {
                rect.bar-back width="100%" height="100%" rx="3" {}
                rect.meter-fill width=(percent(value)) height="100%" rx="3" {}
            }
            span { span.visually-hidden { (what) ": " } (format!("{value:.2}")) (word) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_by_length_number_and_word() {
        let shown = |value| meter("Confidence", value).into_string();
        let low = shown(Some(0.42));
        assert!(
            low.contains("width=\"42%\"") && low.contains("0.42 low") && low.contains("meter low")
        );
        assert!(shown(Some(0.6)).contains("0.60 fair"));
        assert!(shown(Some(1.0)).contains("1.00</span>"));
        for value in [
            None,
            Some(f64::NAN),
            Some(1.2),
            Some(-0.1),
            Some(f64::INFINITY),
        ] {
            assert!(shown(value).contains("not known"));
        }
    }
}
