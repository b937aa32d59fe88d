//! The configuration: one TOML file, overridden by the environment.
//!
//! Each outside system's part is defined in its own connector folder; this module only says which
//! roles there are and which systems can fill them.

pub mod environment;
pub mod error;
pub mod load;
mod merge;
mod number;
mod secrets;
pub(crate) mod template;

use std::path::PathBuf;

use callpipe_connectors::archive::{AzureConfig, GcsConfig, S3Config};
use callpipe_connectors::classifiers::gemini::GeminiConfig;
use callpipe_connectors::classifiers::openai_compatible::OpenAiCompatibleConfig;
use callpipe_connectors::contacts::bigquery::BigQueryContactsConfig;
use callpipe_connectors::contacts::csv::CsvConfig;
use callpipe_connectors::contacts::folder::FolderContactsConfig;
use callpipe_connectors::contacts::nice_cxone::ContactsConfig as NiceCxoneContactsConfig;
use callpipe_connectors::folder::FolderConfig;
use callpipe_connectors::google::GoogleConfig;
use callpipe_connectors::recordings::nice_cxone::RecordingsConfig as NiceCxoneRecordingsConfig;
use callpipe_connectors::secret::Secret;
use callpipe_connectors::transcribers::deepgram::DeepgramConfig;
use callpipe_connectors::transcribers::whisper::WhisperConfig;
use callpipe_connectors::warehouses::bigquery::BigQueryConfig;
use callpipe_connectors::warehouses::sqlite::SqliteConfig;
use callpipe_core::shard::Shard;
use callpipe_core::triage::Thresholds;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::engine::triage::Triage;

use error::ConfigError;

/// The whole configuration. An empty file is a good one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the list of calls comes from.
    pub contacts: ContactsConfig,
    /// Where the audio comes from.
    pub recordings: RecordingsConfig,
    /// Where audio, replies and transcripts are kept.
    pub archive: ArchiveConfig,
    /// When a transcript is not worth its price.
    pub triage: TriageConfig,
    /// Who transcribes.
    pub transcriber: TranscriberConfig,
    /// Who classifies.
    pub classifier: ClassifierConfig,
    /// Who understands what calls are about.
    pub analysis: AnalysisConfig,
    /// Where state and results are kept.
    pub warehouse: WarehouseConfig,
    /// Who we are to Google, for every role that one of its services fills.
    pub google: GoogleConfig,
    /// Which labels there are.
    pub taxonomy: TaxonomyConfig,
    /// How the work is done.
    pub engine: EngineConfig,
    /// How calls are looked at.
    pub browser: BrowserConfig,
}

/// Where the list of calls comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactsConfig {
    /// A CSV or JSONL file, or standard input.
    Csv(CsvConfig),
    /// A table in BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery(BigQueryContactsConfig),
    /// The calls of `[recordings.folder]`: the default where that is configured.
    Folder(FolderContactsConfig),
    /// CXone's completed contacts.
    NiceCxone(NiceCxoneContactsConfig),
}

/// Where the audio comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingsConfig {
    /// A directory, or a bucket's prefix.
    Folder(FolderConfig),
    /// CXone's Media Playback.
    NiceCxone(NiceCxoneRecordingsConfig),
}

/// Where audio, replies and transcripts are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveConfig {
    /// A directory of this machine.
    Directory(DirectoryConfig),
    /// A bucket of Google Cloud Storage.
    Gcs(GcsConfig),
    /// A bucket of Amazon S3, or of a service that speaks as it does.
    S3(S3Config),
    /// A container of Azure Blob Storage.
    Azure(AzureConfig),
}

/// Who transcribes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriberConfig {
    /// Deepgram's pre-recorded API.
    Deepgram(DeepgramConfig),
    /// whisper.cpp on this machine.
    Whisper(WhisperConfig),
}

/// Who classifies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassifierConfig {
    /// Gemini on Vertex AI.
    Gemini(GeminiConfig),
    /// Any server with OpenAI's chat-completions API.
    #[serde(rename = "openai_compatible")]
    OpenAiCompatible(OpenAiCompatibleConfig),
}

/// Who gives the summary, the topics, the intents and the sentiment of a call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisConfig {
    /// When the model of `[classifier…]` gives them.
    pub enabled: AnalysisWhen,
}

/// When the model that labels a call also says what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisWhen {
    /// Where the transcriber gives none, but not by Gemini in place of a Deepgram whose
    /// `intelligence` was switched off: that may have been done for its price.
    #[default]
    Auto,
    /// For calls of which the transcriber understood nothing, whatever the reason.
    WhenMissing,
    /// For none.
    Never,
}

/// Where state and results are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarehouseConfig {
    /// Two tables in BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery(BigQueryConfig),
    /// A SQLite file.
    Sqlite(SqliteConfig),
}

/// A directory of this machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryConfig {
    /// The directory; made when it is missing. Relative to where the program runs.
    pub path: String,
}

/// When a transcript is not worth its price: recordings are listened to before one is bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TriageConfig {
    /// Whether recordings are listened to at all.
    pub enabled: bool,
    /// A shorter recording is not worth one, in seconds.
    pub duration_s_min: f64,
    /// With less that could be speech, over all channels, nobody speaks; in seconds.
    pub speech_s_min: f64,
    /// What is not louder is silence, in dB below the loudest that there is.
    pub level_dbfs_min: f64,
}

impl TriageConfig {
    /// How recordings are listened to.
    pub fn triage(&self) -> Triage {
        let thresholds = Thresholds {
            duration_s_min: self.duration_s_min,
            speech_s_min: self.speech_s_min,
            level_dbfs_min: self.level_dbfs_min,
        };
        Triage {
            thresholds: self.enabled.then_some(thresholds),
        }
    }
}

/// Which labels there are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaxonomyConfig {
    /// A taxonomy file; the built-in taxonomy where there is none.
    pub path: Option<String>,
}

/// How the work is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Calls that started before this date (`YYYY-MM-DD`) are left alone.
    pub cutoff_date: Option<NaiveDate>,
    /// Attempts at one stage before a call is parked for a person.
    pub attempts_max: u32,
    /// The wait after the first failed attempt, in milliseconds; doubled after each further one.
    pub retry_delay_ms: u64,
    /// The longest such wait, in milliseconds.
    pub retry_delay_ms_max: u64,
    /// A missing recording is believed when the call is older than this, in seconds.
    pub settle_for_s: u64,
    /// For how long vendors and stores that are away are waited for before the run gives up, in seconds.
    pub outage_max_s: u64,
    /// For how long a run with nothing else to do waits for a call that is to be tried again, in
    /// seconds.
    pub wait_max_s: u64,
    /// For how long work in flight may go on after a stop was asked for, in milliseconds. Cloud Run
    /// kills 10 seconds after its signal, and what was done must be saved before: on Cloud Run, and
    /// with a warehouse that needs a second or more to save, it is 4,000 at most, whatever is
    /// written here.
    pub stop_grace_ms: u64,
    /// For how long a run that was killed keeps the next one out, in seconds, unless that one can
    /// see that its process is gone.
    pub lease_ttl_s: u64,
    /// Which part of the calls this run works on, counted from 0. Environment:
    /// `CLOUD_RUN_TASK_INDEX`.
    #[serde(deserialize_with = "number::number_or_text")]
    pub shard_index: u32,
    /// Into how many parts the calls are divided. Limits that vendors set an account are divided,
    /// too. Environment: `CLOUD_RUN_TASK_COUNT`.
    #[serde(deserialize_with = "number::number_or_text")]
    pub shard_count: u32,
}

impl Config {
    /// The file that calls are browsed in, and that keeps what people say of their labels.
    pub fn browsed_file(&self) -> SqliteConfig {
        match &self.warehouse {
            WarehouseConfig::Sqlite(sqlite) => sqlite.clone(),
            WarehouseConfig::BigQuery(_) => SqliteConfig {
                path: self.browser.path.clone(),
                ..SqliteConfig::default()
            },
        }
    }
}

impl EngineConfig {
    /// The part of the calls that this run works on.
    pub fn shard(&self) -> Result<Shard, ConfigError> {
        let (index, count) = (self.shard_index, self.shard_count);
        Shard::new(index, count).ok_or(ConfigError::NoSuchShard { index, count })
    }
}

/// How calls are looked at: `callpipe serve`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrowserConfig {
    /// Host and port that are listened at. Any but this machine's own needs a password or a token.
    pub listen: String,
    /// The hash of the password that people sign in with, as `callpipe serve --hash-password` prints
    /// it. Environment: `CALLPIPE_BROWSER_PASSWORD_HASH`.
    pub password_hash: Option<Secret>,
    /// A token that opens as the password does, and `/metrics` for machines. Environment:
    /// `CALLPIPE_BROWSER_TOKEN`.
    pub token: Option<Secret>,
    /// The local copy of a warehouse that is no file itself, which `callpipe pull` fills. A SQLite
    /// warehouse is browsed in its own file, whatever is written here.
    pub path: PathBuf,
    /// The file of the browser's index, which can be removed at any time; `callpipe-browser.db` beside
    /// the database where there is none. The record of who listened lies beside it.
    pub index: Option<PathBuf>,
}

impl Default for BrowserConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8377".into(),
            password_hash: None,
            token: None,
            path: SqliteConfig::default().path,
            index: None,
        }
    }
}

impl Default for ContactsConfig {
    fn default() -> Self {
        Self::Csv(CsvConfig::default())
    }
}

impl Default for RecordingsConfig {
    fn default() -> Self {
        Self::NiceCxone(NiceCxoneRecordingsConfig::default())
    }
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self::Directory(DirectoryConfig::default())
    }
}

impl Default for TranscriberConfig {
    fn default() -> Self {
        Self::Deepgram(DeepgramConfig::default())
    }
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self::Gemini(GeminiConfig::default())
    }
}

impl Default for WarehouseConfig {
    fn default() -> Self {
        Self::Sqlite(SqliteConfig::default())
    }
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self {
            path: "callpipe-data".into(),
        }
    }
}

impl Default for TriageConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            duration_s_min: 1.0,
            speech_s_min: 0.3,
            level_dbfs_min: -55.0,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            cutoff_date: None,
            attempts_max: 6,
            retry_delay_ms: 1_000,
            retry_delay_ms_max: 300_000,
            settle_for_s: 3_600,
            outage_max_s: 300,
            wait_max_s: 120,
            stop_grace_ms: 8_000,
            lease_ttl_s: 15,
            shard_index: 0,
            shard_count: 1,
        }
    }
}
