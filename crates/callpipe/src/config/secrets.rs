//! Values that are kept in Google's Secret Manager: fetched before the configuration is read, all at
//! once and each once. Who we are to Google is read from `[google]` alone, which therefore cannot
//! come from there.

use std::collections::BTreeMap;

use callpipe_connectors::google::GoogleConfig;
use callpipe_connectors::secret::Secret;
use callpipe_connectors::secret_manager::{SecretManager, SecretName};
use callpipe_core::failure::{Failure, FailureKind};
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use serde::Deserialize;

use super::error::ConfigError;
use super::load::{layered, read};
use super::merge::{Origins, Surroundings, resolve, secret_names};

/// What is read of the configuration before all of it is.
#[derive(Deserialize)]
struct OnlyGoogle {
    #[serde(default)]
    google: GoogleConfig,
}

/// The secrets that a configuration names, by the names that it uses. What the environment
/// overrides is not fetched.
pub(super) async fn fetch(
    text: &str,
    place: &str,
    surroundings: &Surroundings<'_>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, Secret>, ConfigError> {
    let (mut tree, _) = layered(text, place, surroundings)?;
    // The key is for messages: one of those that want the secret.
    let wanted: BTreeMap<String, String> = secret_names(tree.get_ref(), "")
        .into_iter()
        .map(|(key, name)| (name, key))
        .collect();
    let Some((_, any_key)) = wanted.first_key_value() else {
        return Ok(BTreeMap::new());
    };
    let google = tree.get_mut().remove_entry("google");
    tree.get_mut().clear();
    tree.get_mut().extend(google);
    resolve(tree.get_mut(), "", surroundings, &mut Origins::new())?;
    let OnlyGoogle { google } = read(tree, text, place, surroundings)?;
    let manager = SecretManager::new(&google).map_err(|failure| ConfigError::SecretManager {
        key: any_key.clone(),
        failure,
    })?;
    let fetched = wanted
        .iter()
        .map(|(name, key)| fetch_one(&manager, name, key, now));
    Ok(try_join_all(fetched).await?.into_iter().collect())
}

async fn fetch_one(
    manager: &SecretManager,
    name: &str,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(String, Secret), ConfigError> {
    let failed = |failure| ConfigError::SecretManager {
        key: key.to_owned(),
        failure,
    };
    let parsed = SecretName::parse(name)
        .map_err(|error| failed(Failure::new(FailureKind::Denied, error.to_string())))?;
    if !parsed.names_version() {
        tracing::warn!(
            key,
            secret = name,
            "the newest version of a secret is used; name one, such as {name}/versions/1, and no change comes unnoticed"
        );
    }
    let secret = manager.access(&parsed, now).await.map_err(failed)?;
    Ok((name.to_owned(), secret))
}
