//! Gemini on Vertex AI by REST (`generateContent`): one request a call, the answer's form fixed by
//! a schema and checked all the same.

mod analyst;
mod client;
mod config;
mod map;
mod price;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use callpipe_core::taxonomy::{Taxonomy, prompt, schema};
use serde_json::Value;

use crate::google::Identity;

pub use config::{GeminiConfig, LOCATION_DEFAULT, MODELS_DEFAULT, ThinkingLevel};

use analyst::Analysing;
use client::GeminiClient;

const NAME: &str = "gemini";

/// What `check` has labelled.
const CHECK_CONVERSATION: &str = "Agent: Good morning, parts counter, how can I help?\n\
                                  Customer: Hello, what are your opening hours on Saturday?";

/// Beginnings of the names of models that Google has switched off, or closed to new projects.
const RETIRED_PREFIXES: [&str; 3] = ["gemini-1", "gemini-2.0", "gemini-2.5"];

/// How long a label of a call takes: an assumption, since Google documents none.
const USUAL_DELAY: Duration = Duration::from_secs(3);

/// The words around a conversation in a request, in bytes.
const QUESTION_BYTES: usize = 512;

/// Gemini as a classifier.
pub struct GeminiClassifier {
    config: GeminiConfig,
    client: GeminiClient,
    taxonomy: Arc<Taxonomy>,
    instruction: String,
    schema: Value,
    schema_text: String,
    analysis: Analysing,
    retired: Mutex<BTreeSet<String>>,
}

impl GeminiClassifier {
    /// A classifier by its configuration; nothing is asked yet.
    pub fn new(
        config: GeminiConfig,
        identity: &Identity,
        taxonomy: Arc<Taxonomy>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        if config.models.is_empty() || config.models.iter().any(|model| model.trim().is_empty()) {
            let message = "`classifier.gemini.models` is empty or has an empty name";
            return Err(Failure::new(FailureKind::Denied, message)
                .with_hint(format!("name models such as {}", MODELS_DEFAULT.join(", "))));
        }
        let client = GeminiClient::new(&config, identity, clock)?;
        let schema = map::with_property_ordering(schema::schema(&taxonomy));
        Ok(Self {
            client,
            instruction: prompt::instruction(&taxonomy),
            schema_text: schema.to_string(),
            schema,
            analysis: Analysing::new(),
            taxonomy,
            config,
            retired: Mutex::default(),
        })
    }

    fn retired(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set of names: whole whatever a panicking holder was doing.
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a model about a conversation, by an instruction and a schema.
    async fn ask(
        &self,
        (instruction, schema): (&str, &Value),
        conversation: &str,
        model: &ModelName,
        effort: Effort,
    ) -> Outside<Bytes> {
        let question = prompt::question(conversation);
        let request = client::request(&self.config, instruction, &question, schema, effort);
        let reply = self.client.generate(&self.config, model, &request).await;
        if let Err(failure) = &reply
            && failure.kind == FailureKind::ModelRetired
        {
            self.retired().insert(model.0.clone());
        }
        reply
    }

    /// The model that is asked first.
    fn usual_model(&self) -> Option<ModelName> {
        self.models().into_iter().next()
    }

    /// The bytes of a request that count as tokens.
    fn request_bytes(&self, conversation_bytes: usize) -> usize {
        self.instruction.len() + self.schema_text.len() + QUESTION_BYTES + conversation_bytes
    }

    /// Asks one model to label the check's conversation, a second time with more room.
    async fn try_out(&self, model: &ModelName) -> Outside<Result<(), UnusableAnswer>> {
        let mut last = Ok(());
        for effort in [Effort::Usual, Effort::Enlarged] {
            let reply = self.buy(CHECK_CONVERSATION, model, effort).await?;
            last = self.read(&reply, model).map(|_| ());
            if last.is_ok() {
                break;
            }
        }
        Ok(last)
    }

    fn report(&self, answered: &ModelName, gone: &[&ModelName]) -> CheckReport {
        let endpoint = self.client.endpoint();
        let mut report = format!("{answered} at {endpoint} labels by the taxonomy");
        for model in gone {
            report.push_str(&format!("; {model} is retired or not offered here"));
        }
        let models = self.config.models.iter();
        for model in models.filter(|model| !gone.iter().any(|gone| gone.0 == **model)) {
            if RETIRED_PREFIXES
                .iter()
                .any(|prefix| model.starts_with(prefix))
            {
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
        // All of the configured models: access may have been given since one was found retired.
        let models: Vec<ModelName> = self.config.models.iter().cloned().map(ModelName).collect();
        let mut gone = Vec::new();
        let mut unusable = None;
        for model in &models {
            match self.try_out(model).await {
                Ok(Ok(())) => {
                    self.retired().remove(&model.0);
                    return Ok(self.report(model, &gone));
                }
                Ok(Err(answer)) => unusable = Some(answer),
                Err(failure) if failure.kind == FailureKind::ModelRetired => gone.push(model),
                Err(failure) => return Err(failure),
            }
        }
        Err(match unusable {
            Some(answer) => Failure::new(FailureKind::UnusableReply, answer.to_string()).with_hint(
                "raise `classifier.gemini.max_output_tokens`, lower `thinking_level`, or name \
                     another model",
            ),
            None => {
                let message = format!("none of {} exists here", self.config.models.join(", "));
                Failure::new(FailureKind::ModelRetired, message).with_hint(
                    "check `classifier.gemini.models`, `project` and `location` (most models are \
                     in `global` only)",
                )
            }
        })
    }

    fn models(&self) -> Vec<ModelName> {
        let retired = self.retired();
        self.config
            .models
            .iter()
            .filter(|model| !retired.contains(*model))
            .cloned()
            .map(ModelName)
            .collect()
    }

    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        let thinking = self.config.thinking_level.map(map::thinking_level);
        Fingerprint::of(&[
            NAME,
            &model.0,
            &self.instruction,
            &prompt::question(conversation),
            &self.schema_text,
            prompt::PROMPT_VERSION,
            thinking.unwrap_or_default(),
        ])
    }

    async fn buy(&self, conversation: &str, model: &ModelName, effort: Effort) -> Outside<Bytes> {
        let asked = (self.instruction.as_str(), &self.schema);
        self.ask(asked, conversation, model, effort).await
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer> {
        map::classification(reply, &self.taxonomy, &model.0)
    }

    fn price(&self, reply: &[u8], model: &ModelName) -> Usd {
        let prices = price::of_model(model, &self.config.prices);
        prices.map_or(Usd::ZERO, |prices| price::of_reply(&prices, reply))
    }

    fn price_max(&self, conversation: &str, model: &ModelName, effort: Effort) -> Option<Usd> {
        let prices = price::of_model(model, &self.config.prices)?;
        let output_tokens_max = client::output_tokens_max(&self.config, effort);
        Some(prices.max(self.request_bytes(conversation.len()), output_tokens_max))
    }

    fn usual_delay(&self) -> Duration {
        USUAL_DELAY
    }

    fn usual_price(&self, conversation_bytes: usize) -> Option<Usd> {
        let model = self.usual_model()?;
        let prices = price::of_model(&model, &self.config.prices)?;
        Some(prices.usual(self.request_bytes(conversation_bytes)))
    }

    fn analyst(&self) -> Option<&dyn Analyst> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
