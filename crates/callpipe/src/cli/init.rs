//! `callpipe init`: writes a commented configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;

use super::Context;
use super::output::tell;
use crate::config::load::{self, DEFAULT_FILE};
use crate::config::template;
use crate::exit::Exit;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct InitArguments {
    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,

    /// Print it instead of writing a file
    #[arg(long)]
    print: bool,
}

pub(super) fn init(context: &Context, arguments: &InitArguments) -> anyhow::Result<Exit> {
    let variable = load::variables()?;
    let text = template::filled_in(&|name| variable(name).map(|(text, _)| text));
    if arguments.print {
        context.output.text(text.trim_end())?;
        return Ok(Exit::Done);
    }
    let path = context
        .config
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let mut options = OpenOptions::new();
    options.write(true);
    match arguments.force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let writing = || {
        format!(
            "{} cannot be written (--force overwrites a file that is there)",
            path.display()
        )
    };
    options
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(writing)?;
    tell(&format!(
        "Wrote {}. Set the secrets in the environment or in a `.env` file, then: callpipe check",
        path.display()
    ));
    Ok(Exit::Done)
}
