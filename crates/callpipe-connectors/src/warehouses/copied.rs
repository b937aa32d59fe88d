//! A local copy of a warehouse's tables: what goes over, and how far it has come.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A table that is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopiedTable {
    /// The one with the state of each call.
    Tracking,
    /// The one with the labels.
    Classifications,
}

impl CopiedTable {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Classifications => "classifications",
        }
    }
}

/// Which rows of a table are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyQuery {
    /// Of this table.
    pub table: CopiedTable,
    /// Only of calls that have changed at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// With the conversations that were labelled, for calls whose own row has none.
    pub with_transcripts: bool,
}

/// Some rows by column, in the form in which they are stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CopiedPage {
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// Where it goes on; nothing after the last page. Only the warehouse can read it, for a day.
    pub place: Option<String>,
    /// How many bytes the query has read, told with its first page.
    pub bytes_processed: Option<u64>,
    /// How many of them are paid for, where that is told.
    pub bytes_billed: Option<u64>,
}

/// How far a copy has come: it is kept in the file of the copy, and changes with each page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyState {
    /// The tables that it is a copy of.
    pub source: String,
    /// The last change that the finished pulls have seen.
    pub copied_to: Option<DateTime<Utc>>,
    /// How often everything was copied, after which rows may be gone and others have changed that
    /// bear an old moment.
    pub full_copies: u64,
    /// A pull that is at work, or was broken off. Its pages come in no order.
    pub unfinished: Option<UnfinishedCopy>,
}

/// How far a pull has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnfinishedCopy {
    /// Everything is copied, and what the warehouse no longer has is removed.
    pub is_full: bool,
    /// Calls that have changed since are copied.
    pub since: Option<DateTime<Utc>>,
    /// When the query for the table was begun.
    pub begun_at: DateTime<Utc>,
    /// The table that is being copied.
    pub table: CopiedTable,
    /// Where in it.
    pub place: Option<String>,
    /// What has come.
    pub copied: Copied,
}

/// What has come over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Copied {
    /// So many calls.
    pub calls: u64,
    /// The labels of so many.
    pub classifications: u64,
    /// The last change of any of them.
    pub newest: Option<DateTime<Utc>>,
    /// Whether a call is labelled and its row has no conversation.
    pub lacks_conversations: bool,
    /// So many bytes were read for it.
    pub bytes_processed: u64,
    /// So many were paid for, where it was told.
    pub bytes_billed: u64,
}

impl Copied {
    /// Takes in a page.
    pub fn count(&mut self, table: CopiedTable, page: &CopiedPage) {
        let rows = page.rows.len() as u64;
        match table {
            CopiedTable::Tracking => self.calls += rows,
            CopiedTable::Classifications => self.classifications += rows,
        }
        self.bytes_processed += page.bytes_processed.unwrap_or_default();
        self.bytes_billed += page.bytes_billed.unwrap_or_default();
        if table == CopiedTable::Tracking {
            for row in &page.rows {
                self.newest = self.newest.max(moment(row, "updated_at"));
                self.lacks_conversations |= lacks_conversation(row);
            }
        }
    }
}

fn moment(row: &Map<String, Value>, column: &str) -> Option<DateTime<Utc>> {
    let text = row.get(column)?.as_str()?;
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(moment.to_utc())
}

/// As tables have it that went through other programs.
fn lacks_conversation(row: &Map<String, Value>) -> bool {
    let text = |column| row.get(column).and_then(Value::as_str).unwrap_or_default();
    text("stage_status") == "done" && text("transcription").trim().is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_change_of_all_pages_is_known_and_rows_without_one_do_not_matter() {
        let page = |rows: Value, bytes| CopiedPage {
            rows: serde_json::from_value(rows).unwrap(),
            bytes_processed: bytes,
            ..CopiedPage::default()
        };
        let mut copied = Copied::default();
        let first = json!([{"updated_at": "2026-05-01T10:00:00.5Z"}, {"updated_at": null}]);
        copied.count(CopiedTable::Tracking, &page(first, Some(7)));
        let said = json!([{"updated_at": "2026-04-01T00:00:00Z", "stage_status": "done",
            "transcription": "Agent: Hello."}]);
        copied.count(CopiedTable::Tracking, &page(said, None));
        assert!(!copied.lacks_conversations);
        let silent = json!([{"updated_at": "soon", "stage_status": "done", "transcription": " "}]);
        copied.count(CopiedTable::Tracking, &page(silent, None));
        copied.count(CopiedTable::Classifications, &page(json!([{}]), Some(5)));
        let newest = DateTime::parse_from_rfc3339("2026-05-01T10:00:00.5Z")
            .unwrap()
            .to_utc();
        assert_eq!(
            copied,
            Copied {
                calls: 4,
                classifications: 1,
                newest: Some(newest),
                lacks_conversations: true,
                bytes_processed: 12,
                bytes_billed: 0,
            }
        );
    }
}
