//! A limit that is kept over restarts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use tokio::time::Instant;

use super::{Ledger, UsageStore, WindowLimit, used};

const WINDOW: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

/// What outlives a run: the store, and the clock on the wall.
struct Outlives {
    begin: Instant,
    clock_is_off_by: Mutex<TimeDelta>,
    usage: Mutex<Option<Bytes>>,
    writes_at: Mutex<Vec<Instant>>,
    is_broken: AtomicBool,
}

impl Outlives {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begin: Instant::now(),
            clock_is_off_by: Mutex::default(),
            usage: Mutex::default(),
            writes_at: Mutex::default(),
            is_broken: AtomicBool::new(false),
        })
    }

    /// The limit as a new run has it.
    fn limit(self: &Arc<Self>, requests_max: usize) -> WindowLimit {
        let ledger = Ledger::new(Arc::clone(self) as _, Arc::clone(self) as _);
        WindowLimit::new(requests_max, WINDOW).with_ledger(ledger)
    }
}

impl Clock for Outlives {
    fn now(&self) -> DateTime<Utc> {
        let begin = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let elapsed = TimeDelta::from_std(self.begin.elapsed()).unwrap();
        begin + elapsed + *self.clock_is_off_by.lock().unwrap()
    }
}

#[async_trait]
impl UsageStore for Outlives {
    async fn read(&self) -> Outside<Vec<Bytes>> {
        Ok(self.usage.lock().unwrap().iter().cloned().collect())
    }

    async fn write(&self, usage: Bytes) -> Outside<()> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(Failure::new(FailureKind::Unavailable, "HTTP 503"));
        }
        self.writes_at.lock().unwrap().push(Instant::now());
        *self.usage.lock().unwrap() = Some(usage);
        Ok(())
    }
}

/// Sends so many requests, each answered at once.
async fn send(limit: &WindowLimit, requests: usize) {
    for _ in 0..requests {
        drop(limit.slot().await.unwrap());
    }
}

/// How many requests are allowed now.
async fn allowed(limit: &WindowLimit) -> usize {
    let mut slots = Vec::new();
    // Longer than blocks may have to wait for each other.
    while let Ok(slot) = tokio::time::timeout(SECOND * 2, limit.slot()).await {
        slots.push(slot.unwrap());
    }
    slots.len()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_costs_the_next_one_a_block_at_most() {
    let outlives = Outlives::new();
    let killed = outlives.limit(100);
    send(&killed, 35).await;
    drop(killed);
    let next = outlives.limit(100);
    // 35 were sent, of the last block of ten five.
    assert_eq!(allowed(&next).await, 60);
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_when_a_run_is_killed_count_too() {
    let outlives = Outlives::new();
    let killed = outlives.limit(100);
    let in_flight = [killed.slot().await.unwrap(), killed.slot().await.unwrap()];
    send(&killed, 8 + 10).await;
    std::mem::forget(in_flight);
    drop(killed);
    let next = outlives.limit(100);
    assert_eq!(allowed(&next).await, 80);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_in_good_order_costs_the_next_one_nothing() {
    let outlives = Outlives::new();
    let first = outlives.limit(100);
    send(&first, 35).await;
    first.close().await.unwrap();
    let next = outlives.limit(100);
    assert_eq!(allowed(&next).await, 65);
}

#[tokio::test(start_paused = true)]
async fn what_was_used_counts_for_a_window_whoever_sent_it() {
    let outlives = Outlives::new();
    let first = outlives.limit(10);
    send(&first, 10).await;
    let sent_at = Instant::now();
    first.close().await.unwrap();
    let usage = outlives.usage.lock().unwrap().clone().unwrap();
    let used_at = |at| used(std::slice::from_ref(&usage), at, WINDOW);
    let now = outlives.now();
    assert_eq!(used_at(now), 10);
    assert_eq!(used_at(now + WINDOW + SECOND), 0);
    tokio::time::advance(SECOND * 100).await;
    let next = outlives.limit(10);
    let slot = next.slot().await.unwrap();
    let waited = sent_at.elapsed();
    assert!(waited >= WINDOW - SECOND * 10, "{waited:?}");
    assert!(waited <= WINDOW + SECOND, "{waited:?}");
    drop(slot);
    // Long after a run that was killed, nothing of it counts.
    drop(next);
    tokio::time::advance(WINDOW * 2).await;
    assert_eq!(allowed(&outlives.limit(10)).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_makes_it_wait_no_longer_than_a_window() {
    let outlives = Outlives::new();
    let first = outlives.limit(10);
    send(&first, 10).await;
    first.close().await.unwrap();
    *outlives.clock_is_off_by.lock().unwrap() = TimeDelta::hours(-5);
    let begin = Instant::now();
    let next = outlives.limit(10);
    let _slot = next.slot().await.unwrap();
    let waited = begin.elapsed();
    assert!(waited >= WINDOW && waited <= WINDOW + SECOND, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_not_sent_and_takes_no_place() {
    let outlives = Outlives::new();
    let limit = outlives.limit(3);
    outlives.is_broken.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let failure = limit.slot().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert_eq!(failure.chain(), "keeping account of a quota: HTTP 503");
    }
    outlives.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(allowed(&limit).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_block_is_written_before_its_first_request_and_never_twice_in_a_second() {
    let outlives = Outlives::new();
    let limit = outlives.limit(100);
    let slots: Vec<_> = (0..30).map(|_| limit.slot()).collect();
    let slots = futures::future::join_all(slots).await;
    assert!(slots.iter().all(Result::is_ok));
    let writes_at = outlives.writes_at.lock().unwrap().clone();
    assert_eq!(writes_at.len(), 3);
    for pair in writes_at.windows(2) {
        assert_eq!(pair[1] - pair[0], SECOND);
    }
    assert!(
        limit.slot().now_or_never().is_none(),
        "the fourth block must be written"
    );
}

#[tokio::test(start_paused = true)]
async fn a_block_is_for_a_minute() {
    let outlives = Outlives::new();
    let limit = outlives.limit(100);
    send(&limit, 1).await;
    tokio::time::advance(SECOND * 61).await;
    send(&limit, 1).await;
    assert_eq!(outlives.writes_at.lock().unwrap().len(), 2);
}
