//! `callpipe sandbox`: stand-ins of the outside systems, for trying a configuration and for tests
//! in other languages.

use anyhow::Context as _;
use callpipe_sandbox::{
    Corpus, Fault, Latencies, Ports, Sandbox, SandboxOptions, World, WorldOptions,
};
use chrono::{DateTime, Utc};

use super::Context;
use super::output::tell;
use crate::exit::Exit;

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct SandboxArguments {
    /// How many calls there are
    #[arg(long, default_value_t = 100)]
    calls: usize,

    /// What decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The first of six ports in a row; any free ports where there is none
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Something that goes wrong, such as media.cut_body:times=2 (repeatable)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<String>,

    /// List the faults that can be asked for
    #[arg(long)]
    list_faults: bool,

    /// Print the contacts as CSV, for [contacts.csv], and end
    #[arg(long)]
    contacts_csv: bool,
}

pub(super) async fn sandbox(
    context: &Context,
    arguments: &SandboxArguments,
) -> anyhow::Result<Exit> {
    if arguments.list_faults {
        let lines: Vec<String> = Fault::list()
            .map(|(name, about)| format!("{name:<34} {about}"))
            .collect();
        context.output.text(&lines.join("\n"))?;
        return Ok(Exit::Done);
    }
    let now = context.clock.now();
    let world = World::new(
        Corpus::embedded()?,
        &WorldOptions::new(arguments.seed, arguments.calls, now),
    );
    if arguments.contacts_csv {
        context.output.text(&world.contacts_csv())?;
        return Ok(Exit::Done);
    }
    let options = SandboxOptions {
        ports: ports(arguments.port)?,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(world, options).await?;
    for fault in &arguments.fault {
        sandbox.faults().arm_text(fault)?;
    }
    context
        .output
        .text(&configuration(&sandbox, "callpipe-data", 150, None))?;
    tell("The sandbox is running; the configuration for it stands above. Stop it with Ctrl-C.");
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(Exit::Done)
}

fn ports(first: Option<u16>) -> anyhow::Result<Ports> {
    let Some(first) = first else {
        return Ok(Ports::default());
    };
    let port = |offset| {
        first
            .checked_add(offset)
            .context("there are no six ports from there on")
    };
    Ok(Ports {
        nice_cxone: port(0)?,
        media: port(1)?,
        deepgram: port(2)?,
        gemini: port(3)?,
        storage: port(4)?,
        openai: port(5)?,
    })
}

/// A sandbox as the demo uses it: no request limit that would make people wait five minutes, and
/// latencies that let the bars be seen.
pub(super) async fn for_demo(
    now: DateTime<Utc>,
    calls: usize,
    seed: u64,
) -> anyhow::Result<Sandbox> {
    let latency = |base_ms, jitter_ms| callpipe_sandbox::Latency { base_ms, jitter_ms };
    let options = SandboxOptions {
        latencies: Latencies {
            nice_cxone: latency(5, 10),
            media: latency(10, 20),
            deepgram: latency(80, 80),
            gemini: latency(60, 60),
            openai: latency(60, 60),
        },
        cxone_requests_max: DEMO_REQUESTS_MAX,
        ..SandboxOptions::default()
    };
    let world = World::new(Corpus::embedded()?, &WorldOptions::new(seed, calls, now));
    Ok(Sandbox::start(world, options).await?)
}

/// Playback requests in five minutes that the demo's account may make.
pub(super) const DEMO_REQUESTS_MAX: usize = 100_000;

/// The configuration that belongs to a sandbox: contacts from a file, or else from its CXone.
pub(super) fn configuration(
    sandbox: &Sandbox,
    folder: &str,
    requests_max: usize,
    contacts_file: Option<&str>,
) -> String {
    let credentials = sandbox.credentials;
    let account = format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\naccess_key_id = \"{}\"\naccess_key_secret = \"{}\"",
        sandbox.nice_cxone_url,
        credentials.cxone_client_id,
        credentials.cxone_client_secret,
        credentials.cxone_access_key_id,
        credentials.cxone_access_key_secret,
    );
    // Names of folders are quoted as TOML quotes them.
    let quoted = |path: &str| toml::Value::from(path).to_string();
    let contacts = match contacts_file {
        Some(file) => format!("[contacts.csv]\npath = {}", quoted(file)),
        None => format!("[contacts.nice_cxone]\n{account}"),
    };
    format!(
        "# Stand-ins of the vendors on this machine. The credentials are made up.\n\
         \n{contacts}\n\
         \n[recordings.nice_cxone]\n{account}\nrequests_per_5_minutes = {requests_max}\n\
         \n[archive.directory]\npath = {}\n\
         # [archive.gcs]                 instead of the directory; gone when the sandbox ends\n\
         # bucket = \"{}\"\n\
         # endpoint = \"{}\"\n\
         \n[transcriber.deepgram]\nendpoint = \"{}\"\napi_key = \"{}\"\n\
         \n[classifier.gemini]\nendpoint = \"{}\"\nproject = \"{}\"\n\
         # [classifier.openai_compatible]   instead of Gemini\n\
         # endpoint = \"{}\"\n\
         # api_key = \"{}\"\n\
         # models = [\"sandbox-large\", \"sandbox-small\"]\n\
         \n[google]\naccess_token = \"{}\"\n\
         \n[warehouse.sqlite]\npath = {}\n",
        quoted(folder),
        credentials.google_bucket,
        sandbox.storage_url,
        sandbox.deepgram_url,
        credentials.deepgram_api_key,
        sandbox.gemini_url,
        credentials.google_project,
        sandbox.openai_url,
        credentials.openai_api_key,
        credentials.google_access_token,
        quoted(&format!("{folder}/callpipe.db")),
    )
}
