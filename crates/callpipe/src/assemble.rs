//! Puts a pipeline together from a configuration. The only place that names vendors.

mod browser;
mod for_shard;
mod usage;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_connectors::classifiers::gemini::GeminiClassifier;
use callpipe_connectors::classifiers::openai_compatible::OpenAiCompatibleClassifier;
use callpipe_connectors::contacts::bigquery::BigQueryContacts;
use callpipe_connectors::contacts::csv::CsvContacts;
use callpipe_connectors::contacts::folder::FolderContacts;
use callpipe_connectors::contacts::nice_cxone::NiceCxoneContacts;
use callpipe_connectors::files;
use callpipe_connectors::folder::Folder;
use callpipe_connectors::google::{GoogleConfig, Identity};
use callpipe_connectors::recordings::folder::FolderRecordings;
use callpipe_connectors::recordings::nice_cxone::NiceCxoneRecordings;
use callpipe_connectors::transcribers::deepgram::DeepgramTranscriber;
use callpipe_connectors::transcribers::whisper;
use callpipe_connectors::warehouses::bigquery::{BigQueryConfig, BigQueryWarehouse};
use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::contracts::classifier::Classifier;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::ContactSource;
use callpipe_core::contracts::recording_source::RecordingSource;
use callpipe_core::contracts::transcriber::Transcriber;
use callpipe_core::contracts::warehouse::{Batching, Warehouse};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;
use callpipe_core::shard::Shard;
use callpipe_core::taxonomy::Taxonomy;

use crate::cloud_run::CloudRun;
use crate::config::error::ConfigError;
use crate::config::{
    AnalysisWhen, ArchiveConfig, ClassifierConfig, Config, ContactsConfig, EngineConfig,
    RecordingsConfig, TranscriberConfig, WarehouseConfig,
};
use crate::engine::Settings;
use crate::engine::holder::Holder;
use crate::engine::leases;
use crate::engine::paid::PaidReplies;
use crate::engine::patience::Patience;
use crate::engine::spending::Spending;
use crate::engine::stages::{
    AnalysisWanted, ClassifyStage, FetchStage, Places, StageWork, TranscribeStage,
};

pub use browser::browser;
pub use for_shard::for_shard;
pub use usage::{ArchivedUsage, Part};

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
pub fn contacts(
    config: &Config,
    google: &Google<'_>,
    clock: &Arc<dyn Clock>,
) -> Outside<Arc<dyn ContactSource>> {
    Ok(match &config.contacts {
        ContactsConfig::BigQuery(table) => {
            // What is tracked in BigQuery, too, need not be listed again.
            let tracking = match &config.warehouse {
                WarehouseConfig::BigQuery(warehouse) if warehouse.endpoint == table.endpoint => {
                    Some(warehouse.tracking_table()?)
                }
                _ => None,
            };
            let (identity, clock) = (google.identity()?, Arc::clone(clock));
            Arc::new(BigQueryContacts::new(table, tracking, identity, clock)?)
        }
        ContactsConfig::Csv(csv) => Arc::new(CsvContacts::new(csv.clone())?),
        ContactsConfig::Folder(_) => Arc::new(FolderContacts::new(folder(config, google, clock)?)),
        ContactsConfig::NiceCxone(account) => {
            Arc::new(NiceCxoneContacts::new(account.clone(), Arc::clone(clock))?)
        }
    })
}

/// The folder that recordings come from.
fn folder(config: &Config, google: &Google<'_>, clock: &Arc<dyn Clock>) -> Outside<Folder> {
    let RecordingsConfig::Folder(folder) = &config.recordings else {
        return Err(Failure::new(
            FailureKind::Denied,
            "[contacts.folder] lists the recordings of a folder, and none is configured",
        )
        .with_hint("name the folder under [recordings.folder]"));
    };
    let identity = || google.identity().cloned();
    Folder::new(folder, identity, Arc::clone(clock))
}

/// The source of recordings, and for how many calls at once it may be asked. With `usage` it knows what
/// was used of its quota before, and tells what it uses.
pub fn recordings(
    config: &Config,
    google: &Google<'_>,
    usage: Option<ArchivedUsage>,
    clock: &Arc<dyn Clock>,
) -> Outside<(Arc<dyn RecordingSource>, usize)> {
    Ok(match &config.recordings {
        RecordingsConfig::Folder(_) => {
            let source = FolderRecordings::new(folder(config, google, clock)?);
            let in_flight_max = source.in_flight_max();
            (Arc::new(source), in_flight_max)
        }
        RecordingsConfig::NiceCxone(account) => {
            let mut source = NiceCxoneRecordings::new(account.clone(), Arc::clone(clock))?;
            if let Some(usage) = usage {
                source = source.with_usage(Arc::new(usage), Arc::clone(clock));
            }
            let in_flight_max = source.in_flight_max();
            (Arc::new(source), in_flight_max)
        }
    })
}

/// What is kept of the use of the source's quota, where it has one.
pub fn usage(config: &Config, archive: &Archive, part: Part) -> Option<ArchivedUsage> {
    match &config.recordings {
        RecordingsConfig::Folder(_) => None,
        RecordingsConfig::NiceCxone(account) => Some(ArchivedUsage::new(
            archive.clone(),
            account.account_digest(),
            part,
        )),
    }
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
        TranscriberConfig::Whisper(config) => whisper::transcriber(config)?,
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
        ClassifierConfig::OpenAiCompatible(server) => Arc::new(OpenAiCompatibleClassifier::new(
            server.clone(),
            Arc::clone(taxonomy),
            Arc::clone(clock),
        )?),
    })
}

/// A call waits so often for its analysis, and less where it may be tried less often.
const ANALYSIS_ATTEMPTS_MAX: u32 = 3;

/// Whether the classifier's model is asked what calls are about. Unless the configuration says: where
/// the transcriber does not tell. What was declined of one vendor is not bought of another unasked:
/// Gemini charges for it.
pub fn analysis_wanted(config: &Config) -> AnalysisWanted {
    let is_wanted = match (config.analysis.enabled, &config.transcriber) {
        (AnalysisWhen::WhenMissing, _) => true,
        (AnalysisWhen::Never, _) => false,
        // It hears words, and understands nothing.
        (AnalysisWhen::Auto, TranscriberConfig::Whisper(_)) => true,
        (AnalysisWhen::Auto, TranscriberConfig::Deepgram(deepgram)) => {
            let is_paid = matches!(config.classifier, ClassifierConfig::Gemini(_));
            !deepgram.gives_analysis() && (deepgram.intelligence || !is_paid)
        }
    };
    match is_wanted {
        true => AnalysisWanted::Yes {
            attempts_max: retry_policy(&config.engine)
                .attempts_max
                .min(ANALYSIS_ATTEMPTS_MAX),
        },
        false => AnalysisWanted::No,
    }
}

/// The warehouse.
pub fn warehouse(
    config: &Config,
    google: &Google<'_>,
    archive: &Archive,
    clock: &Arc<dyn Clock>,
) -> Outside<Arc<dyn Warehouse>> {
    Ok(match &config.warehouse {
        WarehouseConfig::BigQuery(bigquery) => {
            let shards = config.engine.shard_count;
            Arc::new(self::bigquery(bigquery, google, archive, clock, shards)?)
        }
        WarehouseConfig::Sqlite(sqlite) => Arc::new(SqliteWarehouse::open(
            sqlite.clone(),
            archive.base_uri().to_owned(),
        )?),
    })
}

/// The warehouse in BigQuery.
pub fn bigquery(
    config: &BigQueryConfig,
    google: &Google<'_>,
    archive: &Archive,
    clock: &Arc<dyn Clock>,
    shards: u32,
) -> Outside<BigQueryWarehouse> {
    let base_uri = archive.base_uri().to_owned();
    BigQueryWarehouse::new(
        config,
        base_uri,
        google.identity()?,
        Arc::clone(clock),
        shards,
    )
}

/// The file that calls are browsed in: the warehouse's own, or a copy of it. So many reads go on in it
/// beside each other.
pub fn browsed_file(
    config: &Config,
    archive: &Archive,
    readers: usize,
) -> Outside<Arc<SqliteWarehouse>> {
    let base_uri = archive.base_uri().to_owned();
    let file = SqliteWarehouse::open_with_readers(config.browsed_file(), base_uri, readers)?;
    Ok(Arc::new(file))
}

/// Where corrections are: in the file that calls are browsed in, if there is one.
pub fn corrections(config: &Config, archive: &Archive) -> Outside<Option<Arc<SqliteWarehouse>>> {
    let exists = config.browsed_file().path.exists();
    exists.then(|| browsed_file(config, archive, 1)).transpose()
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
    let text = files::read_text(path.as_ref()).map_err(|error| invalid(error.to_string()))?;
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
    spending: &Spending,
    clock: &Arc<dyn Clock>,
) -> Outside<Vec<Arc<dyn StageWork>>> {
    // Whoever works has been told by now if there is no such shard.
    let shard = config.engine.shard().unwrap_or(Shard::WHOLE);
    let patience = patience(&config.engine);
    wanted
        .iter()
        .map(|stage| -> Outside<Arc<dyn StageWork>> {
            let archive = archive.for_worker(&leases::name(*stage, shard))?;
            let paid = PaidReplies::new(archive.clone(), spending.clone(), patience);
            Ok(match stage {
                Stage::Fetch => {
                    let usage = usage(config, &archive, Part::Shard(shard));
                    let (source, in_flight_max) = recordings(config, google, usage, clock)?;
                    Arc::new(FetchStage {
                        source,
                        archive,
                        in_flight_max,
                    })
                }
                Stage::Transcribe => {
                    let transcriber = transcriber(config, clock)?;
                    Arc::new(TranscribeStage {
                        places: Places::new(transcriber.in_flight_max()),
                        transcriber,
                        archive,
                        paid,
                        triage: config.triage.triage(),
                    })
                }
                Stage::Classify => {
                    let classifier = classifier(config, google, taxonomy, clock)?;
                    Arc::new(ClassifyStage {
                        places: Places::new(classifier.in_flight_max()),
                        classifier,
                        analysis: analysis_wanted(config),
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

/// With stores that are away.
pub fn patience(engine: &EngineConfig) -> Patience {
    Patience::new(outage_max(engine))
}

fn outage_max(engine: &EngineConfig) -> Duration {
    Duration::from_secs(engine.outage_max_s)
}

/// The grace of a stop is at most so long where what was done takes a while to save.
const STOP_GRACE_MAX: Duration = Duration::from_secs(4);

/// A warehouse that lets outcomes wait for so long has saves that take their time, too.
const SLOW_BATCHING: Duration = Duration::from_secs(1);

/// How a run is done.
pub fn settings(
    engine: &EngineConfig,
    cloud_run: Option<&CloudRun>,
    batching: Batching,
) -> Result<Settings, ConfigError> {
    let stop_grace = Duration::from_millis(engine.stop_grace_ms);
    let is_short = cloud_run.is_some() || batching.delay_max >= SLOW_BATCHING;
    Ok(Settings {
        retry: retry_policy(engine),
        since: engine.cutoff_date,
        shard: engine.shard()?,
        limit: None,
        outage_max: outage_max(engine),
        wait_max: Duration::from_secs(engine.wait_max_s),
        stop_grace: match is_short {
            true => stop_grace.min(STOP_GRACE_MAX),
            false => stop_grace,
        },
        lease_ttl: Duration::from_secs(engine.lease_ttl_s.max(1)),
        holder: Holder::this(cloud_run),
    })
}

/// The Google Cloud project that is worked for, if one is known.
pub fn google_project(config: &Config) -> Option<&str> {
    match &config.classifier {
        ClassifierConfig::Gemini(gemini) => gemini.project.as_deref(),
        ClassifierConfig::OpenAiCompatible(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transcriber_does_not_tell_is_asked_of_the_model_unless_it_was_declined() {
        let wanted = |text: &str| {
            let config = crate::config::load::alone(text, "test").unwrap();
            analysis_wanted(&config)
        };
        let yes = AnalysisWanted::Yes { attempts_max: 3 };
        let server = "[classifier.openai_compatible]\nmodels = [\"m\"]\n";
        let declined = "[transcriber.deepgram]\nintelligence = false\n";
        let german = "[transcriber.deepgram]\nlanguage = \"de\"\n";
        let whisper = "[transcriber.whisper]\nmodel = \"base.en\"\n";
        let asked = "[analysis]\nenabled = \"when_missing\"\n";
        let never = "[analysis]\nenabled = \"never\"\n";
        for (parts, expected) in [
            (&[""][..], AnalysisWanted::No),
            (&[server], AnalysisWanted::No),
            (&[declined], AnalysisWanted::No),
            (&[declined, server], yes),
            (&[declined, asked], yes),
            (&[german], yes),
            (&[german, server], yes),
            (&[german, never], AnalysisWanted::No),
            (&[declined, server, never], AnalysisWanted::No),
            (&[asked], yes),
            (&[whisper], yes),
            (&[whisper, server], yes),
            (&[whisper, never], AnalysisWanted::No),
            (
                &[asked, "[engine]\nattempts_max = 1\n"],
                AnalysisWanted::Yes { attempts_max: 1 },
            ),
        ] {
            assert_eq!(wanted(&parts.concat()), expected, "{parts:?}");
        }
    }

    #[test]
    fn time_is_left_for_a_slow_save() {
        let engine = EngineConfig::default();
        let batching = |delay_max| Batching {
            rows_max: 500,
            contacts_max: 500,
            size_bytes_max: 1_000_000,
            delay_max,
            idle_delay: Duration::ZERO,
        };
        let grace = |cloud_run: Option<&CloudRun>, delay_max_ms| {
            let batching = batching(Duration::from_millis(delay_max_ms));
            let settings = settings(&engine, cloud_run, batching).unwrap();
            settings.stop_grace.as_millis()
        };
        let task = CloudRun {
            job: "calls".into(),
            execution: "calls-a".into(),
            task_index: 0,
            attempt: 0,
        };
        assert_eq!(grace(None, 100), 8_000);
        assert_eq!(grace(None, 1_000), 4_000);
        assert_eq!(grace(Some(&task), 100), 4_000);
    }
}
