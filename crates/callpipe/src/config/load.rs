//! Reads the configuration from where it is, and says where each value came from.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use callpipe_connectors::files;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

use super::error::{ConfigError, Origin};
use super::merge::{
    Origins, Surroundings, choose_folder_for_contacts, choose_from_environment,
    one_system_for_each_role, override_from_environment, resolve, variable_at,
};
use super::{Config, secrets};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "callpipe.toml";

/// A configuration and where its values come from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where each value that is no default comes from, by dotted key.
    pub origins: Origins,
}

/// Loads the configuration: the named file, or `callpipe.toml` if there is one, or the defaults;
/// then `.env` and the environment on top. Secret Manager is asked only where the file names a
/// secret there.
pub async fn load(named: Option<&Path>, now: DateTime<Utc>) -> Result<Loaded, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let file = named.or_else(|| default.exists().then_some(default));
    let text = match file {
        Some(path) => files::read_text(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?,
        None => String::new(),
    };
    let variable = variables()?;
    let none = BTreeMap::new();
    let without_secrets = Surroundings {
        variable: &variable,
        read_file: &|path| files::read_text(path.as_ref()),
        secrets: &none,
    };
    let place = file.map_or_else(
        || "the environment".to_owned(),
        |path| path.display().to_string(),
    );
    let secrets = secrets::fetch(&text, &place, &without_secrets, now).await?;
    let surroundings = Surroundings {
        secrets: &secrets,
        ..without_secrets
    };
    let (config, origins) = parse(&text, &place, &surroundings)?;
    Ok(Loaded {
        config,
        file: file.map(Path::to_owned),
        origins,
    })
}

/// Makes a configuration of a TOML text alone, whatever the environment says. The text names no
/// variables, files or secrets.
pub fn alone(text: &str, place: &str) -> Result<Config, ConfigError> {
    let surroundings = Surroundings {
        variable: &|_| None,
        read_file: &|path| files::read_text(path.as_ref()),
        secrets: &BTreeMap::new(),
    };
    Ok(parse(text, place, &surroundings)?.0)
}

/// Reads a variable from the environment, or else from `.env`, and says from which. Empty ones count
/// as not set.
pub fn variables() -> Result<impl Fn(&str) -> Option<(String, Origin)>, ConfigError> {
    let dot_env = dot_env()?;
    Ok(move |name: &str| {
        let from_process = std::env::var(name)
            .ok()
            .map(|text| (text, Origin::Environment(name.to_owned())));
        let from_file = || {
            dot_env
                .get(name)
                .map(|text| (text.clone(), Origin::DotEnv(name.to_owned())))
        };
        let is_set = |(text, _): &(String, Origin)| !text.is_empty();
        from_process
            .filter(is_set)
            .or_else(|| from_file().filter(is_set))
    })
}

fn dot_env() -> Result<HashMap<String, String>, ConfigError> {
    let unreadable = |error: dotenvy::Error| ConfigError::Invalid {
        place: ".env".into(),
        // The parser's own words repeat the line, which may hold a secret.
        message: match error {
            dotenvy::Error::LineParse(_, position) => {
                format!("a line is malformed at character {position}")
            }
            _ => "it cannot be read".into(),
        },
    };
    match dotenvy::from_filename_iter(".env") {
        Ok(lines) => lines.map(|line| line.map_err(unreadable)).collect(),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(unreadable(error)),
    }
}

/// Makes a configuration of a TOML text and its surroundings.
pub(super) fn parse(
    text: &str,
    place: &str,
    surroundings: &Surroundings<'_>,
) -> Result<(Config, Origins), ConfigError> {
    let mut origins = Origins::new();
    let (mut tree, from_environment) = layered(text, place, surroundings)?;
    resolve(tree.get_mut(), "", surroundings, &mut origins)?;
    origins.extend(from_environment);
    let config: Config = read(tree, text, place, surroundings)?;
    config.engine.shard()?;
    Ok((config, origins))
}

/// The tree of a TOML text with the environment on top; references in it are not followed yet.
pub(super) fn layered<'text>(
    text: &'text str,
    place: &str,
    surroundings: &Surroundings<'_>,
) -> Result<(Spanned<DeTable<'text>>, Origins), ConfigError> {
    let tree = DeTable::parse(text);
    let mut tree = tree.map_err(|error| invalid(text, place, surroundings, &error))?;
    one_system_for_each_role(tree.get_ref()).map_err(|(at, message)| ConfigError::Invalid {
        place: line_and_column(text, place, at),
        message,
    })?;
    choose_from_environment(tree.get_mut(), surroundings);
    choose_folder_for_contacts(tree.get_mut());
    let origins = override_from_environment(tree.get_mut(), text.len(), surroundings);
    Ok((tree, origins))
}

/// Reads what a tree says.
pub(super) fn read<T: DeserializeOwned>(
    tree: Spanned<DeTable<'_>>,
    text: &str,
    place: &str,
    surroundings: &Surroundings<'_>,
) -> Result<T, ConfigError> {
    T::deserialize(toml::de::Deserializer::from(tree))
        .map_err(|error| invalid(text, place, surroundings, &error))
}

/// Line and column instead of the line itself, which may hold a secret; or the variable.
fn invalid(
    text: &str,
    place: &str,
    surroundings: &Surroundings<'_>,
    error: &toml::de::Error,
) -> ConfigError {
    let message = error.message().trim().replace('\n', ", ");
    let span = error.span().filter(|span| span.end > 0);
    let variable = span
        .as_ref()
        .and_then(|span| variable_at(span.start, text.len()))
        .and_then(|name| (surroundings.variable)(name));
    let place = match (variable, span) {
        (Some((_, origin)), _) => origin.to_string(),
        (None, Some(span)) => line_and_column(text, place, span.start),
        (None, None) => place.to_owned(),
    };
    ConfigError::Invalid { place, message }
}

fn line_and_column(text: &str, place: &str, at: usize) -> String {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let column = last_line.chars().count() + 1;
    format!("{place} line {line} column {column}")
}

#[cfg(test)]
mod tests;
