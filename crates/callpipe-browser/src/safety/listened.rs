//! Who listened to which call: a file of JSON lines beside the index, which only grows.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

const FILE: &str = "listened.jsonl";

/// So many are remembered as written down within an hour.
const NOTED_MAX: usize = 100_000;

const HOUR_S: i64 = 3_600;

/// Visitor, call and recording.
type Heard = (String, String, usize);

#[derive(Debug, Default)]
struct State {
    hour: i64,
    noted: HashSet<Heard>,
}

/// The record of who listened.
#[derive(Debug)]
pub(super) struct Listened {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Listened {
    pub(super) fn new(index_path: &Path) -> Self {
        Self {
            path: index_path.with_file_name(FILE),
            state: Arc::default(),
        }
    }

    /// Writes it down, once for each hour: a player asks for many parts of a recording.
    pub(super) async fn note(
        &self,
        visitor: &str,
        contact_id: &str,
        number: usize,
        now: DateTime<Utc>,
    ) -> Outside<()> {
        let heard = (visitor.to_owned(), contact_id.to_owned(), number);
        let (path, state) = (self.path.clone(), Arc::clone(&self.state));
        let noted = tokio::task::spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.note(&path, heard, now)
        });
        let noted = noted.await.map_err(|error| {
            Failure::bug("writing down who listens broke off").with_source(error)
        })?;
        noted.map_err(|error| {
            Failure::new(FailureKind::StoreFailed, "writing down who listens")
                .with_source(error)
                .with_hint(format!(
                    "let the user that runs callpipe write {}; nothing is played before",
                    self.path.display()
                ))
        })
    }
}

impl State {
    fn note(&mut self, path: &Path, heard: Heard, now: DateTime<Utc>) -> io::Result<()> {
        let hour = now.timestamp().div_euclid(HOUR_S);
        if hour != self.hour || self.noted.len() >= NOTED_MAX {
            self.hour = hour;
            self.noted.clear();
        }
        if self.noted.contains(&heard) {
            return Ok(());
        }
        let (visitor, contact_id, number) = &heard;
        let line = json!({
            "at": now.to_rfc3339_opts(SecondsFormat::Secs, true),
            "visitor": visitor,
            "contact_id": contact_id,
            "recording": number,
        });
        let mut file = open(path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()?;
        tracing::info!(
            visitor,
            contact_id,
            recording = number,
            "a call is listened to"
        );
        self.noted.insert(heard);
        Ok(())
    }
}

/// For the user alone that runs the program.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[tokio::test]
    async fn each_visitor_and_call_is_written_down_once_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let listened = Listened::new(&folder.path().join("index.db"));
        let at = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        for (visitor, call, number, minutes) in [
            ("Ada", "700123", 1, 0),
            ("Ada", "700123", 1, 59),
            ("Ada", "700123", 2, 59),
            ("Bob \"\n", "../x", 1, 59),
            ("Ada", "700123", 1, 60),
        ] {
            let noted = listened.note(visitor, call, number, at(minutes));
            noted.await.unwrap();
        }
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            lines[0],
            json!({
                "at": "1970-01-01T00:00:00Z",
                "visitor": "Ada",
                "contact_id": "700123",
                "recording": 1,
            })
        );
        assert_eq!(lines[2]["visitor"], "Bob \"\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_down_is_a_failure_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let listened = Listened::new(&folder.path().join("gone/index.db"));
        for _ in 0..2 {
            let noted = listened.note("Ada", "1", 1, DateTime::UNIX_EPOCH).await;
            assert_eq!(noted.unwrap_err().kind, FailureKind::StoreFailed);
        }
    }
}
