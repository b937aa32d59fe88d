//! What the operator fills in: `[warehouse.bigquery]`.

use callpipe_core::failure::{Failure, FailureKind, Outside};
use serde::{Deserialize, Serialize};

use crate::bigquery::TableReference;
use crate::http::Endpoint;

/// The warehouse in BigQuery.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BigQueryConfig {
    /// The project that holds the tables and pays for the jobs. Usually from `GCP_PROJECT_ID`.
    pub project: Option<String>,
    /// The dataset; made when it is missing. Usually from `GCP_DATASET_ID`.
    pub dataset: String,
    /// Where the dataset is, or is to be made, such as `EU` or `australia-southeast1`. Without it
    /// BigQuery finds the dataset by itself, and makes it in `US`.
    pub location: Option<String>,
    /// The table with one row for each call and its state. Usually from `GCP_TRACKING_TABLE`.
    pub tracking_table: String,
    /// The table with one row for each classified call.
    pub classifications_table: String,
    /// A call's outcome waits at most so long to be saved together with others, in seconds. Each
    /// time costs a read of the table; less often means that stages wait longer for each other.
    pub save_every_s: u64,
    /// Where BigQuery is, if not at Google: an emulator on this machine.
    pub endpoint: Option<Endpoint>,
}

impl Default for BigQueryConfig {
    fn default() -> Self {
        Self {
            project: None,
            dataset: "callpipe".into(),
            location: None,
            tracking_table: "recording_fetch_status".into(),
            classifications_table: "call_classifications".into(),
            save_every_s: 60,
            endpoint: None,
        }
    }
}

impl BigQueryConfig {
    /// The project, or what to do where there is none.
    pub(super) fn project(&self) -> Outside<&str> {
        let project = self.project.as_deref().map(str::trim);
        project
            .filter(|project| !project.is_empty())
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::Denied,
                    "`warehouse.bigquery.project` is not set",
                )
                .with_hint(
                    "set the environment variable GCP_PROJECT_ID, or `project` under \
                 [warehouse.bigquery] in callpipe.toml",
                )
            })
    }

    /// The tracking table in full. Also for others that must know it.
    pub fn tracking_table(&self) -> Outside<TableReference> {
        self.table("tracking_table", &self.tracking_table)
    }

    pub(super) fn classifications_table(&self) -> Outside<TableReference> {
        self.table("classifications_table", &self.classifications_table)
    }

    fn table(&self, key: &str, name: &str) -> Outside<TableReference> {
        TableReference::parse(name, Some(self.project()?), Some(&self.dataset)).map_err(|error| {
            Failure::new(
                FailureKind::Denied,
                format!("`warehouse.bigquery.{key}`: {error}"),
            )
        })
    }
}
