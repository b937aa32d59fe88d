//! Calls from a table in BigQuery, newest first.

mod config;
mod map;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::failure::{Failure, Outside};
use serde::{Deserialize, Serialize};

pub use config::BigQueryContactsConfig;

use crate::bigquery::wire::JobReference;
use crate::bigquery::{self, BigQuery, TableReference};
use crate::google::Identity;

/// So many calls make a page.
const PAGE_CALLS: u32 = 10_000;

/// Calls from a table.
pub struct BigQueryContacts {
    bigquery: BigQuery,
    table: TableReference,
    columns: (String, String),
    tracking: Option<TableReference>,
}

/// Where a list goes on: the answer of the query is kept by BigQuery for a day.
#[derive(Serialize, Deserialize)]
struct Position {
    job: JobReference,
    page_token: String,
}

impl BigQueryContacts {
    /// A source as configured; nothing is asked yet. Calls in `tracking`, a tracking table in
    /// BigQuery, are not listed again.
    pub fn new(
        config: &BigQueryContactsConfig,
        tracking: Option<TableReference>,
        identity: &Identity,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        let endpoint = match &config.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => bigquery::default_endpoint()?,
        };
        let project = config.project()?.to_owned();
        let location = config.location.clone();
        Ok(Self {
            bigquery: BigQuery::new(endpoint, identity, project, location, clock)?,
            table: config.table()?,
            columns: config.columns()?,
            tracking,
        })
    }
}

#[async_trait]
impl ContactSource for BigQueryContacts {
    fn name(&self) -> &'static str {
        "bigquery"
    }

    async fn check(&self) -> Outside<CheckReport> {
        let statement = map::counting(&self.table, &self.columns);
        let rows = self
            .bigquery
            .rows(&statement, "counting the listed calls")
            .await?;
        let count = |name| rows.first().and_then(|row| row.number(name)).unwrap_or(0);
        let (calls, starts) = (count("calls"), count("starts"));
        Ok(format!(
            "{}: {calls} calls, {starts} of them with a start",
            self.table
        ))
    }

    async fn list(&self, query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage> {
        let doing = "listing calls";
        let page = match after {
            None => {
                let tracking = self.tracking.as_ref();
                let statement = map::listing(&self.table, &self.columns, tracking, query.since);
                self.bigquery
                    .first_page(&statement, PAGE_CALLS, doing)
                    .await?
            }
            Some(cursor) => {
                let position: Position = serde_json::from_str(&cursor.0)
                    .map_err(|error| Failure::bug("a cursor is not ours").with_source(error))?;
                self.bigquery
                    .next_page(&position.job, &position.page_token, PAGE_CALLS, doing)
                    .await?
            }
        };
        let next = match (page.job, page.page_token) {
            (Some(job), Some(page_token)) => Some(
                serde_json::to_string(&Position { job, page_token })
                    .map(Cursor)
                    .map_err(|error| {
                        Failure::bug("a cursor cannot be written").with_source(error)
                    })?,
            ),
            _ => None,
        };
        Ok(ContactPage {
            next,
            ..map::page(&page.rows, &self.table)
        })
    }
}
