//! Keeps the index up with the tables: takes up what changed, and publishes snapshots.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use callpipe_connectors::warehouses::sqlite::{ChangeCursor, ChangedPage, SqliteWarehouse};
use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{CallFilter, Warehouse};
use callpipe_core::correction::{self, Correction, Verdict};
use callpipe_core::exported::{BriefCall, ExportedCall};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::columns::Snapshot;
use super::entry::{Reviewed, entry};
use super::fields::Fields;
use super::file::{File, Written};
use super::search::Words;

/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Every so many looks, what changed since the last time is read once more: what is saved late bears
/// an earlier moment and would be missed.
const LOOKS_AGAIN_EVERY: u32 = 10;

/// So far before the changes that are read once more.
const LATE: TimeDelta = TimeDelta::seconds(10);

/// So far before the last change is read again at the start: a store that was down saves late.
const LATE_AT_START: TimeDelta = TimeDelta::hours(1);

/// Calls that are read and written together.
const PAGE_CALLS: usize = 500;

/// While very many calls are taken up, so many go into a snapshot at once: each one copies pieces.
const PUBLISH_CALLS: usize = 50_000;

/// So many matches are looked at for a count; a page of results looks further by itself.
pub(crate) const FOUND_MAX: usize = 50_000;

/// Names of positions in the file.
const CHANGES: &str = "changes";
const CORRECTIONS: &str = "corrections";
const PULLED: &str = "pulled";

/// The index, kept up with the tables.
pub(crate) struct Index {
    file: Arc<File>,
    warehouse: Arc<SqliteWarehouse>,
    fields: Arc<Fields>,
    working: tokio::sync::Mutex<Working>,
    current: RwLock<Arc<Snapshot>>,
}

/// What the follower works on.
struct Working {
    snapshot: Snapshot,
    /// Written, and not in the snapshot yet.
    pending: Vec<Written>,
    /// Up to where changes were read.
    changes: Option<ChangeCursor>,
    /// From where on changes are read once more.
    again_from: Option<ChangeCursor>,
    /// Up to where corrections were read.
    corrections: i64,
    /// Up to where pulls have come that were read to their end.
    pulled: Option<PulledTo>,
    looks: u32,
}

/// How far a copy of another warehouse's tables has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct PulledTo {
    copied_to: Option<DateTime<Utc>>,
    full_copies: u64,
}

/// The calls in which words were said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Newest first.
    pub(crate) ids: Vec<i64>,
    /// Whether these are all of them, or only the newest.
    pub(crate) is_all: bool,
}

impl Found {
    /// No calls.
    pub(crate) fn nothing() -> Self {
        Self {
            ids: Vec::new(),
            is_all: true,
        }
    }
}

impl Index {
    /// Opens the index file, or makes it; reads what is in it.
    pub(crate) async fn open(
        path: &Path,
        taxonomy: &Taxonomy,
        warehouse: Arc<SqliteWarehouse>,
    ) -> Outside<Self> {
        let fields = Arc::new(Fields::of(taxonomy));
        let (path, of_file) = (path.to_owned(), Arc::clone(&fields));
        let opened = blocking("opening the browser's index", move || {
            let file = File::open(&path, &of_file)?;
            let snapshot = file.load(&of_file)?;
            let changes = file.position(CHANGES)?;
            let corrections = file.position(CORRECTIONS)?;
            let pulled = file.position(PULLED)?;
            Ok((file, snapshot, changes, corrections, pulled))
        });
        let (file, snapshot, changes, corrections, pulled) = opened.await?;
        let changes: Option<ChangeCursor> =
            changes.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Self {
            file: Arc::new(file),
            warehouse,
            fields,
            current: RwLock::new(Arc::new(snapshot.clone())),
            working: tokio::sync::Mutex::new(Working {
                snapshot,
                pending: Vec::new(),
                changes: changes.map(|cursor| cursor.earlier_by(LATE_AT_START)),
                again_from: None,
                corrections: corrections.and_then(|text| text.parse().ok()).unwrap_or(0),
                pulled: pulled.and_then(|text| serde_json::from_str(&text).ok()),
                looks: 0,
            }),
        })
    }

    /// All calls as they are known now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Follows the tables for ever.
    pub(crate) async fn follow(&self) {
        let mut was_told = false;
        loop {
            match self.catch_up().await {
                Ok(()) => was_told = false,
                Err(failure) if !was_told => {
                    tracing::warn!(failure = %failure.told(), "the browser's index cannot follow the tables");
                    was_told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Takes up all that has changed.
    pub(crate) async fn catch_up(&self) -> Outside<()> {
        let mut working = self.working.lock().await;
        working.looks += 1;
        let from = working.changes.clone();
        if self.read_changes(&mut working, from.clone(), true).await? {
            let seen = from.or_else(|| working.changes.clone());
            let from = seen.map(|seen| seen.earlier_by(LATE));
            working.again_from = working.again_from.take().or(from);
        }
        if working.looks % LOOKS_AGAIN_EVERY == 0
            && let Some(from) = working.again_from.take()
        {
            self.read_changes(&mut working, Some(from), false).await?;
        }
        self.read_pulled(&mut working).await?;
        self.read_corrections(&mut working).await?;
        self.publish(&mut working, false);
        Ok(())
    }

    /// Reads some calls once more, at once: what people said of them is to be seen on the next page.
    pub(crate) async fn refresh(&self, contact_ids: &[ContactId]) -> Outside<()> {
        let mut working = self.working.lock().await;
        let calls = self.calls(contact_ids).await?;
        self.write(&mut working, calls, Vec::new()).await?;
        let is_behind = working.snapshot.is_behind;
        self.publish(&mut working, is_behind);
        Ok(())
    }

    /// Some calls with all that is known of them, in no particular order.
    pub(crate) async fn calls(&self, contact_ids: &[ContactId]) -> Outside<Vec<ExportedCall>> {
        if contact_ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter = CallFilter {
            contact_ids: contact_ids.to_vec(),
            ..CallFilter::default()
        };
        let (mut calls, mut after) = (Vec::new(), None);
        loop {
            let page = self
                .warehouse
                .export_page(&filter, after.as_ref(), PAGE_CALLS)
                .await?;
            calls.extend(page.calls);
            after = page.next;
            if after.is_none() {
                return Ok(calls);
            }
        }
    }

    /// Some calls in brief, in no particular order.
    pub(crate) async fn brief(&self, contact_ids: Vec<ContactId>) -> Outside<Vec<BriefCall>> {
        self.warehouse.brief(contact_ids).await
    }

    /// The newest calls before an id in which words were said.
    pub(crate) async fn search(
        &self,
        words: &Words,
        before: i64,
        calls_max: usize,
    ) -> Outside<Found> {
        let (file, words) = (Arc::clone(&self.file), words.clone());
        let ids = blocking("searching", move || file.search(&words, before, calls_max)).await?;
        Ok(Found {
            is_all: ids.len() < calls_max,
            ids,
        })
    }

    /// The ids by which contact lists know some calls, by their places.
    pub(crate) async fn contact_ids(&self, ids: Vec<i64>) -> Outside<HashMap<i64, String>> {
        let file = Arc::clone(&self.file);
        blocking("looking calls up", move || file.contact_ids(&ids)).await
    }

    /// A call's place and its caller.
    pub(crate) async fn find(
        &self,
        contact_id: &ContactId,
    ) -> Outside<Option<(i64, Option<String>)>> {
        let (file, id) = (Arc::clone(&self.file), contact_id.clone());
        blocking("looking a call up", move || file.find(id.as_str())).await
    }

    /// The newest calls of a caller.
    pub(crate) async fn of_caller(&self, caller: String, calls_max: usize) -> Outside<Vec<i64>> {
        let file = Arc::clone(&self.file);
        blocking("looking a caller's calls up", move || {
            file.of_caller(&caller, calls_max)
        })
        .await
    }

    /// Reads changes behind a place up to the last one, the next ones while the last ones are
    /// written. Says whether there were any.
    async fn read_changes(
        &self,
        working: &mut Working,
        mut after: Option<ChangeCursor>,
        is_new: bool,
    ) -> Outside<bool> {
        let mut page = self.warehouse.changed(after.as_ref(), PAGE_CALLS).await?;
        let is_any = page.last.is_some();
        while page.last.is_some() {
            after = page.last.clone();
            let has_more = page.has_more;
            let position = after.as_ref().filter(|_| is_new).cloned();
            let next = async {
                match has_more {
                    true => self.warehouse.changed(after.as_ref(), PAGE_CALLS).await,
                    false => Ok(ChangedPage::default()),
                }
            };
            let calls = std::mem::take(&mut page.calls);
            let (next, written) = tokio::join!(next, self.take_up(working, calls, position));
            written?;
            page = next?;
        }
        Ok(is_any)
    }

    /// Where the tables are a copy, each pull is read once more when it has ended: its calls come in no
    /// order, so that some were passed while it was at work. After a copy of everything all are read.
    async fn read_pulled(&self, working: &mut Working) -> Outside<()> {
        let Some(copy) = self.warehouse.copy_state().await? else {
            return Ok(());
        };
        let now = PulledTo {
            copied_to: copy.copied_to,
            full_copies: copy.full_copies,
        };
        if copy.unfinished.is_some() || working.pulled == Some(now) {
            return Ok(());
        }
        let before = working.pulled;
        let before = before.filter(|before| before.full_copies == now.full_copies);
        let from = before.and_then(|before| before.copied_to);
        let from = from.map(|at| ChangeCursor::at(at).earlier_by(LATE_AT_START));
        self.read_changes(working, from, false).await?;
        if let Ok(text) = serde_json::to_string(&now) {
            self.write(working, Vec::new(), vec![(PULLED, text)])
                .await?;
        }
        working.pulled = Some(now);
        Ok(())
    }

    async fn take_up(
        &self,
        working: &mut Working,
        calls: Vec<ExportedCall>,
        position: Option<ChangeCursor>,
    ) -> Outside<()> {
        let kept = position
            .as_ref()
            .and_then(|position| serde_json::to_string(position).ok());
        let positions = kept.map(|text| (CHANGES, text)).into_iter().collect();
        self.write(working, calls, positions).await?;
        if let Some(position) = position {
            working.changes = Some(position);
        }
        if working.pending.len() >= PUBLISH_CALLS {
            self.publish(working, true);
        }
        Ok(())
    }

    /// Calls of which people said something since.
    async fn read_corrections(&self, working: &mut Working) -> Outside<()> {
        loop {
            let new = self
                .warehouse
                .corrections_after(working.corrections, PAGE_CALLS)
                .await?;
            let Some((position, _)) = new.last() else {
                return Ok(());
            };
            let position = *position;
            let ids: BTreeSet<ContactId> = new
                .into_iter()
                .map(|(_, correction)| correction.contact_id)
                .collect();
            let calls = self.calls(&Vec::from_iter(ids)).await?;
            self.write(working, calls, vec![(CORRECTIONS, position.to_string())])
                .await?;
            working.corrections = position;
        }
    }

    async fn write(
        &self,
        working: &mut Working,
        calls: Vec<ExportedCall>,
        positions: Vec<(&'static str, String)>,
    ) -> Outside<()> {
        let classified = calls.iter().filter(|call| call.labels.is_some());
        let ids: Vec<ContactId> = classified.map(|call| call.contact.id.clone()).collect();
        let corrections = self.warehouse.corrections(&ids).await?;
        let (file, fields) = (Arc::clone(&self.file), Arc::clone(&self.fields));
        let mut dictionaries = working.snapshot.dictionaries.clone();
        let written = blocking("writing the browser's index", move || {
            let reviewed = reviewed(&calls, corrections);
            let untouched = Reviewed::default();
            let entries: Vec<_> = calls
                .iter()
                .map(|call| {
                    let reviewed = reviewed.get(&call.contact.id).unwrap_or(&untouched);
                    entry(call, &fields, reviewed)
                })
                .collect();
            let positions: Vec<(&str, &str)> = positions
                .iter()
                .map(|(name, note)| (*name, note.as_str()))
                .collect();
            let written = file.write(&entries, &mut dictionaries, &positions)?;
            Ok((written, dictionaries))
        });
        let (written, dictionaries) = written.await?;
        working.snapshot.dictionaries = dictionaries;
        working.pending.extend(written);
        Ok(())
    }

    fn publish(&self, working: &mut Working, is_behind: bool) {
        if working.pending.is_empty() && working.snapshot.is_behind == is_behind {
            return;
        }
        working.snapshot.is_behind = is_behind;
        let pending = std::mem::take(&mut working.pending);
        for removed in pending.iter().filter_map(|written| written.removed) {
            working.snapshot.remove(removed);
        }
        let rows: Vec<_> = pending.into_iter().map(|written| written.row).collect();
        working.snapshot.put(&rows);
        let snapshot = Arc::new(working.snapshot.clone());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// What people said, by call.
fn reviewed(calls: &[ExportedCall], corrections: Vec<Correction>) -> HashMap<ContactId, Reviewed> {
    let by_call = correction::by_call(corrections);
    let labels = calls
        .iter()
        .filter_map(|call| Some((&call.contact.id, call.labels.as_ref()?)));
    labels
        .filter_map(|(id, labels)| {
            let corrections = by_call.get(id)?;
            let is_corrected = correction::newest(corrections)
                .iter()
                .any(|correction| matches!(correction.verdict, Verdict::Corrected { .. }));
            let reviewed = Reviewed {
                labels: Some(correction::corrected(&labels.values, corrections)),
                review: Some(if is_corrected {
                    "corrected"
                } else {
                    "accepted"
                }),
            };
            Some((id.clone(), reviewed))
        })
        .collect()
}

/// Works with the index file off the runtime.
async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Outside<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::bug(format!("{doing} broke off")).with_source(error))?
        .map_err(|error| {
            Failure::new(FailureKind::StoreFailed, doing)
                .with_source(error)
                .with_hint("end callpipe, remove the index file, and start again: it is made anew")
        })
}
