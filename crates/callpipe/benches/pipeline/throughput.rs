//! Whole runs: calls a second, CPU and memory, beside a bare client.

use std::process::Command;

use crate::figures::{figure, heading};
use crate::process::{self, Taken};
use crate::server::Server;

/// As many calls in flight at a stage as a usual account allows.
const IN_FLIGHT: usize = 16;

/// Takes the program and the bare client through the same calls, in turns.
pub(crate) fn compare(calls: usize, repeats: usize) {
    let mut server = Server::start(calls, false, IN_FLIGHT);
    let mut ours = Vec::new();
    let mut bares = Vec::new();
    for _ in 0..repeats {
        server.begin_anew();
        ours.push(process::run(&mut server.program(&["run"])));
        assert_all_done(&server, calls);
        server.begin_anew();
        bares.push(process::run(&mut bare(&server)));
    }
    let of = |runs: &[Taken], figure: &dyn Fn(&Taken) -> f64| -> Vec<f64> {
        runs.iter().map(figure).collect()
    };
    let rate = |run: &Taken| calls as f64 / run.wall_s;
    let cpu_ms = |run: &Taken| run.cpu_s * 1e3 / calls as f64;
    heading(&format!(
        "{calls} calls of 100 KB through all stages, {IN_FLIGHT} in flight"
    ));
    figure("the program", &of(&ours, &rate), "calls/s", "");
    figure("the bare client", &of(&bares, &rate), "calls/s", "");
    let ratios: Vec<f64> = ours
        .iter()
        .zip(&bares)
        .map(|(ours, bare)| rate(ours) / rate(bare))
        .collect();
    figure("ratio of the two, run by run", &ratios, "", ">= 0.6");
    figure(
        "CPU of the program",
        &of(&ours, &cpu_ms),
        "ms/call",
        "<= 2.0",
    );
    figure(
        "CPU of the bare client",
        &of(&bares, &cpu_ms),
        "ms/call",
        "",
    );
    figure(
        "peak memory of the program",
        &of(&ours, &|run| run.peak_mib),
        "MiB",
        "",
    );
    let written = |run: &Taken| run.written_bytes / calls as f64 / 1024.0;
    figure(
        "written to files and sockets",
        &of(&ours, &written),
        "KiB/call",
        "",
    );
    let counts = statements(&mut server);
    figure(
        "statements on the database",
        &[counts.0 / calls as f64],
        "/call",
        "",
    );
    figure(
        "transactions on the database",
        &[counts.1 / calls as f64],
        "/call",
        "",
    );
}

/// 64 recordings of an hour in flight at once.
pub(crate) fn long_recordings(in_flight: usize) {
    let server = Server::start(in_flight, true, in_flight);
    let run = process::run(&mut server.program(&["run"]));
    assert_all_done(&server, in_flight);
    heading(&format!(
        "{in_flight} recordings of 60 minutes (28.8 MB), {in_flight} in flight"
    ));
    figure(
        "peak memory of the program",
        &[run.peak_mib],
        "MiB",
        "<= 128",
    );
    figure("time", &[run.wall_s], "s", "");
}

/// Many calls need no more memory than few.
pub(crate) fn many_calls(few: usize, many: usize) {
    heading("memory by the number of calls");
    for calls in [few, many] {
        let server = Server::start(calls, false, IN_FLIGHT);
        let run = process::run(&mut server.program(&["run"]));
        assert_all_done(&server, calls);
        figure(
            &format!("peak memory of the program, {calls} calls"),
            &[run.peak_mib],
            "MiB",
            "the same",
        );
    }
}

fn bare(server: &Server) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["bare", "--in-flight", &IN_FLIGHT.to_string(), "--folder"])
        .arg(server.folder());
    command
}

/// A benchmark of a run that did not do its work would be worth nothing.
fn assert_all_done(server: &Server, calls: usize) {
    let database = rusqlite::Connection::open(server.folder().join("data/callpipe.db")).unwrap();
    let done = "SELECT count(*) FROM recording_fetch_status WHERE stage_status = 'done'";
    let done: i64 = database.query_row(done, [], |row| row.get(0)).unwrap();
    assert_eq!(done, calls as i64);
}

/// Statements and transactions of a run, which the program tells when it is asked to tell much.
fn statements(server: &mut Server) -> (f64, f64) {
    server.begin_anew();
    let mut program = server.program(&["--log-level", "debug", "--log-format", "json", "run"]);
    let output = program
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let line = told
        .lines()
        .rfind(|line| line.contains("\"statements\""))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let count = |name: &str| {
        line["fields"][name]
            .as_f64()
            .or(line[name].as_f64())
            .unwrap()
    };
    (count("statements"), count("transactions"))
}
