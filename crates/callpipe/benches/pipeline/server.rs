//! The vendors' stand-ins as a process of their own, and the folder with a configuration for them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use callpipe_sandbox::{Contact, Corpus, Latencies, Latency, Sandbox, SandboxOptions, World};
use chrono::{TimeDelta, Utc};
use clap::Parser;

/// A call of the corpus whose recording has 100 KB.
const CALL: &str = "auger_undecided";

/// An hour of two channels at 8 kHz, one byte a sample, would be twice as much: recordings of calls
/// are compressed.
const HOUR_BYTES: usize = 3600 * 8_000;

/// What the server is to serve.
#[derive(Debug, Parser)]
pub(crate) struct ServeOptions {
    #[arg(long)]
    calls: usize,
    #[arg(long)]
    hours: bool,
    #[arg(long)]
    in_flight: usize,
    #[arg(long)]
    folder: PathBuf,
    /// How long each answer takes
    #[arg(long, default_value_t = 0)]
    answer_ms: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The process, which ends when it is dropped.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    runs: usize,
    /// Where its journal can be read.
    pub(crate) control_url: String,
}

impl Server {
    /// Starts one for some calls: of 100 KB each, or of an hour.
    pub(crate) fn start(calls: usize, hours: bool, in_flight: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["serve", "--calls", &calls.to_string()])
            .args(["--in-flight", &in_flight.to_string()])
            .arg("--folder")
            .arg(folder.path());
        if hours {
            command.arg("--hours");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let control_url = lines.next().unwrap().unwrap();
        Self {
            child,
            folder,
            runs: 0,
            control_url,
        }
    }

    /// The program in the folder, without a word on the terminal.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callpipe"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Where the next run begins. What the last one left stays until the end: a file system that has
    /// just removed thousands of files is slow at making new ones.
    pub(crate) fn begin_anew(&mut self) {
        self.runs += 1;
        let folder = self.folder();
        std::fs::create_dir(&folder).unwrap();
        for name in ["callpipe.toml", "contacts.csv", "urls.txt"] {
            std::fs::copy(self.folder.path().join(name), folder.join(name)).unwrap();
        }
    }

    /// The folder of the run.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.runs {
            0 => self.folder.path().to_owned(),
            run => self.folder.path().join(format!("run-{run}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until its standard input ends.
#[tokio::main]
pub(crate) async fn serve(options: &ServeOptions) {
    let world = world(options);
    let latency = Latency {
        base_ms: options.answer_ms,
        jitter_ms: options.answer_ms / 2,
    };
    let latencies = Latencies {
        nice_cxone: latency,
        media: latency,
        deepgram: latency,
        gemini: latency,
        openai: latency,
    };
    let sandbox_options = SandboxOptions {
        latencies,
        cxone_requests_max: 100_000_000,
        deepgram_in_flight_max: options.in_flight.max(10),
        media_url_expires_in_s: 36_000,
        contacts_say_their_number: true,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(world, sandbox_options).await.unwrap();
    prepare(&options.folder, &sandbox, options.in_flight);
    println!("{}", sandbox.nice_cxone_url);
    std::io::stdout().flush().unwrap();
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
    sandbox.stop().await;
}

/// An hour of mu-law, in which something that may be speech comes and goes four times a second.
fn hour() -> Bytes {
    let mut wav = b"RIFF".to_vec();
    wav.extend((HOUR_BYTES as u32 + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x07\0\x01\0");
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(b"\x01\0\x08\0data");
    wav.extend((HOUR_BYTES as u32).to_le_bytes());
    // Up and down at 1,000 hertz; or nothing.
    let sample = |at: usize| match (at / 1_000 % 2, at / 4 % 2) {
        (0, 0) => 0x20,
        (0, _) => 0xa0,
        _ => 0xff,
    };
    wav.extend((0..HOUR_BYTES).map(sample));
    Bytes::from(wav)
}

#[expect(
    clippy::disallowed_methods,
    reason = "calls of the last days are made up"
)]
fn world(options: &ServeOptions) -> World {
    let embedded = Corpus::embedded().unwrap();
    let mut call = embedded.call(CALL).unwrap().clone();
    let mut audio = embedded.audio(&call);
    if options.hours {
        audio = hour();
        let times = (3_600.0 / call.duration_s) as usize;
        let once = call.turns.clone();
        call.turns = (0..times)
            .flat_map(|time| {
                let later_s = time as f64 * call.duration_s;
                once.iter().cloned().map(move |mut turn| {
                    turn.start_s += later_s;
                    turn.end_s += later_s;
                    for word in &mut turn.words {
                        word.start_s += later_s;
                        word.end_s += later_s;
                    }
                    turn
                })
            })
            .collect();
        call.duration_s = 3_600.0;
    }
    let file = HashMap::from([(call.audio_file.clone(), audio)]);
    let corpus = Corpus::new(vec![call], file).unwrap().into();
    let now = Utc::now() - TimeDelta::days(1);
    let contact = |number: usize| {
        let started_at = now - TimeDelta::seconds(number as i64);
        Contact::recorded(&(700_000_000_000 + number).to_string(), started_at, &[CALL])
    };
    World::exact(corpus, 1, (0..options.calls).map(contact).collect())
}

fn prepare(folder: &Path, sandbox: &Sandbox, in_flight: usize) {
    let credentials = sandbox.credentials;
    let configuration = format!(
        "[contacts.csv]\npath = \"contacts.csv\"\n\
         [recordings.nice_cxone]\nissuer = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         access_key_id = \"{}\"\naccess_key_secret = \"{}\"\nrequests_per_5_minutes = 100000000\n\
         in_flight_max = {in_flight}\n\
         [archive.directory]\npath = \"data\"\n\
         [transcriber.deepgram]\nendpoint = \"{}\"\napi_key = \"{}\"\nin_flight_max = {}\n\
         [classifier.gemini]\nendpoint = \"{}\"\nproject = \"{}\"\nin_flight_max = {}\n\
         [google]\naccess_token = \"{}\"\n\
         [warehouse.sqlite]\npath = \"data/callpipe.db\"\n",
        sandbox.nice_cxone_url,
        credentials.cxone_client_id,
        credentials.cxone_client_secret,
        credentials.cxone_access_key_id,
        credentials.cxone_access_key_secret,
        sandbox.deepgram_url,
        credentials.deepgram_api_key,
        in_flight.min(10),
        sandbox.gemini_url,
        credentials.google_project,
        in_flight.min(10),
        credentials.google_access_token,
    );
    std::fs::write(folder.join("callpipe.toml"), configuration).unwrap();
    std::fs::write(folder.join("contacts.csv"), sandbox.world().contacts_csv()).unwrap();
    let urls = [
        &sandbox.nice_cxone_url,
        &sandbox.deepgram_url,
        &sandbox.gemini_url,
    ];
    let urls = urls.map(|url| url.to_string()).join("\n");
    std::fs::write(folder.join("urls.txt"), urls).unwrap();
}
