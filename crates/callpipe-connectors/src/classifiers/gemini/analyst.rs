//! Gemini as who understands a conversation where the transcriber does not.

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::analysis::{Analysis, prompt};
use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Effort, ModelName, UnusableAnswer};
use callpipe_core::failure::Outside;
use callpipe_core::money::Usd;
use callpipe_core::recording::Fingerprint;
use callpipe_core::taxonomy::prompt::question;
use serde_json::Value;

use super::{GeminiClassifier, NAME, QUESTION_BYTES, client, map, price};

/// What is the same for every analysis.
pub(super) struct Analysing {
    instruction: String,
    schema: Value,
    schema_text: String,
}

impl Analysing {
    pub(super) fn new() -> Self {
        let schema = map::with_property_ordering(prompt::schema());
        Self {
            instruction: prompt::instruction(),
            schema_text: schema.to_string(),
            schema,
        }
    }

    /// The bytes of a request that count as tokens.
    fn request_bytes(&self, conversation_bytes: usize) -> usize {
        self.instruction.len() + self.schema_text.len() + QUESTION_BYTES + conversation_bytes
    }
}

#[async_trait]
impl Analyst for GeminiClassifier {
    fn analysis_fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        let thinking = self.config.thinking_level.map(map::thinking_level);
        Fingerprint::of(&[
            NAME,
            "analysis",
            &model.0,
            &self.analysis.instruction,
            &question(conversation),
            &self.analysis.schema_text,
            prompt::PROMPT_VERSION,
            thinking.unwrap_or_default(),
        ])
    }

    async fn buy_analysis(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes> {
        let asked = (self.analysis.instruction.as_str(), &self.analysis.schema);
        self.ask(asked, conversation, model, effort).await
    }

    fn read_analysis(&self, reply: &[u8], model: &ModelName) -> Result<Analysis, UnusableAnswer> {
        map::analysis(reply, &model.0)
    }

    fn analysis_price_max(
        &self,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Option<Usd> {
        let prices = price::of_model(model, &self.config.prices)?;
        let output_tokens_max = client::output_tokens_max(&self.config, effort);
        let request_bytes = self.analysis.request_bytes(conversation.len());
        Some(prices.max(request_bytes, output_tokens_max))
    }

    fn usual_analysis_price(&self, conversation_bytes: usize) -> Option<Usd> {
        let model = self.usual_model()?;
        let prices = price::of_model(&model, &self.config.prices)?;
        Some(prices.usual(self.analysis.request_bytes(conversation_bytes)))
    }
}
