//! What the operator fills in: `[contacts.csv]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A list of contacts in a file, or on standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvConfig {
    /// The file; `-` for standard input.
    pub path: PathBuf,
    /// How the file is written.
    pub format: Format,
    /// The column with the contact's id. For this and the other columns, upper and lower case,
    /// spaces, underscores and hyphens make no difference.
    pub contact_id_column: String,
    /// The column with the call's start, if there is one.
    pub start_date_column: String,
    /// The column with the id of the whole conversation, if there is one.
    pub master_contact_id_column: String,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As the file's name says (`.csv`, `.jsonl`, `.ndjson`, `.json`), otherwise as its first
    /// character says: a brace begins JSON.
    #[default]
    Auto,
    /// A header, then a line for each contact; separated by commas, semicolons or tabs.
    Csv,
    /// A JSON object on each line.
    Jsonl,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self {
            path: "contacts.csv".into(),
            format: Format::Auto,
            contact_id_column: "contactId".into(),
            start_date_column: "startDate".into(),
            master_contact_id_column: "masterContactId".into(),
        }
    }
}
