//! Requests to BigQuery: queries and statements, loads, schemas.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use chrono::{DateTime, Utc};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::answer::{Refusal, Remedy};
use super::names::TableReference;
use super::retrying::{JobWait, Retries};
use super::rows::{Page, Row};
use super::wire::{
    FormatOptions, JobReference, Labels, ParameterType, ParameterValue, QueryParameter,
    QueryRequest, QueryResponse,
};
use crate::google::Identity;
use crate::http::pacing::WindowLimit;
use crate::http::{self, Endpoint};
use crate::random;

/// For how long one request waits for a job to end, in milliseconds; then it is asked again.
const JOB_WAIT_MS: u32 = 10_000;

/// A request ends when nothing came for so long.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The most rows of one answer. They are small: long texts are read one call at a time.
pub(super) const PAGE_ROWS_MAX: u32 = 10_000;

/// The most pages of one query whose rows are held in memory: a million rows, or a GB by BigQuery's
/// own limit of a page. Everything that is asked for has far fewer.
const PAGES_MAX: usize = 100;

/// The largest answer, in bytes. BigQuery's own limit of a page is 10 MB, 20 MB for one row.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Statements that change a table: BigQuery allows 25 in any 10 seconds for each table.
const CHANGES_MAX: usize = 25;
const CHANGES_WINDOW: Duration = Duration::from_secs(10);

/// No body.
pub(super) const NOTHING: Option<&()> = None;

pub(super) const LABELS: Labels = Labels { app: "callpipe" };

/// BigQuery, as one account sees it.
#[derive(Clone)]
pub(crate) struct BigQuery {
    http: reqwest::Client,
    endpoint: Endpoint,
    identity: Identity,
    clock: Arc<dyn Clock>,
    pub(super) retries: Retries,
    /// The project that pays for the jobs.
    pub(super) project: String,
    /// Where the jobs run, where it is known.
    pub(super) location: Option<String>,
    changes: WindowLimit,
    /// Where the dataset that is loaded into is, once it was looked up.
    pub(super) dataset_location: Arc<OnceCell<Option<String>>>,
}

/// A query or statement with its values. All values are bound.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    sql: String,
    parameters: Vec<QueryParameter>,
}

impl Statement {
    pub(crate) fn new(sql: String) -> Self {
        Self {
            sql,
            parameters: Vec::new(),
        }
    }

    /// Binds `@name` to a value of a type such as `STRING`, `DATE` or `INT64`.
    #[must_use]
    pub(crate) fn bind(mut self, name: &'static str, r#type: &'static str, value: String) -> Self {
        self.parameters.push(QueryParameter {
            name,
            parameter_type: ParameterType {
                r#type,
                array_type: None,
            },
            parameter_value: ParameterValue::Value(value),
        });
        self
    }

    /// Binds `@name` to a list of texts: one parameter, however many.
    #[must_use]
    pub(crate) fn bind_texts(mut self, name: &'static str, values: Vec<String>) -> Self {
        let element = ParameterType {
            r#type: "STRING",
            array_type: None,
        };
        self.parameters.push(QueryParameter {
            name,
            parameter_type: ParameterType {
                r#type: "ARRAY",
                array_type: Some(Box::new(element)),
            },
            parameter_value: ParameterValue::ArrayValues(
                values.into_iter().map(ParameterValue::Value).collect(),
            ),
        });
        self
    }

    /// Binds `@name` to a moment.
    #[must_use]
    pub(crate) fn bind_moment(self, name: &'static str, moment: DateTime<Utc>) -> Self {
        let text = moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        self.bind(name, "TIMESTAMP", text)
    }
}

impl BigQuery {
    /// A client; nothing is asked yet.
    pub(crate) fn new(
        endpoint: Endpoint,
        identity: &Identity,
        project: String,
        location: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        Ok(Self {
            http: http::client(&endpoint, SILENCE_MAX)?,
            identity: identity.for_endpoint(&endpoint),
            endpoint,
            clock,
            retries: Retries::default(),
            project,
            location,
            changes: WindowLimit::new(CHANGES_MAX, CHANGES_WINDOW),
            dataset_location: Arc::default(),
        })
    }

    /// Lets workers share the account's limit of changes.
    #[must_use]
    pub(crate) fn sharing_changes_with(mut self, workers: u32) -> Self {
        let share = CHANGES_MAX / (workers.max(1) as usize);
        self.changes = WindowLimit::new(share.max(1), CHANGES_WINDOW);
        self
    }

    /// Where it is and who pays, for messages.
    pub(crate) fn describe(&self) -> String {
        format!("project {} at {}", self.project, self.endpoint)
    }

    /// Whether it is a stand-in on this machine.
    pub(crate) fn is_emulator(&self) -> bool {
        self.endpoint.is_loopback()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// All rows of a query.
    pub(crate) async fn rows(&self, statement: &Statement, doing: &str) -> Outside<Vec<Row>> {
        let mut page = self.first_page(statement, PAGE_ROWS_MAX, doing).await?;
        let mut rows = std::mem::take(&mut page.rows);
        let mut pages = 1;
        while let (Some(job), Some(token)) = (&page.job, &page.page_token) {
            if pages == PAGES_MAX {
                let message = format!("{doing}: the answer has more than {PAGES_MAX} pages");
                return Err(Failure::new(FailureKind::StoreFailed, message));
            }
            pages += 1;
            page = self.next_page(job, token, PAGE_ROWS_MAX, doing).await?;
            rows.append(&mut page.rows);
        }
        Ok(rows)
    }

    /// Runs a statement that changes a table, within the limit of such statements.
    pub(crate) async fn change(&self, statement: &Statement, doing: &str) -> Outside<()> {
        let _slot = self.changes.slot().await?;
        self.first_page(statement, 1, doing).await.map(drop)
    }

    /// The first rows of a query, at most `rows_max`.
    pub(crate) async fn first_page(
        &self,
        statement: &Statement,
        rows_max: u32,
        doing: &str,
    ) -> Outside<Page> {
        let mut attempts = self.retries.of_job();
        loop {
            match self.asked_once(statement, rows_max, doing).await {
                Ok(response) => return Page::read(response, doing),
                Err(refusal) => attempts.after(refusal).await?,
            }
        }
    }

    /// One job, to its end.
    async fn asked_once(
        &self,
        statement: &Statement,
        rows_max: u32,
        doing: &str,
    ) -> Result<QueryResponse, Refusal> {
        // The id makes the request the same one for as long as it is sent again.
        let request_id = random::name();
        let body = self.query_request(statement, rows_max, &request_id);
        let url = self.url(&["projects", &self.project, "queries"]);
        let response = self.asked(Method::POST, url, Some(&body), doing).await?;
        self.ended(response, rows_max, doing).await
    }

    /// More rows of a query.
    pub(crate) async fn next_page(
        &self,
        job: &JobReference,
        page_token: &str,
        rows_max: u32,
        doing: &str,
    ) -> Outside<Page> {
        let response = self.results(job, Some(page_token), rows_max, doing).await?;
        Page::read(self.ended(response, rows_max, doing).await?, doing)
    }

    pub(super) fn query_request<'a>(
        &'a self,
        statement: &'a Statement,
        rows_max: u32,
        request_id: &'a str,
    ) -> QueryRequest<'a> {
        QueryRequest {
            query: &statement.sql,
            use_legacy_sql: false,
            location: self.location.as_deref(),
            timeout_ms: JOB_WAIT_MS,
            max_results: rows_max,
            dry_run: false,
            request_id,
            parameter_mode: (!statement.parameters.is_empty()).then_some("NAMED"),
            query_parameters: &statement.parameters,
            format_options: FormatOptions {
                use_int64_timestamp: true,
            },
            labels: LABELS,
        }
    }

    /// Waits until a query's job has ended.
    async fn ended(
        &self,
        mut response: QueryResponse,
        rows_max: u32,
        doing: &str,
    ) -> Result<QueryResponse, Refusal> {
        let mut wait = JobWait::new();
        while !response.job_complete {
            wait.goes_on(doing);
            let Some(job) = response.job_reference.take() else {
                return Err(Refusal::of_no_answer(
                    doing,
                    "an unfinished query has no job",
                ));
            };
            let asked_at = Instant::now();
            response = self.results(&job, None, rows_max, doing).await?;
            response.job_reference = Some(job);
            if !response.job_complete && asked_at.elapsed() < self.retries.delay {
                // A server that does not wait as asked is not asked in a tight loop.
                tokio::time::sleep(self.retries.delay).await;
            }
        }
        Ok(response)
    }

    async fn results(
        &self,
        job: &JobReference,
        page_token: Option<&str>,
        rows_max: u32,
        doing: &str,
    ) -> Result<QueryResponse, Refusal> {
        let mut url = self.url(&["projects", &job.project_id, "queries", &job.job_id]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("timeoutMs", &JOB_WAIT_MS.to_string());
            query.append_pair("maxResults", &rows_max.to_string());
            query.append_pair("formatOptions.useInt64Timestamp", "true");
            if let Some(location) = &job.location {
                query.append_pair("location", location);
            }
            if let Some(page_token) = page_token {
                query.append_pair("pageToken", page_token);
            }
        }
        let mut response: QueryResponse = self.asked(Method::GET, url, NOTHING, doing).await?;
        if response.job_reference.is_none() {
            response.job_reference = Some(job.clone());
        }
        Ok(response)
    }

    /// The address of something of `bigquery/v2`.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut all = vec!["bigquery", "v2"];
        all.extend(segments);
        self.endpoint.join(&all)
    }

    /// The address of something of `upload/bigquery/v2`.
    pub(super) fn upload_url(&self, segments: &[&str]) -> Url {
        let mut all = vec!["upload", "bigquery", "v2"];
        all.extend(segments);
        self.endpoint.join(&all)
    }

    /// Sends a request until it is answered, and reads the answer.
    pub(super) async fn asked<T: DeserializeOwned + Default>(
        &self,
        method: Method,
        url: Url,
        body: Option<&(impl Serialize + Sync)>,
        doing: &str,
    ) -> Result<T, Refusal> {
        let body = body.map(serde_json::to_vec).transpose().map_err(|error| {
            let failure = Failure::bug(format!("{doing}: the request cannot be written"));
            Refusal::of_transport(failure.with_source(error))
        })?;
        let body = body.map(|body| ("application/json".to_owned(), Bytes::from(body)));
        self.sent(method, url, body, doing).await
    }

    /// The same with a body of any type.
    pub(super) async fn sent<T: DeserializeOwned + Default>(
        &self,
        method: Method,
        url: Url,
        body: Option<(String, Bytes)>,
        doing: &str,
    ) -> Result<T, Refusal> {
        let mut attempts = self.retries.of_request();
        loop {
            let request = self.http.request(method.clone(), url.clone());
            let request = match &body {
                Some((content_type, body)) => request
                    .header(CONTENT_TYPE, content_type.as_str())
                    .body(body.clone()),
                None => request,
            };
            match self.sent_once(request, doing).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => attempts.after(refusal).await?,
            }
        }
    }

    async fn sent_once<T: DeserializeOwned + Default>(
        &self,
        request: RequestBuilder,
        doing: &str,
    ) -> Result<T, Refusal> {
        let token = self.identity.token().await.map_err(Refusal::of_transport)?;
        let request = match &token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let response = http::send(request, doing)
            .await
            .map_err(Refusal::of_transport)?;
        let response = http::success(response, doing, self.now())
            .await
            .map_err(|answer| {
                self.identity.heard(answer.status);
                Refusal::of_answer(*answer, doing)
            })?;
        let body = http::body(response, ANSWER_BYTES_MAX, doing)
            .await
            .map_err(of_the_store)
            .map_err(Refusal::of_transport)?;
        read(&body, doing)
    }

    /// Whether nothing helps against a refusal but to go on without: `true` where what was to be
    /// made exists already.
    pub(super) fn unless_it_exists<T>(result: Result<T, Refusal>) -> Outside<bool> {
        match result {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.remedy == Remedy::Exists => Ok(false),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Where a table is, in the form that requests take.
    pub(super) fn table_url(&self, table: &TableReference) -> Url {
        self.url(&[
            "projects",
            table.project(),
            "datasets",
            table.dataset(),
            "tables",
            table.table(),
        ])
    }
}

/// What an answer says. Statements have answers without a body.
pub(super) fn read<T: DeserializeOwned + Default>(body: &[u8], doing: &str) -> Result<T, Refusal> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| {
        // Where, not what: the answer may hold words of a call.
        let place = format!("line {} column {}", error.line(), error.column());
        let message = format!("{doing}: BigQuery's answer cannot be read");
        Refusal::of_transport(Failure::new(FailureKind::StoreFailed, message).with_source(place))
    })
}

/// No call is to blame for an answer of BigQuery's that cannot be taken.
fn of_the_store(mut failure: Failure) -> Failure {
    if failure.kind.blame() == Blame::Call {
        failure.kind = FailureKind::StoreFailed;
    }
    failure
}
