//! Puts a pipeline together from a configuration. The only place that names vendors.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_connectors::classifiers::gemini::GeminiClassifier;
use callpipe_connectors::contacts::csv::CsvContacts;
use callpipe_connectors::contacts::nice_cxone::NiceCxoneContacts;
use callpipe_connectors::google::{GoogleConfig, Identity};
use callpipe_connectors::recordings::nice_cxone::NiceCxoneRecordings;
use callpipe_connectors::transcribers::deepgram::DeepgramTranscriber;
use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::contracts::classifier::Classifier;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::ContactSource;
use callpipe_core::contracts::recording_source::RecordingSource;
use callpipe_core::contracts::transcriber::Transcriber;
use callpipe_core::contracts::warehouse::Warehouse;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;
use callpipe_core::taxonomy::Taxonomy;

use crate::config::{
    ArchiveConfig, ClassifierConfig, Config, ContactsConfig, EngineConfig, RecordingsConfig,
    TranscriberConfig, WarehouseConfig,
};
use crate::engine::Settings;
use crate::engine::paid::PaidReplies;
use crate::engine::stages::{ClassifyStage, FetchStage, StageWork, TranscribeStage};

/// Who we are to Google: found out when the first system asks for it, and the same for all.
pub struct Google<'a> {
    config: &'a GoogleConfig,
    identity: OnceLock<Identity>,
}

impl<'a> Google<'a> {
    /// By the configuration; nothing is read yet.
    pub fn new(config: &'a Config) -> Self {
        Self {
            config: &config.google,
            identity: OnceLock::new(),
        }
    }

    /// The identity, which all who ask share.
    pub fn identity(&self) -> Outside<&Identity> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        let identity = Identity::new(self.config)?;
        Ok(self.identity.get_or_init(|| identity))
    }
}

/// The list of calls.
pub fn contacts(config: &Config, clock: &Arc<dyn Clock>) -> Outside<Arc<dyn ContactSource>> {
    Ok(match &config.contacts {
        ContactsConfig::Csv(csv) => Arc::new(CsvContacts::new(csv.clone())?),
        ContactsConfig::NiceCxone(account) => {
            Arc::new(NiceCxoneContacts::new(account.clone(), Arc::clone(clock))?)
        }
    })
}

/// The source of recordings, and for how many calls at once it may be asked.
pub fn recordings(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Outside<(Arc<dyn RecordingSource>, usize)> {
    Ok(match &config.recordings {
        RecordingsConfig::NiceCxone(account) => {
            let source = NiceCxoneRecordings::new(account.clone(), Arc::clone(clock))?;
            let in_flight_max = source.in_flight_max();
            (Arc::new(source), in_flight_max)
        }
    })
}

/// The archive.
pub fn archive(config: &Config, google: &Google<'_>, clock: &Arc<dyn Clock>) -> Outside<Archive> {
    match &config.archive {
        ArchiveConfig::Directory(directory) => Archive::directory(Path::new(&directory.path)),
        ArchiveConfig::Gcs(gcs) => Archive::gcs(gcs, google.identity()?, Arc::clone(clock)),
        ArchiveConfig::S3(s3) => Archive::s3(s3),
        ArchiveConfig::Azure(azure) => Archive::azure(azure),
    }
}

/// The transcriber.
pub fn transcriber(config: &Config, clock: &Arc<dyn Clock>) -> Outside<Arc<dyn Transcriber>> {
    Ok(match &config.transcriber {
        TranscriberConfig::Deepgram(deepgram) => Arc::new(DeepgramTranscriber::new(
            deepgram.clone(),
            Arc::clone(clock),
        )?),
    })
}

/// The classifier.
pub fn classifier(
    config: &Config,
    google: &Google<'_>,
    taxonomy: &Arc<Taxonomy>,
    clock: &Arc<dyn Clock>,
) -> Outside<Arc<dyn Classifier>> {
    Ok(match &config.classifier {
        ClassifierConfig::Gemini(gemini) => Arc::new(GeminiClassifier::new(
            gemini.clone(),
            google.identity()?,
            Arc::clone(taxonomy),
            Arc::clone(clock),
        )?),
    })
}

/// The warehouse.
pub fn warehouse(config: &Config, archive: &Archive) -> Outside<Arc<dyn Warehouse>> {
    Ok(match &config.warehouse {
        WarehouseConfig::Sqlite(sqlite) => Arc::new(SqliteWarehouse::open(
            sqlite.clone(),
            archive.base_uri().to_owned(),
        )?),
    })
}

/// The taxonomy.
pub fn taxonomy(config: &Config) -> Outside<Arc<Taxonomy>> {
    let Some(path) = &config.taxonomy.path else {
        return Ok(Arc::new(Taxonomy::built_in()));
    };
    let invalid = |problem: String| {
        Failure::new(
            FailureKind::Denied,
            format!("the taxonomy {path} cannot be used: {problem}"),
        )
        .with_hint("`callpipe taxonomy` prints the built-in one as an example")
    };
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    let taxonomy = Taxonomy::parse(&text).map_err(|error| invalid(error.to_string()))?;
    Ok(Arc::new(taxonomy))
}

/// The work of some stages, with only the connectors that they need.
pub fn stages(
    config: &Config,
    wanted: &[Stage],
    google: &Google<'_>,
    archive: &Archive,
    taxonomy: &Arc<Taxonomy>,
    clock: &Arc<dyn Clock>,
) -> Outside<Vec<Arc<dyn StageWork>>> {
    let paid = PaidReplies::new(archive.clone());
    wanted
        .iter()
        .map(|stage| -> Outside<Arc<dyn StageWork>> {
            let (archive, paid) = (archive.clone(), paid.clone());
            Ok(match stage {
                Stage::Fetch => {
                    let (source, in_flight_max) = recordings(config, clock)?;
                    Arc::new(FetchStage {
                        source,
                        archive,
                        in_flight_max,
                    })
                }
                Stage::Transcribe => Arc::new(TranscribeStage {
                    transcriber: transcriber(config, clock)?,
                    archive,
                    paid,
                }),
                Stage::Classify => {
                    let classifier = classifier(config, google, taxonomy, clock)?;
                    Arc::new(ClassifyStage {
                        classifier,
                        archive,
                        paid,
                    })
                }
            })
        })
        .collect()
}

/// How calls are tried again.
pub fn retry_policy(engine: &EngineConfig) -> RetryPolicy {
    RetryPolicy {
        attempts_max: engine.attempts_max.max(1),
        delay: Duration::from_millis(engine.retry_delay_ms),
        delay_max: Duration::from_millis(engine.retry_delay_ms_max),
        settle_for: Duration::from_secs(engine.settle_for_s),
    }
}

/// How a run is done.
pub fn settings(engine: &EngineConfig) -> Settings {
    Settings {
        retry: retry_policy(engine),
        since: engine.cutoff_date,
        limit: None,
        outage_max: Duration::from_secs(engine.outage_max_s),
        wait_max: Duration::from_secs(engine.wait_max_s),
        stop_grace: Duration::from_millis(engine.stop_grace_ms),
        lease_ttl: Duration::from_secs(engine.lease_ttl_s.max(1)),
        holder: format!("{} process {}", host_name(), std::process::id()),
    }
}

fn host_name() -> String {
    let from_file = || std::fs::read_to_string("/etc/hostname").ok();
    let name = std::env::var("HOSTNAME")
        .ok()
        .or_else(from_file)
        .unwrap_or_default();
    if name.trim().is_empty() {
        "this machine".into()
    } else {
        name.trim().to_owned()
    }
}
