//! `callpipe pull`: the tables in BigQuery as a local file.

use callpipe_connectors::warehouses::bigquery::BigQueryConfig;
use callpipe_core::contracts::warehouse::Warehouse as _;
use callpipe_core::failure::{Failure, FailureKind};
use chrono::TimeDelta;
use indicatif::BinaryBytes;
use serde_json::json;

use super::Context;
use super::error::UsageError;
use super::output::tell;
use super::signals::stop_on_signal;
use crate::assemble;
use crate::config::{Config, WarehouseConfig};
use crate::exit::Exit;
use crate::export::Count;
use crate::pull::{Begun, Pull, Pulled};

/// Arguments of `pull`.
#[derive(Debug, clap::Args)]
pub(super) struct PullArguments {
    /// Copy all calls anew, and remove those that BigQuery no longer has
    #[arg(long)]
    full: bool,

    /// Only say how much BigQuery would read, which costs nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn pull(context: &Context, arguments: &PullArguments) -> anyhow::Result<Exit> {
    let (stop, _listener) = stop_on_signal(&context.telemetry)?;
    let config = context.load().await?.config;
    let bigquery = in_bigquery(&config)?;
    let google = assemble::Google::new(&config);
    let archive = assemble::archive(&config, &google, &context.clock)?;
    let from = assemble::bigquery(bigquery, &google, &archive, &context.clock, 1)?;
    let to = assemble::browsed_file(&config, &archive, 1)?;
    let taxonomy = assemble::taxonomy(&config)?;
    // Columns that an older program did not know are asked for, too.
    from.prepare(&taxonomy).await?;
    let save_every_s = i64::try_from(bigquery.save_every_s).unwrap_or(i64::MAX);
    let pull = Pull {
        from: &from,
        to: &to,
        save_delay: TimeDelta::try_seconds(save_every_s).unwrap_or_default(),
        count: Count::default(),
    };
    let begun = pull.begin(arguments.full, context.clock.now()).await?;
    to.prepare(&taxonomy).await?;
    let bytes = pull.estimate(&begun).await?;
    if arguments.dry_run {
        tell_only(context, &begun, bytes)?;
        return Ok(Exit::Done);
    }
    announce(context, bytes);
    let shown = context.telemetry.show_count("pulling", pull.count.clone());
    let pulled = pull.run(begun, &stop).await;
    shown.end();
    let pulled = pulled?.ok_or_else(stopped)?;
    let path = config.browsed_file().path.display().to_string();
    let mut value = json!(pulled);
    value["path"] = path.as_str().into();
    context.output.either(&value, || text(&pulled, &path))?;
    Ok(Exit::Done)
}

fn in_bigquery(config: &Config) -> Result<&BigQueryConfig, UsageError> {
    match &config.warehouse {
        WarehouseConfig::BigQuery(bigquery) => Ok(bigquery),
        WarehouseConfig::Sqlite(sqlite) => Err(UsageError(format!(
            "there is nothing to pull: the warehouse is the SQLite file {}, which is browsed itself; \
             `pull` is for [warehouse.bigquery]",
            sqlite.path.display()
        ))),
    }
}

fn tell_only(context: &Context, begun: &Begun, bytes: Option<u64>) -> anyhow::Result<()> {
    let value = json!({"bytes": bytes, "is_full": begun.is_full(), "since": begun.since()});
    context.output.either(&value, || {
        let much = bytes.map_or_else(|| "it does not say how much".to_owned(), size);
        let which = begun.since().map_or_else(
            || "all calls".to_owned(),
            |since| format!("the calls that have changed since {since}"),
        );
        format!("BigQuery would read {much} for {which}")
    })
}

/// Says what is about to be paid for.
fn announce(context: &Context, bytes: Option<u64>) {
    let Some(bytes) = bytes else { return };
    if context.telemetry.is_cloud() {
        tracing::info!(bytes, "BigQuery reads");
    } else {
        tell(&format!("BigQuery reads {}", size(bytes)));
    }
}

fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

fn stopped() -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        "stopped before all was copied: what has come is kept",
    )
    .with_hint("pull again: it goes on where it was")
}

fn text(pulled: &Pulled, path: &str) -> String {
    let Pulled { calls, .. } = pulled;
    let mut text = format!("{calls} calls copied to {path}");
    if pulled.removed > 0 {
        text.push_str(&format!(", {} removed", pulled.removed));
    }
    if let Some(bytes) = pulled.bytes_billed {
        text.push_str(&format!("; BigQuery bills {}", size(bytes)));
    }
    if pulled.went_on {
        text.push_str("\nA pull that was broken off has come to its end: pull again for what has changed since.");
    }
    text
}
