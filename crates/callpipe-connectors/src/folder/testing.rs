//! Folders for the tests of both connectors.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use callpipe_core::contracts::clock::Clock;
use chrono::{DateTime, Utc};

use super::{Folder, FolderConfig};
use crate::google::Identity;

/// When all files were written, in seconds of Unix time.
const WRITTEN_AT_S: u64 = 1_780_000_000;

/// A clock that stands an hour after the files were written.
struct HourLater;

impl Clock for HourLater {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(WRITTEN_AT_S as i64 + 3_600, 0).unwrap()
    }
}

/// A folder in which nothing is yet.
pub(crate) struct Bench {
    pub(crate) directory: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("calls")).unwrap();
        Self { directory }
    }

    pub(crate) fn with(files: &[(&str, &[u8])]) -> Self {
        let bench = Self::new();
        for (path, content) in files {
            bench.write(path, content);
        }
        bench
    }

    /// Writes a file, an hour ago.
    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        self.write_before(path, content, Duration::from_secs(3_600));
    }

    /// Writes a file so long ago.
    pub(crate) fn write_before(&self, path: &str, content: &[u8], age: Duration) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(WRITTEN_AT_S + 3_600);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(now - age).unwrap();
    }

    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("calls")
    }

    pub(crate) fn config(&self) -> FolderConfig {
        FolderConfig {
            path: Some(self.root()),
            ..FolderConfig::default()
        }
    }

    /// The folder with what the configuration says beyond where it is.
    pub(crate) fn folder(&self, change: impl FnOnce(&mut FolderConfig)) -> Folder {
        let mut config = self.config();
        change(&mut config);
        folder(&config)
    }
}

pub(crate) fn folder(config: &FolderConfig) -> Folder {
    Folder::new(config, || Ok(Identity::anonymous()), clock()).unwrap()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(HourLater)
}

/// A second of silence, 8 kHz, mu-law.
pub(crate) fn wav() -> Vec<u8> {
    let mut wav = b"RIFF\x58\x1F\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data\x40\x1F\0\0".to_vec();
    wav.resize(wav.len() + 8_000, 0xFF);
    wav
}

/// A recording of the tests of formats.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../callpipe-audio/tests/fixtures"
    );
    fs::read(Path::new(folder).join(name)).unwrap()
}
