//! How a command's error is shown, and which exit code it is.

use callpipe_core::failure::{Blame, Failure, FailureKind};

use super::output::tell;
use crate::config::error::ConfigError;
use crate::exit::Exit;

/// What was typed makes no sense, although it can be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// Shows an error: a headline, its causes, a hint. Gives the exit code.
pub(super) fn report(error: &anyhow::Error) -> Exit {
    tell(&format!("error: {error}"));
    let mut shown = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Libraries like to repeat their cause in their own message.
        if !shown.contains(&text) {
            tell(&format!("  caused by: {text}"));
        }
        shown = text;
    }
    if let Some(hint) = hint(error) {
        tell(&format!("\nhint: {hint}"));
    }
    exit(error)
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.hint.clone();
    }
    match error.downcast_ref::<ConfigError>()? {
        ConfigError::Unreadable { .. } => {
            Some("`callpipe init` writes a commented configuration".into())
        }
        ConfigError::Invalid { .. } => Some(
            "`callpipe init --print` shows every key, `callpipe config show` what is in force"
                .into(),
        ),
        ConfigError::VariableMissing { name, .. } => Some(format!(
            "set {name}, in the environment or in a `.env` file"
        )),
        ConfigError::ReferencedFile { .. } => None,
    }
}

fn exit(error: &anyhow::Error) -> Exit {
    if error.is::<UsageError>() {
        return Exit::Usage;
    }
    if error.is::<ConfigError>() {
        return Exit::Configuration;
    }
    match error.downcast_ref::<Failure>() {
        Some(failure) if failure.kind == FailureKind::StoreFailed => Exit::Internal,
        Some(failure) => match failure.kind.blame() {
            Blame::Setup => Exit::Configuration,
            Blame::Moment => Exit::TryAgain,
            Blame::Call => Exit::Internal,
        },
        None => Exit::Internal,
    }
}
