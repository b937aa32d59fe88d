//! `callpipe completions`: for bash, zsh, fish and others.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Arguments;
use crate::exit::Exit;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "callpipe",
        &mut io::stdout(),
    );
    Ok(Exit::Done)
}
