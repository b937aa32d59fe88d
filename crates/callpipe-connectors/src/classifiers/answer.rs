//! From what a model wrote to a classification or an analysis, or to why there is none, whoever runs
//! the model.

use callpipe_core::analysis::{Analysis, check};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::{ModelName, UnusableAnswer};
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
}

/// A vendor's way to find in a reply what the model wrote, if it wrote it to the end.
pub(super) type Reading = fn(&[u8], AskedModel<'_>) -> Result<Written, UnusableAnswer>;

/// Reads a reply and checks it against the taxonomy.
pub(super) fn classification(
    reply: &[u8],
    reading: Reading,
    taxonomy: &Taxonomy,
    model: &ModelName,
) -> Result<Classification, UnusableAnswer> {
    let asked = AskedModel(&model.0);
    let written = reading(reply, asked)?;
    let answer = json(&written, asked)?;
    let name = written.model.as_deref();
    let name = name.filter(|name| is_model_name(name)).unwrap_or(asked.0);
    Classification::from_answer(taxonomy, &answer, name)
        .map_err(|off| asked.faulty(format!("the answer does not keep to the taxonomy: {off}")))
}

/// Reads a reply that is an analysis, and checks its form.
pub(super) fn analysis(
    reply: &[u8],
    reading: Reading,
    model: &ModelName,
) -> Result<Analysis, UnusableAnswer> {
    let asked = AskedModel(&model.0);
    let answer = json(&reading(reply, asked)?, asked)?;
    check::check(&answer)
        .map_err(|off| asked.faulty(format!("the analysis does not keep to its form: {off}")))
}

fn json(written: &Written, asked: AskedModel<'_>) -> Result<Value, UnusableAnswer> {
    serde_json::from_str(unfenced(&written.text))
        .map_err(|_| asked.faulty("the answer is not JSON"))
}
