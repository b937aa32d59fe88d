//! `callpipe models`: the models for transcription on this machine, which are fetched on request
//! only.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use callpipe_connectors::http::Endpoint;
use callpipe_connectors::transcribers::whisper::models::{
    self, ENDPOINT_DEFAULT, KNOWN, KnownModel, Progress, Pulled,
};
use callpipe_connectors::transcribers::whisper::{IS_BUILT_IN, WhisperConfig};
use callpipe_core::failure::{Failure, FailureKind};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::Context;
use super::error::UsageError;
use super::output::tell;
use crate::config::TranscriberConfig;
use crate::config::load;
use crate::exit::Exit;

/// What to do with models.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ModelsCommand {
    /// List the models that can be fetched, and which are here
    List,
    /// Fetch a model; what an interrupted attempt left is continued
    Pull(PullArguments),
    /// Print where a model is
    Path {
        /// Its name, such as base.en
        name: String,
    },
}

/// Arguments of `models pull`.
#[derive(Debug, clap::Args)]
pub(super) struct PullArguments {
    /// Its name, such as base.en: `callpipe models list`
    name: String,

    /// Keep it in this directory [default: transcriber.whisper.models_directory]
    #[arg(long, value_name = "DIRECTORY")]
    to: Option<PathBuf>,

    /// Fetch from this server, which has the same paths as huggingface.co
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

pub(super) async fn models(context: &Context, command: &ModelsCommand) -> anyhow::Result<Exit> {
    let config = configured(context).await?;
    let directory = PathBuf::from(&config.models_directory);
    match command {
        ModelsCommand::List => list(context, &directory),
        ModelsCommand::Pull(arguments) => pull(context, &config, &directory, arguments).await,
        ModelsCommand::Path { name } => path(context, &directory, name),
    }
}

/// What is configured, also where another transcriber is.
async fn configured(context: &Context) -> anyhow::Result<WhisperConfig> {
    if let TranscriberConfig::Whisper(config) = context.load().await?.config.transcriber {
        return Ok(config);
    }
    unconfigured()
}

/// Local transcription as it is where the configuration names another transcriber.
pub(super) fn unconfigured() -> anyhow::Result<WhisperConfig> {
    let mut config = WhisperConfig::default();
    if let Some((directory, _)) = load::variables()?("CALLPIPE_MODELS") {
        config.models_directory = directory;
    }
    Ok(config)
}

/// A model, as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    model: KnownModel,
    is_multilingual: bool,
    /// Where it is, if it is here.
    path: Option<PathBuf>,
}

fn list(context: &Context, directory: &Path) -> anyhow::Result<Exit> {
    let listed: Vec<Listed> = KNOWN
        .iter()
        .map(|model| {
            let path = directory.join(models::file_name(model.name));
            Listed {
                model: *model,
                is_multilingual: model.is_multilingual(),
                path: path.exists().then_some(path),
            }
        })
        .collect();
    context
        .output
        .either(&listed, || table(&listed, directory))?;
    Ok(Exit::Done)
}

fn table(listed: &[Listed], directory: &Path) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(["model", "size", "languages", "here"]);
    for listed in listed {
        table.add_row([
            listed.model.name,
            listed.model.size,
            if listed.is_multilingual {
                "many"
            } else {
                "English"
            },
            if listed.path.is_some() { "yes" } else { "" },
        ]);
    }
    format!(
        "{table}\n\nThey are kept in {}. `callpipe models pull NAME` fetches one.",
        directory.display()
    )
}

async fn pull(
    context: &Context,
    config: &WhisperConfig,
    directory: &Path,
    arguments: &PullArguments,
) -> anyhow::Result<Exit> {
    let model = models::find(&arguments.name).ok_or_else(|| unknown(&arguments.name))?;
    let endpoint = match (&arguments.endpoint, &config.models_endpoint) {
        (Some(text), _) => Endpoint::parse(text).map_err(|error| UsageError(error.to_string()))?,
        (None, Some(endpoint)) => endpoint.clone(),
        (None, None) => Endpoint::parse(ENDPOINT_DEFAULT)?,
    };
    let directory = arguments.to.as_deref().unwrap_or(directory);
    let bar = context.telemetry.bytes_bar();
    let told = Mutex::new(0);
    let pulled = models::pull(model, &endpoint, directory, &|progress| match &bar {
        Some(bar) => {
            bar.set_length(progress.total_bytes.unwrap_or(progress.done_bytes));
            bar.set_position(progress.done_bytes);
        }
        None => tell_tenth(model, progress, &told),
    })
    .await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let (path, is_fetched) = match pulled? {
        Pulled::AlreadyThere(path) => (path, false),
        Pulled::Fetched(path) => (path, true),
    };
    if !IS_BUILT_IN {
        tell(
            "this callpipe was built without local transcription: build it with `--features whisper` to use the model",
        );
    }
    let result = serde_json::json!({"model": model.name, "path": path, "is_fetched": is_fetched});
    context
        .output
        .either(&result, || path.display().to_string())?;
    Ok(Exit::Done)
}

/// A message for each tenth, where no bar can be drawn.
fn tell_tenth(model: &KnownModel, progress: Progress, told: &Mutex<u64>) {
    let Some(total_bytes) = progress.total_bytes.filter(|total| *total > 0) else {
        return;
    };
    let tenth = progress.done_bytes * 10 / total_bytes;
    let mut told = told
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if tenth > *told {
        *told = tenth;
        tracing::info!(
            model = model.name,
            done_bytes = progress.done_bytes,
            total_bytes,
            "fetching"
        );
    }
}

fn path(context: &Context, directory: &Path, name: &str) -> anyhow::Result<Exit> {
    let path = directory.join(models::file_name(name));
    if !path.exists() {
        let failure = Failure::new(
            FailureKind::Denied,
            format!("the model {name} is not in {}", directory.display()),
        );
        return Err(failure
            .with_hint(format!("`callpipe models pull {name}` fetches it"))
            .into());
    }
    let result = serde_json::json!({"model": name, "path": path});
    context
        .output
        .either(&result, || path.display().to_string())?;
    Ok(Exit::Done)
}

fn unknown(name: &str) -> UsageError {
    let known: Vec<&str> = KNOWN.iter().map(|model| model.name).collect();
    UsageError(format!(
        "there is no model `{name}` whose checksum is known; there are {}",
        known.join(", ")
    ))
}
