//! What the operator fills in: `[contacts.bigquery]`.

use callpipe_core::failure::{Failure, FailureKind, Outside};
use serde::{Deserialize, Serialize};

use crate::bigquery::TableReference;
use crate::http::Endpoint;

/// A table of calls in BigQuery.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BigQueryContactsConfig {
    /// The table: `project.dataset.table`, `dataset.table` or `table`. Usually from
    /// `GCP_SOURCE_TABLE`.
    pub table: Option<String>,
    /// The project that pays for the queries, and that holds the table unless its name says
    /// otherwise. Usually from `GCP_PROJECT_ID`.
    pub project: Option<String>,
    /// The dataset that holds the table, unless its name says otherwise. Usually from
    /// `GCP_DATASET_ID`.
    pub dataset: Option<String>,
    /// Where the table is, such as `EU`, where BigQuery does not find out by itself.
    pub location: Option<String>,
    /// The column with the id of the call: text or a whole number.
    pub contact_id_column: String,
    /// The column with the start of the call: a date, a date and time, or a moment.
    pub start_date_column: String,
    /// Where BigQuery is, if not at Google: an emulator on this machine.
    pub endpoint: Option<Endpoint>,
}

impl Default for BigQueryContactsConfig {
    fn default() -> Self {
        Self {
            table: None,
            project: None,
            dataset: None,
            location: None,
            contact_id_column: "contactId".into(),
            start_date_column: "startDate".into(),
            endpoint: None,
        }
    }
}

impl BigQueryContactsConfig {
    pub(super) fn project(&self) -> Outside<&str> {
        required(self.project.as_deref(), "project", "GCP_PROJECT_ID")
    }

    pub(super) fn table(&self) -> Outside<TableReference> {
        let table = required(self.table.as_deref(), "table", "GCP_SOURCE_TABLE")?;
        let project = self.project.as_deref();
        TableReference::parse(table, project, self.dataset.as_deref())
            .map_err(|error| denied(format!("`contacts.bigquery.table`: {error}")))
    }

    /// The two columns, quoted.
    pub(super) fn columns(&self) -> Outside<(String, String)> {
        let quoted = |key, name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                let message = format!("`contacts.bigquery.{key}`: `{name}` is no column's name");
                return Err(denied(message));
            }
            Ok(format!("`{name}`"))
        };
        Ok((
            quoted("contact_id_column", &self.contact_id_column)?,
            quoted("start_date_column", &self.start_date_column)?,
        ))
    }
}

fn required<'a>(value: Option<&'a str>, key: &str, variable: &str) -> Outside<&'a str> {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        denied(format!("`contacts.bigquery.{key}` is not set")).with_hint(format!(
            "set the environment variable {variable}, or `{key}` under [contacts.bigquery]"
        ))
    })
}

fn denied(message: String) -> Failure {
    Failure::new(FailureKind::Denied, message)
}
