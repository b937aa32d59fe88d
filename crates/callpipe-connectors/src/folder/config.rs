//! What the operator fills in: `[recordings.folder]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A folder of recordings: a directory, or what begins alike in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderConfig {
    /// The directory.
    pub path: Option<PathBuf>,
    /// Or the bucket: `gs://bucket/prefix`, `s3://bucket/prefix`.
    pub url: Option<String>,
    /// Where the bucket's service is, if not at Google or Amazon. Usually from
    /// `STORAGE_EMULATOR_HOST`.
    pub endpoint: Option<String>,
    /// The region of an `s3` bucket, if not that of `AWS_REGION`.
    pub region: Option<String>,
    /// What a file's path tells, such as `{date:%Y-%m-%d}/{contactId}_{start:%H%M%S}_{agent}`.
    /// Without one, the contact's id is the path without its ending.
    pub pattern: Option<String>,
    /// Whether a `.json` file beside a recording describes it.
    pub sidecar: bool,
    /// The column of the list of contacts that holds the file's name, where the list is another's.
    pub file_column: String,
    /// The offset of times that have none, such as `+10:00`.
    pub utc_offset: String,
    /// A file that was written less than this long ago, in seconds, may not be whole: it waits for
    /// the next run.
    pub settle_s: u64,
    /// How many calls are fetched at once.
    pub in_flight_max: usize,
}

impl Default for FolderConfig {
    fn default() -> Self {
        Self {
            path: None,
            url: None,
            endpoint: None,
            region: None,
            pattern: None,
            sidecar: false,
            file_column: "fileName".into(),
            utc_offset: "+00:00".into(),
            settle_s: 60,
            in_flight_max: 8,
        }
    }
}
