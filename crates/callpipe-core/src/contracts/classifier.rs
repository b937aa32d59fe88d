//! Who labels a conversation by the taxonomy.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::classification::Classification;
use crate::contracts::CheckReport;
use crate::contracts::analyst::Analyst;
use crate::failure::Outside;
use crate::money::Usd;
use crate::recording::Fingerprint;

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelName(pub String);

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How much room the model is given for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effort {
    /// What nearly every answer fits into.
    Usual,
    /// More room, after an answer that was no use.
    Enlarged,
}

/// Why a bought answer is no classification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableAnswer {
    /// The model refuses the content. Asking it again changes nothing.
    #[error("{model} refused to answer ({reason})")]
    Blocked {
        /// Which model.
        model: String,
        /// The vendor's word for why.
        reason: String,
    },
    /// Cut, empty, no JSON, or outside the taxonomy. Asking again may help.
    #[error("{model} gave no usable answer: {reason}")]
    Faulty {
        /// Which model.
        model: String,
        /// What is wrong with it, without words of the call.
        reason: String,
    },
}

/// A language model behind an API.
#[async_trait]
pub trait Classifier: Send + Sync {
    /// Its name for logs, messages and the archive, such as `gemini`.
    fn name(&self) -> &'static str;

    /// How many requests may be in flight at once.
    fn in_flight_max(&self) -> usize;

    /// Does what buying does, on a conversation of two lines, and says what was reached.
    async fn check(&self) -> Outside<CheckReport>;

    /// The models to ask, best first; those that turned out to be retired are left out.
    fn models(&self) -> Vec<ModelName>;

    /// What makes the answer for this conversation what it is. Equal fingerprints are bought once.
    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint;

    /// Buys the answer: the whole body of a successful reply, unread. A retired model is a
    /// `ModelRetired` failure, and is left out of [`Classifier::models`] from then on.
    async fn buy(&self, conversation: &str, model: &ModelName, effort: Effort) -> Outside<Bytes>;

    /// Reads a bought answer and checks it against the taxonomy.
    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer>;

    /// What a bought answer of a model cost, by the figures in it; nothing where it has none. Who
    /// charges nothing leaves this and the other prices as they are.
    fn price(&self, _reply: &[u8], _model: &ModelName) -> Usd {
        Usd::ZERO
    }

    /// More than the answer of a model for this conversation can cost; none where no price is known.
    fn price_max(&self, _conversation: &str, _model: &ModelName, _effort: Effort) -> Option<Usd> {
        Some(Usd::ZERO)
    }

    /// How long a request usually takes, for estimates.
    fn usual_delay(&self) -> Duration;

    /// What the answer for a conversation of so many bytes usually costs, for estimates; none where
    /// no price is known.
    fn usual_price(&self, _conversation_bytes: usize) -> Option<Usd> {
        Some(Usd::ZERO)
    }

    /// The same model as one that understands conversations, if it can be asked for that.
    fn analyst(&self) -> Option<&dyn Analyst> {
        None
    }
}
