//! Progress as log lines, for where there is no terminal.

use std::sync::Arc;
use std::time::Duration;

use callpipe_core::progress::Stage;
use callpipe_core::shard::Shard;
use tokio::time::Instant;

use crate::engine::monitor::Monitor;
use crate::export::Count;

/// Writes a line for each stage at work every `interval`, until it is aborted.
pub(super) async fn write(monitor: Arc<Monitor>, shard: Shard, interval: Duration) {
    let shard = (!shard.is_whole()).then(|| shard.to_string());
    let begin = Instant::now();
    loop {
        tokio::time::sleep(interval).await;
        let elapsed_s = begin.elapsed().as_secs_f64();
        for stage in Stage::ALL {
            let figures = monitor.figures(stage);
            if figures.expected == 0 {
                continue;
            }
            let per_second = figures.ended() as f64 / elapsed_s;
            let left = figures.expected.saturating_sub(figures.ended());
            let left_s = (per_second > 0.0).then(|| (left as f64 / per_second).round());
            tracing::info!(
                %stage,
                shard,
                done = figures.ended(),
                total = figures.expected,
                per_second,
                left_s,
                in_flight = figures.in_flight,
                retries = figures.retries,
                skipped = figures.skipped,
                failed = figures.parked,
                spent_usd = figures.spent_usd.dollars(),
                "progress"
            );
        }
    }
}

/// Writes how many calls were exported every `interval`, until it is aborted.
pub(super) async fn write_count(doing: &'static str, count: Count, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        tracing::info!(calls = count.get(), "{doing}");
    }
}
