//! Stages one after the other, and what is left at each.

use maud::{Markup, html};

use super::bars::gauge;
use super::{Counted, nothing, ratio, words};

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunnelStage {
    /// How many calls came so far.
    pub(crate) calls: Counted,
    /// A few words: rate, time left.
    pub(crate) detail: Option<String>,
}

/// The stages in their order.
pub(crate) fn funnel(caption: &str, stages: &[FunnelStage]) -> Markup {
    let Some(first) = stages.first() else {
        return nothing();
    };
    let whole = first.calls.count;
    let before = std::iter::once(None).chain(stages.iter().map(|stage| Some(stage.calls.count)));
    html! {
        ol.funnel aria-label=(caption) {
            @for (stage, before) in stages.iter().zip(before) {
                @let calls = &stage.calls;
                li.row-link {
                    span { a href=(calls.href) { bdi { (words::short(&calls.label)) } } }
                    (gauge(ratio(calls.count as f64, whole as f64)))
                    span.value { (words::count(calls.count)) }
                    span.drop { (dropped(calls.count, before)) }
                    @if let Some(detail) = &stage.detail { span.detail { (words::short(detail)) } }
                }
            }
        }
    }
}

/// How many are not here that were at the stage before.
fn dropped(count: u64, before: Option<u64>) -> String {
    match before {
        None => String::new(),
        Some(before) if before > count => format!("{} not yet here", words::count(before - count)),
        Some(_) => "all of them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::*;

    fn stage(label: &str, count: u64, detail: Option<&str>) -> FunnelStage {
        let (label, href) = (label.to_owned(), "/calls".to_owned());
        FunnelStage {
            calls: Counted { label, count, href },
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn each_stage_is_compared_with_the_first_and_the_one_before() {
        let stages = [
            stage("Given", 1_000, None),
            stage("Fetched", 400, Some("12 a minute")),
            stage("Done", 400, None),
        ];
        let html = funnel("C", &stages).into_string();
        assert!(html.contains("width=\"40%\"") && html.contains("600 not yet here"));
        assert!(html.contains("all of them") && html.contains("12 a minute"));
    }

    #[test]
    fn labels_are_text_and_nothing_is_shown_as_such() {
        let label = hostile::label();
        hostile::check(
            &funnel(
                "C",
                &[stage(&label, 0, Some(&label)), stage("B", u64::MAX, None)],
            )
            .into_string(),
        );
        assert!(funnel("C", &[]).into_string().contains("No calls"));
    }
}
