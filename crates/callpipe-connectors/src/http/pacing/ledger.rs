//! What a limit has used, kept where the next run finds it.
//!
//! A vendor does not forget what a run used only because the run was killed. So places are taken in
//! blocks, and each block is written down before the first of its requests is sent. A run that ends
//! in good order writes down when its requests were answered. A run that was killed leaves a block
//! of which nobody knows what was used, and when: all of it counts, at the latest possible moment.
//! The price of a crash is one block for one window.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

/// A block is so many-th a part of what a window allows.
const BLOCKS_IN_A_WINDOW: usize = 10;

/// For how long requests of a block may be begun.
const BLOCK_LASTS: Duration = Duration::from_secs(60);

/// The longest that a request may be open before its answer begins.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Cloud Storage takes about one write of an object in a second.
const WRITE_GAP: Duration = Duration::from_secs(1);

/// Where usage is kept. Only one run writes at a time.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// What was written last, by this run's predecessors and by all others who shared the limit
    /// with them and are gone.
    async fn read(&self) -> Outside<Vec<Bytes>>;

    /// Puts this in the place of what was there.
    async fn write(&self, usage: Bytes) -> Outside<()>;
}

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Usage {
    written_at: DateTime<Utc>,
    /// When requests were answered that still count, in milliseconds since 1970.
    answered_at_ms: Vec<i64>,
    /// Requests that had no answer yet, or were allowed to be sent from then on.
    unconfirmed: usize,
}

/// How many places of the window are taken now, as the window knows it.
pub(super) struct Taken {
    /// For how long each answered request still counts.
    pub(super) counts_for: Vec<Duration>,
    /// Requests that were sent and have no answer.
    pub(super) in_flight: usize,
}

/// The memory of a limit from one run to the next.
pub struct Ledger {
    store: Arc<dyn UsageStore>,
    clock: Arc<dyn Clock>,
    recalled: OnceCell<()>,
    block: Mutex<Block>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Ledger")
    }
}

/// The block that was written down last.
#[derive(Default)]
struct Block {
    left: usize,
    written_at: Option<Instant>,
}

impl Ledger {
    /// A memory in a store.
    pub fn new(store: Arc<dyn UsageStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            recalled: OnceCell::new(),
            block: Mutex::default(),
        }
    }

    /// Tells once, before any request is sent, for how long those of earlier runs still count.
    pub(super) async fn recall(
        &self,
        window: Duration,
        count: impl FnOnce(Vec<Duration>),
    ) -> Outside<()> {
        let recalled = self.recalled.get_or_try_init(|| async {
            let usages = self.store.read().await.map_err(of_the_store)?;
            let now = self.clock.now();
            let usages = usages.iter().filter_map(|text| read(text));
            count(
                usages
                    .flat_map(|usage| counts_for(&usage, now, window))
                    .collect(),
            );
            Ok(())
        });
        recalled.await.copied()
    }

    /// Makes sure that one more request is written down before it is sent. `taken` says what else
    /// is to be written, if something is.
    pub(super) async fn cover(
        &self,
        requests_max: usize,
        window: Duration,
        taken: impl Fn() -> Taken,
    ) -> Outside<()> {
        let mut block = self.block.lock().await;
        let lasts = |written_at: Instant| written_at.elapsed() < BLOCK_LASTS;
        if block.left == 0 || !block.written_at.is_some_and(lasts) {
            if let Some(written_at) = block.written_at {
                tokio::time::sleep_until(written_at + WRITE_GAP).await;
            }
            let size = (requests_max / BLOCKS_IN_A_WINDOW).max(1);
            // A write that may or may not have reached the store covers nothing.
            block.left = 0;
            let begun_at = Instant::now();
            self.write(window, taken(), size).await?;
            (block.left, block.written_at) = (size, Some(begun_at));
        }
        block.left -= 1;
        Ok(())
    }

    /// Writes down what was really used.
    pub(super) async fn close(&self, window: Duration, taken: Taken) -> Outside<()> {
        let mut block = self.block.lock().await;
        if block.written_at.is_none() {
            return Ok(());
        }
        block.left = 0;
        self.write(window, taken, 0).await
    }

    async fn write(&self, window: Duration, taken: Taken, block: usize) -> Outside<()> {
        let now = self.clock.now();
        let answered_at_ms = |counts_for: Duration| {
            let age = TimeDelta::from_std(window.saturating_sub(counts_for)).unwrap_or_default();
            (now - age).timestamp_millis()
        };
        let usage = Usage {
            written_at: now,
            answered_at_ms: taken.counts_for.into_iter().map(answered_at_ms).collect(),
            unconfirmed: taken.in_flight + block,
        };
        let text = serde_json::to_vec(&usage)
            .map_err(|error| Failure::bug("usage cannot be written").with_source(error))?;
        self.store.write(text.into()).await.map_err(of_the_store)
    }
}

/// How many requests still count at a moment, by what was written of them.
pub fn used(usages: &[Bytes], now: DateTime<Utc>, window: Duration) -> usize {
    let usages = usages.iter().filter_map(|text| read(text));
    usages
        .map(|usage| counts_for(&usage, now, window).len())
        .sum()
}

fn read(text: &[u8]) -> Option<Usage> {
    match serde_json::from_slice(text) {
        Ok(usage) => Some(usage),
        Err(error) => {
            tracing::warn!(%error, "what an earlier run used of a quota cannot be read");
            None
        }
    }
}

/// For how long each request still counts, at `now`.
fn counts_for(usage: &Usage, now: DateTime<Utc>, window: Duration) -> Vec<Duration> {
    let still = |at: DateTime<Utc>| {
        // What a clock that was set back puts into the future was no later than now. Milliseconds
        // are rounded up.
        let age = (now - at).to_std().unwrap_or_default();
        let left = window.saturating_sub(age);
        (!left.is_zero()).then(|| left + Duration::from_millis(1))
    };
    let latest =
        usage.written_at + TimeDelta::from_std(BLOCK_LASTS + ANSWER_MAX).unwrap_or_default();
    let answered = usage.answered_at_ms.iter();
    let answered = answered.filter_map(|at| DateTime::from_timestamp_millis(*at));
    let unconfirmed = std::iter::repeat_n(latest, usage.unconfirmed);
    answered.chain(unconfirmed).filter_map(still).collect()
}

/// Whatever is wrong with the store, it is no single call's fault.
fn of_the_store(failure: Failure) -> Failure {
    let message = format!("keeping account of a quota: {}", failure.chain());
    let mut told = Failure::new(FailureKind::StoreFailed, message);
    told.hint = failure.hint;
    told
}
