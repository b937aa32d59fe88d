//! Writing data to stdout: text or JSON. A reader that stops listening is no error.

use std::io::{self, Write};

use serde::Serialize;

/// How data is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// As JSON.
    pub(super) json: bool,
    /// JSON in one line: for collectors that take each line for an entry.
    pub(super) one_line: bool,
}

impl Output {
    /// Writes text with a line end.
    pub(super) fn text(&self, text: &str) -> anyhow::Result<()> {
        write(text.trim_end_matches('\n'))
    }

    /// Writes a value as JSON.
    pub(super) fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        write(&match self.one_line {
            true => serde_json::to_string(value)?,
            false => serde_json::to_string_pretty(value)?,
        })
    }

    /// Writes a value as JSON where that was asked for, as the text otherwise.
    pub(super) fn either(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            self.json(value)
        } else {
            self.text(&text())
        }
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells people something that is no data.
#[expect(
    clippy::print_stderr,
    reason = "this is the one place where commands speak to people"
)]
pub(super) fn tell(text: &str) {
    eprintln!("{text}");
}
