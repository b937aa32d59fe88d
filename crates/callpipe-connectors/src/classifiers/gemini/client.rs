//! Requests to Vertex AI.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::classifier::{Effort, ModelName};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use reqwest::Client;
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::config::GeminiConfig;
use super::map;
use super::wire::{Content, GenerationConfig, Request, SafetySetting, TextPart, ThinkingConfig};
use crate::classifiers::task::{self, Task};
use crate::google::Identity;
use crate::http::{self, Endpoint};

/// An answer takes seconds. One of the longest, with thinking, takes a minute and a half.
const SILENCE_MAX: Duration = Duration::from_secs(3 * 60);

/// The largest reply that is taken, in bytes. The longest answer and its thoughts are 65,536 tokens,
/// of a few bytes each.
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// No model writes more.
const OUTPUT_TOKENS_MAX: u32 = 65_536;

/// Calls are labelled, not shown to anybody: an angry caller is no reason to refuse one. What can
/// be switched off is off.
const SAFETY_CATEGORIES: [&str; 4] = [
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

const DOING: &str = "asking Gemini for labels";

pub(super) struct GeminiClient {
    endpoint: Endpoint,
    project: String,
    identity: Identity,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl GeminiClient {
    pub(super) fn new(
        config: &GeminiConfig,
        identity: &Identity,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        let project = config.project.as_deref().map(str::trim).unwrap_or_default();
        if project.is_empty() {
            return Err(setting_missing(
                "project",
                "set the environment variable GCP_PROJECT_ID, or `classifier.gemini.project` in \
                 callpipe.toml",
            ));
        }
        let endpoint = endpoint(config)?;
        Ok(Self {
            client: http::client(&endpoint, SILENCE_MAX)?,
            identity: identity.for_endpoint(&endpoint),
            endpoint,
            project: project.to_owned(),
            clock,
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Buys an answer.
    pub(super) async fn generate(
        &self,
        config: &GeminiConfig,
        model: &ModelName,
        request: &Request<'_>,
    ) -> Outside<Bytes> {
        let request = self
            .client
            .post(self.url(&config.location, model))
            .json(request);
        let request = match self.identity.token().await? {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let response = http::send(request, DOING).await?;
        let response = match http::success(response, DOING, self.clock.now()).await {
            Ok(response) => response,
            Err(answer) => {
                self.identity.heard(answer.status);
                let failure = map::refusal(answer.status.as_u16(), &answer.body, answer.failure);
                return Err(failure.context(model));
            }
        };
        http::paid_body(response, REPLY_BYTES_MAX, DOING).await
    }

    pub(super) fn url(&self, location: &str, model: &ModelName) -> Url {
        self.endpoint.join(&[
            "v1",
            "projects",
            &self.project,
            "locations",
            location,
            "publishers",
            "google",
            "models",
            &format!("{model}:generateContent"),
        ])
    }
}

/// The host that belongs to the location, unless the configuration names one.
fn endpoint(config: &GeminiConfig) -> Outside<Endpoint> {
    let location = config.location.as_str();
    let is_plain = !location.is_empty()
        && location
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_plain {
        return Err(setting_missing(
            "location",
            "`classifier.gemini.location` (VERTEX_AI_LOCATION) is `global`, `us`, `eu` or a region \
             such as `europe-west4`",
        ));
    }
    if let Some(endpoint) = &config.endpoint {
        return Ok(endpoint.clone());
    }
    let address = match location {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        region => format!("https://{region}-aiplatform.googleapis.com"),
    };
    Endpoint::parse(&address)
        .map_err(|error| Failure::bug("the address of a location").with_source(error))
}

fn setting_missing(key: &str, hint: &str) -> Failure {
    let message = format!("`classifier.gemini.{key}` is not set to anything usable");
    Failure::new(FailureKind::Denied, message).with_hint(hint)
}

/// How long an answer may become, in tokens.
pub(super) fn output_tokens_max(config: &GeminiConfig, effort: Effort) -> u32 {
    let usual = config.max_output_tokens;
    task::room(usual, effort).min(OUTPUT_TOKENS_MAX.max(usual.get()))
}

/// A task, and the parts of its requests that are the same for every call, as they are sent: they are
/// most of a request.
pub(super) struct Prepared {
    pub(super) task: Task,
    instruction: Box<RawValue>,
    schema: Box<RawValue>,
}

impl Prepared {
    pub(super) fn of(task: Task) -> Outside<Self> {
        let written = |error| Failure::bug("writing the parts of a request").with_source(error);
        Ok(Self {
            instruction: to_raw_value(&task.instruction).map_err(written)?,
            schema: to_raw_value(&task.schema).map_err(written)?,
            task,
        })
    }
}

/// The body of a request. No sampling parameters: newer models ignore or refuse them.
pub(super) fn request<'a>(
    config: &'a GeminiConfig,
    prepared: &'a Prepared,
    question: &'a str,
    effort: Effort,
) -> Request<'a> {
    Request {
        system_instruction: Content {
            role: None,
            parts: [TextPart {
                text: &prepared.instruction,
            }],
        },
        contents: [Content {
            role: Some("user"),
            parts: [TextPart { text: question }],
        }],
        safety_settings: SAFETY_CATEGORIES
            .map(|category| SafetySetting {
                category,
                threshold: "OFF",
            })
            .into(),
        generation_config: GenerationConfig {
            max_output_tokens: output_tokens_max(config, effort),
            response_mime_type: "application/json",
            response_json_schema: &prepared.schema,
            thinking_config: config.thinking_level.map(|level| ThinkingConfig {
                thinking_level: map::thinking_level(level),
            }),
        },
        labels: &config.labels,
    }
}
