//! What people and log collectors see while the program works: all of it on stderr.
//!
//! On a terminal: progress bars, and messages above them. Anywhere else: one JSON object a line.
//! Only callpipe's own messages are shown, at any level: libraries log addresses with signatures.

mod bars;
mod lines;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tokio::task::JoinHandle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::engine::monitor::Monitor;

/// How progress and messages are shown.
#[derive(Clone)]
pub struct Telemetry {
    bars: Option<MultiProgress>,
}

/// Which messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum LogLevel {
    /// Only what ends the program's work.
    Error,
    /// And what a person should know.
    Warn,
    /// And one line for each call and stage.
    Info,
    /// And how it came to that.
    Debug,
    /// And each beginning.
    Trace,
}

/// Sets up messages for the whole program. Where no level is asked for: warnings on a terminal,
/// where bars show the rest; everything about calls elsewhere.
pub fn init(level: Option<LogLevel>) -> Telemetry {
    let on_terminal = std::io::stderr().is_terminal();
    let level = level.unwrap_or(if on_terminal {
        LogLevel::Warn
    } else {
        LogLevel::Info
    });
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let ours = ["callpipe", "callpipe_connectors", "callpipe_core"];
    let registry = tracing_subscriber::registry()
        .with(Targets::new().with_targets(ours.map(|target| (target, level))));
    let telemetry = Telemetry {
        bars: on_terminal.then(MultiProgress::new),
    };
    // A second subscriber in one process (in tests) is no reason to stop.
    let _ = match &telemetry.bars {
        Some(bars) => {
            let layer = fmt::layer().with_target(false).compact();
            registry
                .with(layer.with_writer(AboveBars(bars.clone())))
                .try_init()
        }
        None => {
            let layer = fmt::layer().json().flatten_event(true);
            let layer = layer.with_current_span(false).with_target(false);
            registry.with(layer.with_writer(std::io::stderr)).try_init()
        }
    };
    telemetry
}

impl Telemetry {
    /// Shows the progress of a run until the task is ended.
    pub fn show(&self, monitor: Arc<Monitor>) -> Shown {
        let task = match &self.bars {
            Some(bars) => tokio::spawn(bars::draw(bars.clone(), Arc::clone(&monitor))),
            None => tokio::spawn(lines::write(Arc::clone(&monitor), Duration::from_secs(10))),
        };
        Shown {
            task,
            bars: self.bars.clone(),
        }
    }
}

/// Progress that is being shown.
pub struct Shown {
    task: JoinHandle<()>,
    bars: Option<MultiProgress>,
}

impl Shown {
    /// Ends it; bars go away.
    pub fn end(self) {
        self.task.abort();
        if let Some(bars) = self.bars {
            let _ = bars.clear();
        }
    }
}

/// Writes messages above the bars.
#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
