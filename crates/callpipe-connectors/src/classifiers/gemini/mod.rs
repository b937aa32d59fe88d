//! Gemini on Vertex AI by REST (`generateContent`): one request a call, the answer's form fixed by
//! a schema and checked all the same.

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
use crate::google::Identity;

pub use config::{GeminiConfig, LOCATION_DEFAULT, MODELS_DEFAULT, ThinkingLevel};

use client::{GeminiClient, Prepared};

const NAME: &str = "gemini";

/// Beginnings of the names of models that Google has switched off, or closed to new projects.
const RETIRED_PREFIXES: [&str; 3] = ["gemini-1", "gemini-2.0", "gemini-2.5"];

/// How long a label of a call takes: an assumption, since Google documents none.
const USUAL_DELAY: Duration = Duration::from_secs(3);

/// Gemini as a classifier.
pub struct GeminiClassifier {
    config: GeminiConfig,
    client: GeminiClient,
    taxonomy: Arc<Taxonomy>,
    labelling: Prepared,
    analysing: Prepared,
    models: Models,
}

impl GeminiClassifier {
    /// A classifier by its configuration; nothing is asked yet.
    pub fn new(
        config: GeminiConfig,
        identity: &Identity,
        taxonomy: Arc<Taxonomy>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        let models = Models::named(&config.models).ok_or_else(|| {
            let message = "`classifier.gemini.models` is empty or has an empty name";
            Failure::new(FailureKind::Denied, message)
                .with_hint(format!("name models such as {}", MODELS_DEFAULT.join(", ")))
        })?;
        Ok(Self {
            client: GeminiClient::new(&config, identity, clock)?,
            labelling: Prepared::of(Task::labelling(&taxonomy, map::with_property_ordering))?,
            analysing: Prepared::of(Task::analysing(map::with_property_ordering))?,
            taxonomy,
            config,
            models,
        })
    }

    /// Asks a model about a conversation. One that is retired is remembered.
    async fn ask(
        &self,
        prepared: &Prepared,
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes> {
        let question = prompt::question(conversation);
        let request = client::request(&self.config, prepared, &question, effort);
        let reply = self.client.generate(&self.config, model, &request).await;
        self.models.noting(reply, model)
    }

    /// What makes an answer what it is. `names` are those of the question, with the model's last.
    fn fingerprint_of(&self, task: &Task, names: &[&str], conversation: &str) -> Fingerprint {
        let thinking = self.config.thinking_level.map(map::thinking_level);
        let question = prompt::question(conversation);
        let asked = [
            task.instruction.as_str(),
            &question,
            &task.schema_text,
            task.prompt_version,
            thinking.unwrap_or_default(),
        ];
        Fingerprint::of(&[&[NAME], names, &asked].concat())
    }

    fn prices(&self, model: &ModelName) -> Option<TokenPrices> {
        price::of_model(model, &self.config.prices)
    }

    fn report(&self, answered: &ModelName, gone: &[&ModelName]) -> CheckReport {
        let endpoint = self.client.endpoint();
        let mut report = format!("{answered} at {endpoint} labels by the taxonomy");
        for model in gone {
            report.push_str(&format!("; {model} is retired or not offered here"));
        }
        let is_offered = |model: &&ModelName| !gone.contains(model);
        for model in self.models.all().iter().filter(is_offered) {
            let mut retired = RETIRED_PREFIXES.iter();
            if retired.any(|prefix| model.0.starts_with(prefix)) {
                report.push_str(&format!("; {model} is being switched off by Google"));
            }
        }
        report
    }
}

#[async_trait]
impl Classifier for GeminiClassifier {
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
                    "raise `classifier.gemini.max_output_tokens`, lower `thinking_level`, or name \
                     another model",
                ))
            }
            Checked::AllGone => {
                let message = format!("none of {} exists here", self.models);
                Err(Failure::new(FailureKind::ModelRetired, message).with_hint(
                    "check `classifier.gemini.models`, `project` and `location` (most models are \
                     in `global` only)",
                ))
            }
        }
    }

    fn models(&self) -> Vec<ModelName> {
        self.models.in_service()
    }

    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        self.fingerprint_of(&self.labelling.task, &[&model.0], conversation)
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
        let request_bytes = self.labelling.task.request_bytes(conversation.len());
        Some(self.prices(model)?.max(request_bytes, output_tokens_max))
    }

    fn usual_delay(&self) -> Duration {
        USUAL_DELAY
    }

    fn usual_price(&self, conversation_bytes: usize) -> Option<Usd> {
        let prices = self.prices(&self.models.usual()?)?;
        Some(prices.usual(self.labelling.task.request_bytes(conversation_bytes)))
    }

    fn analyst(&self) -> Option<&dyn Analyst> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
