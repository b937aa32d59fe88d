//! Calls as files for other programs.
//!
//! One list of fields ([`fields`]) and one record for each call (`record`) are written as CSV, JSON
//! lines or Parquet; [`vcon`] writes a document for each call. Calls come page by page and go at once,
//! so that a million of them need no memory.

mod csv;
pub mod fields;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
pub mod place;
mod record;
mod reviewed;
mod table;
#[cfg(test)]
mod tests;
mod turned_off;
pub mod vcon;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::contracts::warehouse::{CallFilter, ExportCursor, Warehouse};
use callpipe_core::failure::Outside;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

pub use self::csv::CsvOptions;
pub use reviewed::ReviewedCall;
pub use table::{TableFormat, write_table};
pub use turned_off::check_built_in;

/// The most rows that are asked for at once. A page also ends where it has enough bytes.
const PAGE_ROWS_MAX: usize = 500;

/// How many calls were written so far.
#[derive(Debug, Clone, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// So many more.
    pub(crate) fn add(&self, calls: u64) {
        self.0.fetch_add(calls, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The calls of an export, page by page.
pub type Pages = BoxStream<'static, Outside<Vec<ReviewedCall>>>;

/// Those that match, at most the filter's limit, with the corrections that a local file has of them.
pub fn pages(
    warehouse: Arc<dyn Warehouse>,
    corrections: Option<Arc<SqliteWarehouse>>,
    filter: CallFilter,
) -> Pages {
    let left = filter.limit.unwrap_or(usize::MAX);
    let begin = Reading {
        warehouse,
        corrections,
        filter,
        cursor: None,
        left,
        ended: false,
    };
    stream::try_unfold(begin, Reading::next).boxed()
}

/// How far an export has come.
struct Reading {
    warehouse: Arc<dyn Warehouse>,
    corrections: Option<Arc<SqliteWarehouse>>,
    filter: CallFilter,
    cursor: Option<ExportCursor>,
    left: usize,
    ended: bool,
}

impl Reading {
    async fn next(mut self) -> Outside<Option<(Vec<ReviewedCall>, Self)>> {
        if self.ended || self.left == 0 {
            return Ok(None);
        }
        let rows_max = PAGE_ROWS_MAX.min(self.left);
        let cursor = self.cursor.as_ref();
        let page = self.warehouse.export_page(&self.filter, cursor, rows_max);
        let mut page = page.await?;
        page.calls.truncate(self.left);
        self.left -= page.calls.len();
        self.ended = page.next.is_none();
        self.cursor = page.next;
        let calls = reviewed::reviewed(page.calls, self.corrections.as_ref()).await?;
        Ok(Some((calls, self)))
    }
}
