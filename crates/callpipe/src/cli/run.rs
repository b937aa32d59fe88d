//! `callpipe run`, `fetch`, `transcribe` and `classify`: the engine at work.

use std::sync::Arc;

use callpipe_connectors::contacts::csv::CsvConfig;
use callpipe_core::progress::Stage;
use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::output::tell;
use crate::assemble;
use crate::config::{Config, ContactsConfig};
use crate::engine::monitor::Monitor;
use crate::engine::{self, Ending, Engine, RunReport};
use crate::exit::Exit;
use crate::report;

/// Arguments of the commands that do work.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct RunArguments {
    /// Take up at most so many calls
    #[arg(long, value_name = "CALLS")]
    limit: Option<usize>,

    /// Leave calls alone that started before this date (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    since: Option<NaiveDate>,

    /// Take contacts from this CSV or JSONL file instead of the configured source (- is stdin)
    #[arg(long, value_name = "FILE")]
    contacts: Option<String>,
}

pub(super) async fn run(
    context: &Context,
    arguments: &RunArguments,
    stages: &[Stage],
) -> anyhow::Result<Exit> {
    let mut config = context.load()?.config;
    if let Some(path) = &arguments.contacts {
        config.contacts = ContactsConfig::Csv(CsvConfig {
            path: path.into(),
            ..CsvConfig::default()
        });
    }
    let report = work(context, &config, arguments, stages).await?;
    context
        .output
        .either(&report, || report::run::text(&report))?;
    Ok(exit(&report.ending))
}

/// Assembles a pipeline for some stages and runs it.
pub(super) async fn work(
    context: &Context,
    config: &Config,
    arguments: &RunArguments,
    stages: &[Stage],
) -> anyhow::Result<RunReport> {
    let clock = Arc::clone(&context.clock);
    let taxonomy = assemble::taxonomy(config)?;
    let google = assemble::Google::new(config);
    let archive = assemble::archive(config, &google, &clock)?;
    let stage_works = assemble::stages(config, stages, &google, &archive, &taxonomy, &clock)?;
    // Only fetching begins with a list of calls; the other stages take what is in the warehouse.
    let contacts = match stages.contains(&Stage::Fetch) {
        true => Some(assemble::contacts(config, &clock)?),
        false => None,
    };
    let warehouse = assemble::warehouse(config, &archive)?;
    warehouse.prepare(&taxonomy).await?;
    let mut settings = assemble::settings(&config.engine);
    settings.limit = arguments.limit;
    settings.since = arguments.since.or(settings.since);
    let monitor = Arc::new(Monitor::default());
    let stop = CancellationToken::new();
    let stopper = tokio::spawn(stop_on_signal(stop.clone()));
    let shown = context.telemetry.show(Arc::clone(&monitor));
    let engine = Engine {
        contacts,
        stages: stage_works,
        warehouse,
        archive,
        clock,
        monitor,
        settings,
        stop,
    };
    let report = engine::run(engine).await;
    shown.end();
    stopper.abort();
    Ok(report?)
}

/// The first signal asks for a clean stop, the second ends the program where it stands.
async fn stop_on_signal(stop: CancellationToken) {
    signal().await;
    tell("stopping: saving what is done (once more to stop at once)");
    stop.cancel();
    signal().await;
    #[expect(
        clippy::exit,
        reason = "a second signal means now; the state is safe at any moment"
    )]
    std::process::exit(Exit::TryAgain.code().into());
}

async fn signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}

fn exit(ending: &Ending) -> Exit {
    match ending {
        Ending::Done | Ending::LimitReached => Exit::Done,
        Ending::CallsWaiting { .. }
        | Ending::Stopped
        | Ending::GaveUp { .. }
        | Ending::LeaseHeld { .. } => Exit::TryAgain,
    }
}
