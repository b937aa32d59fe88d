//! Emulators that others wrote, as peers for tests: they keep our fakes and our SQL honest. A test
//! that needs one starts it from the program that an environment variable names, and says what it
//! leaves out where there is none.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::options::CREDENTIALS;

/// Names goccy's emulator of BigQuery: the path of its program.
const BIGQUERY: &str = "CALLPIPE_TEST_BIGQUERY_EMULATOR";

/// Names an emulator of Cloud Storage that runs, such as `http://127.0.0.1:4443`.
const STORAGE: &str = "CALLPIPE_TEST_STORAGE_EMULATOR";

/// Where an emulator of Cloud Storage is, or nothing where there is none.
pub fn storage_emulator(left_out: &str) -> Option<String> {
    named(STORAGE, left_out)
}

/// An emulator that runs for as long as this is kept.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    url: String,
}

impl Emulator {
    /// goccy's emulator of BigQuery with the sandbox's project, empty, or nothing where there is none: then
    /// stderr says what is left out. It slows down and grows with all that it has seen, so that each
    /// test has one of its own.
    ///
    /// # Errors
    ///
    /// If the program that is named cannot be started.
    pub fn bigquery(left_out: &str) -> io::Result<Option<Self>> {
        let Some(program) = named(BIGQUERY, left_out) else {
            return Ok(None);
        };
        let (port, grpc_port) = (free_port()?, free_port()?);
        let mut child = Command::new(program)
            .args([
                "--host",
                "127.0.0.1",
                "--project",
                CREDENTIALS.google_project,
            ])
            .args(["--port", &port.to_string()])
            .args(["--grpc-port", &grpc_port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take();
        let emulator = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        // It says when it listens.
        let mut lines = stdout
            .into_iter()
            .flat_map(|out| BufReader::new(out).lines());
        while let Some(line) = lines.next().transpose()? {
            if line.contains("REST server listening") {
                // Whoever writes must find a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Some(emulator));
            }
        }
        Err(io::Error::other("the emulator has ended"))
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // One that has ended by itself needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an environment variable says of a peer, or nothing where it is not set: then stderr says what
/// is left out, also where a test runner keeps what tests print.
pub fn named(variable: &str, left_out: &str) -> Option<String> {
    let named = std::env::var(variable).ok().filter(|text| !text.is_empty());
    if named.is_none() {
        // Where stderr is closed there is nobody to be told.
        let _ = writeln!(
            io::stderr(),
            "left out, since {variable} is not set: {left_out}"
        );
    }
    named
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
