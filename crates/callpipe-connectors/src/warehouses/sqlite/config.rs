//! What the operator fills in: `[warehouse.sqlite]`.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest name of a table, in bytes.
const TABLE_NAME_BYTES_MAX: usize = 60;

/// The warehouse in a SQLite file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteConfig {
    /// The file; made when it is missing, with its directory.
    pub path: PathBuf,
    /// The table with one row for each call and its state.
    pub tracking_table: TableName,
    /// The table with one row for each classified call.
    pub classifications_table: TableName,
    /// The table with what people say of labels, which is never changed by a run.
    pub corrections_table: TableName,
    /// The table with the names that people gave to selections of calls.
    pub saved_views_table: TableName,
    /// For how long another program's lock is waited for, in milliseconds.
    pub busy_timeout_ms: u64,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            path: "callpipe-data/callpipe.db".into(),
            tracking_table: TableName("recording_fetch_status".into()),
            classifications_table: TableName("call_classifications".into()),
            corrections_table: TableName("call_corrections".into()),
            saved_views_table: TableName("saved_views".into()),
            busy_timeout_ms: 5_000,
        }
    }
}

impl SqliteConfig {
    /// A name that two tables have: to SQLite the same whatever its case.
    pub(super) fn name_given_twice(&self) -> Option<&TableName> {
        let names = [
            &self.tracking_table,
            &self.classifications_table,
            &self.corrections_table,
            &self.saved_views_table,
        ];
        let is_taken = |position: usize, name: &TableName| {
            let mut others = names.iter().take(position);
            others.any(|other| other.0.eq_ignore_ascii_case(&name.0))
        };
        let mut numbered = names.into_iter().enumerate();
        numbered
            .find(|(position, name)| is_taken(*position, name))
            .map(|(_, name)| name)
    }
}

/// The name of a table: letters, digits and underscores, no digit first, not one of SQLite's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName(String);

/// Why a text is no name of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the name of a table: use letters, digits and underscores, at most \
     {TABLE_NAME_BYTES_MAX}, without a digit at the beginning"
)]
pub struct TableNameError(String);

impl TableName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for TableName {
    type Error = TableNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let begins_well = text.starts_with(|first: char| !first.is_ascii_digit());
        let own = text.to_ascii_lowercase().starts_with("sqlite_");
        if plain && begins_well && !own && text.len() <= TABLE_NAME_BYTES_MAX {
            Ok(Self(text))
        } else {
            Err(TableNameError(text))
        }
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.0
    }
}
