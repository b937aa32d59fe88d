//! The real program serving the calls of a run, and a client for it.

use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, Method};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::OnceCell;

use super::http_client;
use crate::support::{Bench, command, unlimited, world};

/// The calls that all tests look at: as many as fit on a page of the list.
const CALLS: usize = 40;

/// The program, with a copy of the calls that is its own.
pub(crate) struct Served {
    /// Where it listens: `http://127.0.0.1:8377`.
    pub(crate) origin: String,
    /// Its folder: `data/callpipe.db` and all else.
    pub(crate) folder: tempfile::TempDir,
    client: reqwest::Client,
    _process: Child,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Served {
    /// Serves the calls of a run.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, &[]).await
    }

    /// Serves the calls of a run after something was done to the folder, with further arguments.
    pub(crate) async fn start_with(change: impl FnOnce(&Path), arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(calls_of_a_run().await, folder.path());
        change(folder.path());
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        let mut process = command(folder.path(), &[&listen, arguments].concat())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let origin = origin(process.stderr.take().unwrap()).await;
        let served = Self {
            origin,
            folder,
            client: http_client(),
            _process: process,
        };
        served.wait_for_index().await;
        served
    }

    /// Waits until all calls are in the index, of which strangers are told nothing.
    async fn wait_for_index(&self) {
        let is_there = "callpipe_browser_index_is_behind 0";
        loop {
            let metrics = self.get("/metrics").await;
            if metrics.status == 401 || metrics.text().contains(is_there) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    /// The answer to a request.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    /// The answer to a form.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let encoded = ("content-type", "application/x-www-form-urlencoded");
        self.ask(Method::POST, path, &[&[encoded], headers].concat(), form)
            .await
    }

    /// The answer to any request.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    /// The tables.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("data/callpipe.db")).unwrap()
    }
}

/// The address that the program says it listens at.
async fn origin(output: impl AsyncRead + Unpin + Send + 'static) -> String {
    let mut lines = BufReader::new(output).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once("is at http://") {
            let host: String = address
                .chars()
                .take_while(|each| !"/ \"".contains(*each))
                .collect();
            // Whoever stops reading would stop a program that goes on writing.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return format!("http://{host}");
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("nothing is served:\n{said}");
}

/// A folder with what a run left, which is made once for all tests.
async fn calls_of_a_run() -> &'static Path {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER.get_or_init(run).await
}

async fn run() -> PathBuf {
    let bench = Bench::new(world(3, CALLS), unlimited()).await;
    bench.run(&["run"]).await.expect_code(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("calls-of-a-run");
    let _none_yet = std::fs::remove_dir_all(&folder);
    copy(bench.folder.path(), &folder);
    bench.sandbox.stop().await;
    folder
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
