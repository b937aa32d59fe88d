//! A vendor's limit of requests at once.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests a vendor takes at once, and how many calls are worked on for it.
///
/// Before and after a request there is work that the vendor has no part in: its reply is looked for
/// and kept. So more calls are worked on than requests are allowed, and each request waits for its
/// place. A check takes one, too.
#[derive(Debug)]
pub struct Places {
    free: Semaphore,
    in_flight_max: usize,
}

impl Places {
    /// So many requests at once.
    pub fn new(in_flight_max: usize) -> Self {
        let in_flight_max = in_flight_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Semaphore::new(in_flight_max),
            in_flight_max,
        }
    }

    /// On how many calls to work at once.
    pub fn calls_max(&self) -> usize {
        self.in_flight_max + self.in_flight_max.div_ceil(4)
    }

    /// Waits for a place, which is held until this is dropped.
    pub async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.free.acquire().await.ok()
    }
}
