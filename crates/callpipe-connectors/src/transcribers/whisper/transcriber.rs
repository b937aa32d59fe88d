//! The contract: fingerprint, purchase and reading, by a model in memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::{Fingerprint, Recording, Sha256Hex};
use futures::StreamExt;
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::config::{LANGUAGE_AUTO, WhisperConfig};
use super::hearing::heard;
use super::listen::{Listener, StopFlag};
use super::wire::{Model, Parameters};
use super::{map, models, processor};

const NAME: &str = "whisper";

/// Raised when answers change in a way that neither model nor parameters show.
const ANSWER_VERSION: &str = "windows/1";

/// The largest recording that is taken, as it is stored: it is in memory while it is listened to.
const RECORDING_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// How long a second of one channel takes on one thread, in seconds, for estimates: a model of the
/// size `base` needs 1.6 s for half a minute on two processors, and half of each channel is silent.
const USUAL_SECONDS_A_SECOND: f64 = 0.05;

/// whisper.cpp as a transcriber.
pub struct WhisperTranscriber {
    config: WhisperConfig,
    path: PathBuf,
    model: Model,
    listener: OnceCell<Arc<Listener>>,
}

impl WhisperTranscriber {
    /// A transcriber by its configuration. The model's file is read for its checksum, and loaded
    /// when it is first needed.
    pub fn new(config: WhisperConfig) -> Outside<Self> {
        processor::check()?;
        let language = config.language.as_str();
        // A language with a null byte would be the end of the library.
        if language.contains('\0') || config.prompt.as_ref().is_some_and(|it| it.contains('\0')) {
            return Err(Failure::new(
                FailureKind::Denied,
                "`transcriber.whisper` has a text with a null character",
            ));
        }
        if language != LANGUAGE_AUTO && whisper_rs::get_lang_id(language).is_none() {
            let message =
                format!("`transcriber.whisper.language` is `{language}`, which no model knows");
            return Err(Failure::new(FailureKind::Denied, message)
                .with_hint("it must be a code of two letters, such as `en` or `de`, or `auto`"));
        }
        let path = config.model_path();
        let sha256 = checksum(&config)?;
        Ok(Self {
            model: Model {
                name: models::name_of(&path),
                sha256: sha256.as_str().to_owned(),
            },
            listener: OnceCell::new(),
            config,
            path,
        })
    }

    /// The model in memory, loaded by the first who asks.
    async fn listener(&self) -> Outside<&Arc<Listener>> {
        let load = || async {
            let (config, path) = (self.config.clone(), self.path.clone());
            let loading = tokio::task::spawn_blocking(move || Listener::load(&config, &path));
            let loaded = loading.await;
            loaded
                .map_err(|error| Failure::bug("loading the model").with_source(error))?
                .map(Arc::new)
        };
        self.listener.get_or_try_init(load).await
    }

    fn parameters(&self) -> Parameters {
        Parameters {
            language: self.config.language.clone(),
            prompt: self.config.prompt.clone(),
            skip_silence: self.config.skip_silence,
        }
    }
}

/// Asks those who listen to stop when nobody waits for them any more.
struct StopOnDrop(StopFlag);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Transcriber for WhisperTranscriber {
    fn name(&self) -> &'static str {
        NAME
    }

    fn in_flight_max(&self) -> usize {
        self.config.in_flight_max.get()
    }

    fn takes_links(&self) -> bool {
        false
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.listener().await?;
        Ok(format!(
            "whisper.cpp {} on this machine: {} with {} threads",
            whisper_rs::get_whisper_version(),
            self.path.display(),
            self.config.thread_count()
        ))
    }

    fn fingerprint(&self, recording: &Recording) -> Fingerprint {
        let Parameters {
            language,
            prompt,
            skip_silence,
        } = self.parameters();
        Fingerprint::of(&[
            NAME,
            ANSWER_VERSION,
            recording.sha256.as_str(),
            &self.model.sha256,
            &language,
            prompt.as_deref().unwrap_or_default(),
            if skip_silence { "skip_silence" } else { "" },
        ])
    }

    async fn buy(&self, recording: &Recording, audio: Audio) -> Outside<Bytes> {
        let stream = match audio {
            Audio::Stream(stream) => stream,
            Audio::Link(_) => return Err(Failure::bug("a link is of no use on this machine")),
        };
        let audio = gathered(recording, stream).await?;
        let listener = Arc::clone(self.listener().await?);
        let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
        let flag = Arc::clone(&stop.0);
        let (model, parameters) = (self.model.clone(), self.parameters());
        let name = recording.key.file_name().to_owned();
        let listening = tokio::task::spawn_blocking(move || {
            heard(&listener, audio, &name, model, parameters, flag)
        });
        let reply = listening
            .await
            .map_err(|error| Failure::bug("listening broke off").with_source(error))??;
        let reply = serde_json::to_vec(&reply);
        let bytes = reply.map_err(|error| Failure::bug("writing a reply").with_source(error))?;
        Ok(Bytes::from(bytes))
    }

    fn read(&self, reply: &[u8], recording: &Recording) -> Outside<TranscribedRecording> {
        map::transcribed(reply, recording)
    }

    fn usual_delay(&self, duration_s: f64) -> Duration {
        let threads = self.config.thread_count() as f64;
        // Two channels, as contact centres record.
        let delay_s = duration_s * 2.0 * USUAL_SECONDS_A_SECOND / threads;
        Duration::try_from_secs_f64(delay_s).unwrap_or_default()
    }
}

/// The bytes of a recording.
async fn gathered(
    recording: &Recording,
    mut stream: BoxStream<'static, Outside<Bytes>>,
) -> Outside<Bytes> {
    if recording.size_bytes > RECORDING_BYTES_MAX {
        let message = format!("a recording of {} bytes is too large", recording.size_bytes);
        return Err(Failure::new(FailureKind::Unsupported, message));
    }
    let mut audio = Vec::with_capacity(recording.size_bytes as usize);
    while let Some(chunk) = stream.next().await {
        audio.extend_from_slice(&chunk?);
        if audio.len() as u64 > recording.size_bytes {
            break;
        }
    }
    if audio.len() as u64 != recording.size_bytes {
        let message = "the archive gives another number of bytes than it noted";
        return Err(Failure::new(FailureKind::CorruptTransfer, message));
    }
    Ok(Bytes::from(audio))
}

/// The checksum of the model's file, which must be there.
fn checksum(config: &WhisperConfig) -> Outside<Sha256Hex> {
    let path = config.model_path();
    let hashed = std::fs::File::open(&path).and_then(|mut file| {
        let mut hasher = Sha256::new();
        std::io::copy(&mut file, &mut hasher)?;
        Ok(Sha256Hex::from_digest(hasher.finalize().into()))
    });
    hashed.map_err(|error| {
        let message = format!("the model {} cannot be read", path.display());
        let hint = match models::find(&config.model) {
            Some(known) if !config.names_a_file() => format!(
                "`callpipe models pull {}` fetches it ({})",
                known.name, known.size
            ),
            _ => "`callpipe models list` shows which ones can be fetched; `transcriber.whisper.model` \
                can be the path of a file, too"
                .to_owned(),
        };
        Failure::new(FailureKind::Denied, message)
            .with_source(error)
            .with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_no_longer_stops_the_listening() {
        let flag = StopFlag::default();
        drop(StopOnDrop(Arc::clone(&flag)));
        assert!(flag.load(Ordering::Relaxed));
    }
}
