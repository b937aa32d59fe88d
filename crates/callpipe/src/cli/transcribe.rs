//! `callpipe transcribe`: the stage; or, with files, what is said in them, without archive,
//! warehouse or taxonomy.

mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use callpipe_audio::{SNIFF_BYTES, sniff};
use callpipe_connectors::archive::{Archive, KeptReply};
use callpipe_core::contracts::transcriber::{Audio, TranscribedRecording, Transcriber};
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::recording::{ArchiveKey, Recording, Sha256Hex};
use clap::ValueEnum;
use futures::{StreamExt, stream};

use super::error::{UsageError, report_about};
use super::run::{self, RunArguments};
use super::{Context, models, signals};
use crate::assemble;
use crate::config::{Config, TranscriberConfig};
use crate::engine::triage::Triage;
use crate::exit::Exit;
use writer::Writer;

/// Arguments of `transcribe`.
#[derive(Debug, clap::Args)]
pub(super) struct TranscribeArguments {
    /// Recordings to print the conversation of; nothing else is read or written, but for --output
    /// and --keep. Without any, what was fetched is transcribed
    #[arg(value_name = "FILE", conflicts_with_all = ["limit", "since", "contacts", "shard", "budget", "dry_run"])]
    files: Vec<PathBuf>,

    /// In which form [default: text]
    #[arg(long, requires = "files", conflicts_with = "json")]
    format: Option<Format>,

    /// Put the time before each line of text
    #[arg(long, requires = "files")]
    times: bool,

    /// Write a file for each recording into this directory
    #[arg(long, requires = "files", value_name = "DIRECTORY")]
    output: Option<PathBuf>,

    /// With --output: overwrite files that are there
    #[arg(long, requires = "output")]
    force: bool,

    /// Transcribe on this machine, whoever is configured
    #[arg(long, requires = "files")]
    local: bool,

    /// The model [default: the configured one]
    #[arg(long, requires = "files", value_name = "MODEL")]
    model: Option<String>,

    /// The language, or auto [default: the configured one]
    #[arg(long, requires = "files", value_name = "LANGUAGE")]
    language: Option<String>,

    /// Keep replies in this directory, and take them from there: without it, what a vendor is paid
    /// for is gone when the program ends
    #[arg(long, requires = "files", value_name = "DIRECTORY")]
    keep: Option<PathBuf>,

    #[command(flatten)]
    run: RunArguments,
}

/// In which form a conversation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each turn
    Text,
    /// Words with times, speakers and channels
    Json,
    /// SubRip subtitles
    Srt,
    /// WebVTT subtitles
    Vtt,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }
}

pub(super) async fn transcribe(
    context: &Context,
    arguments: &TranscribeArguments,
) -> anyhow::Result<Exit> {
    if arguments.files.is_empty() {
        return run::run(context, &arguments.run, &[Stage::Transcribe]).await;
    }
    let (stop, _listener) = signals::stop_on_signal(&context.telemetry)?;
    tokio::select! {
        exit = transcribe_files(context, arguments) => exit,
        () = stop.asked() => {
            let stopped = Failure::new(FailureKind::Unavailable, "stopped before the end");
            Err(stopped.into())
        }
    }
}

async fn transcribe_files(
    context: &Context,
    arguments: &TranscribeArguments,
) -> anyhow::Result<Exit> {
    let format = match (arguments.format, context.output.json) {
        (Some(format), _) => format,
        (None, true) => Format::Json,
        (None, false) => Format::Text,
    };
    let targets = targets(arguments, format)?;
    let mut config = context.load().await?.config;
    overridden(&mut config, arguments)?;
    let keep = arguments.keep.as_deref().map(Archive::directory);
    let work = FileWork {
        transcriber: assemble::transcriber(&config, &context.clock)?,
        keep: keep.transpose()?,
    };
    let mut exit = Exit::Done;
    let mut writer = Writer {
        context,
        arguments,
        format,
        in_array: Vec::new(),
    };
    for (file, target) in arguments.files.iter().zip(&targets) {
        let spinner = context.telemetry.spinner(file.display().to_string());
        let transcribed = work.transcribed(file).await;
        if let Some(spinner) = spinner {
            spinner.finish_and_clear();
        }
        match transcribed {
            Ok(transcribed) => writer.write(file, target.as_deref(), &transcribed)?,
            // With one file, or where no other will do either, it is the end.
            Err(failure) if targets.len() == 1 || failure.kind.blame() == Blame::Setup => {
                return Err(failure.into());
            }
            Err(failure) => {
                let failed = report_about(&file.display().to_string(), &failure.into());
                exit = if exit == Exit::Done { failed } else { exit };
            }
        }
    }
    writer.finish()?;
    Ok(exit)
}

/// Where each file's conversation goes: a file of its own, or standard output.
fn targets(
    arguments: &TranscribeArguments,
    format: Format,
) -> anyhow::Result<Vec<Option<PathBuf>>> {
    let Some(directory) = &arguments.output else {
        return Ok(vec![None; arguments.files.len()]);
    };
    let mut targets: Vec<Option<PathBuf>> = Vec::new();
    for file in &arguments.files {
        let stem = file.file_stem().unwrap_or(file.as_os_str());
        let mut name = stem.to_owned();
        name.push(format!(".{}", format.extension()));
        let target = Some(directory.join(name));
        if targets.contains(&target) {
            let message = format!(
                "two files would be written to the same name as {}",
                file.display()
            );
            return Err(UsageError(message).into());
        }
        targets.push(target);
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    Ok(targets)
}

fn overridden(config: &mut Config, arguments: &TranscribeArguments) -> anyhow::Result<()> {
    if arguments.local && !matches!(config.transcriber, TranscriberConfig::Whisper(_)) {
        config.transcriber = TranscriberConfig::Whisper(models::unconfigured()?);
    }
    let (model, language) = match &mut config.transcriber {
        TranscriberConfig::Deepgram(deepgram) => (&mut deepgram.model, &mut deepgram.language),
        TranscriberConfig::Whisper(whisper) => (&mut whisper.model, &mut whisper.language),
    };
    if let Some(asked) = &arguments.model {
        model.clone_from(asked);
    }
    if let Some(asked) = &arguments.language {
        language.clone_from(asked);
    }
    Ok(())
}

/// What transcribes files.
struct FileWork {
    transcriber: Arc<dyn Transcriber>,
    /// Where replies are kept.
    keep: Option<Archive>,
}

impl FileWork {
    async fn transcribed(&self, file: &Path) -> Outside<TranscribedRecording> {
        let unreadable = |error| {
            Failure::new(
                FailureKind::Rejected,
                format!("{} cannot be read", file.display()),
            )
            .with_source(error)
        };
        let audio = tokio::fs::read(file).await.map_err(unreadable)?;
        let audio = bytes::Bytes::from(audio);
        let recording = recording(file, &audio)?;
        let fingerprint = self.transcriber.fingerprint(&recording);
        let key = ArchiveKey::reply(self.transcriber.name(), &fingerprint, 1);
        let kept = match &self.keep {
            Some(archive) => archive.reply(&key).await?,
            None => None,
        };
        if let Some(kept) = kept {
            return self.transcriber.read(&kept.bytes, &recording);
        }
        let looked_at = Triage::look(&recording, audio.clone()).await?;
        let (sent, bytes) = match looked_at.instead {
            Some(converted) => (converted.recording(&recording), converted.stream()),
            None => (recording.clone(), stream::iter([Ok(audio)]).boxed()),
        };
        let mut reply = KeptReply {
            bytes: self.transcriber.buy(&sent, Audio::Stream(bytes)).await?,
            bought_for: None,
            note: None,
        };
        if let Some(archive) = &self.keep {
            reply = archive.put_reply(&key, reply).await?;
        }
        self.transcriber.read(&reply.bytes, &recording)
    }
}

/// A file as a recording. What it is, its first bytes tell.
fn recording(file: &Path, audio: &[u8]) -> Outside<Recording> {
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    let head = &audio[..audio.len().min(SNIFF_BYTES)];
    let format = sniff(head, &name)
        .map_err(|problem| problem.into_failure(&format!("reading {}", file.display())))?;
    Ok(Recording {
        key: ArchiveKey::file(&name),
        media_type: "file".into(),
        content_type: format.content_type().into(),
        sha256: Sha256Hex::of(audio),
        size_bytes: audio.len() as u64,
        started_at: None,
        participants: Vec::new(),
    })
}
