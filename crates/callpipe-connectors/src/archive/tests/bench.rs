//! The stores that the suite runs on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callpipe_core::contracts::clock::Clock;
use callpipe_sandbox::peers::storage_emulator;
use callpipe_sandbox::{CREDENTIALS, Corpus, Sandbox, SandboxOptions, World};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;

use crate::archive::{Archive, GcsConfig};
use crate::google::Identity;
use crate::http::{self, Endpoint};
use crate::random;

/// An empty archive and what it stands on.
pub(super) struct Bench {
    pub(super) archive: Archive,
    place: Place,
}

enum Place {
    Directory(tempfile::TempDir),
    Sandbox(Box<Sandbox>),
    Elsewhere,
}

impl Bench {
    /// The names of all that was stored, also of what only we know of.
    pub(super) async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.place {
            Place::Directory(directory) => {
                let root = directory.path().join("archive");
                let name = |path: &PathBuf| {
                    let path = path.strip_prefix(&root).unwrap();
                    path.to_str().unwrap().replace('\\', "/")
                };
                files(directory.path()).iter().map(name).collect()
            }
            Place::Sandbox(sandbox) => {
                let (names, open_uploads) = sandbox.stored();
                assert_eq!(open_uploads, 0, "an upload was left open");
                let prefix = self.archive.base_uri().trim_start_matches(BASE);
                let prefix = prefix.trim_start_matches('/');
                let name = |name: &String| {
                    let name = name.strip_prefix(prefix).unwrap();
                    name.trim_start_matches('/').to_owned()
                };
                names.iter().map(name).collect()
            }
            Place::Elsewhere => {
                let objects = self.archive.store.list(None);
                objects
                    .map_ok(|object| object.location.to_string())
                    .try_collect()
                    .await
                    .unwrap()
            }
        };
        names.sort();
        names
    }
}

const BASE: &str = "gs://sandbox-calls";

/// One archive of every kind, each with nothing in it.
pub(super) async fn benches() -> Vec<Bench> {
    let (directory, archive) = on_disk();
    let mut benches = vec![
        Bench {
            archive,
            place: Place::Directory(directory),
        },
        Bench {
            archive: Archive::memory(),
            place: Place::Elsewhere,
        },
    ];
    for prefix in [None, Some("team/calls")] {
        let sandbox = sandbox().await;
        let config = GcsConfig {
            prefix: prefix.map(str::to_owned),
            ..config(&sandbox)
        };
        benches.push(Bench {
            archive: Archive::gcs(&config, &Identity::anonymous(), clock()).unwrap(),
            place: Place::Sandbox(Box::new(sandbox)),
        });
    }
    benches.extend(emulator().await);
    benches
}

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }
}

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(Standing)
}

pub(super) async fn sandbox() -> Sandbox {
    let world = World::exact(Corpus::embedded().unwrap(), 1, vec![]);
    let options = SandboxOptions {
        storage_objects_per_page_max: 2,
        ..SandboxOptions::default()
    };
    Sandbox::start(world, options).await.unwrap()
}

pub(super) fn config(sandbox: &Sandbox) -> GcsConfig {
    GcsConfig {
        bucket: Some(CREDENTIALS.google_bucket.into()),
        endpoint: Endpoint::parse(&sandbox.storage_url).unwrap(),
        ..GcsConfig::default()
    }
}

/// A new bucket of the emulator, if there is one.
async fn emulator() -> Option<Bench> {
    let address = storage_emulator("the archive's suite on fake-gcs-server")?;
    let endpoint = Endpoint::parse(&address).unwrap();
    let bucket = format!("callpipe-test-{}", random::name());
    let client = http::client(&endpoint, std::time::Duration::from_secs(10)).unwrap();
    let made = client
        .post(endpoint.join(&["storage", "v1", "b"]))
        .json(&serde_json::json!({ "name": bucket }))
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success(), "{}", made.status());
    let config = GcsConfig {
        bucket: Some(bucket),
        endpoint,
        ..GcsConfig::default()
    };
    Some(Bench {
        archive: Archive::gcs(&config, &Identity::anonymous(), clock()).unwrap(),
        place: Place::Elsewhere,
    })
}

pub(super) fn on_disk() -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::directory(&directory.path().join("archive")).unwrap();
    (directory, archive)
}

/// Every file below a directory, staged ones too.
pub(super) fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
