//! `callpipe demo`: the whole pipeline on made-up calls, with nothing needed but this program.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use callpipe_core::progress::Stage;
use callpipe_sandbox::{Sandbox, System};

use super::Context;
use super::output::tell;
use super::run::{RunArguments, work};
use super::sandbox::{DEMO_REQUESTS_MAX, configuration, for_demo};
use super::signals::stop_on_signal;
use crate::assemble;
use crate::config::Config;
use crate::config::load;
use crate::engine::RunReport;
use crate::exit::Exit;
use crate::report;

/// A file that tells a demo's folder from one that must not be cleared.
const MARKER: &str = ".callpipe-demo";

/// What goes wrong in a demo, so that it shows what happens then.
const FAULTS: [&str; 7] = [
    "cxone.metadata_503:probability=0.02,times=4",
    "media.cut_body:probability=0.03,times=6",
    "media.expired_url:probability=0.02,times=3",
    "deepgram.503:probability=0.02,times=4",
    "deepgram.400_corrupt:call=hang_up,times=1",
    "gemini.off_list:probability=0.03,times=5",
    "gemini.429:probability=0.02,times=3",
];

/// The questions that the closing report shows.
const QUESTIONS: [(&str, &str); 6] = [
    ("call_type", "What they rang about"),
    ("sale_result", "How it ended"),
    ("no_sale_reasons", "Why there was no sale"),
    ("product_family", "Which products"),
    ("problems_detected", "What went wrong"),
    ("escalation_actions", "What was promised"),
];

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArguments {
    /// How many calls
    #[arg(long, default_value_t = 300)]
    calls: usize,

    /// Where database, audio and transcripts go; an earlier demo there is replaced
    #[arg(long, default_value = "callpipe-demo", value_name = "FOLDER")]
    folder: PathBuf,

    /// What decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) async fn demo(context: &Context, arguments: &DemoArguments) -> anyhow::Result<Exit> {
    clear(&arguments.folder)?;
    let sandbox = for_demo(context.clock.now(), arguments.calls, arguments.seed).await?;
    for fault in FAULTS {
        sandbox.faults().arm_text(fault)?;
    }
    let folder = arguments
        .folder
        .to_str()
        .context("the folder's name is not UTF-8")?;
    // The environment may be that of a real pipeline, whose secrets are nothing for stand-ins.
    let mut config = load::alone(&set_up(&sandbox, folder)?, "the demo's configuration")?;
    config.engine.retry_delay_ms = 200;
    tell(&format!(
        "Running {} made-up calls through fetch, transcribe and classify.\n\
         CXone, Deepgram and Vertex AI are stand-ins on this machine, and some of their answers are faulty on purpose.",
        arguments.calls
    ));
    let (stop, _listener) = stop_on_signal(&context.telemetry)?;
    let arguments_of_run = RunArguments::default();
    let begin = Instant::now();
    let run_report = work(context, &config, &arguments_of_run, &Stage::ALL, stop).await?;
    let elapsed_s = begin.elapsed().as_secs_f64();
    let figures = Figures {
        calls: arguments.calls,
        elapsed_s,
        folder,
        run_report: &run_report,
        sandbox: &sandbox,
    };
    let results = results(context, &config).await?;
    if context.output.json {
        context.output.json(&run_report)?;
    } else {
        context.output.text(&text(&figures, &results))?;
    }
    sandbox.stop().await;
    Ok(Exit::Done)
}

/// Writes the contact list and the configuration; gives the latter's text.
fn set_up(sandbox: &Sandbox, folder: &str) -> anyhow::Result<String> {
    let contacts = format!("{folder}/contacts.csv");
    let configuration = configuration(sandbox, folder, DEMO_REQUESTS_MAX, Some(&contacts));
    std::fs::write(&contacts, sandbox.world().contacts_csv())
        .and_then(|()| std::fs::write(format!("{folder}/callpipe.toml"), &configuration))
        .with_context(|| format!("{folder} cannot be written"))?;
    Ok(configuration)
}

/// Removes what an earlier demo left, and nothing else.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let marker = folder.join(MARKER);
    if marker.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be cleared", folder.display()))?;
    } else if folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        bail!(
            "{} exists and is no folder of a demo; name another one by --folder",
            folder.display()
        );
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| {
            std::fs::write(
                marker,
                "This folder is replaced by the next `callpipe demo`.\n",
            )
        })
        .with_context(|| format!("{} cannot be made", folder.display()))
}

struct Figures<'a> {
    calls: usize,
    elapsed_s: f64,
    folder: &'a str,
    run_report: &'a RunReport,
    sandbox: &'a Sandbox,
}

/// Where the calls stand, and the bars of each question.
async fn results(context: &Context, config: &Config) -> anyhow::Result<String> {
    let google = assemble::Google::new(config);
    let archive = assemble::archive(config, &google, &context.clock)?;
    let warehouse = assemble::warehouse(config, &google, &archive, &context.clock)?;
    let summary = warehouse.summary(context.clock.now()).await?;
    let mut text = format!("{}\n", report::status::text(&summary));
    for (field, title) in QUESTIONS {
        text.push_str(&report::labels::bars(
            title,
            &warehouse.value_counts(field).await?,
        ));
        text.push('\n');
    }
    Ok(text)
}

fn text(figures: &Figures<'_>, results: &str) -> String {
    let Figures {
        calls,
        elapsed_s,
        folder,
        run_report,
        sandbox,
    } = figures;
    let journal = sandbox.journal();
    let faults = journal
        .entries()
        .iter()
        .filter(|entry| entry.fault.is_some())
        .count();
    let bought_twice = journal
        .purchases()
        .iter()
        .filter(|purchase| purchase.system == System::Deepgram && purchase.times > 1)
        .count();
    format!(
        "{}\n{results}\
         {calls} calls in {elapsed_s:.1} s, {faults} faulty answers on the way, {bought_twice} recordings paid for twice\n\
         \n\
         Look around (put `cargo run --release --` in place of `callpipe` if it is not installed):\n\
         \x20 callpipe --config {folder}/callpipe.toml serve   all of it in a browser\n\
         \x20 callpipe --config {folder}/callpipe.toml calls list\n\
         \x20 callpipe --config {folder}/callpipe.toml calls list --status parked\n\
         \x20 callpipe --config {folder}/callpipe.toml calls show CALL\n\
         \x20 sqlite3 {folder}/callpipe.db 'SELECT * FROM callpipe_sales'\n\
         \x20 {folder}/recordings/    the audio\n\
         \x20 {folder}/transcripts/   who said what, with a time for each word\n\
         \x20 {folder}/replies/       every paid answer, as it came",
        report::run::text(run_report),
    )
}
