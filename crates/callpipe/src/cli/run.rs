//! `callpipe run`, `fetch`, `transcribe` and `classify`: the engine at work.

use std::sync::Arc;

use callpipe_connectors::contacts::csv::CsvConfig;
use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::shard::Shard;
use chrono::NaiveDate;

use super::Context;
use super::signals::stop_on_signal;
use crate::assemble;
use crate::chance::SystemChance;
use crate::config::{Config, ContactsConfig};
use crate::engine::estimate::estimate;
use crate::engine::monitor::Monitor;
use crate::engine::spending::Spending;
use crate::engine::stop::Stop;
use crate::engine::tenure::Tenure;
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

    /// Work on one part of the calls, such as 2/4 for the second of four; run the others elsewhere
    /// at the same time [default: all calls, or the task's part in a Cloud Run job]
    #[arg(long, value_name = "PART/PARTS", value_parser = parse_shard)]
    shard: Option<Shard>,

    /// Spend at most so many US dollars: nothing is bought that could go beyond
    #[arg(long, value_name = "USD", value_parser = parse_usd)]
    budget: Option<Usd>,

    /// Only say how many calls there are to do, how long at the quotas, and about how much it costs
    #[arg(long)]
    dry_run: bool,
}

fn parse_usd(text: &str) -> Result<Usd, String> {
    let dollars: Option<f64> = text.trim().trim_start_matches('$').parse().ok();
    let dollars = dollars.filter(|dollars| dollars.is_finite() && *dollars >= 0.0);
    let words = "it must be an amount in US dollars, such as 50 or 0.25";
    dollars.map(Usd::from_dollars).ok_or_else(|| words.into())
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(part, parts)| {
        let part: u32 = part.trim().parse().ok()?;
        Shard::new(part.checked_sub(1)?, parts.trim().parse().ok()?)
    });
    parts.ok_or_else(|| "it must look like 2/4: the second of four parts".into())
}

pub(super) async fn run(
    context: &Context,
    arguments: &RunArguments,
    stages: &[Stage],
) -> anyhow::Result<Exit> {
    // First of all: as the first process of a container, the program gets no signal that it did
    // not ask for.
    let (stop, _listener) = stop_on_signal(&context.telemetry)?;
    let mut config = tokio::select! {
        loaded = context.load() => loaded?.config,
        () = stop.asked() => return Err(stopped_early().into()),
    };
    if let Some(path) = &arguments.contacts {
        config.contacts = ContactsConfig::Csv(CsvConfig {
            path: path.into(),
            ..CsvConfig::default()
        });
    }
    if let Some(shard) = arguments.shard {
        (config.engine.shard_index, config.engine.shard_count) = (shard.index(), shard.count());
    }
    if arguments.dry_run {
        let engine = assembled(context, &config, arguments, stages, stop).await?;
        let estimate = estimate(&engine).await?;
        let text = || report::estimate::text(&estimate);
        context.output.either(&estimate, text)?;
        return Ok(Exit::Done);
    }
    let report = work(context, &config, arguments, stages, stop).await?;
    tell_report(context, &report)?;
    Ok(exit(&report.ending))
}

/// Assembles a pipeline for some stages and runs it.
pub(super) async fn work(
    context: &Context,
    config: &Config,
    arguments: &RunArguments,
    stages: &[Stage],
    stop: Stop,
) -> anyhow::Result<RunReport> {
    let engine = assembled(context, config, arguments, stages, stop).await?;
    let shard = engine.settings.shard;
    let shown = context.telemetry.show(Arc::clone(&engine.monitor), shard);
    let report = engine::run(engine).await;
    shown.end();
    Ok(report?)
}

/// A pipeline for some stages, with a warehouse that is ready for it.
async fn assembled(
    context: &Context,
    config: &Config,
    arguments: &RunArguments,
    stages: &[Stage],
    stop: Stop,
) -> anyhow::Result<Engine> {
    let config = &assemble::for_shard(config, stages)?;
    let shard = config.engine.shard()?;
    context
        .telemetry
        .identify(assemble::google_project(config), shard);
    let clock = Arc::clone(&context.clock);
    let taxonomy = assemble::taxonomy(config)?;
    let google = assemble::Google::new(config);
    let archive = assemble::archive(config, &google, &clock)?;
    let monitor = Arc::new(Monitor::default());
    let spending = Spending::new(arguments.budget, Arc::clone(&monitor));
    let stage_works = assemble::stages(
        config, stages, &google, &archive, &taxonomy, &spending, &clock,
    )?;
    // Only fetching begins with a list of calls; the other stages take what is in the warehouse.
    let contacts = match stages.contains(&Stage::Fetch) {
        true => Some(assemble::contacts(config, &google, &clock)?),
        false => None,
    };
    let warehouse = assemble::warehouse(config, &google, &archive, &clock)?;
    let patience = assemble::patience(&config.engine);
    tokio::select! {
        biased;
        () = stop.asked() => return Err(stopped_early().into()),
        prepared = patience.ask_at_the_start(&stop, || warehouse.prepare(&taxonomy)) => prepared?,
    }
    let cloud_run = context.cloud_run.as_ref();
    let mut settings = assemble::settings(&config.engine, cloud_run, warehouse.batching())?;
    settings.limit = arguments.limit;
    settings.since = arguments.since.or(settings.since);
    Ok(Engine {
        contacts,
        stages: stage_works,
        warehouse,
        archive,
        clock,
        chance: Arc::new(SystemChance),
        monitor,
        settings,
        stop,
        tenure: Tenure::default(),
    })
}

fn stopped_early() -> Failure {
    let message = "stopped before any call was taken up";
    Failure::new(FailureKind::Unavailable, message).with_hint("run again to go on")
}

/// The report, as data; or in one message where a collector would take each line for an entry.
fn tell_report(context: &Context, report: &RunReport) -> anyhow::Result<()> {
    if context.output.json || !context.telemetry.is_cloud() {
        return context.output.either(report, || report::run::text(report));
    }
    let text = report::run::text(report);
    match exit(&report.ending) {
        Exit::Done => tracing::info!("{text}"),
        _ => tracing::warn!("{text}"),
    }
    Ok(())
}

fn exit(ending: &Ending) -> Exit {
    match ending {
        Ending::Done | Ending::LimitReached | Ending::BudgetReached { .. } => Exit::Done,
        Ending::CallsWaiting { .. }
        | Ending::Stopped
        | Ending::GaveUp { .. }
        | Ending::LeaseHeld { .. } => Exit::TryAgain,
    }
}
