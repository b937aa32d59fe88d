//! A sandbox, a folder, and ways to run the program there and to look at what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use callpipe_sandbox::{Corpus, Sandbox, SandboxOptions, System, World, WorldOptions};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::mounts::Mounts;

const PROGRAM: &str = env!("CARGO_BIN_EXE_callpipe");

/// A sandbox and a folder with a configuration for it.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: tempfile::TempDir,
    /// Disks that only the program sees.
    pub(crate) mounts: Option<Mounts>,
}

/// What a command printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// How long outages and leases last in a usual configuration.
const OUTAGES: &str = "outage_max_s = 3\nlease_ttl_s = 6\n";

/// The present, a month back: calls that have settled.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox and the program share the machine's time"
)]
pub(crate) fn long_ago() -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(20)
}

/// A mixed world of so many calls.
pub(crate) fn world(seed: u64, calls: usize) -> World {
    World::new(
        Corpus::embedded().unwrap(),
        &WorldOptions::new(seed, calls, long_ago()),
    )
}

/// A mixed world of so many calls of the days before yesterday.
pub(crate) fn recent_world(seed: u64, calls: usize) -> World {
    let recently = long_ago() + TimeDelta::days(18);
    World::new(
        Corpus::embedded().unwrap(),
        &WorldOptions::new(seed, calls, recently),
    )
}

/// Options without the five-minute window, which tests do not wait for.
pub(crate) fn unlimited() -> SandboxOptions {
    SandboxOptions {
        cxone_requests_max: 1_000_000,
        ..SandboxOptions::default()
    }
}

impl Bench {
    pub(crate) async fn new(world: World, options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(world, options).await.unwrap();
        let bench = Self {
            sandbox,
            folder: tempfile::tempdir().unwrap(),
            mounts: None,
        };
        bench.write("contacts.csv", &bench.sandbox.world().contacts_csv());
        bench.write("callpipe.toml", &bench.configuration());
        bench
    }

    /// The configuration as a user would write it by the README.
    pub(crate) fn configuration(&self) -> String {
        let Sandbox {
            nice_cxone_url,
            deepgram_url,
            gemini_url,
            credentials,
            ..
        } = &self.sandbox;
        format!(
            "[contacts.csv]\npath = \"contacts.csv\"\n\
             [recordings.nice_cxone]\nissuer = \"{nice_cxone_url}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             access_key_id = \"{}\"\naccess_key_secret = \"{}\"\nrequests_per_5_minutes = 100000\n\
             [archive.directory]\npath = \"data\"\n\
             [transcriber.deepgram]\nendpoint = \"{deepgram_url}\"\napi_key = \"{}\"\nin_flight_max = 10\n\
             [classifier.gemini]\nendpoint = \"{gemini_url}\"\nproject = \"{}\"\nlocation = \"global\"\n\
             models = [\"gemini-3.5-flash-lite\", \"gemini-3.1-flash-lite\"]\n\
             [google]\naccess_token = \"{}\"\n\
             [warehouse.sqlite]\npath = \"data/callpipe.db\"\n\
             [engine]\nretry_delay_ms = 20\nretry_delay_ms_max = 200\n{OUTAGES}",
            credentials.cxone_client_id,
            credentials.cxone_client_secret,
            credentials.cxone_access_key_id,
            credentials.cxone_access_key_secret,
            credentials.deepgram_api_key,
            credentials.google_project,
            credentials.google_access_token,
        )
    }

    /// Sets in the configuration that is there how long outages and leases last.
    pub(crate) fn set_outages(&self, outages: &str) {
        let configuration = std::fs::read_to_string(self.path("callpipe.toml")).unwrap();
        assert!(configuration.contains(OUTAGES));
        self.write("callpipe.toml", &configuration.replace(OUTAGES, outages));
    }

    /// A file of the folder, as it can be reached from here.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        self.mounts
            .as_ref()
            .map_or(path.clone(), |mounts| mounts.path(&path))
    }

    /// Mounts something that only the program sees, by a line for the shell.
    pub(crate) async fn mount(&self, line: &str) {
        let mounts = self.mounts.as_ref().unwrap();
        let mut shell = mounts.command(self.folder.path(), "sh");
        let status = shell.args(["-c", line]).status().await.unwrap();
        assert!(status.success(), "{line}: {status}");
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The program in this bench's folder, with nothing of the test's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let folder = self.folder.path();
        match &self.mounts {
            None => command(folder, arguments),
            Some(mounts) => settled(mounts.command(folder, PROGRAM), folder, arguments),
        }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().await.unwrap())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) fn database(&self) -> Connection {
        let apart = self.path("store");
        let folder = match (&self.mounts, apart.exists()) {
            // SQLite would look for the file outside.
            (Some(_), _) => self.copied(&apart),
            (None, true) => apart,
            (None, false) => self.path("data"),
        };
        Connection::open(folder.join("callpipe.db")).unwrap()
    }

    /// Copies the files of a folder of the program's to one that is here.
    fn copied(&self, folder: &Path) -> PathBuf {
        let copies = self.folder.path().join("copies");
        let _none_yet = std::fs::remove_dir_all(&copies);
        std::fs::create_dir(&copies).unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copies.join(entry.file_name())).unwrap();
        }
        copies
    }

    /// An object of the archive, wherever that is.
    pub(crate) fn archived(&self, key: &str) -> Vec<u8> {
        match self.sandbox.stored_object(key) {
            Some((_, bytes)) => bytes.to_vec(),
            None => std::fs::read(self.path("data").join(key)).unwrap(),
        }
    }

    /// Each call's stage, status and baseline columns.
    pub(crate) fn rows(&self) -> BTreeMap<String, Row> {
        let database = self.database();
        let mut statement = database
            .prepare(
                "SELECT contactId, stage, stage_status, skip_reason, status, transcribed, gemini_analysed, recordings,
                        failure_kind, attempt FROM recording_fetch_status",
            )
            .unwrap();
        let rows = statement.query_map([], |row| {
            Ok((
                row.get(0)?,
                Row {
                    stage: row.get(1)?,
                    stage_status: row.get(2)?,
                    skip_reason: row.get(3)?,
                    status: row.get(4)?,
                    transcribed: row.get::<_, Option<i64>>(5)?.unwrap_or(0) == 1,
                    classified: row.get::<_, Option<i64>>(6)?.unwrap_or(0) == 1,
                    recordings: row
                        .get::<_, Option<String>>(7)?
                        .and_then(|text| serde_json::from_str(&text).ok())
                        .unwrap_or(Value::Null),
                    failure_kind: row.get(8)?,
                    attempt: row.get(9)?,
                },
            ))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Each classification, by column.
    pub(crate) fn labels(&self, contact_id: &str) -> BTreeMap<String, Value> {
        let database = self.database();
        let mut statement = database
            .prepare("SELECT * FROM call_classifications WHERE contactId = ?1")
            .unwrap();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([contact_id]).unwrap();
        let row = rows
            .next()
            .unwrap()
            .unwrap_or_else(|| panic!("call {contact_id} has no classification"));
        let value = |index| match row.get_ref(index).unwrap() {
            rusqlite::types::ValueRef::Text(text) => {
                let text = String::from_utf8(text.to_vec()).unwrap();
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            rusqlite::types::ValueRef::Null => Value::Null,
            other => panic!("unexpected value {other:?}"),
        };
        columns
            .iter()
            .enumerate()
            .map(|(index, column)| (column.clone(), value(index)))
            .collect()
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.database()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    /// How often the most bought recording or conversation was bought.
    pub(crate) fn bought_most(&self, system: System) -> usize {
        let purchases = self.sandbox.journal().purchases();
        purchases
            .iter()
            .filter(|purchase| purchase.system == system)
            .map(|purchase| purchase.times)
            .max()
            .unwrap_or(0)
    }
}

/// A call as the tracking table has it.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) stage: String,
    pub(crate) stage_status: String,
    pub(crate) skip_reason: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) transcribed: bool,
    pub(crate) classified: bool,
    pub(crate) recordings: Value,
    pub(crate) failure_kind: Option<String>,
    pub(crate) attempt: i64,
}

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    settled(Command::new(PROGRAM), folder, arguments)
}

fn settled(mut command: Command, folder: &Path, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null());
    command
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
