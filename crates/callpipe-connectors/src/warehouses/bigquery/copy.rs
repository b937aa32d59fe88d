//! The tables on their way into a local copy: one query for each, whose result is read page by page.
//!
//! BigQuery bills the columns that a query names, whole, however few rows are asked for. So the
//! source's raw words (`raw_response`), which nobody reads in a copy, are left out, and of the
//! labels the conversation, which stands in the other table already, unless a call has it only there.

use callpipe_core::failure::Outside;

use super::{BigQueryWarehouse, columns, export};
use crate::bigquery::wire::Field;
use crate::bigquery::{Page, Row, Statement};
use crate::warehouses::copied::{CopiedPage, CopiedTable, CopyQuery};

const DOING: &str = "reading calls for the local copy";

/// The columns that no copy has.
const LEFT_OUT: &str = "raw_response";

/// The column that copies have only for calls that lack it elsewhere.
const TRANSCRIPT: &str = "transcript";

impl BigQueryWarehouse {
    /// The two tables in full, to tell copies of different ones apart.
    pub fn copy_source(&self) -> String {
        format!("{} and {}", self.tracking, self.classifications)
    }

    /// How many bytes a query would read, where that is told.
    pub async fn copy_estimate(&self, query: CopyQuery) -> Outside<Option<u64>> {
        let statement = self.copy_statement(query).await?;
        self.bigquery.estimate(&statement, DOING).await
    }

    /// The first rows, at most `rows_max`, and fewer where they are long.
    pub async fn copy_begin(&self, query: CopyQuery, rows_max: u32) -> Outside<CopiedPage> {
        let statement = self.copy_statement(query).await?;
        let page = self.bigquery.first_page(&statement, rows_max, DOING);
        copied(page.await?)
    }

    /// The rows after a place.
    pub async fn copy_go_on(&self, place: &str, rows_max: u32) -> Outside<CopiedPage> {
        let export::Place { job, page_token } = export::place(place)?;
        let page = self.bigquery.next_page(&job, &page_token, rows_max, DOING);
        let page = copied(page.await?)?;
        // The query was told of with its first page.
        Ok(CopiedPage {
            bytes_processed: None,
            bytes_billed: None,
            ..page
        })
    }

    async fn copy_statement(&self, query: CopyQuery) -> Outside<Statement> {
        let schemas = self.schemas().await?;
        let is_since = query.since.is_some();
        let sql = match query.table {
            CopiedTable::Tracking => {
                let known = columns::tracking();
                let is_copied = |field: &&Field| {
                    let is_ours = known.iter().any(|ours| ours.is_called(&field.name));
                    is_ours && !field.is_called(LEFT_OUT)
                };
                let fields = schemas.tracking.fields.iter().filter(is_copied);
                self.sql.copied_calls(&names(fields), is_since)
            }
            CopiedTable::Classifications => {
                let is_copied =
                    |field: &&Field| query.with_transcripts || !field.is_called(TRANSCRIPT);
                let fields = schemas.classifications.fields.iter().filter(is_copied);
                self.sql.copied_labels(&names(fields), is_since)
            }
        };
        let statement = Statement::new(sql);
        Ok(match query.since {
            Some(since) => statement.bind_moment("since", since),
            None => statement,
        })
    }
}

fn names<'a>(fields: impl Iterator<Item = &'a Field>) -> Vec<&'a str> {
    fields.map(|field| field.name.as_str()).collect()
}

fn copied(page: Page) -> Outside<CopiedPage> {
    let place = export::next(page.job, page.page_token)?;
    Ok(CopiedPage {
        rows: page.rows.iter().map(Row::columns).collect(),
        place,
        bytes_processed: page.bytes_processed,
        bytes_billed: page.bytes_billed,
    })
}
