//! Makes a SQLite file with as many made-up calls as are asked for, as a run would have left it:
//!
//! ```text
//! cargo run --release -p callpipe-browser --example made_up_calls -- \
//!     --calls 1000000 --output target/million.db
//! ```
//!
//! The tables are made and filled by the warehouse itself, the labels pass the taxonomy's check. What
//! is in them follows from the seed. There is no archive: neither audio nor words with times.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a developer's command ends where it unwraps"
)]

mod calendar;
mod call;
mod chance;
mod fate;
mod people;
mod story;
mod talk;
mod understood;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
use callpipe_core::contracts::warehouse::{Outcome, Warehouse as _};
use callpipe_core::correction::Correction;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{Days, NaiveDate, Utc};
use clap::Parser;
use tokio::sync::mpsc;

use call::{Call, When};
use chance::Chance;
use people::Agents;

/// Calls that are saved together.
const BATCH_CALLS: usize = 1_000;

/// Batches that are ready before they are saved.
const BATCHES_AHEAD: usize = 3;

/// Makes a SQLite file with made-up calls, as a run would have left it
#[derive(Debug, Clone, Parser)]
#[command(name = "made_up_calls")]
struct Options {
    /// How many calls
    #[arg(long, default_value_t = 1_000_000)]
    calls: usize,

    /// The file to make; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// What decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The last day with calls; the first one is two years before
    #[arg(long, default_value = "2026-11-28", value_name = "DATE")]
    until: NaiveDate,
}

#[tokio::main]
async fn main() -> Outside<()> {
    let options = Options::parse();
    if options.output.exists() {
        return Err(Failure::bug(format!("{} exists", options.output.display())));
    }
    let begin = Instant::now();
    let config = SqliteConfig {
        path: options.output.clone(),
        ..SqliteConfig::default()
    };
    let warehouse = SqliteWarehouse::open(config, "file:///made-up".to_owned())?;
    let taxonomy = Taxonomy::built_in();
    warehouse.prepare(&taxonomy).await?;
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let (calls, maker_options) = (options.calls, options.clone());
    let maker = tokio::task::spawn_blocking(move || make(&maker_options, &taxonomy, &sender));
    let (mut saved, mut told_at) = (0, begin);
    while let Some(batch) = batches.recv().await {
        warehouse.save(&batch.outcomes).await?;
        if !batch.corrections.is_empty() {
            warehouse.correct(&batch.corrections).await?;
        }
        saved += batch.calls;
        if told_at.elapsed() > Duration::from_secs(2) || saved == calls {
            told_at = Instant::now();
            let rate = saved as f64 / begin.elapsed().as_secs_f64();
            eprintln!("{saved} of {calls} calls, {rate:.0} a second");
        }
    }
    maker.await.unwrap();
    // The last connection copies what is left of the log into the file.
    drop(warehouse);
    let size_mib = std::fs::metadata(&options.output).map_or(0, |file| file.len()) / (1024 * 1024);
    eprintln!(
        "{}: {size_mib} MiB, {:.1} s",
        options.output.display(),
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Calls that are saved together.
#[derive(Default)]
struct Batch {
    calls: usize,
    outcomes: Vec<Arc<Outcome>>,
    corrections: Vec<Correction>,
}

/// Makes the calls in the order of time, on a thread of its own.
fn make(options: &Options, taxonomy: &Taxonomy, sender: &mpsc::Sender<Batch>) {
    let mut chance = Chance::new(options.seed);
    let first = options.until - Days::new(calendar::DAYS - 1);
    let mut agents = Agents::new(&mut chance, first, options.until);
    let now = calendar::midnight(options.until + Days::new(1)).with_timezone(&Utc);
    let mut batch = Batch::default();
    let mut number = 0;
    for (date, count) in calendar::days(options.calls, options.until) {
        for started_at in calendar::starts(&mut chance, date, count) {
            let agent = agents.on(&mut chance, date);
            let when = When {
                started_at,
                days_ago: (options.until - date).num_days(),
                now,
            };
            number += 1;
            let call = Call::new(&mut chance, taxonomy, number, when, agent);
            let (outcomes, correction) = call.saved(&mut chance);
            batch.outcomes.extend(outcomes);
            batch.corrections.extend(correction);
            batch.calls += 1;
            if batch.calls == BATCH_CALLS {
                let full = std::mem::take(&mut batch);
                if sender.blocking_send(full).is_err() {
                    // Saving failed, and says so.
                    return;
                }
            }
        }
    }
    let _saving_failed = sender.blocking_send(batch);
}
