//! The local copy of the tables in BigQuery, kept up to date by what has changed since: one query for
//! each table, whose result comes page by page and goes at once.
//!
//! A pull that is broken off goes on where it was, with the results that BigQuery has kept.

use callpipe_connectors::warehouses::bigquery::BigQueryWarehouse;
use callpipe_connectors::warehouses::copied::{
    Copied, CopiedPage, CopiedTable, CopyQuery, CopyState, UnfinishedCopy,
};
use callpipe_connectors::warehouses::sqlite::{CopyLock, SqliteWarehouse};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::stop::Stop;
use crate::export::Count;

#[cfg(test)]
mod tests;

/// A change bears the moment at which the work was done. It is saved up to a minute later, together
/// with others, and later still where BigQuery had to be asked again and again: a pull looks back so
/// far behind the last change that the one before has seen, or it would miss what was on its way then.
const OVERLAP: TimeDelta = TimeDelta::minutes(15);

/// BigQuery keeps results for a day. After so long a pull does not try to go on with one.
const RESULT_KEPT_FOR: TimeDelta = TimeDelta::hours(20);

/// The most rows of a page, which also ends at 10 MB.
const PAGE_ROWS_MAX: u32 = 2_000;

/// A pull from one place to another.
pub struct Pull<'a> {
    /// From here.
    pub from: &'a BigQueryWarehouse,
    /// To there.
    pub to: &'a SqliteWarehouse,
    /// An outcome waits at most so long in a run to be saved with others.
    pub save_delay: TimeDelta,
    /// Counts what comes.
    pub count: Count,
}

/// A pull that is about to be made; nobody else can make one of the same file.
#[derive(Debug)]
pub struct Begun {
    state: CopyState,
    copy: UnfinishedCopy,
    /// Whether another one was broken off that this one goes on with.
    goes_on: bool,
    _lock: CopyLock,
}

impl Begun {
    /// Whether all calls are copied.
    pub fn is_full(&self) -> bool {
        self.copy.is_full
    }

    /// Calls that have changed since are copied.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.copy.since
    }
}

/// What a pull has brought.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pulled {
    /// So many calls were copied.
    pub calls: u64,
    /// The labels of so many.
    pub classifications: u64,
    /// So many calls are no longer in BigQuery and were removed.
    pub removed: u64,
    /// How many bytes BigQuery has read for it.
    pub bytes_processed: u64,
    /// How many it bills, where it has told.
    pub bytes_billed: Option<u64>,
    /// Whether all calls were copied.
    pub is_full: bool,
    /// Calls that have changed since were copied.
    pub since: Option<DateTime<Utc>>,
    /// The last change that is in the copy.
    pub copied_to: Option<DateTime<Utc>>,
    /// Whether it went on with a pull that was broken off: what has changed since comes with the next.
    pub went_on: bool,
}

impl Pull<'_> {
    /// Decides what is to be copied; nothing is written yet.
    pub async fn begin(&self, is_full: bool, now: DateTime<Utc>) -> Outside<Begun> {
        let lock = self.to.lock_copy()?;
        self.to.refuse_own_calls().await?;
        let known = self.to.copy_state().await?;
        let source = self.from.copy_source();
        let overlap = OVERLAP + self.save_delay;
        let (state, copy, goes_on) = begun(known, source, is_full, overlap, now)?;
        Ok(Begun {
            state,
            copy,
            goes_on,
            _lock: lock,
        })
    }

    /// How many bytes BigQuery would read for it, where it tells.
    pub async fn estimate(&self, begun: &Begun) -> Outside<Option<u64>> {
        let mut bytes = None;
        for table in [CopiedTable::Tracking, CopiedTable::Classifications] {
            let is_done =
                begun.copy.table == CopiedTable::Classifications && table == CopiedTable::Tracking;
            let is_kept = begun.copy.table == table && begun.copy.place.is_some();
            if !is_done && !is_kept {
                let copy = UnfinishedCopy {
                    table,
                    ..begun.copy.clone()
                };
                let estimate = self.from.copy_estimate(query(&copy)).await?;
                bytes = estimate
                    .map(|of_table| bytes.unwrap_or(0) + of_table)
                    .or(bytes);
            }
        }
        Ok(bytes)
    }

    /// Copies it into tables that are prepared. A stop leaves what has come; then there is no answer.
    pub async fn run(&self, begun: Begun, stop: &Stop) -> Outside<Option<Pulled>> {
        let (mut copy, mut may_be_gone) = (begun.copy.clone(), begun.goes_on);
        if !begun.goes_on {
            self.to.begin_copy(&with(&begun.state, &copy)).await?;
        }
        loop {
            let page = tokio::select! {
                page = self.page(&copy, may_be_gone) => page?,
                () = stop.asked() => return Ok(None),
            };
            may_be_gone = false;
            let (table, next) = (copy.table, step(&mut copy, &page));
            if table == CopiedTable::Tracking {
                self.count.add(page.rows.len() as u64);
            }
            let come_to = with(&begun.state, &copy);
            self.to.take_copied(table, page.rows, &come_to).await?;
            if next == Next::End {
                return self.end(begun, copy).await.map(Some);
            }
        }
    }

    /// The next rows. A result that was kept may be gone: then the query is made anew.
    async fn page(&self, copy: &UnfinishedCopy, may_be_gone: bool) -> Outside<CopiedPage> {
        if let Some(place) = &copy.place {
            let went_on = self.from.copy_go_on(place, PAGE_ROWS_MAX).await;
            match went_on {
                Err(failure) if may_be_gone && failure.kind == FailureKind::StoreFailed => {
                    tracing::info!(reason = failure.chain(), "BigQuery is asked anew");
                }
                page => return page,
            }
        }
        self.from.copy_begin(query(copy), PAGE_ROWS_MAX).await
    }

    async fn end(&self, begun: Begun, copy: UnfinishedCopy) -> Outside<Pulled> {
        let ended = ended(begun.state, &copy);
        let removed = self.to.end_copy(&ended, copy.is_full).await?;
        let Copied {
            calls,
            classifications,
            bytes_processed,
            bytes_billed,
            ..
        } = copy.copied;
        Ok(Pulled {
            calls,
            classifications,
            removed,
            bytes_processed,
            bytes_billed: (bytes_billed > 0).then_some(bytes_billed),
            is_full: copy.is_full,
            since: copy.since,
            copied_to: ended.copied_to,
            went_on: begun.goes_on,
        })
    }
}

/// What is to be copied into a file that has come so far, and whether that goes on with a pull that was
/// broken off.
fn begun(
    known: Option<CopyState>,
    source: String,
    is_full: bool,
    overlap: TimeDelta,
    now: DateTime<Utc>,
) -> Outside<(CopyState, UnfinishedCopy, bool)> {
    let mut state = known.unwrap_or_else(|| CopyState {
        source: source.clone(),
        copied_to: None,
        full_copies: 0,
        unfinished: None,
    });
    if state.source != source {
        let message = format!("the file is a copy of other tables: {}", state.source);
        return Err(Failure::new(FailureKind::Denied, message)
            .with_hint("name another file for each: `path` under [browser]"));
    }
    let broken_off = state.unfinished.take();
    if let Some(mut copy) = broken_off.filter(|copy| copy.is_full || !is_full) {
        if now - copy.begun_at >= RESULT_KEPT_FOR {
            copy.place = None;
        }
        return Ok((state, copy, true));
    }
    let copied_to = state.copied_to.filter(|_| !is_full);
    let copy = UnfinishedCopy {
        is_full: copied_to.is_none(),
        since: copied_to.map(|copied_to| copied_to - overlap),
        begun_at: now,
        table: CopiedTable::Tracking,
        place: None,
        copied: Copied::default(),
    };
    Ok((state, copy, false))
}

/// What follows a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Page,
    End,
}

/// Takes in a page.
fn step(copy: &mut UnfinishedCopy, page: &CopiedPage) -> Next {
    copy.copied.count(copy.table, page);
    match (&page.place, copy.table) {
        (Some(place), _) => copy.place = Some(place.clone()),
        (None, CopiedTable::Tracking) => {
            copy.table = CopiedTable::Classifications;
            copy.place = None;
        }
        (None, CopiedTable::Classifications) => return Next::End,
    }
    Next::Page
}

fn query(copy: &UnfinishedCopy) -> CopyQuery {
    CopyQuery {
        table: copy.table,
        since: copy.since,
        with_transcripts: copy.copied.lacks_conversations,
    }
}

fn with(state: &CopyState, copy: &UnfinishedCopy) -> CopyState {
    CopyState {
        unfinished: Some(copy.clone()),
        ..state.clone()
    }
}

/// The state after a pull. A moment that lies ahead is a worker's clock that is wrong: those of others
/// will be behind it.
fn ended(state: CopyState, copy: &UnfinishedCopy) -> CopyState {
    let newest = copy.copied.newest.map(|newest| newest.min(copy.begun_at));
    CopyState {
        copied_to: state.copied_to.max(newest),
        full_copies: state.full_copies + u64::from(copy.is_full),
        unfinished: None,
        ..state
    }
}
