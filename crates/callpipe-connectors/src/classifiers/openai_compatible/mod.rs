//! Any server with OpenAI's chat-completions API, such as Ollama, vLLM, llama.cpp's server or OpenAI
//! itself: one request a call, the answer's form asked for by a schema where the server can, and
//! checked all the same.

mod analyst;
mod client;
mod config;
mod map;
mod price;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::classification::Classification;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::recording::Fingerprint;
use callpipe_core::taxonomy::{Taxonomy, prompt};

use crate::classifiers::TokenPrices;
use crate::classifiers::answer;
use crate::classifiers::models::{Checked, Models};
use crate::classifiers::task::Task;

pub use config::{ENDPOINT_DEFAULT, OpenAiCompatibleConfig, StructuredOutput};

use client::{Asked, OpenAiClient};

const NAME: &str = "openai_compatible";

/// How long an answer takes: an assumption, of a middling model on one graphics card.
const USUAL_DELAY: Duration = Duration::from_secs(8);

/// A model behind the chat-completions API as a classifier.
pub struct OpenAiCompatibleClassifier {
    config: OpenAiCompatibleConfig,
    client: OpenAiClient,
    taxonomy: Arc<Taxonomy>,
    labelling: Task,
    analysing: Task,
    models: Models,
}

impl OpenAiCompatibleClassifier {
    /// A classifier by its configuration; nothing is asked yet.
    pub fn new(
        config: OpenAiCompatibleConfig,
        taxonomy: Arc<Taxonomy>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        let models = Models::named(&config.models).ok_or_else(|| {
            let message = "`classifier.openai_compatible.models` is empty or has an empty name";
            Failure::new(FailureKind::Denied, message)
                .with_hint("name the models that the server has: GET /v1/models lists them")
        })?;
        Ok(Self {
            client: OpenAiClient::new(&config, clock)?,
            labelling: Task::labelling(&taxonomy, map::strict),
            analysing: Task::analysing(map::strict),
            taxonomy,
            config,
            models,
        })
    }

    /// Asks a model about a conversation. One that does not exist is remembered.
    async fn ask(
        &self,
        task: &Task,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes> {
        let asked = Asked {
            instruction: &task.instruction,
            question: &prompt::question(conversation),
            schema: &task.schema,
        };
        let complete = self.client.complete(&self.config, model, &asked, effort);
        self.models.noting(complete.await, model)
    }

    /// What makes an answer what it is. The server is no part of it: it may move.
    fn fingerprint_of(&self, task: &Task, conversation: &str, model: &ModelName) -> Fingerprint {
        let temperature = self.config.temperature.map(|number| number.to_string());
        Fingerprint::of(&[
            NAME,
            &model.0,
            &task.instruction,
            &prompt::question(conversation),
            &task.schema_text,
            task.prompt_version,
            self.config.structured_output.as_str(),
            &temperature.unwrap_or_default(),
        ])
    }

    fn prices(&self, model: &ModelName) -> Option<TokenPrices> {
        price::of_model(model, &self.config, self.client.endpoint().is_near())
    }

    fn report(&self, answered: &ModelName, gone: &[&ModelName]) -> CheckReport {
        let endpoint = self.client.endpoint().endpoint();
        let mut report = format!("{answered} at {endpoint} labels by the taxonomy");
        let form = self.client.manner(answered).form;
        if form != self.config.structured_output {
            report.push_str(&format!(
                "; the server takes structured_output = \"{}\" at most",
                form.as_str()
            ));
        }
        for model in gone {
            report.push_str(&format!("; {model} is not offered here"));
        }
        report
    }
}

#[async_trait]
impl Classifier for OpenAiCompatibleClassifier {
    fn name(&self) -> &'static str {
        NAME
    }

    fn in_flight_max(&self) -> usize {
        self.config.in_flight_max.get()
    }

    async fn check(&self) -> Outside<CheckReport> {
        match self.models.check(self).await? {
            Checked::Labels { answered, gone } => Ok(self.report(answered, &gone)),
            Checked::Useless(answer) => {
                let failure = Failure::new(FailureKind::UnusableReply, answer.to_string());
                Err(failure.with_hint(
                    "raise `classifier.openai_compatible.max_output_tokens`, or name another model",
                ))
            }
            Checked::AllGone => {
                let message = format!("none of {} exists here", self.models);
                Err(Failure::new(FailureKind::ModelRetired, message).with_hint(
                    "check `classifier.openai_compatible.models` against what `GET /v1/models` \
                     lists",
                ))
            }
        }
    }

    fn models(&self) -> Vec<ModelName> {
        self.models.in_service()
    }

    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        self.fingerprint_of(&self.labelling, conversation, model)
    }

    async fn buy(&self, conversation: &str, model: &ModelName, effort: Effort) -> Outside<Bytes> {
        self.ask(&self.labelling, conversation, model, effort).await
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer> {
        answer::classification(reply, map::written, &self.taxonomy, model)
    }

    fn price(&self, reply: &[u8], model: &ModelName) -> Usd {
        let prices = self.prices(model);
        prices.map_or(Usd::ZERO, |prices| price::of_reply(&prices, reply))
    }

    fn price_max(&self, conversation: &str, model: &ModelName, effort: Effort) -> Option<Usd> {
        let output_tokens_max = client::output_tokens_max(&self.config, effort);
        let request_bytes = self.labelling.request_bytes(conversation.len());
        Some(self.prices(model)?.max(request_bytes, output_tokens_max))
    }

    fn usual_delay(&self) -> Duration {
        USUAL_DELAY
    }

    fn usual_price(&self, conversation_bytes: usize) -> Option<Usd> {
        let prices = self.prices(&self.models.usual()?)?;
        Some(prices.usual(self.labelling.request_bytes(conversation_bytes)))
    }

    fn analyst(&self) -> Option<&dyn Analyst> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
