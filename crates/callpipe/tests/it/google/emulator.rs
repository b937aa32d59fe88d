//! goccy's emulator of BigQuery, a dataset of the test's own in it, and a way to it that counts
//! statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callpipe_connectors::http::{self, Endpoint};
use callpipe_sandbox::peers::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A dataset in the emulator.
pub(super) struct BigQuery {
    pub(super) project: String,
    pub(super) dataset: String,
    /// Leads to the emulator and counts the statements on the way.
    pub(super) counted_url: String,
    emulator: Emulator,
    client: reqwest::Client,
    counted: Arc<AtomicUsize>,
}

/// A table's schema by its columns and their types.
pub(super) fn table(columns: &[(&str, &str)]) -> Value {
    let fields = columns
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}));
    json!({"fields": fields.collect::<Vec<_>>()})
}

impl BigQuery {
    /// The emulator, if there is one, or a word about what is left out without it.
    pub(super) async fn find(project: &str, left_out: &str) -> Option<Self> {
        let emulator = Emulator::bigquery(left_out).unwrap()?;
        let endpoint = Endpoint::parse(emulator.url()).unwrap();
        let counted = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let counted_url = format!("http://{}", listener.local_addr().unwrap());
        let host = emulator.url().trim_start_matches("http://").to_owned();
        tokio::spawn(count(listener, host, Arc::clone(&counted)));
        let bigquery = Self {
            project: project.into(),
            dataset: "calls".into(),
            counted_url,
            client: http::client(&endpoint, Duration::from_secs(60)).unwrap(),
            emulator,
            counted,
        };
        let dataset = json!({"datasetReference":
            {"projectId": bigquery.project, "datasetId": bigquery.dataset}});
        bigquery.post("datasets", &dataset).await;
        Some(bigquery)
    }

    /// How many statements the program has run.
    pub(super) fn statements(&self) -> usize {
        self.counted.load(Ordering::SeqCst)
    }

    pub(super) async fn create(&self, name: &str, schema: &Value) {
        let path = format!("datasets/{}/tables", self.dataset);
        let table = json!({"tableReference": self.reference(name), "schema": schema});
        self.post(&path, &table).await;
    }

    /// Fills a table by a load, as many rows as there are.
    pub(super) async fn load(&self, name: &str, schema: &Value, rows: &[Value]) {
        let job = json!({"configuration": {"load": {
            "destinationTable": self.reference(name), "schema": schema,
            "sourceFormat": "NEWLINE_DELIMITED_JSON", "writeDisposition": "WRITE_APPEND"}}});
        let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let body = format!(
            "--b\r\nContent-Type: application/json\r\n\r\n{job}\r\n--b\r\n\
             Content-Type: application/octet-stream\r\n\r\n{rows}\r\n--b--\r\n"
        );
        let (base, project) = (self.emulator.url(), &self.project);
        let url = format!("{base}/upload/bigquery/v2/projects/{project}/jobs?uploadType=multipart");
        let request = self
            .client
            .post(url)
            .header("content-type", "multipart/related; boundary=b")
            .body(body);
        let response = request.send().await.unwrap();
        assert!(
            response.status().is_success(),
            "{}",
            response.text().await.unwrap()
        );
    }

    /// The rows of a statement, in which `{name}` is a table of the dataset.
    pub(super) async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let prefix = format!("`{}`.`{}`.`", self.project, self.dataset);
        let sql = sql.replace('{', &prefix).replace('}', "`");
        let query = json!({"query": sql, "useLegacySql": false});
        let answer = self.post("queries", &query).await;
        let cells = |row: &Value| -> Vec<Option<String>> {
            let cells = row["f"].as_array().unwrap();
            cells
                .iter()
                .map(|cell| cell["v"].as_str().map(str::to_owned))
                .collect()
        };
        let rows = answer["rows"].as_array();
        rows.into_iter().flatten().map(cells).collect()
    }

    fn reference(&self, name: &str) -> Value {
        json!({"projectId": self.project, "datasetId": self.dataset, "tableId": name})
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!(
            "{}/bigquery/v2/projects/{}/{path}",
            self.emulator.url(),
            self.project
        );
        let response = self.client.post(url).json(body).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Passes connections on, and counts the requests that run a statement.
async fn count(listener: TcpListener, host: String, counted: Arc<AtomicUsize>) {
    while let Ok((client, _)) = listener.accept().await {
        let (host, counted) = (host.clone(), Arc::clone(&counted));
        tokio::spawn(async move {
            let server = TcpStream::connect(host).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            });
            let mut bytes = vec![0; 1 << 16];
            while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                // The head of a request comes in one piece, at the beginning of a read.
                let head = bytes[..length]
                    .split(|byte| *byte == b'\r')
                    .next()
                    .unwrap_or_default();
                if head.starts_with(b"POST ") && head.ends_with(b"/queries HTTP/1.1") {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                if to_server.write_all(&bytes[..length]).await.is_err() {
                    break;
                }
            }
        });
    }
}
