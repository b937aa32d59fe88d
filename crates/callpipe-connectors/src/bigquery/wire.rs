//! BigQuery's JSON, as far as we send or read it. 64-bit integers travel as strings.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `QueryRequest`: the body of `jobs.query`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryRequest<'a> {
    pub(crate) query: &'a str,
    pub(crate) use_legacy_sql: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<&'a str>,
    pub(crate) timeout_ms: u32,
    pub(crate) max_results: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dry_run: bool,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) query_parameters: &'a [QueryParameter],
    pub(crate) format_options: FormatOptions,
    pub(crate) labels: Labels,
}

/// `DataFormatOptions`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FormatOptions {
    pub(crate) use_int64_timestamp: bool,
}

/// Tells our jobs from others in Google's billing reports.
#[derive(Debug, Serialize)]
pub(crate) struct Labels {
    pub(crate) app: &'static str,
}

/// `QueryParameter`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryParameter {
    pub(crate) name: &'static str,
    pub(crate) parameter_type: ParameterType,
    pub(crate) parameter_value: ParameterValue,
}

/// `QueryParameterType`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParameterType {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) array_type: Option<Box<ParameterType>>,
}

/// `QueryParameterValue`: a value, or those of an array.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ParameterValue {
    Value(String),
    ArrayValues(Vec<ParameterValue>),
}

/// `QueryResponse` and `GetQueryResultsResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct QueryResponse {
    pub(crate) job_complete: bool,
    pub(crate) job_reference: Option<JobReference>,
    pub(crate) schema: Option<TableSchema>,
    pub(crate) rows: Vec<WireRow>,
    pub(crate) page_token: Option<String>,
    pub(crate) total_bytes_processed: Option<String>,
    pub(crate) total_bytes_billed: Option<String>,
}

impl QueryResponse {
    /// How many bytes were read, or would be.
    pub(crate) fn bytes_processed(&self) -> Option<u64> {
        self.total_bytes_processed.as_ref()?.parse().ok()
    }

    /// How many of them are paid for: told where the query ended before its first answer.
    pub(crate) fn bytes_billed(&self) -> Option<u64> {
        self.total_bytes_billed.as_ref()?.parse().ok()
    }
}

/// A row: its cells in the order of the schema.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireRow {
    pub(crate) f: Vec<Cell>,
}

/// A value: text, `null`, a list of cells, or a row of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cell {
    pub(crate) v: Value,
}

/// `JobReference`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobReference {
    pub(crate) project_id: String,
    pub(crate) job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
}

/// `Job`, as we ask for a load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadJob<'a> {
    pub(crate) job_reference: &'a JobReference,
    pub(crate) configuration: LoadConfiguration<'a>,
}

/// `JobConfiguration` of a load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadConfiguration<'a> {
    pub(crate) load: Load<'a>,
    pub(crate) labels: Labels,
}

/// `JobConfigurationLoad`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Load<'a> {
    pub(crate) destination_table: WireTable<'a>,
    pub(crate) schema: &'a TableSchema,
    pub(crate) source_format: &'static str,
    pub(crate) write_disposition: &'static str,
    pub(crate) create_disposition: &'static str,
}

/// `Job`, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Job {
    pub(crate) status: Option<JobStatus>,
}

/// `JobStatus`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobStatus {
    pub(crate) state: String,
    pub(crate) error_result: Option<ErrorProto>,
}

/// `TableReference`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireTable<'a> {
    pub(crate) project_id: &'a str,
    pub(crate) dataset_id: &'a str,
    pub(crate) table_id: &'a str,
}

/// `Table`, as we create it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewTable<'a> {
    pub(crate) table_reference: WireTable<'a>,
    pub(crate) schema: &'a TableSchema,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_partitioning: Option<TimePartitioning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clustering: Option<Clustering>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<&'static str>,
}

/// `TimePartitioning`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TimePartitioning {
    pub(crate) r#type: &'static str,
    pub(crate) field: &'static str,
}

/// `Clustering`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Clustering {
    pub(crate) fields: &'static [&'static str],
}

/// `Table`, as far as we read it or send it in a change.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Table {
    pub(crate) schema: TableSchema,
}

/// `TableSchema`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct TableSchema {
    pub(crate) fields: Vec<Field>,
}

/// `TableFieldSchema`. What we do not know of a field is kept, so that a change of the schema gives
/// it back as it was.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
    #[serde(flatten)]
    pub(crate) others: serde_json::Map<String, Value>,
}

impl Field {
    /// A column that may be NULL.
    pub(crate) fn nullable(name: &str, r#type: &str) -> Self {
        Self {
            name: name.to_owned(),
            r#type: r#type.to_owned(),
            mode: Some("NULLABLE".into()),
            ..Self::default()
        }
    }

    /// A column that holds a list.
    pub(crate) fn repeated(name: &str, r#type: &str) -> Self {
        Self {
            mode: Some("REPEATED".into()),
            ..Self::nullable(name, r#type)
        }
    }

    /// A column that must have a value.
    pub(crate) fn required(name: &str, r#type: &str) -> Self {
        Self {
            mode: Some("REQUIRED".into()),
            ..Self::nullable(name, r#type)
        }
    }

    /// A struct of other columns.
    pub(crate) fn record(name: &str, fields: Vec<Field>) -> Self {
        Self {
            fields,
            ..Self::nullable(name, "RECORD")
        }
    }

    pub(crate) fn is_repeated(&self) -> bool {
        self.mode.as_deref() == Some("REPEATED")
    }

    pub(crate) fn is_record(&self) -> bool {
        matches!(self.r#type.as_str(), "RECORD" | "STRUCT")
    }

    /// Whether the names are the same to BigQuery, which does not tell upper from lower case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// `Dataset`, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dataset {
    pub(crate) location: Option<String>,
}

/// `Dataset`, as we create it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewDataset<'a> {
    pub(crate) dataset_reference: DatasetReference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<&'a str>,
}

/// `DatasetReference`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetReference<'a> {
    pub(crate) project_id: &'a str,
    pub(crate) dataset_id: &'a str,
}

/// An error's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorDetail {
    pub(crate) message: String,
    pub(crate) errors: Vec<ErrorProto>,
}

/// `ErrorProto`: BigQuery's own word for what went wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorProto {
    pub(crate) reason: String,
    pub(crate) message: String,
}
