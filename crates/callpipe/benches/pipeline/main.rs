//! How fast the pipeline is, and what it takes: `cargo bench -p callpipe --bench pipeline`.
//!
//! The vendors' stand-ins run in a process of their own, the real program in another, and a bare
//! client that makes the same requests and file writes and nothing else in a third. Each figure
//! stands beside its target. Options come after `--`; `--help` lists them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark ends where it unwraps, and prints"
)]

mod bare;
mod figures;
mod process;
mod queue;
mod saves;
mod server;
mod throughput;

use clap::Parser;

/// Measures the program against stand-ins of the vendors on this machine
#[derive(Debug, Clone, Parser)]
#[command(name = "pipeline")]
struct Options {
    /// Calls that go through all stages
    #[arg(long, default_value_t = 2_000)]
    calls: usize,

    /// Calls of the long run that must need no more memory than the short one
    #[arg(long, default_value_t = 20_000)]
    calls_of_long_run: usize,

    /// Rows of the tracking table, a hundredth of which is to be done
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,

    /// How often what is compared is measured
    #[arg(long, default_value_t = 5)]
    repeats: usize,

    /// Only some parts
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,

    /// Only whether all of it still works, on a handful of calls
    #[arg(long)]
    smoke: bool,

    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Calls a second, CPU and memory, beside the bare client
    Throughput,
    /// Memory with 64 recordings of an hour in flight
    LongRecordings,
    /// Memory of many calls beside that of few
    ManyCalls,
    /// Time to the first request with a large table
    Queue,
    /// Rows saved a second
    Saves,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("serve") => {
            return server::serve(&server::ServeOptions::parse_from(std::env::args().skip(1)));
        }
        Some("bare") => return bare::run(&bare::BareOptions::parse_from(std::env::args().skip(1))),
        _ => {}
    }
    let mut options = Options::parse();
    if options.smoke {
        options = Options {
            calls: 20,
            calls_of_long_run: 40,
            rows: 2_000,
            repeats: 1,
            ..options
        };
    }
    if options.wants(Part::Throughput) {
        throughput::compare(options.calls, options.repeats);
    }
    if options.wants(Part::LongRecordings) {
        throughput::long_recordings(if options.smoke { 4 } else { 64 });
    }
    if options.wants(Part::ManyCalls) {
        throughput::many_calls(800.min(options.calls), options.calls_of_long_run);
    }
    if options.wants(Part::Queue) {
        queue::first_request(options.rows);
    }
    if options.wants(Part::Saves) {
        saves::rows_a_second(if options.smoke { 1_000 } else { 100_000 });
    }
}
