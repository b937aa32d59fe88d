//! How a reply is read: to labels that passed the taxonomy's check, or to why there are none.

use callpipe_core::analysis::Analysis;
use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::{Classifier, ModelName, UnusableAnswer};
use callpipe_core::money::Usd;
use callpipe_core::taxonomy::Taxonomy;
use serde_json::{Value, json};

use crate::classifiers::answer::{self, Reading};
use crate::damage::{self, assert_discreet};

const MODEL_ASKED: &str = "asked-model";

/// No answer costs so much.
const PRICE_MAX: Usd = Usd::from_micros(1_000_000_000);

/// A vendor's way to read a reply of a model that was asked.
pub(in super::super) struct Reader(pub(in super::super) Reading);

impl Reader {
    pub(in super::super) fn read(&self, reply: &Value) -> Result<Classification, UnusableAnswer> {
        self.read_bytes(reply.to_string().as_bytes())
    }

    pub(in super::super) fn read_bytes(
        &self,
        reply: &[u8],
    ) -> Result<Classification, UnusableAnswer> {
        let model = ModelName(MODEL_ASKED.into());
        answer::classification(reply, self.0, &Taxonomy::built_in(), &model)
    }

    pub(in super::super) fn analysis(&self, reply: &[u8]) -> Result<Analysis, UnusableAnswer> {
        answer::analysis(reply, self.0, &ModelName(MODEL_ASKED.into()))
    }

    /// Why a reply is faulty.
    #[track_caller]
    pub(in super::super) fn faulty(&self, reply: &Value) -> String {
        self.faulty_bytes(reply.to_string().as_bytes())
    }

    #[track_caller]
    pub(in super::super) fn faulty_bytes(&self, reply: &[u8]) -> String {
        match self.read_bytes(reply) {
            Err(UnusableAnswer::Faulty { model, reason }) => {
                assert_eq!(model, MODEL_ASKED);
                reason
            }
            other => panic!("{other:?}"),
        }
    }

    /// Why a reply is a refusal.
    #[track_caller]
    pub(in super::super) fn blocked(&self, reply: &Value) -> String {
        match self.read(reply) {
            Err(UnusableAnswer::Blocked { model, reason }) => {
                assert_eq!(model, MODEL_ASKED);
                reason
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Damages answers of a model, and reads and prices them.
pub(in super::super) fn assert_priced_labels_or_none(
    samples: &[Value],
    classifier: &dyn Classifier,
    model: &ModelName,
) {
    damage::of_json(samples, |answer| {
        assert_labels_or_none(&classifier.read(answer, model), answer);
        assert!(classifier.price(answer, model) <= PRICE_MAX);
    });
}

/// What was read of an answer is labels of the taxonomy, or a message that repeats nothing.
#[track_caller]
pub(in super::super) fn assert_labels_or_none(
    read: &Result<Classification, UnusableAnswer>,
    answer: &[u8],
) {
    let classification = match read {
        Ok(classification) => classification,
        Err(unusable) => return assert_discreet(&unusable.to_string()),
    };
    let answer = answer.trim_ascii_start();
    assert!(answer.starts_with(b"{"), "only an object is an answer");
    let values = json!(classification.values());
    let again = Classification::from_answer(&Taxonomy::built_in(), &values, &classification.model);
    assert_eq!(again.unwrap(), *classification, "what is stored is checked");
    let model = &classification.model;
    assert!(!model.trim().is_empty() && model.chars().count() <= 100);
    assert!(!model.contains(char::is_control), "{model:?}");
}
