//! Reads the configuration from where it is, and says where each value came from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use super::Config;
use super::error::{ConfigError, Origin};
use super::merge::{
    Origins, Surroundings, choose_from_environment, one_system_for_each_role,
    override_from_environment, resolve,
};

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
/// then `.env` and the environment on top.
pub fn load(named: Option<&Path>) -> Result<Loaded, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let file = named.or_else(|| default.exists().then_some(default));
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?,
        None => String::new(),
    };
    let variable = variables()?;
    let surroundings = Surroundings {
        variable: &variable,
        read_file: &|path| std::fs::read_to_string(path),
    };
    let place = file.map_or_else(
        || "the environment".to_owned(),
        |path| path.display().to_string(),
    );
    let (config, origins) = parse(&text, &place, &surroundings)?;
    Ok(Loaded {
        config,
        file: file.map(Path::to_owned),
        origins,
    })
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
    let mut tree = DeTable::parse(text).map_err(|error| invalid(text, place, &error))?;
    one_system_for_each_role(tree.get_ref()).map_err(|(at, message)| ConfigError::Invalid {
        place: line_and_column(text, place, at),
        message,
    })?;
    resolve(tree.get_mut(), "", surroundings, &mut origins)?;
    choose_from_environment(tree.get_mut(), surroundings);
    override_from_environment(tree.get_mut(), surroundings, &mut origins);
    let config = Config::deserialize(toml::de::Deserializer::from(tree))
        .map_err(|error| invalid(text, place, &error))?;
    Ok((config, origins))
}

/// Line and column instead of the line itself, which may hold a secret.
fn invalid(text: &str, place: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message().trim().replace('\n', ", ");
    let place = match error.span().filter(|span| span.end > 0) {
        Some(span) => line_and_column(text, place, span.start),
        None => place.to_owned(),
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
