//! Requests in a trailing window: as many as the vendor allows, and never one more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callpipe_core::failure::Outside;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::answered::Answered;
use super::ledger::{Ledger, Taken};

/// At most `requests_max` requests in any stretch of `window`, for all who share it.
///
/// A request counts from its start until `window` after its answer began. The vendor counts by the
/// moment at which a request reached it, which lies somewhere in between, so that no network delay
/// can make it see one too many. The price is one round trip in a window.
#[derive(Debug, Clone)]
pub struct WindowLimit {
    shared: Arc<Shared>,
    ledger: Option<Arc<Ledger>>,
}

#[derive(Debug)]
struct Shared {
    requests_max: usize,
    window: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    /// Those of them that wait to be written down and are not sent yet.
    not_sent: usize,
    answered: Answered,
    held_until: Option<Instant>,
}

/// The right to one request. Dropped when its answer begins, or when it is given up.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    was_sent: bool,
}

/// A place whose request is not sent yet.
struct NotSent<'a>(&'a Shared);

impl<'a> NotSent<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.state().not_sent += 1;
        Self(shared)
    }
}

impl Drop for NotSent<'_> {
    fn drop(&mut self) {
        self.0.state().not_sent -= 1;
    }
}

impl WindowLimit {
    /// A limit. `requests_max` of 0 is taken as 1.
    pub fn new(requests_max: usize, window: Duration) -> Self {
        let shared = Shared {
            requests_max: requests_max.max(1),
            window,
            state: Mutex::default(),
            changed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            ledger: None,
        }
    }

    /// Remembers what is used from one run to the next.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// Waits until a request is allowed. An error means that it could not be written down: then it
    /// must not be sent.
    pub async fn slot(&self) -> Outside<Slot> {
        let Some(ledger) = &self.ledger else {
            return Ok(self.place().await);
        };
        let (shared, window) = (&self.shared, self.shared.window);
        let recalled = ledger.recall(window, |earlier| shared.count(earlier));
        recalled.await?;
        let mut slot = self.place().await;
        let waits = NotSent::new(shared);
        let covered = ledger.cover(shared.requests_max, window, || shared.taken());
        slot.was_sent = false;
        covered.await?;
        drop(waits);
        slot.was_sent = true;
        Ok(slot)
    }

    /// Writes down what was used, for the next run. To be called when all requests have ended.
    pub async fn close(&self) -> Outside<()> {
        match &self.ledger {
            Some(ledger) => ledger.close(self.shared.window, self.shared.taken()).await,
            None => Ok(()),
        }
    }

    async fn place(&self) -> Slot {
        loop {
            let changed = self.shared.changed.notified();
            let Some(free_at) = self.shared.take(Instant::now()) else {
                return Slot {
                    shared: Arc::clone(&self.shared),
                    was_sent: true,
                };
            };
            match free_at {
                Some(free_at) => tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(free_at) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    /// Holds everybody back, because the vendor asked for it.
    pub fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait.min(Duration::from_secs(24 * 3600));
        let mut state = self.shared.state();
        state.held_until = state.held_until.max(Some(until));
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is counters and times: whole whatever a panicking holder was doing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: `None` if there was one, else when to look again (unknown while all places
    /// are taken by requests in flight).
    fn take(&self, now: Instant) -> Option<Option<Instant>> {
        let mut state = self.state();
        state.answered.forget_until(now);
        if let Some(held_until) = state.held_until.filter(|held_until| *held_until > now) {
            return Some(Some(held_until));
        }
        if state.in_flight + state.answered.requests() < self.requests_max {
            state.in_flight += 1;
            return None;
        }
        Some(state.answered.first_free_at())
    }

    /// Counts requests of earlier runs, each for so long.
    fn count(&self, earlier: Vec<Duration>) {
        if earlier.is_empty() {
            return;
        }
        self.state().answered.add_earlier(Instant::now(), earlier);
    }

    fn taken(&self) -> Taken {
        let now = Instant::now();
        let state = self.state();
        Taken {
            counts_for: state.answered.counts_for(now),
            in_flight: state.in_flight - state.not_sent,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.in_flight -= 1;
        if self.was_sent {
            state.answered.add(Instant::now(), self.shared.window);
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::super::answered::MOMENTS_APART;
    use super::*;

    /// Sends `requests` one after the other, each taking `latency`, and gives their start times.
    async fn starts(limit: &WindowLimit, requests: usize, latency: Duration) -> Vec<Duration> {
        let begin = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..requests {
            let slot = limit.slot().await.unwrap();
            starts.push(begin.elapsed());
            tokio::time::sleep(latency).await;
            drop(slot);
        }
        starts
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_never_holds_one_too_many_and_is_used_up() {
        let limit = WindowLimit::new(150, Duration::from_secs(300));
        let starts = starts(&limit, 450, Duration::from_millis(100)).await;
        for pair in starts.windows(151) {
            assert!(pair[150] - pair[0] >= Duration::from_secs(300));
        }
        // 450 requests need two full windows; what is lost is one round trip in each.
        let ideal = Duration::from_secs(600);
        assert!(
            starts[449] < ideal + Duration::from_secs(16),
            "{:?}",
            starts[449]
        );
    }

    /// A limit of very many needs little memory, is never exceeded, and is used but for a part in 4096.
    #[tokio::test(start_paused = true)]
    async fn a_limit_of_very_many_is_kept_as_well() {
        const REQUESTS_MAX: usize = 30_000;
        let window = Duration::from_secs(300);
        let limit = WindowLimit::new(REQUESTS_MAX, window);
        let starts = starts(&limit, REQUESTS_MAX * 3, Duration::from_millis(1)).await;
        for pair in starts.windows(REQUESTS_MAX + 1) {
            assert!(pair[REQUESTS_MAX] - pair[0] >= window);
        }
        for (number, start) in starts.iter().enumerate() {
            let in_window = Duration::from_millis((number % REQUESTS_MAX) as u64);
            let lost = *start - (window * (number / REQUESTS_MAX) as u32 + in_window);
            assert!(lost < window / 1_000, "request {number}: {lost:?}");
        }
        let moments = limit.shared.state().answered.moments();
        assert!(moments <= 2 * MOMENTS_APART + 1, "{moments}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_hold_their_places() {
        let limit = WindowLimit::new(2, Duration::from_secs(10));
        let (first, _second) = (limit.slot().await.unwrap(), limit.slot().await.unwrap());
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move {
                let _slot = limit.slot().await.unwrap();
                Instant::now()
            }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        let answered_at = Instant::now();
        drop(first);
        assert!(waiting.await.unwrap() >= answered_at + Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_keeps_everybody_back() {
        let limit = WindowLimit::new(10, Duration::from_secs(1));
        let begin = Instant::now();
        limit.hold(Duration::from_secs(7));
        let _slot = limit.slot().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(7));
    }
}
