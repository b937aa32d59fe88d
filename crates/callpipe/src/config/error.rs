//! Where a value of the configuration comes from, and why there is no configuration.

use std::fmt;
use std::path::PathBuf;

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
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => formatter.write_str("file"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::DotEnv(name) => write!(formatter, ".env {name}"),
            Self::SecretFile(file) => write!(formatter, "file {file}"),
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
}
