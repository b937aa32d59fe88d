//! Datasets, tables and loads.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use callpipe_core::failure::{Failure, Outside};
use reqwest::Method;

use super::answer::{Refusal, Remedy};
use super::client::{BigQuery, LABELS, NOTHING};
use super::names::TableReference;
use super::retrying::JobWait;
use super::wire::{
    Dataset, DatasetReference, Job, JobReference, Load, LoadConfiguration, LoadJob, NewDataset,
    NewTable, Table, TableSchema, WireTable,
};
use crate::random;

/// The wait before a job that still runs is looked at again; doubled up to the second.
const JOB_DELAY: Duration = Duration::from_millis(100);
const JOB_DELAY_MAX: Duration = Duration::from_secs(2);

impl TableReference {
    pub(crate) fn wire(&self) -> WireTable<'_> {
        WireTable {
            project_id: self.project(),
            dataset_id: self.dataset(),
            table_id: self.table(),
        }
    }
}

impl BigQuery {
    /// The schema of a table; none where there is no such table or dataset.
    pub(crate) async fn schema(&self, table: &TableReference) -> Outside<Option<TableSchema>> {
        let doing = format!("looking at the table {table}");
        let url = self.table_url(table);
        let found: Result<Table, Refusal> = self.asked(Method::GET, url, NOTHING, &doing).await;
        match found {
            Ok(found) => Ok(Some(found.schema)),
            Err(refusal) if refusal.remedy == Remedy::Missing => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Makes a dataset, if there is none.
    pub(crate) async fn create_dataset(&self, table: &TableReference) -> Outside<()> {
        let (project, dataset) = (table.project(), table.dataset());
        let doing = format!("making the dataset {project}.{dataset}");
        let body = NewDataset {
            dataset_reference: DatasetReference {
                project_id: project,
                dataset_id: dataset,
            },
            location: self.location.as_deref(),
        };
        let url = self.url(&["projects", project, "datasets"]);
        let made: Result<serde_json::Value, _> =
            self.asked(Method::POST, url, Some(&body), &doing).await;
        Self::unless_it_exists(made).map(drop)
    }

    /// Whether there is a dataset.
    pub(crate) async fn dataset_exists(&self, table: &TableReference) -> Outside<bool> {
        Ok(self.dataset(table).await?.is_some())
    }

    /// Where jobs on a table's dataset run. Whoever asks for a job's state must say so, but for jobs
    /// in `US` and `EU`.
    async fn location_of(&self, table: &TableReference) -> Outside<Option<String>> {
        if self.location.is_some() {
            return Ok(self.location.clone());
        }
        let look_up = async || {
            let dataset = self.dataset(table).await?;
            Ok(dataset.and_then(|dataset| dataset.location))
        };
        self.dataset_location
            .get_or_try_init(look_up)
            .await
            .cloned()
    }

    async fn dataset(&self, table: &TableReference) -> Outside<Option<Dataset>> {
        let (project, dataset) = (table.project(), table.dataset());
        let doing = format!("looking at the dataset {project}.{dataset}");
        let url = self.url(&["projects", project, "datasets", dataset]);
        let found: Result<Dataset, Refusal> = self.asked(Method::GET, url, NOTHING, &doing).await;
        match found {
            Ok(dataset) => Ok(Some(dataset)),
            Err(refusal) if refusal.remedy == Remedy::Missing => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Makes a table. Says whether it did: false where it exists.
    pub(crate) async fn create_table(&self, table: &NewTable<'_>) -> Outside<bool> {
        let WireTable {
            project_id,
            dataset_id,
            table_id,
        } = table.table_reference;
        let doing = format!("making the table {project_id}.{dataset_id}.{table_id}");
        let url = self.url(&["projects", project_id, "datasets", dataset_id, "tables"]);
        let made: Result<serde_json::Value, _> =
            self.asked(Method::POST, url, Some(table), &doing).await;
        Self::unless_it_exists(made)
    }

    /// Gives a table a schema with more columns than it had.
    pub(crate) async fn widen(&self, table: &TableReference, schema: TableSchema) -> Outside<()> {
        let doing = format!("adding columns to the table {table}");
        let body = Table { schema };
        let changed: serde_json::Value = self
            .asked(Method::PATCH, self.table_url(table), Some(&body), &doing)
            .await?;
        drop(changed);
        Ok(())
    }

    /// Removes a table. One that is missing is fine.
    pub(crate) async fn delete_table(&self, table: &TableReference) -> Outside<()> {
        let doing = format!("removing the table {table}");
        let url = self.table_url(table);
        let gone: Result<serde_json::Value, Refusal> =
            self.asked(Method::DELETE, url, NOTHING, &doing).await;
        match gone {
            Err(refusal) if refusal.remedy != Remedy::Missing => Err(refusal.into()),
            _ => Ok(()),
        }
    }

    /// Puts rows into a table, in place of what it held. `rows` is one JSON object a line.
    pub(crate) async fn load(
        &self,
        table: &TableReference,
        schema: &TableSchema,
        rows: &Bytes,
        doing: &str,
    ) -> Outside<()> {
        let mut attempts = self.retries.of_job();
        loop {
            match self.loaded_once(table, schema, rows, doing).await {
                Ok(()) => return Ok(()),
                Err(refusal) => attempts.after(refusal).await?,
            }
        }
    }

    /// One load, to its end.
    async fn loaded_once(
        &self,
        table: &TableReference,
        schema: &TableSchema,
        rows: &Bytes,
        doing: &str,
    ) -> Result<(), Refusal> {
        // One id for as long as the same load is asked for: whether an earlier request was taken up
        // need not be known.
        let job = JobReference {
            project_id: self.project.clone(),
            job_id: format!("callpipe_{}", random::name()),
            location: self
                .location_of(table)
                .await
                .map_err(Refusal::of_transport)?,
        };
        let body = multipart(&load_job(&job, table, schema), rows, &job.job_id)?;
        let mut url = self.upload_url(&["projects", &self.project, "jobs"]);
        url.query_pairs_mut().append_pair("uploadType", "multipart");
        let content_type = format!("multipart/related; boundary={}", job.job_id);
        let body = Some((content_type, body));
        let inserted: Result<Job, Refusal> = self.sent(Method::POST, url, body, doing).await;
        let job_now = match inserted {
            Ok(job_now) => job_now,
            Err(refusal) if refusal.remedy == Remedy::Exists => Job::default(),
            Err(refusal) => return Err(refusal),
        };
        self.ended_well(&job, job_now, doing).await
    }

    /// Waits until a job has ended, and says how.
    async fn ended_well(
        &self,
        job: &JobReference,
        mut job_now: Job,
        doing: &str,
    ) -> Result<(), Refusal> {
        let (mut delay, mut wait) = (JOB_DELAY, JobWait::new());
        loop {
            let status = job_now.status.unwrap_or_default();
            if let Some(error) = &status.error_result {
                return Err(Refusal::of_job(error, doing));
            }
            if status.state == "DONE" {
                return Ok(());
            }
            wait.goes_on(doing);
            if !status.state.is_empty() {
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(JOB_DELAY_MAX);
            }
            let mut url = self.url(&["projects", &job.project_id, "jobs", &job.job_id]);
            if let Some(location) = &job.location {
                url.query_pairs_mut().append_pair("location", location);
            }
            job_now = self.asked(Method::GET, url, NOTHING, doing).await?;
            if job_now.status.is_none() {
                return Err(Refusal::of_no_answer(
                    doing,
                    "BigQuery gives a job no status",
                ));
            }
        }
    }
}

pub(super) fn load_job<'a>(
    job: &'a JobReference,
    table: &'a TableReference,
    schema: &'a TableSchema,
) -> LoadJob<'a> {
    LoadJob {
        job_reference: job,
        configuration: LoadConfiguration {
            load: Load {
                destination_table: table.wire(),
                schema,
                source_format: "NEWLINE_DELIMITED_JSON",
                write_disposition: "WRITE_TRUNCATE",
                create_disposition: "CREATE_NEVER",
            },
            labels: LABELS,
        },
    }
}

/// `multipart/related`: the job, then the rows.
fn multipart(job: &LoadJob<'_>, rows: &Bytes, boundary: &str) -> Result<Bytes, Refusal> {
    let job = serde_json::to_vec(job).map_err(|error| {
        Refusal::of_transport(Failure::bug("a load cannot be written").with_source(error))
    })?;
    let mut body = BytesMut::with_capacity(rows.len() + job.len() + 512);
    for (content_type, part) in [
        ("application/json; charset=UTF-8", job.as_slice()),
        ("application/octet-stream", rows),
    ] {
        body.put_slice(format!("--{boundary}\r\nContent-Type: {content_type}\r\n\r\n").as_bytes());
        body.put_slice(part);
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(body.freeze())
}
