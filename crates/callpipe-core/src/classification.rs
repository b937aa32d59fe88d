//! The labels of a call, after the check against the taxonomy.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::taxonomy::Taxonomy;
use crate::taxonomy::check::{self, CheckedValues, OffTaxonomy};
use crate::taxonomy::prompt::PROMPT_VERSION;

/// A call's labels. Made only from an answer that passed the check, or read back from where such a
/// one was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The stored value of each section, by field.
    values: CheckedValues,
    /// The taxonomy's version.
    pub taxonomy_version: String,
    /// The prompt's version.
    pub prompt_version: String,
    /// The model that answered.
    pub model: String,
}

impl Classification {
    /// Checks an answer and makes it a classification.
    pub fn from_answer(
        taxonomy: &Taxonomy,
        answer: &Value,
        model: &str,
    ) -> Result<Self, OffTaxonomy> {
        Ok(Self {
            values: check::check(taxonomy, answer)?,
            taxonomy_version: taxonomy.version.clone(),
            prompt_version: PROMPT_VERSION.to_owned(),
            model: model.to_owned(),
        })
    }

    /// The stored value of each section, by field.
    pub fn values(&self) -> &CheckedValues {
        &self.values
    }
}
