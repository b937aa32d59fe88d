//! Gemini as who understands a conversation where the transcriber does not.

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::analysis::Analysis;
use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Effort, ModelName, UnusableAnswer};
use callpipe_core::failure::Outside;
use callpipe_core::money::Usd;
use callpipe_core::recording::Fingerprint;

use super::{GeminiClassifier, client, map};
use crate::classifiers::answer;

#[async_trait]
impl Analyst for GeminiClassifier {
    fn analysis_fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        let names = ["analysis", model.0.as_str()];
        self.fingerprint_of(&self.analysing.task, &names, conversation)
    }

    async fn buy_analysis(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes> {
        self.ask(&self.analysing, conversation, model, effort).await
    }

    fn read_analysis(&self, reply: &[u8], model: &ModelName) -> Result<Analysis, UnusableAnswer> {
        answer::analysis(reply, map::written, model)
    }

    fn analysis_price_max(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Option<Usd> {
        let output_tokens_max = client::output_tokens_max(&self.config, effort);
        let request_bytes = self.analysing.task.request_bytes(conversation.len());
        Some(self.prices(model)?.max(request_bytes, output_tokens_max))
    }

    fn usual_analysis_price(&self, conversation_bytes: usize) -> Option<Usd> {
        let prices = self.prices(&self.models.usual()?)?;
        Some(prices.usual(self.analysing.task.request_bytes(conversation_bytes)))
    }
}
