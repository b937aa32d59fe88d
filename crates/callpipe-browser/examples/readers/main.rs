//! Many people who read at once, from a process of their own:
//!
//! ```text
//! cargo run --release -p callpipe-browser --example readers -- \
//!     --address http://127.0.0.1:8377 --readers 100 --seconds 30 --pid "$(pgrep -x callpipe)"
//! ```
//!
//! Each reader keeps one connection and walks as people do: opens a page, thinks, and goes on by one of
//! the links on it. For each kind of page it is told how long whole answers took and how large they are.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command ends where it unwraps"
)]

mod figures;
mod links;
mod walk;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Client;
use tokio::sync::Mutex;
use url::Url;

use figures::Figures;
use walk::{Kind, Walk};

/// An answer that takes longer is an error.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Reads the call browser as many people at once
#[derive(Debug, Clone, Parser)]
#[command(name = "readers")]
struct Options {
    /// Where the call browser listens
    #[arg(long, default_value = "http://127.0.0.1:8377")]
    address: Url,

    /// How many read at once
    #[arg(long, default_value_t = 100)]
    readers: u64,

    /// How long each one thinks after a page, on average
    #[arg(long, default_value_t = 500)]
    think_ms: u64,

    /// For how long they read
    #[arg(long, default_value_t = 30)]
    seconds: u64,

    /// What decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// The process that answers: its memory is told, too
    #[arg(long)]
    pid: Option<u32>,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    // The HTTP client wants one even where nothing is encrypted.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let figures = Arc::new(Mutex::new(Figures::default()));
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let readers: Vec<_> = (0..options.readers)
        .map(|number| tokio::spawn(read(options.clone(), number, end, Arc::clone(&figures))))
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    print!("{}", figures.lock().await.text(options.seconds));
    if let Some(pid) = options.pid {
        match memory(pid) {
            Some(memory) => println!("memory of {pid}: {memory}"),
            None => eprintln!("there is no process {pid}"),
        }
    }
}

/// One reader, until the end.
async fn read(options: Options, number: u64, end: Instant, figures: Arc<Mutex<Figures>>) {
    let mut chance =
        StdRng::seed_from_u64(options.seed.wrapping_mul(1_000_003).wrapping_add(number));
    let client = Client::builder()
        .pool_max_idle_per_host(1)
        .timeout(ANSWER_MAX)
        .no_proxy()
        .build()
        .unwrap();
    // They do not all come at the same moment.
    think(&mut chance, options.think_ms).await;
    let mut walk = Walk::default();
    while Instant::now() < end {
        let (kind, path) = walk.next(&mut chance);
        let body = ask(&client, &options.address, kind, &path, &figures).await;
        walk.see(kind, body.as_deref().unwrap_or_default());
        think(&mut chance, options.think_ms).await;
    }
}

async fn ask(
    client: &Client,
    address: &Url,
    kind: Kind,
    path: &str,
    figures: &Mutex<Figures>,
) -> Option<String> {
    let url = address.join(path).unwrap();
    let begin = Instant::now();
    let answer = async {
        let answer = client.get(url).send().await?.error_for_status()?;
        answer.text().await
    };
    let answer = answer.await;
    let elapsed = begin.elapsed();
    let mut figures = figures.lock().await;
    match answer {
        Ok(body) => {
            figures.add(kind, elapsed, body.len(), path);
            Some(body)
        }
        Err(error) => {
            figures.add_error(kind, path, &error);
            None
        }
    }
}

/// Between none and twice as long.
async fn think(chance: &mut StdRng, think_ms: u64) {
    let wait_ms = chance.random_range(0..=2 * think_ms);
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
}

/// The most memory that a process had, and what it has now.
fn memory(pid: u32) -> Option<String> {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let mib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024)
    };
    Some(format!(
        "at most {} MiB, now {} MiB",
        mib("VmHWM:")?,
        mib("VmRSS:")?
    ))
}
