//! The folder as a whole: its calls, and the file of a call by its name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::ContactProblem;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex;

use super::config::FolderConfig;
use super::files::{File, Files};
use super::map::{self, Candidate, Described};
use super::pattern::{Pattern, without_ending};
use crate::archive::AudioStream;
use crate::google::Identity;

/// So many descriptions beside recordings are read at once.
const SIDECARS_AT_ONCE: usize = 16;

/// A list of the folder is good for so long when a file is looked for that is not in it.
const LISTING_KEPT_FOR: TimeDelta = TimeDelta::minutes(1);

/// A folder of recordings. Cheap to clone.
#[derive(Clone)]
pub struct Folder {
    files: Files,
    config: Arc<FolderConfig>,
    pattern: Option<Arc<Pattern>>,
    offset: FixedOffset,
    clock: Arc<dyn Clock>,
    listing: Arc<Mutex<Option<Arc<Listing>>>>,
}

/// What the folder held when it was last looked at.
pub(crate) struct Listing {
    /// The calls, by id.
    pub(crate) calls: BTreeMap<ContactId, Contact>,
    /// Files that became no call.
    pub(crate) problems: Vec<ContactProblem>,
    /// The paths of all recordings.
    pub(crate) recordings: Vec<String>,
    /// How many files may not be whole yet.
    pub(crate) unsettled: u64,
    /// How many files are no recordings by their names, or lead outside.
    pub(crate) left_out: u64,
    /// The path of the file with a name, where only one has it.
    by_name: HashMap<String, Option<String>>,
    at: DateTime<Utc>,
}

impl Listing {
    /// Whether no recording was there, not even one that is still being written.
    fn is_empty(&self) -> bool {
        self.recordings.is_empty() && self.unsettled == 0
    }
}

impl Folder {
    /// The folder that is configured. A directory must be there; of a bucket, nothing is asked yet.
    /// `identity` is who we are to Google, asked for only by a bucket of its own.
    pub fn new(
        config: &FolderConfig,
        identity: impl FnOnce() -> Outside<Identity>,
        clock: Arc<dyn Clock>,
    ) -> Outside<Self> {
        let wrong = |key: &str, problem: String| {
            let message = format!("`recordings.folder.{key}` cannot be used: {problem}");
            Failure::new(FailureKind::Denied, message)
        };
        let pattern = config
            .pattern
            .as_deref()
            .filter(|pattern| !pattern.trim().is_empty());
        let pattern = pattern.map(Pattern::parse).transpose().map_err(|error| {
            wrong("pattern", error.to_string())
                .with_hint("such as {date:%Y-%m-%d}/{contactId}_{start:%H%M%S}_{agent}.wav")
        })?;
        let offset: FixedOffset = config
            .utc_offset
            .parse()
            .map_err(|_| wrong("utc_offset", "it must look like +10:00".into()))?;
        Ok(Self {
            files: Files::open(config, identity, Arc::clone(&clock))?,
            config: Arc::new(config.clone()),
            pattern: pattern.map(Arc::new),
            offset,
            clock,
            listing: Arc::default(),
        })
    }

    /// What and where it is, for people.
    pub(crate) fn describe(&self) -> String {
        self.files.describe()
    }

    /// The column of another's list that holds a file's name.
    pub(crate) fn file_column(&self) -> &str {
        &self.config.file_column
    }

    /// How many calls are to be fetched at once.
    pub(crate) fn in_flight_max(&self) -> usize {
        self.config.in_flight_max.max(1)
    }

    /// Looks at the folder anew.
    pub(crate) async fn look(&self) -> Outside<Arc<Listing>> {
        let mut kept = self.listing.lock().await;
        let listing = Arc::new(self.list().await?);
        *kept = Some(Arc::clone(&listing));
        Ok(listing)
    }

    /// What the folder held when it was last looked at; now, where it never was, or was empty: it may
    /// have been mounted since.
    pub(crate) async fn last_look(&self) -> Outside<Arc<Listing>> {
        let kept = self.listing.lock().await.clone();
        match kept {
            Some(listing) if !listing.is_empty() => Ok(listing),
            _ => self.look().await,
        }
    }

    /// The bytes of a file.
    pub(crate) async fn read(&self, path: &str) -> Outside<(u64, AudioStream)> {
        self.files.read(path).await
    }

    /// A file, if it is there.
    pub(crate) async fn stat(&self, path: &str) -> Outside<Option<File>> {
        self.files.stat(path).await
    }

    /// Fails where the folder is away, or nothing at all is in it: then what is not found may be there
    /// all the same.
    pub(crate) async fn expect_filled(&self) -> Outside<()> {
        self.files.expect_filled().await
    }

    /// For how long a file may still be written; none if it is settled.
    pub(crate) fn settles_in(&self, file: &File) -> Option<Duration> {
        let settle = TimeDelta::try_seconds(self.config.settle_s.min(i64::MAX as u64) as i64);
        let settled_at = file.modified_at.checked_add_signed(settle?)?;
        (settled_at - self.clock.now())
            .to_std()
            .ok()
            .filter(|left| !left.is_zero())
    }

    /// The path of the file that a list names: by its path in the folder, in full, or by its name
    /// alone, with or without its ending, where only one file has it.
    pub(crate) async fn path_of(&self, name: &str) -> Outside<Option<String>> {
        let name = name.trim().replace('\\', "/");
        let prefix = format!("{}/", self.files.prefix());
        let name = name
            .strip_prefix(&prefix)
            .unwrap_or(&name)
            .trim_start_matches('/');
        if name.is_empty() {
            return Ok(None);
        }
        let found = |listing: &Listing| listing.by_name.get(name).cloned();
        let path = self.in_listing(found).await?;
        Ok(path.flatten())
    }

    /// The call with an id, by the paths of the files.
    pub(crate) async fn call(&self, id: &ContactId) -> Outside<Option<Contact>> {
        self.in_listing(|listing| listing.calls.get(id).cloned())
            .await
    }

    /// Something of the last look; of a new one if it is not there and the last one is old.
    async fn in_listing<T>(&self, find: impl Fn(&Listing) -> Option<T>) -> Outside<Option<T>> {
        let listing = self.last_look().await?;
        if let Some(found) = find(&listing) {
            return Ok(Some(found));
        }
        if self.clock.now() - listing.at < LISTING_KEPT_FOR {
            return Ok(None);
        }
        Ok(find(&*self.look().await?))
    }

    async fn list(&self) -> Outside<Listing> {
        let (mut files, mut left_out) = self.files.list().await?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let (mut settled, mut unsettled, mut companions) =
            (Vec::new(), Vec::new(), BTreeSet::new());
        for file in files {
            match map::candidate(&file.path) {
                Candidate::Recording if self.settles_in(&file).is_some() => {
                    unsettled.push(file.path)
                }
                Candidate::Recording => settled.push(file.path),
                Candidate::Partial => unsettled.push(file.path),
                Candidate::Companion => {
                    left_out += 1;
                    companions.insert(file.path);
                }
            }
        }
        let described = self.describe_files(&settled, &companions).await?;
        let waiting = self.describe_files(&unsettled, &companions).await?;
        let mut problems = Vec::new();
        let mut good = Vec::with_capacity(described.len());
        for (path, described) in described {
            match described {
                Ok(described) => good.push(described),
                Err(problem) => problems.push(map::problem(&path, problem)),
            }
        }
        let mut calls = map::calls(good);
        // A call of which one recording is still being written waits as a whole.
        for described in waiting
            .into_iter()
            .filter_map(|(_, described)| described.ok())
        {
            calls.remove(&described.contact_id);
        }
        Ok(Listing {
            calls,
            problems,
            by_name: by_name(&settled),
            recordings: settled,
            unsettled: unsettled.len() as u64,
            left_out,
            at: self.clock.now(),
        })
    }

    async fn describe_files(
        &self,
        paths: &[String],
        companions: &BTreeSet<String>,
    ) -> Outside<Vec<(String, Result<Described, String>)>> {
        let described = |path: String| async move {
            let sidecar = self.sidecar(&path, companions).await?;
            let pattern = self.pattern.as_deref();
            let described = map::described(&path, pattern, self.offset, sidecar.as_deref());
            Ok((path, described))
        };
        stream::iter(paths.to_vec())
            .map(described)
            .buffered(SIDECARS_AT_ONCE)
            .try_collect()
            .await
    }

    /// The description beside a recording: `call.json` or `call.wav.json` for `call.wav`.
    async fn sidecar(&self, path: &str, companions: &BTreeSet<String>) -> Outside<Option<Vec<u8>>> {
        if !self.config.sidecar {
            return Ok(None);
        }
        let names = [
            format!("{}.json", without_ending(path)),
            format!("{path}.json"),
        ];
        match names.iter().find(|name| companions.contains(*name)) {
            Some(name) => self.files.read_small(name).await,
            None => Ok(None),
        }
    }
}

/// Every name under which a list may mean a file. A name that several files have means none.
fn by_name(paths: &[String]) -> HashMap<String, Option<String>> {
    let mut names: HashMap<String, Option<String>> = HashMap::with_capacity(paths.len() * 3);
    for path in paths {
        let file_name = path.rsplit('/').next().unwrap_or(path);
        let keys = BTreeSet::from([without_ending(path), file_name, without_ending(file_name)]);
        for key in keys.into_iter().filter(|key| key != path) {
            names
                .entry(key.to_owned())
                .and_modify(|known| *known = None)
                .or_insert_with(|| Some(path.clone()));
        }
    }
    // The whole path means its file whatever else is called so.
    names.extend(paths.iter().map(|path| (path.clone(), Some(path.clone()))));
    names
}
