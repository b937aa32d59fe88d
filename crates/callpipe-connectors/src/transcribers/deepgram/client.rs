//! Requests to Deepgram: parameters, audio by link or as a stream, and how long to wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::transcriber::AudioLink;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Recording;
use futures::stream::{BoxStream, StreamExt};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Client, RequestBuilder, Response};
use url::Url;

use super::config::{DeepgramConfig, ENDPOINT_DEFAULT, LANGUAGE_AUTO};
use super::map::{Refusal, refusal};
use super::wire::LinkRequest;
use crate::archive::DOCUMENT_BYTES_MAX;
use crate::http::{self, Endpoint};
use crate::secret::{self, Secret};

/// Deepgram says nothing while it works, for at most 10 minutes; then it answers 504 by itself.
const SILENCE_MAX: Duration = Duration::from_secs(11 * 60);

/// What an upload may take on top: the client counts silence from the start of a request.
const UPLOAD_MAX: Duration = Duration::from_secs(20 * 60);

/// The largest reply that is taken, in bytes: as large as one that can be kept. An hour of two
/// channels makes about 10 MB.
const REPLY_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

const DOING: &str = "asking Deepgram for a transcript";

/// Name and value of a query parameter.
pub(super) type Parameter = (&'static str, String);

/// All parameters of a request, in the order in which they are sent.
pub(super) fn parameters(config: &DeepgramConfig) -> Vec<Parameter> {
    let mut parameters = vec![
        ("model", config.model.clone()),
        ("smart_format", "true".into()),
        ("utterances", "true".into()),
        // Always: how many channels there are is known only from the answer, and audio with one
        // channel yields one channel.
        ("multichannel", "true".into()),
        // The first switches diarization on by itself and picks the better model; the second is
        // its deprecated form, which the specification calls needless beside it, not wrong. A
        // server that follows older documents knows only the second.
        ("diarize_model", "latest".into()),
        ("diarize", "true".into()),
    ];
    if config.language == LANGUAGE_AUTO {
        parameters.push(("detect_language", "true".into()));
    } else {
        parameters.push(("language", config.language.clone()));
    }
    if asks_for_understanding(config) {
        parameters.push(("summarize", "v2".into()));
        for feature in ["topics", "intents", "sentiment"] {
            parameters.push((feature, "true".into()));
        }
    }
    if config.mip_opt_out {
        parameters.push(("mip_opt_out", "true".into()));
    }
    for (name, values) in [
        ("keyterm", &config.keyterms),
        ("redact", &config.redact),
        ("tag", &config.tags),
    ] {
        let values = values.iter().filter(|value| !value.trim().is_empty());
        parameters.extend(values.map(|value| (name, value.clone())));
    }
    parameters
}

/// The parameters that change the answer, in an order that does not depend on the configuration's.
pub(super) fn answer_parameters(config: &DeepgramConfig) -> Vec<String> {
    let mut parameters: Vec<String> = parameters(config)
        .into_iter()
        .filter(|(name, _)| !["tag", "mip_opt_out"].contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parameters.sort();
    parameters
}

/// Whether summary, topics, intents and sentiment are asked for.
pub(super) fn asks_for_understanding(config: &DeepgramConfig) -> bool {
    config.intelligence && is_understood(&config.language)
}

/// Whether summaries and the like exist for a language. For a stated language other than English
/// Deepgram refuses the whole request; for one that it finds out itself it leaves them out.
fn is_understood(language: &str) -> bool {
    language == LANGUAGE_AUTO || language == "en" || language.starts_with("en-")
}

pub(super) struct DeepgramClient {
    url: Url,
    endpoint: Endpoint,
    api_key: Secret,
    authorization: HeaderValue,
    link_client: Client,
    stream_client: Client,
    clock: Arc<dyn Clock>,
}

impl DeepgramClient {
    pub(super) fn new(config: &DeepgramConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        let api_key = secret::required(
            config.api_key.as_ref(),
            "transcriber.deepgram.api_key",
            "DEEPGRAM_API_KEY",
        )?;
        let mut authorization =
            HeaderValue::from_str(&format!("Token {}", api_key.expose().trim())).map_err(|_| {
                Failure::new(
                    FailureKind::Denied,
                    "`transcriber.deepgram.api_key` holds characters that no key has",
                )
                .with_hint("copy the key once more, without quotes or line breaks")
            })?;
        authorization.set_sensitive(true);
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Endpoint::parse(ENDPOINT_DEFAULT)
                .map_err(|error| Failure::bug("the default endpoint").with_source(error))?,
        };
        let mut url = endpoint.join(&["v1", "listen"]);
        url.query_pairs_mut().extend_pairs(parameters(config));
        Ok(Self {
            link_client: http::client(&endpoint, SILENCE_MAX)?,
            stream_client: http::client(&endpoint, UPLOAD_MAX + SILENCE_MAX)?,
            url,
            endpoint,
            api_key: api_key.clone(),
            authorization,
            clock,
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Buys the answer for audio that Deepgram fetches.
    pub(super) async fn listen_to_link(&self, link: &AudioLink) -> Outside<Bytes> {
        let request = self.request(&self.link_client);
        let request = request.json(&LinkRequest { url: &link.0 });
        let response = http::send(request, DOING).await?;
        self.reply(response, &hidden_parts(&link.0)).await
    }

    /// Buys the answer for audio that we send.
    pub(super) async fn listen_to_stream(
        &self,
        recording: &Recording,
        stream: BoxStream<'static, Outside<Bytes>>,
    ) -> Outside<Bytes> {
        // JSON would be taken for a link, and nothing for a mistake; the audio itself tells what it
        // is.
        let content_type = HeaderValue::from_str(recording.content_type.trim())
            .ok()
            .filter(|kind| !kind.is_empty() && !kind.as_bytes().starts_with(b"application/json"))
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        // Where reading the archive fails in the middle, that is what is told, not the request
        // that broke off because of it.
        let broken: Arc<Mutex<Option<Failure>>> = Arc::default();
        let request = self
            .request(&self.stream_client)
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, recording.size_bytes)
            .body(Body::wrap_stream(watched(
                stream,
                recording.size_bytes,
                Arc::clone(&broken),
            )));
        let response = http::send(request, DOING).await.map_err(|failure| {
            let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.take().unwrap_or(failure)
        })?;
        self.reply(response, &[]).await
    }

    /// Buys the answer for a few bytes at hand.
    pub(super) async fn listen_to_wav(&self, wav: Vec<u8>) -> Outside<Bytes> {
        let request = self
            .request(&self.link_client)
            .header(CONTENT_TYPE, "audio/wav")
            .body(wav);
        let response = http::send(request, DOING).await?;
        self.reply(response, &[]).await
    }

    fn request(&self, client: &Client) -> RequestBuilder {
        client
            .post(self.url.clone())
            .header(AUTHORIZATION, self.authorization.clone())
    }

    async fn reply(&self, response: Response, hidden: &[String]) -> Outside<Bytes> {
        let response = match http::success(response, DOING, self.clock.now()).await {
            Ok(response) => response,
            Err(answer) => {
                let mut hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
                hidden.push(self.api_key.expose().trim());
                let refused = Refusal {
                    status: answer.status.as_u16(),
                    body: &answer.body,
                    hidden: &hidden,
                };
                return Err(refusal(&refused, answer.failure));
            }
        };
        http::paid_body(response, REPLY_BYTES_MAX, DOING).await
    }
}

/// The parts of a link that would let somebody find the audio.
fn hidden_parts(link: &str) -> Vec<String> {
    let mut parts = vec![link.to_owned()];
    if let Ok(url) = Url::parse(link) {
        parts.extend(url.host_str().map(str::to_owned));
        parts.extend(url.query().map(str::to_owned));
        parts.extend(
            url.path_segments()
                .and_then(Iterator::last)
                .map(str::to_owned),
        );
    }
    parts
}

/// The stream, with its failure put aside, and cut off where it becomes longer than was announced:
/// HTTP would send just the beginning and call it whole.
fn watched(
    stream: BoxStream<'static, Outside<Bytes>>,
    size_bytes: u64,
    broken: Arc<Mutex<Option<Failure>>>,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let mut sent_bytes = 0_u64;
    stream.map(move |chunk| {
        let failure = match chunk {
            Ok(chunk) => {
                sent_bytes = sent_bytes.saturating_add(chunk.len() as u64);
                if sent_bytes <= size_bytes {
                    return Ok(chunk);
                }
                Failure::new(
                    FailureKind::CorruptTransfer,
                    format!("{DOING}: the archive gives more than the {size_bytes} bytes it noted"),
                )
            }
            Err(failure) => failure.context(DOING),
        };
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        Err(std::io::Error::other("the audio cannot be read"))
    })
}
