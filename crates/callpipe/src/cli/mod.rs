//! What people type, and which command that is. One file a command; commands hold no logic of the
//! pipeline.

mod allocation;
mod calls;
mod check;
mod completions;
mod config;
mod demo;
mod error;
mod export;
mod init;
mod models;
mod output;
mod pull;
mod run;
mod sandbox;
mod serve;
mod signals;
mod stage;
mod status;
mod taxonomy;
mod transcribe;

use std::path::PathBuf;
use std::sync::Arc;

use callpipe_core::contracts::clock::Clock;
use clap::{Parser, Subcommand};

use crate::clock::SystemClock;
use crate::cloud_run::CloudRun;
use crate::config::load::{Loaded, load};
use crate::exit::Exit;
use crate::telemetry::{self, LogFormat, LogLevel, Telemetry};
use output::Output;

const AFTER_HELP: &str = "\
First steps:
  callpipe demo            see the whole pipeline work on made-up calls, nothing needed
  callpipe init            write a commented callpipe.toml
  callpipe check           try every connection for real
  callpipe run             fetch, transcribe and classify
  callpipe serve           see, hear and search the calls in a browser

Data goes to stdout, everything else to stderr.
Exit codes: 0 done · 2 usage · 3 configuration · 4 check failed · 70 a store or a bug ·
75 run again later";

/// Turns a contact centre's call recordings into transcribed, classified, searchable calls.
#[derive(Debug, Parser)]
#[command(name = "callpipe", version, after_help = AFTER_HELP)]
struct Arguments {
    /// The configuration file [default: callpipe.toml, if there is one]
    #[arg(long, short, global = true, value_name = "FILE", env = crate::config::environment::CONFIG_FILE)]
    config: Option<PathBuf>,

    /// Write data as JSON
    #[arg(long, global = true)]
    json: bool,

    /// Which messages to show [default: warn with bars, info elsewhere]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<LogLevel>,

    /// In which form to show messages and progress
    #[arg(long, global = true, value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a few hundred made-up calls through the whole pipeline on this machine
    Demo(demo::DemoArguments),
    /// Write a commented configuration file
    Init(init::InitArguments),
    /// Try every connection for real, and say how to mend what fails
    Check(check::CheckArguments),
    /// Fetch, transcribe and classify, all at once
    Run(run::RunArguments),
    /// Only fetch recordings into the archive
    Fetch(run::RunArguments),
    /// Only transcribe what was fetched; or, with files, print what is said in them
    Transcribe(transcribe::TranscribeArguments),
    /// Only classify what was transcribed
    Classify(run::RunArguments),
    /// Show where all calls stand, what failed and what to do next
    Status,
    /// List, show, retry or redo calls
    #[command(subcommand)]
    Calls(calls::CallsCommand),
    /// Write calls with transcript, analysis and labels as CSV, JSON lines, Parquet or vCon
    Export(export::ExportArguments),
    /// Copy what has changed in the tables in BigQuery into a local file, where browsing costs no query
    Pull(pull::PullArguments),
    /// See, hear and search every call in a browser
    Serve(serve::ServeArguments),
    /// List and fetch models for transcription on this machine
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Start stand-ins of CXone, Deepgram and Vertex AI on this machine
    Sandbox(sandbox::SandboxArguments),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the built-in taxonomy, as a beginning for your own
    Taxonomy,
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
}

/// What every command gets.
struct Context {
    config: Option<PathBuf>,
    output: Output,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    /// The task of a Cloud Run job that the program is, if it is one.
    cloud_run: Option<CloudRun>,
}

impl Context {
    /// The configuration; loaded by the commands that need one.
    async fn load(&self) -> anyhow::Result<Loaded> {
        Ok(load(self.config.as_deref(), self.clock.now()).await?)
    }
}

/// Runs the program.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come as "errors" that belong on stdout.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit;
        }
    };
    allocation::keep_little();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads(&arguments.command))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return error::report(&error.into(), false),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cloud_run = CloudRun::from_environment();
    let (format, level) = (arguments.log_format, arguments.log_level);
    let telemetry = telemetry::init(format, level, cloud_run.as_ref(), Arc::clone(&clock));
    let is_cloud = telemetry.is_cloud();
    let context = Context {
        config: arguments.config,
        output: Output {
            json: arguments.json,
            one_line: is_cloud,
        },
        telemetry,
        clock,
        cloud_run,
    };
    let result = runtime.block_on(dispatch(&context, arguments.command));
    // Work that was given up must not keep the program.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| error::report(&error, is_cloud))
}

/// Half as many threads for tasks as there are processors. Tasks wait for the network more than they
/// compute; files, the database and listening have threads of their own, and with a thread for every
/// processor, tasks and what they hand to those threads push each other from one to the next. Only the
/// call browser's tasks compute: they count calls and write pages.
fn worker_threads(command: &Command) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match command {
        Command::Serve(_) => processors,
        _ => processors.div_ceil(2),
    }
}

async fn dispatch(context: &Context, command: Command) -> anyhow::Result<Exit> {
    use callpipe_core::progress::Stage;
    match command {
        Command::Demo(arguments) => demo::demo(context, &arguments).await,
        Command::Init(arguments) => init::init(context, &arguments),
        Command::Check(arguments) => check::check(context, &arguments).await,
        Command::Run(arguments) => run::run(context, &arguments, &Stage::ALL).await,
        Command::Fetch(arguments) => run::run(context, &arguments, &[Stage::Fetch]).await,
        Command::Transcribe(arguments) => transcribe::transcribe(context, &arguments).await,
        Command::Classify(arguments) => run::run(context, &arguments, &[Stage::Classify]).await,
        Command::Status => status::status(context).await,
        Command::Calls(command) => calls::calls(context, command).await,
        Command::Export(arguments) => export::export(context, &arguments).await,
        Command::Pull(arguments) => pull::pull(context, &arguments).await,
        Command::Serve(arguments) => serve::serve(context, &arguments).await,
        Command::Models(command) => models::models(context, &command).await,
        Command::Sandbox(arguments) => sandbox::sandbox(context, &arguments).await,
        Command::Config(command) => config::config(context, &command).await,
        Command::Taxonomy => taxonomy::taxonomy(context),
        Command::Completions(arguments) => completions::completions(&arguments),
    }
}
