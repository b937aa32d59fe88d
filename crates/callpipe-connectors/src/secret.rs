//! Secrets: a type that cannot be printed, and says where its value comes from when it is missing.

use callpipe_core::failure::{Failure, FailureKind, Outside};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A secret as the configuration gives it. `Debug` and `Serialize` show nothing of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret from where it was read.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the one request that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(hidden)")
    }
}

/// The secret, or a failure that names its configuration key and where else it may come from.
pub fn required<'a>(secret: Option<&'a Secret>, key: &str, variable: &str) -> Outside<&'a Secret> {
    secret
        .filter(|secret| !secret.expose().trim().is_empty())
        .ok_or_else(|| {
            Failure::new(FailureKind::Denied, format!("`{key}` is not set")).with_hint(format!(
                "set the environment variable {variable}, or `{key}` in callpipe.toml"
            ))
        })
}
