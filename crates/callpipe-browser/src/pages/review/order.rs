//! Which calls come first: those of which the labels are most likely to be wrong.

use std::collections::HashMap;

use super::super::error::PageError;
use super::QUEUE_SHOWN;
use crate::figure::Figure;
use crate::index::{Chosen, Listed, Place, Sort, SortBy, Tally};
use crate::pages::labels::values_of;
use crate::pages::view::View;
use callpipe_core::correction::{Correction, Verdict};

/// Corrections that are read for how often each label was wrong.
const CORRECTIONS_MAX: usize = 100_000;

/// An order of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The model is least sure.
    Confidence,
    /// A label that hardly any other call has.
    Rare,
    /// A label that people often did not agree with.
    Disagreement,
}

impl Order {
    pub(super) const ALL: [Self; 3] = [Self::Confidence, Self::Rare, Self::Disagreement];

    /// The order of an address.
    pub(super) fn of(word: Option<&str>) -> Self {
        let found = Self::ALL
            .into_iter()
            .find(|order| Some(order.word()) == word);
        found.unwrap_or(Self::Confidence)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Confidence => "confidence",
            Self::Rare => "rare",
            Self::Disagreement => "disagreement",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Confidence => "Low confidence",
            Self::Rare => "Rare labels",
            Self::Disagreement => "Often corrected",
        }
    }

    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Confidence => "First come the calls of which the model is least sure.",
            Self::Rare => "First come calls with labels that hardly any other call has.",
            Self::Disagreement => {
                "First come calls with labels that people disagreed with most often in other calls."
            }
        }
    }
}

/// How many calls of the selection nobody has looked at, and the first of them from a place on.
pub(super) async fn queue(
    view: &View,
    order: Order,
    at: Option<Place>,
) -> Result<(u64, Listed), PageError> {
    let rates = match order {
        Order::Disagreement => disagreement(
            &view
                .app
                .warehouse
                .corrections_after(0, CORRECTIONS_MAX)
                .await?,
        ),
        _ => HashMap::new(),
    };
    let open = view.selection.only("review", "open");
    let found = view.found.as_ref().map(|found| found.ids.as_slice());
    let chosen = view.snapshot.choose(&open, found);
    // The call at the place itself is the first, also when somebody has just decided on it.
    let mut listed = Listed::default();
    listed.places.extend(at);
    let rest = match order {
        Order::Confidence => {
            let sort = Sort {
                by: SortBy::Figure(Figure::Confidence),
                is_descending: false,
            };
            chosen.list(&sort, at, QUEUE_SHOWN)
        }
        Order::Rare => {
            let tally = tally_of_labels(&chosen, view);
            let weights = view
                .snapshot
                .weights(|field, value| Some(tally.count_of(field, value) as f32));
            chosen.lightest(&weights, at, QUEUE_SHOWN)
        }
        Order::Disagreement => {
            let weights = view.snapshot.weights(|field, value| {
                let rate = rates.get(&(field.to_owned(), value.to_owned()))?;
                Some(-rate)
            });
            chosen.lightest(&weights, at, QUEUE_SHOWN)
        }
    };
    listed.places.extend(rest.places);
    listed.has_more = rest.has_more;
    Ok((chosen.count(), listed))
}

fn tally_of_labels(chosen: &Chosen<'_>, view: &View) -> Tally {
    let names: Vec<&str> = view
        .snapshot
        .fields()
        .labels()
        .map(|(field, _)| field.name.as_str())
        .collect();
    chosen.tally(&names)
}

/// By field and value of the model, which part of the verdicts on it were corrections. A label on which
/// few people decided is taken as half right at first, so that one verdict does not say all.
fn disagreement(corrections: &[(i64, Correction)]) -> HashMap<(String, String), f32> {
    let mut verdicts: HashMap<(String, String), (f32, f32)> = HashMap::new();
    for (_, correction) in corrections {
        let field = correction.field.to_string();
        let said = correction.model_value.clone().unwrap_or_default();
        let section = serde_json::Map::from_iter([("said".to_owned(), said)]);
        let is_corrected = matches!(correction.verdict, Verdict::Corrected { .. });
        for value in values_of("said", &section) {
            let (corrected, all) = verdicts.entry((field.clone(), value)).or_default();
            *all += 1.0;
            *corrected += if is_corrected { 1.0 } else { 0.0 };
        }
    }
    let rate = |(corrected, all): (f32, f32)| (corrected + 1.0) / (all + 2.0);
    verdicts
        .into_iter()
        .map(|(label, counts)| (label, rate(counts)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use callpipe_core::call::ContactId;
    use callpipe_core::correction::{LabelName, LabelValue};
    use chrono::DateTime;
    use serde_json::json;

    #[test]
    fn labels_that_people_correct_weigh_more_than_those_they_accept() {
        let correction = |model_value, verdict| {
            let correction = Correction {
                contact_id: ContactId::parse("1").unwrap(),
                field: LabelName::parse("call_type").unwrap(),
                verdict,
                model_value: Some(model_value),
                by: "zoe".into(),
                at: DateTime::UNIX_EPOCH,
            };
            (1, correction)
        };
        let other = || Verdict::Corrected {
            value: LabelValue::Nothing,
        };
        let rates = disagreement(&[
            correction(json!(["a", "b"]), other()),
            correction(json!(["a"]), other()),
            correction(json!("c"), Verdict::Accepted),
        ]);
        let rate = |value: &str| rates[&("call_type".to_owned(), value.to_owned())];
        assert!(rate("a") > rate("b") && rate("b") > 0.5 && rate("c") < 0.5);
    }

    #[test]
    fn an_order_is_found_by_its_word() {
        for order in Order::ALL {
            assert_eq!(Order::of(Some(order.word())), order);
        }
        assert_eq!(Order::of(Some("x")), Order::Confidence);
    }
}
