//! Threads for work that blocks: of each kind as many as are of use, and no more.
//!
//! A runtime's threads for that become more whenever none is idle for a moment, up to hundreds, and as
//! they take turns none of them ends again. Each keeps its stack and what the allocator has set aside
//! for it: a long run's memory would grow with them.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinError;

/// Threads for one kind of work. They begin when there is work.
pub struct Threads {
    name: &'static str,
    count_max: fn() -> usize,
    /// Nothing runs on it but such work; none where the system refuses it.
    runtime: OnceLock<Option<Runtime>>,
}

impl Threads {
    /// At most so many threads, of this name.
    pub const fn new(name: &'static str, count_max: fn() -> usize) -> Self {
        Self {
            name,
            count_max,
            runtime: OnceLock::new(),
        }
    }

    /// Does some work when it is its turn. It is done also where nobody waits for it any more. An
    /// error means that it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.handle().spawn_blocking(work).await
    }

    fn handle(&self) -> Handle {
        let begun = self.runtime.get_or_init(|| {
            let mut builder = Builder::new_current_thread();
            builder.max_blocking_threads((self.count_max)().max(1));
            builder.thread_name(self.name).build().ok()
        });
        match begun {
            Some(runtime) => runtime.handle().clone(),
            None => Handle::current(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    /// Each round of as many as are allowed waits until all of it has begun, and finds nobody else at
    /// work.
    #[tokio::test]
    async fn no_more_are_at_work_than_allowed() {
        static FOUR: Threads = Threads::new("four", || 4);
        let round = Arc::new(Barrier::new(4));
        let at_work = Arc::new(AtomicUsize::new(0));
        let works = (0..80).map(|_| {
            let (round, at_work) = (Arc::clone(&round), Arc::clone(&at_work));
            FOUR.run(move || {
                let others = at_work.fetch_add(1, Ordering::SeqCst);
                round.wait();
                at_work.fetch_sub(1, Ordering::SeqCst);
                others
            })
        });
        for others in futures::future::try_join_all(works).await.unwrap() {
            assert!(others < 4, "{others} others");
        }
    }

    #[tokio::test]
    async fn work_that_panics_takes_no_thread_with_it() {
        static ONE: Threads = Threads::new("one", || 1);
        assert!(ONE.run(|| panic!("on purpose")).await.is_err());
        assert_eq!(ONE.run(|| 7).await.unwrap(), 7);
    }
}
