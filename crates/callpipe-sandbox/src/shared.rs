//! What the fakes have in common.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};

use crate::fakes::{Objects, Recogniser};
use crate::faults::{Fault, Faults, Point, Subject};
use crate::journal::{Journal, OpenEntry, System};
use crate::options::{Latency, SandboxOptions};
use crate::world::World;

/// The state behind all routes.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) options: SandboxOptions,
    pub(crate) faults: Faults,
    pub(crate) journal: Arc<Journal>,
    pub(crate) addresses: Addresses,
    pub(crate) tokens: Tokens,
    pub(crate) recogniser: Recogniser,
    /// What the bucket holds.
    pub(crate) storage: Objects,
    /// Fetches the audio that a speech request only links to.
    pub(crate) fetcher: reqwest::Client,
    window: Mutex<VecDeque<DateTime<Utc>>>,
    counter: AtomicU64,
}

/// Base addresses without a slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) nice_cxone: String,
    pub(crate) media: String,
}

impl Shared {
    pub(crate) fn new(
        world: Arc<World>,
        options: SandboxOptions,
        addresses: Addresses,
        fetcher: reqwest::Client,
    ) -> Shared {
        Shared {
            faults: Faults::new(world.seed()),
            journal: Arc::new(Journal::default()),
            recogniser: Recogniser::new(world.corpus()),
            world,
            options,
            addresses,
            fetcher,
            tokens: Tokens::default(),
            storage: Objects::default(),
            window: Mutex::default(),
            counter: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }

    pub(crate) fn open(&self, system: System, route: &'static str) -> OpenEntry {
        self.journal.open(system, route, &self.options.clock)
    }

    /// Numbers that never come twice from one sandbox.
    pub(crate) fn next_number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn next_uuid(&self) -> String {
        crate::chance::uuid(
            self.world.seed(),
            &["uuid", &self.next_number().to_string()],
        )
    }

    /// The fault that strikes this request; it is put down in the journal.
    pub(crate) fn strike(
        &self,
        point: Point,
        subject: &Subject<'_>,
        open: &mut OpenEntry,
    ) -> Option<Fault> {
        let fault = self.faults.take(point, subject);
        open.entry.fault = fault.as_ref().map(|fault| fault.kind).or(open.entry.fault);
        fault
    }

    /// Waits as long as the system takes for this request.
    pub(crate) async fn pause(&self, latency: Latency, key: &str) {
        let jitter = crate::chance::fraction(self.world.seed(), &["latency", key]);
        let delay_ms = latency.base_ms + (jitter * latency.jitter_ms as f64) as u64;
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }

    /// Whether the account has a playback request left in the window that ends now.
    pub(crate) fn admit_to_window(&self) -> bool {
        let now = self.now();
        let start = now - TimeDelta::milliseconds(self.options.cxone_window_ms);
        let mut window = lock(&self.window);
        while window.front().is_some_and(|at| *at <= start) {
            window.pop_front();
        }
        self.journal.note_window(window.len() + 1);
        let admitted = window.len() < self.options.cxone_requests_max;
        if admitted {
            window.push_back(now);
        }
        admitted
    }
}

/// Sends the entry along with the answer that was made. It is filed when that leaves.
pub(crate) fn file(open: OpenEntry, mut response: Response) -> Response {
    let attached = Attached(Arc::new(Mutex::new(Some(open))));
    response.extensions_mut().insert(attached);
    response
}

/// An entry that goes with an answer.
#[derive(Debug, Clone)]
struct Attached(Arc<Mutex<Option<OpenEntry>>>);

/// The entry that came along with an answer.
pub(crate) fn detach(response: &mut Response) -> Option<OpenEntry> {
    let attached = response.extensions_mut().remove::<Attached>()?;
    lock(&attached.0).take()
}

/// The bearer tokens that were issued, each with the time at which it ends.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    ends: Mutex<HashMap<String, DateTime<Utc>>>,
}

impl Tokens {
    pub(crate) fn issue(&self, token: &str, ends_at: DateTime<Utc>) {
        lock(&self.ends).insert(token.to_owned(), ends_at);
    }

    pub(crate) fn revoke(&self, token: &str) {
        lock(&self.ends).remove(token);
    }

    pub(crate) fn is_good(&self, token: &str, now: DateTime<Utc>) -> bool {
        lock(&self.ends)
            .get(token)
            .is_some_and(|ends_at| now < *ends_at)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
