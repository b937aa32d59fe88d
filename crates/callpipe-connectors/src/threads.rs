//! Threads for work that blocks: of each kind as many as are of use, and no more.
//!
//! A runtime's threads for that become more whenever none is idle for a moment, up to hundreds, and as
//! they take turns none of them ends again. Each keeps its stack and what the allocator has set aside
//! for it: a long run's memory would grow with them. And tokio wakes them while the list of work is
//! locked, so that they fall asleep again until it is not (`docs/decisions/0019-threads.md`).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use tokio::sync::oneshot;

/// Threads for one kind of work. They begin when there is work, and stay.
pub struct Threads {
    name: &'static str,
    /// Asked for once: the number of processors stands in files.
    count_max: LazyLock<usize>,
    crew: Mutex<Crew>,
}

type Work = Box<dyn FnOnce() + Send>;

/// Who is there, and what they have not come to. Nothing waits while somebody is idle.
struct Crew {
    begun: usize,
    /// Work goes to whoever has been idle for the shortest time: what it needs is still at hand there.
    idle: Vec<Arc<Seat>>,
    waiting: VecDeque<Work>,
}

/// Where a thread that is idle finds its next work.
struct Seat {
    thread: Thread,
    next: Mutex<Option<Work>>,
}

/// Some work panicked.
#[derive(Debug, thiserror::Error)]
#[error("the work broke off")]
pub struct BrokeOff;

impl Threads {
    /// At most so many threads, of this name.
    pub const fn new(name: &'static str, count_max: fn() -> usize) -> Self {
        Self {
            name,
            count_max: LazyLock::new(count_max),
            crew: Mutex::new(Crew {
                begun: 0,
                idle: Vec::new(),
                waiting: VecDeque::new(),
            }),
        }
    }

    /// Does some work when it is its turn. It is done also where nobody waits for it any more.
    pub async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BrokeOff> {
        let (done, outcome) = oneshot::channel();
        self.hand_over(Box::new(move || {
            // Who waited for it may be gone.
            let _ = done.send(work());
        }));
        outcome.await.map_err(|_| BrokeOff)
    }

    fn hand_over(&'static self, work: Work) {
        let mut crew = locked(&self.crew);
        if let Some(idle) = crew.idle.pop() {
            drop(crew);
            idle.take_up(work);
            return;
        }
        crew.waiting.push_back(work);
        if crew.begun >= (*self.count_max).max(1) {
            return;
        }
        crew.begun += 1;
        drop(crew);
        let thread = thread::Builder::new().name(self.name.to_owned());
        if thread.spawn(|| self.keep_working()).is_err() {
            self.do_without_one();
        }
    }

    /// The life of a thread.
    fn keep_working(&self) {
        let seat = Arc::new(Seat {
            thread: thread::current(),
            next: Mutex::default(),
        });
        loop {
            let mut crew = locked(&self.crew);
            let waiting = crew.waiting.pop_front();
            if waiting.is_none() {
                crew.idle.push(Arc::clone(&seat));
            }
            drop(crew);
            do_one(waiting.unwrap_or_else(|| seat.wait()));
        }
    }

    /// The system gives no thread. What waits is done here, unless others will come to it.
    fn do_without_one(&self) {
        let mut crew = locked(&self.crew);
        crew.begun -= 1;
        let left_alone = crew.begun == 0;
        let waiting = left_alone.then(|| std::mem::take(&mut crew.waiting));
        drop(crew);
        waiting.into_iter().flatten().for_each(do_one);
    }
}

impl Seat {
    fn take_up(&self, work: Work) {
        *locked(&self.next) = Some(work);
        // Nothing is locked any more that the thread needs: it sleeps once for each piece of work.
        self.thread.unpark();
    }

    fn wait(&self) -> Work {
        loop {
            let next = locked(&self.next).take();
            match next {
                Some(work) => return work,
                None => thread::park(),
            }
        }
    }
}

fn do_one(work: Work) {
    // That it broke off is told to whoever waits for it, by the channel that is gone with it.
    let _ = catch_unwind(AssertUnwindSafe(work));
}

/// No holder of these locks does anything that could panic half-way.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Much longer than anything takes here.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Work that is forgotten is a test that fails, not one that waits for ever.
    async fn in_time<T>(work: impl Future<Output = T>) -> T {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.expect("some work was forgotten")
    }

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
        let all = futures::future::try_join_all(works);
        for others in in_time(all).await.unwrap() {
            assert!(others < 4, "{others} others");
        }
    }

    /// However work comes and threads fall asleep: nothing is forgotten.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_work_is_done() {
        static THREE: Threads = Threads::new("three", || 3);
        let givers = (0..8).map(|giver| {
            tokio::spawn(async move {
                for number in 0..1_000 {
                    let worked = THREE.run(move || (giver, number)).await;
                    assert_eq!(worked.unwrap(), (giver, number));
                }
            })
        });
        let all = futures::future::try_join_all(givers);
        in_time(all).await.unwrap();
    }

    /// Work waits for other threads that have begun, and is done at once where there are none.
    #[test]
    fn where_the_system_gives_no_thread_work_is_done_all_the_same() {
        static NONE: Threads = Threads::new("none", || 2);
        let (done, was_done) = std::sync::mpsc::channel();
        {
            let mut crew = locked(&NONE.crew);
            crew.begun = 2;
            crew.waiting
                .push_back(Box::new(move || done.send(()).unwrap()));
        }
        NONE.do_without_one();
        assert!(was_done.try_recv().is_err());
        NONE.do_without_one();
        assert!(was_done.try_recv().is_ok());
        assert_eq!(locked(&NONE.crew).begun, 0);
    }

    #[tokio::test]
    async fn work_that_panics_takes_no_thread_with_it() {
        static ONE: Threads = Threads::new("one", || 1);
        assert!(in_time(ONE.run(|| panic!("on purpose"))).await.is_err());
        assert_eq!(in_time(ONE.run(|| 7)).await.unwrap(), 7);
    }
}
