//! Who understands a conversation where the transcriber does not: the model that labels it.

use async_trait::async_trait;
use bytes::Bytes;

use crate::analysis::Analysis;
use crate::contracts::classifier::{Effort, ModelName, UnusableAnswer};
use crate::failure::Outside;
use crate::money::Usd;
use crate::recording::Fingerprint;

/// A language model that gives summary, topics, intents and sentiment. It is a
/// [`Classifier`](crate::contracts::classifier::Classifier), too, whose models, places and price of a
/// reply these replies share.
#[async_trait]
pub trait Analyst: Send + Sync {
    /// What makes the analysis of this conversation what it is. Equal fingerprints are bought once,
    /// and none is that of labels.
    fn analysis_fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint;

    /// Buys the analysis: the whole body of a successful reply, unread. A retired model is a
    /// `ModelRetired` failure.
    async fn buy_analysis(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes>;

    /// Reads a bought analysis and checks its form.
    fn read_analysis(&self, reply: &[u8], model: &ModelName) -> Result<Analysis, UnusableAnswer>;

    /// More than the analysis can cost; none where no price is known.
    fn analysis_price_max(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Option<Usd>;

    /// What the analysis of a conversation of so many bytes usually costs, for estimates; none where
    /// no price is known.
    fn usual_analysis_price(&self, conversation_bytes: usize) -> Option<Usd>;
}
