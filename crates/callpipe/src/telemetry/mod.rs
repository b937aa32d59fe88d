//! What people and log collectors see while the program works: all of it on stderr.
//!
//! On a terminal: progress bars, and messages above them. Anywhere else: one JSON object a line, in
//! Cloud Logging's form on Cloud Run.
//! Only callpipe's own messages are shown, at any level: libraries log addresses with signatures.

mod bars;
mod cloud;
mod lines;

use std::io::{IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::shard::Shard;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cloud_run::CloudRun;
use crate::engine::monitor::Monitor;
use crate::export::Count;
use cloud::{CloudLayer, Later};

/// How progress and messages are shown.
#[derive(Clone)]
pub struct Telemetry {
    bars: Option<MultiProgress>,
    /// Where messages are for Cloud Logging: what they say once it is known.
    cloud: Option<Arc<OnceLock<Later>>>,
}

/// In which form messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// `cloud` in a Cloud Run job, `bars` on a terminal, `json` elsewhere
    #[default]
    Auto,
    /// Progress bars, and text above them
    Bars,
    /// One JSON object a line
    Json,
    /// One JSON object a line, as Cloud Logging takes it
    Cloud,
}

impl LogFormat {
    /// What `auto` means here.
    fn chosen(self, is_cloud_run: bool, is_terminal: bool) -> Self {
        match self {
            Self::Auto if is_cloud_run => Self::Cloud,
            Self::Auto if is_terminal => Self::Bars,
            Self::Auto => Self::Json,
            asked_for => asked_for,
        }
    }
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

/// Sets up messages for the whole program. Where no level is asked for: warnings with bars, which
/// show the rest; everything about calls elsewhere.
pub fn init(
    format: LogFormat,
    level: Option<LogLevel>,
    task: Option<&CloudRun>,
    clock: Arc<dyn Clock>,
) -> Telemetry {
    let format = format.chosen(task.is_some(), std::io::stderr().is_terminal());
    let level = level.unwrap_or(match format {
        LogFormat::Bars => LogLevel::Warn,
        _ => LogLevel::Info,
    });
    let ours = ["callpipe", "callpipe_connectors", "callpipe_core"];
    let level = LevelFilter::from(level);
    let registry = tracing_subscriber::registry()
        .with(Targets::new().with_targets(ours.map(|target| (target, level))));
    let bars = (format == LogFormat::Bars).then(MultiProgress::new);
    let cloud = (format == LogFormat::Cloud).then(Arc::default);
    // A second subscriber in one process (in tests) is no reason to stop.
    let _ = match (&bars, &cloud) {
        (Some(bars), _) => {
            let layer = fmt::layer().with_target(false).compact();
            registry
                .with(layer.with_writer(AboveBars(bars.clone())))
                .try_init()
        }
        (None, Some(later)) => {
            std::panic::set_hook(Box::new(tell_of_panic));
            let layer = CloudLayer {
                clock,
                task: task.cloned(),
                later: Arc::clone(later),
                writer: std::io::stderr,
            };
            registry.with(layer).try_init()
        }
        (None, None) => {
            let layer = fmt::layer().json().flatten_event(true);
            let layer = layer.with_span_list(false).with_target(false);
            registry.with(layer.with_writer(std::io::stderr)).try_init()
        }
    };
    Telemetry { bars, cloud }
}

/// A panic as one entry. Its own words are left out: they may quote a call.
fn tell_of_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "a bug: a part of the program panicked");
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

impl Telemetry {
    /// Says what messages belong to, once the configuration is known.
    pub fn identify(&self, project: Option<&str>, shard: Shard) {
        if let Some(later) = &self.cloud {
            // The first configuration is the one that the program works by.
            let _ = later.set(Later {
                project: project.map(str::to_owned),
                shard: (!shard.is_whole()).then(|| shard.to_string()),
            });
        }
    }

    /// Whether everything on stderr has to be a message for Cloud Logging.
    pub fn is_cloud(&self) -> bool {
        self.cloud.is_some()
    }

    /// Something that moves while a command works and has no figures to show; on a terminal only.
    pub fn spinner(&self, message: String) -> Option<ProgressBar> {
        let bars = self.bars.as_ref()?;
        let spinner = bars.add(ProgressBar::new_spinner().with_message(message));
        spinner.enable_steady_tick(Duration::from_millis(100));
        Some(spinner)
    }

    /// A bar of bytes that come; on a terminal only.
    pub fn bytes_bar(&self) -> Option<ProgressBar> {
        let style = "{bar:24} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
        let style = ProgressStyle::with_template(style);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bars = self.bars.as_ref()?;
        Some(bars.add(ProgressBar::new(0).with_style(style)))
    }

    /// Shows the progress of a run until the task is ended.
    pub fn show(&self, monitor: Arc<Monitor>, shard: Shard) -> Shown {
        let task = match &self.bars {
            Some(bars) => tokio::spawn(bars::draw(bars.clone(), monitor, shard)),
            None => tokio::spawn(lines::write(monitor, shard, Duration::from_secs(10))),
        };
        Shown {
            task,
            bars: self.bars.clone(),
        }
    }
}

impl Telemetry {
    /// Shows of how many calls something was done, if it takes a while, until the task is ended.
    pub fn show_count(&self, doing: &'static str, count: Count) -> Shown {
        let task = match &self.bars {
            Some(bars) => tokio::spawn(bars::draw_count(bars.clone(), doing, count)),
            None => tokio::spawn(lines::write_count(doing, count, Duration::from_secs(10))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_from_the_place_unless_one_is_asked_for() {
        let auto = |is_cloud_run, is_terminal| LogFormat::Auto.chosen(is_cloud_run, is_terminal);
        assert_eq!(auto(true, false), LogFormat::Cloud);
        assert_eq!(auto(false, true), LogFormat::Bars);
        assert_eq!(auto(false, false), LogFormat::Json);
        assert_eq!(LogFormat::Json.chosen(true, true), LogFormat::Json);
    }
}
