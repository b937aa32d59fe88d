//! `callpipe config show`: every value in force, and where it comes from.

use serde_json::Value;

use super::Context;
use crate::config::error::Origin;
use crate::config::load::Loaded;
use crate::exit::Exit;

/// Ways to look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Print each value with its origin; secrets stay hidden
    Show,
}

pub(super) async fn config(context: &Context, command: &ConfigCommand) -> anyhow::Result<Exit> {
    let ConfigCommand::Show = command;
    let loaded = context.load().await?;
    let values = values(&loaded)?;
    context.output.either(&values, || text(&loaded, &values))?;
    Ok(Exit::Done)
}

/// A value in force.
#[derive(Debug, serde::Serialize)]
struct ShownValue {
    key: String,
    value: Value,
    origin: String,
}

fn values(loaded: &Loaded) -> anyhow::Result<Vec<ShownValue>> {
    let mut values = Vec::new();
    flatten("", serde_json::to_value(&loaded.config)?, &mut values);
    Ok(values
        .into_iter()
        .map(|(key, value)| {
            let origin = loaded.origins.get(&key);
            // Whatever it is, somebody keeps it secret.
            let value = match origin {
                Some(Origin::SecretManager(_)) => "(hidden)".into(),
                _ => value,
            };
            let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
            ShownValue { key, value, origin }
        })
        .collect())
}

fn flatten(prefix: &str, value: Value, values: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = if prefix.is_empty() {
                    key
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&key, value, values);
            }
        }
        value => values.push((prefix.to_owned(), value)),
    }
}

fn text(loaded: &Loaded, values: &[ShownValue]) -> String {
    let file = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "none (callpipe.toml does not exist)".to_owned(),
    };
    let mut text = format!("configuration file: {file}\n\n");
    let longest = values
        .iter()
        .map(|value| value.key.len())
        .max()
        .unwrap_or(0);
    for value in values {
        let shown = if value.value.is_null() {
            "(not set)".to_owned()
        } else {
            value.value.to_string()
        };
        text.push_str(&format!(
            "{:<longest$} = {shown}  [{}]\n",
            value.key, value.origin
        ));
    }
    text
}
