//! Deepgram's pre-recorded transcription (`POST /v1/listen`): one request for each recording gives
//! words, speakers, summary, topics, intents and sentiment.

mod client;
mod config;
mod lenient;
mod map;
mod price;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::failure::Outside;
use callpipe_core::money::Usd;
use callpipe_core::recording::{Fingerprint, Recording};
use callpipe_core::triage::Heard;

pub use config::{DeepgramConfig, DeepgramPrices, ENDPOINT_DEFAULT, LANGUAGE_AUTO};

use client::DeepgramClient;

const NAME: &str = "deepgram";

/// Raised when requests change in a way that the parameters do not show.
const REQUEST_VERSION: &str = "listen/1";

/// Deepgram as a transcriber.
pub struct DeepgramTranscriber {
    config: DeepgramConfig,
    /// What of the configuration changes the answer.
    answer_parameters: Vec<String>,
    client: DeepgramClient,
}

impl DeepgramTranscriber {
    /// A transcriber by its configuration; nothing is asked yet.
    pub fn new(config: DeepgramConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        let client = DeepgramClient::new(&config, clock)?;
        Ok(Self {
            answer_parameters: client::answer_parameters(&config),
            config,
            client,
        })
    }
}

#[async_trait]
impl Transcriber for DeepgramTranscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn in_flight_max(&self) -> usize {
        self.config.in_flight_max.get()
    }

    async fn check(&self) -> Outside<CheckReport> {
        let (model, endpoint) = (&self.config.model, self.client.endpoint());
        self.client.listen_to_wav(silent_wav()).await?;
        Ok(format!("Deepgram at {endpoint} transcribes with {model}"))
    }

    fn fingerprint(&self, recording: &Recording) -> Fingerprint {
        let mut parts = vec![NAME, REQUEST_VERSION, recording.sha256.as_str()];
        parts.extend(self.answer_parameters.iter().map(String::as_str));
        Fingerprint::of(&parts)
    }

    async fn buy(&self, recording: &Recording, audio: Audio) -> Outside<Bytes> {
        match audio {
            Audio::Link(link) => self.client.listen_to_link(&link).await,
            Audio::Stream(stream) => self.client.listen_to_stream(recording, stream).await,
        }
    }

    fn read(&self, reply: &[u8], recording: &Recording) -> Outside<TranscribedRecording> {
        map::transcribed(reply, recording, &self.config.model)
    }

    fn price(&self, reply: &[u8]) -> Usd {
        price::of_reply(reply, &self.config)
    }

    fn price_max(&self, recording: &Recording, heard: Option<&Heard>) -> Option<Usd> {
        Some(price::max(recording.size_bytes, heard, &self.config))
    }

    fn usual_delay(&self, duration_s: f64) -> Duration {
        price::usual_delay(duration_s)
    }

    fn usual_price(&self, duration_s: f64, channels: u32) -> Option<Usd> {
        Some(price::usual(duration_s, channels, &self.config))
    }
}

/// A tenth of a second of silence: 8,000 samples a second of 16 bits, one channel.
fn silent_wav() -> Vec<u8> {
    const SAMPLES_PER_SECOND: u32 = 8_000;
    const DATA_BYTES: u32 = SAMPLES_PER_SECOND / 10 * 2;
    let mut wav = Vec::with_capacity(44 + DATA_BYTES as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + DATA_BYTES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    // Plain samples, one channel.
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&SAMPLES_PER_SECOND.to_le_bytes());
    wav.extend_from_slice(&(SAMPLES_PER_SECOND * 2).to_le_bytes());
    // Bytes of a frame, bits of a sample.
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&DATA_BYTES.to_le_bytes());
    wav.resize(44 + DATA_BYTES as usize, 0);
    wav
}

#[cfg(test)]
mod tests;
