//! Every environment variable that callpipe reads, in one place.

/// A variable that sets a configuration key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The keys that it sets; those of systems that are not configured are left out.
    pub keys: &'static [&'static str],
    /// What it holds, for the help.
    pub meaning: &'static str,
}

impl Variable {
    /// Whether its value must not be written anywhere.
    pub fn is_secret(&self) -> bool {
        const SECRETS: [&str; 8] = [
            "access_key_id",
            "access_key_secret",
            "client_id",
            "client_secret",
            "api_key",
            "access_token",
            "browser.password_hash",
            "browser.token",
        ];
        self.keys
            .iter()
            .any(|key| SECRETS.iter().any(|secret| key.ends_with(secret)))
    }
}

/// The variables. Names that an earlier set of Python scripts used are kept.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "CXONE_USERNAME",
        keys: &[
            "recordings.nice_cxone.access_key_id",
            "contacts.nice_cxone.access_key_id",
        ],
        meaning: "CXone access key id",
    },
    Variable {
        name: "CXONE_PASSWORD",
        keys: &[
            "recordings.nice_cxone.access_key_secret",
            "contacts.nice_cxone.access_key_secret",
        ],
        meaning: "CXone access key secret",
    },
    Variable {
        name: "CXONE_CLIENT_ID",
        keys: &[
            "recordings.nice_cxone.client_id",
            "contacts.nice_cxone.client_id",
        ],
        meaning: "CXone OAuth client id",
    },
    Variable {
        name: "CXONE_CLIENT_SECRET",
        keys: &[
            "recordings.nice_cxone.client_secret",
            "contacts.nice_cxone.client_secret",
        ],
        meaning: "CXone OAuth client secret",
    },
    Variable {
        name: "DEEPGRAM_API_KEY",
        keys: &["transcriber.deepgram.api_key"],
        meaning: "Deepgram API key",
    },
    Variable {
        name: "OPENAI_API_KEY",
        keys: &["classifier.openai_compatible.api_key"],
        meaning: "key of OpenAI, or of a server with its API",
    },
    Variable {
        name: "CALLPIPE_MODELS",
        keys: &["transcriber.whisper.models_directory"],
        meaning: "directory of the models for local transcription",
    },
    Variable {
        name: "GCP_PROJECT_ID",
        keys: &[
            "classifier.gemini.project",
            "warehouse.bigquery.project",
            "contacts.bigquery.project",
        ],
        meaning: "Google Cloud project",
    },
    Variable {
        name: "GCP_DATASET_ID",
        keys: &["warehouse.bigquery.dataset", "contacts.bigquery.dataset"],
        meaning: "BigQuery dataset of the tables",
    },
    Variable {
        name: "GCP_SOURCE_TABLE",
        keys: &["contacts.bigquery.table"],
        meaning: "BigQuery table of the calls to be done",
    },
    Variable {
        name: "GCP_TRACKING_TABLE",
        keys: &["warehouse.bigquery.tracking_table"],
        meaning: "BigQuery table of where each call stands",
    },
    Variable {
        name: "BIGQUERY_EMULATOR_HOST",
        keys: &["warehouse.bigquery.endpoint", "contacts.bigquery.endpoint"],
        meaning: "BigQuery emulator on this machine",
    },
    Variable {
        name: "VERTEX_AI_LOCATION",
        keys: &["classifier.gemini.location"],
        meaning: "place of the Gemini models",
    },
    Variable {
        name: "GOOGLE_ACCESS_TOKEN",
        keys: &["google.access_token"],
        meaning: "Google access token, which lasts an hour",
    },
    Variable {
        name: "GOOGLE_APPLICATION_CREDENTIALS",
        keys: &["google.credentials_file"],
        meaning: "file with Google credentials",
    },
    Variable {
        name: "GCE_METADATA_HOST",
        keys: &["google.metadata_host"],
        meaning: "metadata server that issues Google tokens",
    },
    Variable {
        name: "GCS_BUCKET_NAME",
        keys: &["archive.gcs.bucket"],
        meaning: "bucket of the archive",
    },
    Variable {
        name: "STORAGE_EMULATOR_HOST",
        keys: &["archive.gcs.endpoint", "recordings.folder.endpoint"],
        meaning: "emulator of Cloud Storage on this machine",
    },
    Variable {
        name: "CALLPIPE_BROWSER_TOKEN",
        keys: &["browser.token"],
        meaning: "token that people and machines sign in to the call browser with",
    },
    Variable {
        name: "CALLPIPE_BROWSER_PASSWORD_HASH",
        keys: &["browser.password_hash"],
        meaning: "hash of the call browser's password",
    },
    Variable {
        name: "CUTOFF_DATE",
        keys: &["engine.cutoff_date"],
        meaning: "calls before this date (YYYY-MM-DD) are left alone",
    },
    Variable {
        name: cloud_run::TASK_INDEX,
        keys: &["engine.shard_index"],
        meaning: "which part of the calls this task works on, from 0 on",
    },
    Variable {
        name: cloud_run::TASK_COUNT,
        keys: &["engine.shard_count"],
        meaning: "into how many parts the calls are divided",
    },
];

/// What Cloud Run sets in every task of a job.
pub mod cloud_run {
    /// The job's name.
    pub const JOB: &str = "CLOUD_RUN_JOB";
    /// The execution's name.
    pub const EXECUTION: &str = "CLOUD_RUN_EXECUTION";
    /// Which task, from 0 on.
    pub const TASK_INDEX: &str = "CLOUD_RUN_TASK_INDEX";
    /// How many tasks there are.
    pub const TASK_COUNT: &str = "CLOUD_RUN_TASK_COUNT";
    /// How often the task was begun before.
    pub const TASK_ATTEMPT: &str = "CLOUD_RUN_TASK_ATTEMPT";
}

/// The variable that names the configuration file.
pub const CONFIG_FILE: &str = "CALLPIPE_CONFIG";

/// Who runs the program, as systems say it: the first that is set.
pub const USER_NAMES: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// The systems that fill a role when the file does not say and one of these variables is set: the
/// environment of the earlier scripts alone configures all of it.
pub const KINDS_BY_VARIABLE: [(&str, &str, &str); 3] = [
    ("archive", "gcs", "GCS_BUCKET_NAME"),
    ("contacts", "bigquery", "GCP_SOURCE_TABLE"),
    ("warehouse", "bigquery", "GCP_DATASET_ID"),
];

/// The system that fills a role when neither says.
pub const DEFAULT_KINDS: [(&str, &str); 6] = [
    ("contacts", "csv"),
    ("recordings", "nice_cxone"),
    ("archive", "directory"),
    ("transcriber", "deepgram"),
    ("classifier", "gemini"),
    ("warehouse", "sqlite"),
];
