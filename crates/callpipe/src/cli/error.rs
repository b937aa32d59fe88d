//! How a command's error is shown, and which exit code it is.

use callpipe_core::failure::{Blame, Failure, FailureKind};

use super::output::tell;
use crate::config::error::ConfigError;
use crate::exit::Exit;

/// What was typed makes no sense, although it can be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// Shows an error: a headline, its causes, a hint; in one message for a collector of logs. Gives
/// the exit code.
pub(super) fn report(error: &anyhow::Error, as_message: bool) -> Exit {
    let mut shown = error.to_string();
    let mut causes = Vec::new();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Libraries like to repeat their cause in their own message.
        if !shown.contains(&text) {
            causes.push(text.clone());
        }
        shown = text;
    }
    let exit = exit(error);
    if as_message {
        let cause = (!causes.is_empty()).then(|| causes.join(": "));
        let exit_code = exit.code();
        tracing::error!(cause, hint = hint(error), exit_code, "{error}");
        return exit;
    }
    tell(&format!("error: {error}"));
    for cause in causes {
        tell(&format!("  caused by: {cause}"));
    }
    if let Some(hint) = hint(error) {
        tell(&format!("\nhint: {hint}"));
    }
    exit
}

/// Shows an error that does not end the command: the work on one of several things.
pub(super) fn report_about(what: &str, error: &anyhow::Error) -> Exit {
    tell(&format!("{what}:"));
    report(error, false)
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
        ConfigError::SecretManager { failure, .. } => failure.hint.clone(),
        ConfigError::SecretManagerNotYet { .. } => Some(
            "give it as a file or an environment variable; on Google Cloud the machine's own account needs neither"
                .into(),
        ),
        ConfigError::NoSuchShard { .. } => Some(
            "set both `shard_index` and `shard_count`, or use --shard, which counts from 1: --shard 1/4"
                .into(),
        ),
        ConfigError::TooManyShards { key, .. } => Some(format!(
            "run fewer shards (tasks), or raise `{key}` where the vendor allows your account more"
        )),
    }
}

fn exit(error: &anyhow::Error) -> Exit {
    if error.is::<UsageError>() {
        return Exit::Usage;
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return match error {
            ConfigError::SecretManager { failure, .. } if failure.kind.blame() == Blame::Moment => {
                Exit::TryAgain
            }
            _ => Exit::Configuration,
        };
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
