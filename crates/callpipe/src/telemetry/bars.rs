//! Progress bars: one for each stage.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::shard::Shard;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::engine::monitor::{Monitor, StageFigures};
use crate::export::Count;

const REDRAW: Duration = Duration::from_millis(100);

/// Draws until it is aborted.
pub(super) async fn draw(bars: MultiProgress, monitor: Arc<Monitor>, shard: Shard) {
    let bars: Vec<(Stage, ProgressBar)> = Stage::ALL
        .into_iter()
        .map(|stage| {
            let bar = bars.add(ProgressBar::new(0).with_style(style()));
            bar.set_prefix(match shard.is_whole() {
                true => stage.as_str().to_owned(),
                false => format!("{stage} {shard}"),
            });
            (stage, bar)
        })
        .collect();
    loop {
        for (stage, bar) in &bars {
            update(bar, monitor.figures(*stage));
        }
        tokio::time::sleep(REDRAW).await;
    }
}

/// Draws how many calls were exported, once it takes a second, until it is aborted.
pub(super) async fn draw_count(bars: MultiProgress, doing: &'static str, count: Count) {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let bar = bars.add(
        ProgressBar::no_length()
            .with_style(counting())
            .with_message(doing),
    );
    loop {
        bar.set_position(count.get());
        tokio::time::sleep(REDRAW).await;
    }
}

fn counting() -> ProgressStyle {
    ProgressStyle::with_template("    {msg} {human_pos} calls  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn update(bar: &ProgressBar, figures: StageFigures) {
    bar.set_length(figures.expected);
    bar.set_position(figures.ended());
    let mut message = format!("{} in flight", figures.in_flight);
    if figures.retries > 0 {
        message.push_str(&format!(", {} tried again", figures.retries));
    }
    if figures.skipped > 0 {
        message.push_str(&format!(", {} skipped", figures.skipped));
    }
    if figures.parked > 0 {
        message.push_str(&format!(", {} failed", figures.parked));
    }
    if figures.spent_usd > Usd::ZERO {
        message.push_str(&format!(", {} spent", figures.spent_usd));
    }
    bar.set_message(message);
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>10} {bar:24} {pos}/{len}  {rate}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
            // A terminal that cannot be written to is no reason to stop.
            let _ = write!(text, "{:.1}/s", state.per_sec());
        })
}
