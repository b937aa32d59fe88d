//! From what a model wrote to a classification or an analysis, or to why there is none, whoever runs
//! the model.

use callpipe_core::analysis::{Analysis, check};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::UnusableAnswer;
use callpipe_core::taxonomy::Taxonomy;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::text::{is_model_name, object_of, unfenced};

/// What a model wrote, to its end.
pub(super) struct Written {
    /// Its words alone, without what it thought.
    pub(super) text: String,
    /// Its name, where the reply tells it.
    pub(super) model: Option<String>,
}

/// The model that was asked. What is no use is told of it.
#[derive(Clone, Copy)]
pub(super) struct AskedModel<'a>(pub(super) &'a str);

impl AskedModel<'_> {
    /// An answer that is none, or that does not hold what was asked for.
    pub(super) fn faulty(self, reason: impl Into<String>) -> UnusableAnswer {
        UnusableAnswer::Faulty {
            model: self.0.to_owned(),
            reason: reason.into(),
        }
    }

    /// A refusal. The reason must be fit for a log.
    pub(super) fn blocked(self, reason: &str) -> UnusableAnswer {
        UnusableAnswer::Blocked {
            model: self.0.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// A reply as its vendor's folder knows it.
    pub(super) fn reply<Reply: DeserializeOwned>(
        self,
        reply: &[u8],
    ) -> Result<Reply, UnusableAnswer> {
        object_of(reply).ok_or_else(|| self.faulty("the reply is not its JSON"))
    }

    /// Checks what was written against the taxonomy.
    pub(super) fn classification(
        self,
        written: &Written,
        taxonomy: &Taxonomy,
    ) -> Result<Classification, UnusableAnswer> {
        let answer = self.json(written)?;
        let model = written.model.as_deref();
        let model = model.filter(|model| is_model_name(model)).unwrap_or(self.0);
        Classification::from_answer(taxonomy, &answer, model)
            .map_err(|off| self.faulty(format!("the answer does not keep to the taxonomy: {off}")))
    }

    /// Checks the form of an analysis that was written.
    pub(super) fn analysis(self, written: &Written) -> Result<Analysis, UnusableAnswer> {
        check::check(&self.json(written)?)
            .map_err(|off| self.faulty(format!("the analysis does not keep to its form: {off}")))
    }

    fn json(self, written: &Written) -> Result<Value, UnusableAnswer> {
        serde_json::from_str(unfenced(&written.text))
            .map_err(|_| self.faulty("the answer is not JSON"))
    }
}
