//! A conversation in the forms in which people want it, on standard output or in files.

use std::path::Path;

use anyhow::Context as _;
use callpipe_core::contracts::transcriber::TranscribedRecording;
use callpipe_core::transcript::{Turn, Word};
use serde::Serialize;

use super::{Format, TranscribeArguments};
use crate::cli::Context;
use crate::report::captions;

/// A conversation as JSON.
#[derive(Serialize)]
struct FileTranscript<'a> {
    file: String,
    model: &'a str,
    language: Option<&'a str>,
    duration_s: f64,
    channels: u32,
    turns: Vec<FileTurn<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct FileTurn<'a> {
    speaker: String,
    channel: u32,
    start_s: f64,
    end_s: f64,
    text: String,
    words: &'a [Word],
}

fn json<'a>(file: &Path, transcribed: &'a TranscribedRecording) -> FileTranscript<'a> {
    let transcript = &transcribed.transcript;
    let turns = transcript.turns.iter().map(|turn| FileTurn {
        speaker: turn.speaker.to_string(),
        channel: turn.channel,
        start_s: turn.start_s(),
        end_s: turn.end_s(),
        text: turn.text(),
        words: &turn.words,
    });
    FileTranscript {
        file: file.display().to_string(),
        model: &transcribed.model,
        language: transcript.language.as_deref(),
        duration_s: transcript.duration_s,
        channels: transcript.channels,
        turns: turns.collect(),
        warnings: &transcribed.warnings,
    }
}

fn text(turns: &[Turn], times: bool) -> String {
    let mut text = String::new();
    for turn in turns {
        if times {
            text.push_str(&format!("[{}] ", captions::clock_time(turn.start_s())));
        }
        text.push_str(&format!("{}: {}\n", turn.speaker, turn.text()));
    }
    text
}

/// A conversation in a form, with its line end.
fn written(
    file: &Path,
    transcribed: &TranscribedRecording,
    format: Format,
    times: bool,
) -> anyhow::Result<String> {
    let turns = &transcribed.transcript.turns;
    Ok(match format {
        Format::Text => text(turns, times),
        Format::Json => serde_json::to_string_pretty(&json(file, transcribed))? + "\n",
        Format::Srt => captions::srt(turns),
        Format::Vtt => captions::vtt(turns),
    })
}

fn write(target: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let writing = || {
        let target = target.display();
        format!("{target} cannot be written (--force overwrites a file that is there)")
    };
    let file = options.open(target);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.with_context(writing)
}

/// Writes conversations as they come: to standard output one after the other, or to files.
pub(super) struct Writer<'a> {
    pub(super) context: &'a Context,
    pub(super) arguments: &'a TranscribeArguments,
    pub(super) format: Format,
    /// What becomes one array of JSON on standard output.
    pub(super) in_array: Vec<serde_json::Value>,
}

impl Writer<'_> {
    /// Writes the next one.
    pub(super) fn write(
        &mut self,
        file: &Path,
        target: Option<&Path>,
        transcribed: &TranscribedRecording,
    ) -> anyhow::Result<()> {
        for warning in &transcribed.warnings {
            tracing::info!(file = %file.display(), warning, "the transcriber warns");
        }
        let is_alone = self.arguments.files.len() == 1;
        if let Some(target) = target {
            let text = written(file, transcribed, self.format, self.arguments.times)?;
            return write(target, &text, self.arguments.force);
        }
        if self.format == Format::Json {
            let value = serde_json::to_value(json(file, transcribed))?;
            match is_alone {
                true => self.context.output.json(&value)?,
                false => self.in_array.push(value),
            }
            return Ok(());
        }
        let text = written(file, transcribed, self.format, self.arguments.times)?;
        match (is_alone, text.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => self.context.output.text(&text),
            (false, _) => {
                let heading = format!("== {} ==", file.display());
                self.context.output.text(&format!("{heading}\n{text}"))
            }
        }
    }

    /// After the last one.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self.format == Format::Json
            && self.arguments.files.len() > 1
            && self.arguments.output.is_none()
        {
            true => self.context.output.json(&self.in_array),
            false => Ok(()),
        }
    }
}
