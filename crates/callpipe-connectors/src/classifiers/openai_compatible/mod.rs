//! Any server with OpenAI's chat-completions API, such as Ollama, vLLM, llama.cpp's server or OpenAI
//! itself: one request a call, the answer's form asked for by a schema where the server can, and
//! checked all the same.

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

use crate::classifiers::TokenPrices;

pub use config::{ENDPOINT_DEFAULT, OpenAiCompatibleConfig, StructuredOutput};

use client::{Asked, OpenAiClient};

const NAME: &str = "openai_compatible";

/// What `check` has labelled.
const CHECK_CONVERSATION: &str = "Agent: Good morning, parts counter, how can I help?\n\
                                  Customer: Hello, what are your opening hours on Saturday?";

/// How long an answer takes: an assumption, of a middling model on one graphics card.
const USUAL_DELAY: Duration = Duration::from_secs(8);

/// The words around a conversation in a request, in bytes.
const QUESTION_BYTES: usize = 512;

/// What is the same for every call that is asked about.
struct Task {
    instruction: String,
    schema: Value,
    schema_text: String,
}

impl Task {
    fn new(instruction: String, schema: Value) -> Self {
        let schema = map::strict(schema);
        Self {
            instruction,
            schema_text: schema.to_string(),
            schema,
        }
    }

    /// The bytes of a request that count as tokens.
    fn request_bytes(&self, conversation_bytes: usize) -> usize {
        self.instruction.len() + self.schema_text.len() + QUESTION_BYTES + conversation_bytes
    }
}

/// A model behind the chat-completions API as a classifier.
pub struct OpenAiCompatibleClassifier {
    config: OpenAiCompatibleConfig,
    client: OpenAiClient,
    taxonomy: Arc<Taxonomy>,
    labelling: Task,
    analysing: Task,
    retired: Mutex<BTreeSet<String>>,
}

impl OpenAiCompatibleClassifier {
    /// A classifier by its configuration; nothing is asked yet.
    pub fn new(
        config: OpenAiCompatibleConfig,
        taxonomy: Arc<Taxonomy>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        if config.models.is_empty() || config.models.iter().any(|model| model.trim().is_empty()) {
            let message = "`classifier.openai_compatible.models` is empty or has an empty name";
            return Err(Failure::new(FailureKind::Denied, message)
                .with_hint("name the models that the server has: GET /v1/models lists them"));
        }
        Ok(Self {
            client: OpenAiClient::new(&config, clock)?,
            labelling: Task::new(prompt::instruction(&taxonomy), schema::schema(&taxonomy)),
            analysing: analyst::task(),
            taxonomy,
            config,
            retired: Mutex::default(),
        })
    }

    fn retired(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set of names: whole whatever a panicking holder was doing.
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
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
        let reply = complete.await;
        if let Err(failure) = &reply
            && failure.kind == FailureKind::ModelRetired
        {
            self.retired().insert(model.0.clone());
        }
        reply
    }

    /// What makes an answer what it is. The server is no part of it: it may move.
    fn fingerprint_of(&self, task: &Task, of: &[&str; 2], question: &str) -> Fingerprint {
        let [model, version] = of;
        let temperature = self.config.temperature.map(|number| number.to_string());
        Fingerprint::of(&[
            NAME,
            model,
            &task.instruction,
            question,
            &task.schema_text,
            version,
            self.config.structured_output.as_str(),
            &temperature.unwrap_or_default(),
        ])
    }

    fn prices(&self, model: &ModelName) -> Option<TokenPrices> {
        price::of_model(model, &self.config, self.client.endpoint().is_near())
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
        // All of the configured models: one may have been pulled since it was found missing.
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
                "raise `classifier.openai_compatible.max_output_tokens`, or name another model",
            ),
            None => {
                let message = format!("none of {} exists here", self.config.models.join(", "));
                Failure::new(FailureKind::ModelRetired, message).with_hint(
                    "check `classifier.openai_compatible.models` against what `GET /v1/models` \
                     lists",
                )
            }
        })
    }

    fn models(&self) -> Vec<ModelName> {
        let retired = self.retired();
        let models = self.config.models.iter();
        models
            .filter(|model| !retired.contains(*model))
            .cloned()
            .map(ModelName)
            .collect()
    }

    fn fingerprint(&self, conversation: &str, model: &ModelName) -> Fingerprint {
        let of = [model.0.as_str(), prompt::PROMPT_VERSION];
        self.fingerprint_of(&self.labelling, &of, &prompt::question(conversation))
    }

    async fn buy(&self, conversation: &str, model: &ModelName, effort: Effort) -> Outside<Bytes> {
        self.ask(&self.labelling, conversation, model, effort).await
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer> {
        map::classification(reply, &self.taxonomy, &model.0)
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
        let model = self.models().into_iter().next()?;
        let request_bytes = self.labelling.request_bytes(conversation_bytes);
        Some(self.prices(&model)?.usual(request_bytes))
    }

    fn analyst(&self) -> Option<&dyn Analyst> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
