//! Calls on their way to other programs: the pages of one query's result.
//!
//! A query for each page would read, and bill, the long columns again and again. So all calls are
//! asked for once, and BigQuery keeps the result for a day; the cursor is where in it one is.

use callpipe_core::contracts::warehouse::{CallFilter, ExportCursor, ExportPage};
use callpipe_core::failure::{Failure, Outside};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BigQueryWarehouse, report};
use crate::bigquery::Row;
use crate::bigquery::wire::JobReference;
use crate::warehouses::stored::exported_call;

const DOING: &str = "reading calls for an export";

/// A place in the result of a query.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) job: JobReference,
    pub(super) page_token: String,
}

impl BigQueryWarehouse {
    /// The calls after a cursor.
    pub(super) async fn exported(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> Outside<ExportPage> {
        // BigQuery ends a page earlier where its rows are long: at 10 MB, at 20 MB for one row.
        let rows_max = u32::try_from(rows_max).unwrap_or(u32::MAX);
        let page = match after {
            None => {
                let fields = self.schemas().await?.classifications.fields;
                let labels: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                let statement = report::filtered(filter, |conditions, _| {
                    self.sql.exported(conditions, &labels)
                });
                self.bigquery
                    .first_page(&statement, rows_max, DOING)
                    .await?
            }
            Some(cursor) => {
                let Place { job, page_token } = place(&cursor.0)?;
                let bigquery = &self.bigquery;
                bigquery
                    .next_page(&job, &page_token, rows_max, DOING)
                    .await?
            }
        };
        Ok(ExportPage {
            calls: page.rows.iter().filter_map(call).collect(),
            next: next(page.job, page.page_token)?.map(ExportCursor),
        })
    }
}

/// A call that was never labelled has a struct without values.
fn call(row: &Row) -> Option<callpipe_core::exported::ExportedCall> {
    let labelled = |labels: &Value| !labels["contactId"].is_null();
    exported_call(row, row.value("classification").filter(labelled))
}

/// Where a result goes on, if it does, as a text.
pub(super) fn next(
    job: Option<JobReference>,
    page_token: Option<String>,
) -> Outside<Option<String>> {
    let (Some(job), Some(page_token)) = (job, page_token) else {
        return Ok(None);
    };
    serde_json::to_string(&Place { job, page_token })
        .map(Some)
        .map_err(|error| Failure::bug("a place in a result cannot be kept").with_source(error))
}

/// The place that a text names.
pub(super) fn place(text: &str) -> Outside<Place> {
    serde_json::from_str(text)
        .map_err(|error| Failure::bug("this is no place in a result").with_source(error))
}
