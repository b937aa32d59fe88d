//! Requests to a server with the chat-completions API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::classifier::{Effort, ModelName};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use reqwest::Client;
use serde_json::Value;

use super::config::{ENDPOINT_DEFAULT, OpenAiCompatibleConfig, StructuredOutput};
use super::map::{self, InOrder, Objection};
use super::wire::{Message, NamedSchema, Request, ResponseFormat};
use crate::classifiers::task;
use crate::http::{self, ErrorAnswer, NearEndpoint};
use crate::secret::{self, Secret};

const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Whose newer models refuse the older name of the limit.
const OPENAI_HOST: &str = "api.openai.com";

const DOING: &str = "asking the model";

/// A question about a conversation: what is the same for every call, and the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) instruction: &'a str,
    pub(super) question: &'a str,
    pub(super) schema: &'a Value,
}

/// How a model of a server is asked, as far as that was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) form: StructuredOutput,
    pub(super) uses_newer_limit: bool,
}

impl Manner {
    /// The manner that does without what was objected to, if there is one.
    fn without(self, objection: Objection) -> Option<Self> {
        match objection {
            Objection::ResponseFormat => Some(Self {
                form: self.form.weaker()?,
                ..self
            }),
            Objection::MaxTokens if self.uses_newer_limit => None,
            Objection::MaxTokens => Some(Self {
                uses_newer_limit: true,
                ..self
            }),
        }
    }
}

pub(super) struct OpenAiClient {
    endpoint: NearEndpoint,
    api_key: Option<Secret>,
    client: Client,
    clock: Arc<dyn Clock>,
    first: Manner,
    /// By model: one server may put several programs behind one address.
    learned: Mutex<BTreeMap<String, Manner>>,
}

impl OpenAiClient {
    pub(super) fn new(config: &OpenAiCompatibleConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        let api_key = config
            .api_key
            .clone()
            .filter(|key| !key.expose().trim().is_empty());
        let endpoint = endpoint(config, api_key.as_ref())?;
        let silence_max = Duration::from_secs(config.timeout_s.get());
        let client = match endpoint.is_near() {
            true => http::direct_client(silence_max)?,
            false => http::client(endpoint.endpoint(), silence_max)?,
        };
        let first = Manner {
            form: config.structured_output,
            uses_newer_limit: endpoint.endpoint().url().host_str() == Some(OPENAI_HOST),
        };
        Ok(Self {
            endpoint,
            api_key,
            client,
            clock,
            first,
            learned: Mutex::default(),
        })
    }

    pub(super) fn endpoint(&self) -> &NearEndpoint {
        &self.endpoint
    }

    /// Buys an answer. A server that objects to a part of the request that can be asked for in
    /// another way is asked so at once, and from then on.
    pub(super) async fn complete(
        &self,
        config: &OpenAiCompatibleConfig,
        model: &ModelName,
        asked: &Asked<'_>,
        effort: Effort,
    ) -> Outside<Bytes> {
        let mut manner = self.manner(model);
        loop {
            let request = request(config, model, asked, effort, manner);
            let answer = match self.post(&request).await? {
                Ok(reply) => return Ok(reply),
                Err(answer) => answer,
            };
            let status = answer.status.as_u16();
            let other = map::objection(status, &answer.body)
                .and_then(|objection| manner.without(objection));
            let Some(other) = other else {
                let failure = map::refusal(status, &answer.body, answer.failure);
                return Err(failure.context(model));
            };
            tracing::info!(%model, form = other.form.as_str(), "the server refuses the form of the request: it is asked in another one");
            self.learn(model, other);
            manner = other;
        }
    }

    async fn post(&self, request: &Request<'_>) -> Outside<Result<Bytes, Box<ErrorAnswer>>> {
        let url = self.endpoint.endpoint().join(&["chat", "completions"]);
        let request = self.client.post(url).json(request);
        let request = match &self.api_key {
            Some(key) => request.bearer_auth(key.expose().trim()),
            None => request,
        };
        let response = http::send(request, DOING).await?;
        let response = match http::success(response, DOING, self.clock.now()).await {
            Ok(response) => response,
            Err(answer) => return Ok(Err(answer)),
        };
        let reply = http::paid_body(response, REPLY_BYTES_MAX, DOING).await?;
        let Some(status) = map::status_within(&reply) else {
            return Ok(Ok(reply));
        };
        let message = format!("{DOING}: HTTP {} within an answer", status.as_u16());
        Ok(Err(Box::new(ErrorAnswer {
            failure: Failure::new(http::status_kind(status), message),
            status,
            body: reply,
        })))
    }

    /// How a model is asked.
    pub(super) fn manner(&self, model: &ModelName) -> Manner {
        // A map whose values are put in whole, whatever a panicking holder was doing.
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.get(&model.0).copied().unwrap_or(self.first)
    }

    fn learn(&self, model: &ModelName, manner: Manner) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.insert(model.0.clone(), manner);
    }
}

/// The server's address. OpenAI itself wants a key, and no key is sent where it can be read.
fn endpoint(config: &OpenAiCompatibleConfig, api_key: Option<&Secret>) -> Outside<NearEndpoint> {
    let Some(endpoint) = &config.endpoint else {
        secret::required(
            api_key,
            "classifier.openai_compatible.api_key",
            "OPENAI_API_KEY",
        )?;
        return NearEndpoint::parse(ENDPOINT_DEFAULT)
            .map_err(|error| Failure::bug("the address of OpenAI").with_source(error));
    };
    if endpoint.is_plain() && api_key.is_some() {
        let message =
            "`classifier.openai_compatible.api_key` would travel readable to the endpoint";
        return Err(Failure::new(FailureKind::Denied, message).with_hint(
            "give `classifier.openai_compatible.endpoint` as https, or leave out the key and unset \
             OPENAI_API_KEY where the server wants none",
        ));
    }
    Ok(endpoint.clone())
}

/// How long an answer may become, in tokens.
pub(super) fn output_tokens_max(config: &OpenAiCompatibleConfig, effort: Effort) -> u32 {
    task::room(config.max_output_tokens, effort)
}

/// The body of a request.
pub(super) fn request<'a>(
    config: &OpenAiCompatibleConfig,
    model: &'a ModelName,
    asked: &Asked<'a>,
    effort: Effort,
    manner: Manner,
) -> Request<'a> {
    let limit = output_tokens_max(config, effort);
    let message = |role, content| Message { role, content };
    Request {
        model: &model.0,
        messages: [
            message("system", asked.instruction),
            message("user", asked.question),
        ],
        response_format: match manner.form {
            StructuredOutput::JsonSchema => Some(ResponseFormat::JsonSchema {
                json_schema: NamedSchema {
                    name: "answer",
                    strict: true,
                    schema: InOrder(asked.schema),
                },
            }),
            StructuredOutput::JsonObject => Some(ResponseFormat::JsonObject),
            StructuredOutput::None => None,
        },
        max_tokens: (!manner.uses_newer_limit).then_some(limit),
        max_completion_tokens: manner.uses_newer_limit.then_some(limit),
        temperature: config.temperature,
    }
}
