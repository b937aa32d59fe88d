//! Where a value of the configuration comes from, and why there is no configuration.

use std::fmt;
use std::path::PathBuf;

use callpipe_core::failure::Failure;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File,
    /// An environment variable.
    Environment(String),
    /// A variable of the `.env` file.
    DotEnv(String),
    /// A file that the configuration names.
    SecretFile(String),
    /// A secret of Google's Secret Manager that the configuration names.
    SecretManager(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => formatter.write_str("file"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::DotEnv(name) => write!(formatter, ".env {name}"),
            Self::SecretFile(file) => write!(formatter, "file {file}"),
            Self::SecretManager(name) => write!(formatter, "Secret Manager {name}"),
        }
    }
}

/// Why there is no configuration. The text never shows a value of the file: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was asked for is not there, or cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No TOML, an unknown key, a value of the wrong kind.
    #[error("{place}: {message}")]
    Invalid {
        /// File, line and column.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// `{ env = "NAME" }` where NAME is not set.
    #[error("`{key}` is to come from the environment variable {name}, which is not set")]
    VariableMissing {
        /// The key.
        key: String,
        /// The variable.
        name: String,
    },
    /// `{ file = "path" }` that cannot be read.
    #[error("`{key}` is to come from the file {file}, which cannot be read: {error}")]
    ReferencedFile {
        /// The key.
        key: String,
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// `{ secret_manager = "name" }` that could not be fetched.
    #[error("`{key}` is to come from Secret Manager: {}", failure.chain())]
    SecretManager {
        /// The key.
        key: String,
        /// Why not; it names the secret.
        failure: Failure,
    },
    /// `{ secret_manager = "name" }` where secrets cannot come from there.
    #[error(
        "`{key}` cannot come from Secret Manager, which is asked with what stands in `[google]`"
    )]
    SecretManagerNotYet {
        /// The key.
        key: String,
    },
    /// Shards are counted from 0, and there are as many as `shard_count`.
    #[error("`engine.shard_index` is {index}, but of {count} shards the last one is {}", last_of(*count))]
    NoSuchShard {
        /// `engine.shard_index`.
        index: u32,
        /// `engine.shard_count`.
        count: u32,
    },
    /// A vendor's limit that cannot be divided among so many shards.
    #[error("`{key}` is {limit}: it allows {limit} shards at most, and there are {count}")]
    TooManyShards {
        /// The limit's key.
        key: &'static str,
        /// The limit.
        limit: usize,
        /// How many shards there are.
        count: u32,
    },
}

fn last_of(count: u32) -> String {
    match count.checked_sub(1) {
        Some(last) => last.to_string(),
        None => "none".into(),
    }
}
