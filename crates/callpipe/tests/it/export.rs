//! `callpipe export`, and whether other programs can read what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::Stdio;

use rusqlite::params;
use serde_json::{Value, json};

use crate::support::{Bench, Ran, ran, unlimited, world};

/// What a caller, an agent or a vendor could put anywhere.
const HOSTILE: [&str; 14] = [
    "=HYPERLINK(\"http://evil\",\"click\")",
    "+61 400 000 000",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r\n=1+1",
    "  \u{a0}\"=1+1",
    "\u{ff1d}1+1",
    "a,b;\"c\"\r\nd\te",
    "nul\0inside",
    "\u{202e}txet \u{200f}\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "\u{1fa9a}\u{1f469}\u{200d}\u{1f527} \u{65e5}\u{672c}\u{8a9e} na\u{ef}ve",
    "'; DROP TABLE recording_fetch_status; --",
    "../../etc/passwd",
];

/// A folder with calls that were worked on.
async fn worked_on(seed: u64, calls: usize) -> Bench {
    let bench = Bench::new(world(seed, calls), unlimited()).await;
    bench.run(&["run"]).await.expect_code(0);
    bench
}

async fn export(bench: &Bench, arguments: &[&str]) -> Ran {
    bench.run(&[&["export"], arguments].concat()).await
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn csv_rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_a_run_left_leaves_in_every_form() {
    let bench = worked_on(71, 30).await;
    let rows = bench.rows();
    let jsonl = export(&bench, &["--format", "jsonl"]).await.expect_code(0);
    let calls = json_lines(&jsonl.stdout);
    let ids: BTreeSet<&str> = calls
        .iter()
        .map(|call| call["contact_id"].as_str().unwrap())
        .collect();
    assert_eq!((calls.len(), ids.len()), (30, 30));
    for call in &calls {
        let id = call["contact_id"].as_str().unwrap();
        assert_eq!(call["status"], rows[id].stage_status.as_str());
        if rows[id].classified {
            let labels = bench.labels(id);
            assert_eq!(call["labels"]["sale_result"], labels["sale_result"]);
            assert_eq!(call["labels"]["call_type"], labels["call_type"]);
            assert_eq!(call["conversation"], labels["transcript"]);
            assert_eq!(call["transcriber"], "deepgram");
            assert!(call["measures"]["speakers"][0]["talk_s"].is_number());
        }
    }
    let csv = export(&bench, &["--format", "csv"]).await.expect_code(0);
    let cells = csv_rows(&csv.stdout);
    assert_eq!(cells.len(), 30);
    assert!(cells.iter().any(|row| {
        row["labels.confidence_scores.overall_confidence"]
            .parse::<f64>()
            .is_ok()
    }));
    let list: Value = serde_json::from_str(
        &cells.iter().find(|row| row["status"] == "done").unwrap()["labels.call_type"],
    )
    .unwrap();
    assert!(list.is_array());

    let done = rows
        .values()
        .filter(|row| row.stage_status == "done")
        .count();
    let written = export(
        &bench,
        &[
            "--format",
            "vcon",
            "--output",
            "documents",
            "--status",
            "done",
        ],
    )
    .await;
    let written = written.expect_code(0);
    assert_eq!(
        written.stdout,
        format!("{done} calls exported to documents\n")
    );
    let names: Vec<_> = std::fs::read_dir(bench.path("documents"))
        .unwrap()
        .collect();
    assert_eq!(names.len(), done);
    for name in names {
        let text = std::fs::read_to_string(name.unwrap().path()).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let types: Vec<&str> = document["analysis"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["type"].as_str().unwrap())
            .collect();
        assert!(
            types.contains(&"wtf_transcription") && types.contains(&"transcript"),
            "{types:?}"
        );
        assert_eq!(document["dialog"][0]["type"], "recording");
    }
}

#[tokio::test]
async fn the_filters_are_those_of_the_list() {
    let bench = worked_on(72, 30).await;
    for filter in [
        &["--status", "done"][..],
        &["--status", "skipped"],
        &["--stage", "fetch"],
        &["--failure", "unsupported"],
        &["--since", "2100-01-01"],
        &[
            "--stage",
            "classify",
            "--status",
            "done",
            "--since",
            "2020-01-01",
        ],
    ] {
        let list = bench
            .run(&[&["--json", "calls", "list", "--limit", "99"], filter].concat())
            .await;
        let listed = list.expect_code(0).json();
        let mut expected: Vec<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["contact_id"].as_str().unwrap())
            .collect();
        let arguments = [&["--format", "csv", "--fields", "contact_id"], filter].concat();
        let exported = export(&bench, &arguments).await.expect_code(0);
        let mut lines: Vec<&str> = exported.stdout.lines().skip(1).collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{filter:?}");
    }
    let rows = bench.rows();
    let id = rows.keys().next().unwrap();
    let one = export(&bench, &["--format", "jsonl", "--fields", "contact_id", id]).await;
    assert_eq!(
        one.expect_code(0).stdout,
        format!("{{\"contact_id\":{}}}\n", json!(id))
    );
    let few = export(&bench, &["--format", "csv", "--limit", "2"])
        .await
        .expect_code(0);
    assert_eq!(csv_rows(&few.stdout).len(), 2);
}

/// Calls with hostile texts wherever a text can be, one of them very long.
fn hostile(bench: &Bench) -> Vec<(String, String)> {
    let database = bench.database();
    let long = format!("=long {}", "x\u{e9}".repeat(350_000));
    let texts = HOSTILE.into_iter().map(str::to_owned).chain([long]);
    let calls: Vec<(String, String)> = (0..)
        .zip(texts)
        .map(|(number, text)| {
            let id = match text.chars().any(char::is_control) || text.chars().count() > 200 {
                true => format!("hostile-{number}"),
                // An id can be nearly anything, too.
                false => text.trim().to_owned(),
            };
            (id, text)
        })
        .collect();
    for (id, text) in &calls {
        let topics = json!([{"topic": text, "confidence": 0.5, "text": text}]).to_string();
        let metadata = json!({text.as_str(): text}).to_string();
        database.execute(
            "INSERT INTO recording_fetch_status (contactId, stage, stage_status, failure_reason,
             failure_kind, transcription, transcription_raw, summary, topics, contact_metadata,
             transcriber_model) VALUES (?1, 'classify', 'done', ?2, 'bug', ?2, ?2, ?2, ?3, ?4, ?2)",
            params![id, text, topics, metadata],
        ).unwrap();
        database
            .execute(
                "INSERT INTO call_classifications (contactId, agent_name, sale_result, call_type)
             VALUES (?1, ?2, ?2, ?3)",
                params![id, text, json!([text]).to_string()],
            )
            .unwrap();
    }
    calls
}

async fn with_hostile_calls() -> (Bench, Vec<(String, String)>) {
    let bench = Bench::new(world(73, 1), unlimited()).await;
    bench.run(&["status"]).await.expect_code(0);
    let calls = hostile(&bench);
    (bench, calls)
}

#[tokio::test]
async fn hostile_text_stays_text_in_csv() {
    let (bench, calls) = with_hostile_calls().await;
    for raw in [false, true] {
        let mut arguments = vec!["--format", "csv"];
        arguments.extend(raw.then_some("--raw"));
        let csv = export(&bench, &arguments).await.expect_code(0);
        let rows = csv_rows(&csv.stdout);
        assert_eq!(rows.len(), calls.len());
        for row in &rows {
            let id = row["contact_id"]
                .strip_prefix('\'')
                .unwrap_or(&row["contact_id"]);
            let (_, text) = calls
                .iter()
                .find(|(known, _)| known == id || *known == row["contact_id"])
                .unwrap();
            for column in [
                "summary",
                "conversation",
                "failure_reason",
                "labels.agent_name",
                "labels.sale_result",
            ] {
                let cell = &row[column];
                if raw {
                    assert_eq!(cell, text);
                    continue;
                }
                let bare = cell.strip_prefix('\'').unwrap_or(cell);
                assert!(
                    bare == text.replace('\0', "\u{fffd}") || cell == text,
                    "{column}: {cell:?}"
                );
                let visible = cell.trim_start_matches(|character: char| {
                    character.is_whitespace() || character == '"'
                });
                assert!(
                    !visible.starts_with(['=', '+', '-', '@', '\u{ff1d}']),
                    "{column}: {cell:.40?}"
                );
            }
            assert_eq!(
                serde_json::from_str::<Value>(&row["labels.call_type"]).unwrap(),
                json!([text])
            );
        }
    }
}

#[tokio::test]
async fn hostile_text_is_whole_in_json_lines_and_documents() {
    let (bench, calls) = with_hostile_calls().await;
    let jsonl = export(&bench, &["--format", "jsonl"]).await.expect_code(0);
    let records = json_lines(&jsonl.stdout);
    assert_eq!(records.len(), calls.len());
    for record in &records {
        let (_, text) = calls
            .iter()
            .find(|(id, _)| record["contact_id"] == id.as_str())
            .unwrap();
        assert_eq!(record["summary"], text.as_str());
        assert_eq!(record["topics"][0]["topic"], text.as_str());
        assert_eq!(record["labels"]["call_type"], json!([text]));
        assert_eq!(record["metadata"], json!({text.as_str(): text}));
    }
    export(&bench, &["--format", "vcon", "--output", "documents"])
        .await
        .expect_code(0);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(bench.path("documents")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=.".contains(&byte);
        assert!(name.bytes().all(plain) && !name.starts_with('.'), "{name}");
        let document: Value =
            serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap();
        let texts = document["analysis"].as_array().unwrap().iter();
        let conversation = texts
            .clone()
            .find(|entry| entry["type"] == "transcript")
            .unwrap();
        found.insert(conversation["body"].as_str().unwrap().to_owned());
    }
    assert_eq!(found, calls.into_iter().map(|(_, text)| text).collect());
    assert!(!bench.path("etc").exists());
}

#[tokio::test]
async fn logs_hold_no_words_of_a_call() {
    let (bench, calls) = with_hostile_calls().await;
    for format in ["csv", "jsonl", "vcon"] {
        let output = format!("out.{format}");
        let arguments = [
            "--log-level",
            "trace",
            "export",
            "--format",
            format,
            "--output",
            &output,
        ];
        let ran = bench.run(&arguments).await.expect_code(0);
        for (_, text) in &calls {
            let text: String = text.chars().take(30).collect();
            assert!(!ran.stderr.contains(text.trim()), "{text:?} was printed");
        }
    }
}

#[tokio::test]
async fn a_reader_that_stops_listening_is_no_error() {
    let (bench, _) = with_hostile_calls().await;
    for format in ["csv", "jsonl"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_callpipe"));
        command
            .args(["export", "--format", format])
            .current_dir(bench.folder.path())
            .env_clear();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert!(
            ended.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_an_export_that_nobody_reads() {
    let (bench, _) = with_hostile_calls().await;
    let mut child = bench.start(&["export", "--format", "jsonl"]);
    // The first bytes show that it is at work; the pipe cannot take the rest.
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 10];
    tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut first)
        .await
        .unwrap();
    let pid = child.id().unwrap().to_string();
    let killed = tokio::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .await;
    assert!(killed.unwrap().success());
    let ended = ran(child.wait_with_output().await.unwrap()).expect_code(75);
    assert!(ended.stderr.contains("not whole"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_before_anything_is_written() {
    let bench = Bench::new(world(74, 1), unlimited()).await;
    for (arguments, code, word) in [
        (
            &["--format", "csv", "--fields", "contact_id,colour"][..],
            2,
            "no field colour; there are contact_id",
        ),
        (
            &["--format", "jsonl", "--raw"],
            2,
            "--raw is for --format csv",
        ),
        (
            &["--format", "csv", "--embed-audio"],
            2,
            "--embed-audio is for --format vcon",
        ),
        (&["--format", "vcon"], 2, "needs a directory"),
        (
            &["--format", "vcon", "--output", "callpipe.toml"],
            2,
            "is no directory",
        ),
        (&["--format", "csv", "--output", "."], 2, "is a directory"),
        (
            &["--format", "csv", "--failure", "tiredness"],
            2,
            "no failure of kind tiredness",
        ),
        (&["--format", "xlsx"], 2, "invalid value"),
        (
            &["--format", "csv", "--output", "/proc/nowhere/x.csv"],
            70,
            "cannot be written",
        ),
    ] {
        let refused = export(&bench, arguments).await.expect_code(code);
        assert!(
            refused.stderr.contains(word),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert!(refused.stdout.is_empty());
    }
}

#[cfg(not(feature = "parquet"))]
#[tokio::test]
async fn a_build_without_parquet_says_how_to_get_it() {
    let bench = Bench::new(world(75, 1), unlimited()).await;
    let arguments = ["--format", "parquet", "--output", "calls.parquet"];
    let refused = export(&bench, &arguments).await.expect_code(3);
    assert!(
        refused.stderr.contains("--features parquet"),
        "{}",
        refused.stderr
    );
    assert!(!bench.path("calls.parquet").exists());
}

/// What a Python with DuckDB, PyArrow and pandas reads, if there is one.
#[cfg(feature = "parquet")]
async fn read_by_others(bench: &Bench, left_out: &str) -> Option<Value> {
    let python = callpipe_sandbox::peers::named("CALLPIPE_TEST_PYTHON", left_out)?;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/export/read_parquet.py"
    );
    let mut command = tokio::process::Command::new(python);
    command.arg(script).arg(bench.path("calls.parquet"));
    Some(ran(command.output().await.unwrap()).expect_code(0).json())
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn duckdb_arrow_and_pandas_open_what_a_run_left() {
    let bench = worked_on(76, 30).await;
    let arguments = ["--format", "parquet", "--output", "calls.parquet"];
    export(&bench, &arguments).await.expect_code(0);
    let Some(read) = read_by_others(&bench, "Parquet, opened by DuckDB, Arrow and pandas").await
    else {
        return;
    };
    let classified = bench.count("SELECT count(*) FROM call_classifications");
    let complaints = bench
        .count("SELECT count(*) FROM call_classifications WHERE call_type LIKE '%\"complaint\"%'");
    let topics = bench.count("SELECT sum(json_array_length(topics)) FROM recording_fetch_status");
    assert_eq!(
        read["questions"],
        json!([30, 30, classified, complaints, topics, true])
    );
    assert_eq!(
        (&read["pandas"], &read["described"]),
        (&json!(30), &json!(true))
    );
    for (column, r#type) in [
        ("started_at", "timestamp[us, tz=UTC]"),
        ("call_date", "date32[day]"),
        ("duration_s", "double"),
        ("attempt", "int64"),
        (
            "topics",
            "list<element: struct<topic: string, confidence: double, text: string> not null>",
        ),
    ] {
        assert_eq!(read["types"][column], r#type, "{column}");
    }
    let labels = read["types"]["labels"].as_str().unwrap();
    assert!(
        labels.contains("call_type: list<element: string not null>"),
        "{labels}"
    );
    assert!(labels.contains("overall_confidence: double"), "{labels}");
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn hostile_text_is_whole_in_parquet() {
    let (bench, calls) = with_hostile_calls().await;
    let arguments = ["--format", "parquet", "--output", "calls.parquet"];
    export(&bench, &arguments).await.expect_code(0);
    let Some(read) = read_by_others(&bench, "hostile text in Parquet").await else {
        return;
    };
    let rows = read["rows"].as_array().unwrap();
    assert_eq!(rows.len(), calls.len());
    for row in rows {
        let (_, text) = calls
            .iter()
            .find(|(id, _)| row["contact_id"] == id.as_str())
            .unwrap();
        assert_eq!(row["summary"], text.as_str());
        assert_eq!(row["topics"][0]["text"], text.as_str());
        assert_eq!(row["labels"]["call_type"], json!([text]));
    }
}
