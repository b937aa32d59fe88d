//! Asking a run for a clean stop, and how much time there is for it.
//!
//! The engine asks for a stop itself when a stage gives up or a lease is lost; then it has the time
//! that it needs. A signal means that somebody waits: who sent it kills after a while.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A request to stop. Cheap to clone; clones are the same request.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    any: Request,
    signal: Request,
}

#[derive(Debug, Default)]
struct Request {
    made: CancellationToken,
    made_at: OnceLock<Instant>,
}

impl Request {
    fn make(&self) {
        self.made_at.get_or_init(Instant::now);
        self.made.cancel();
    }

    /// Returns when the request was made so long ago.
    async fn made_for(&self, time: Duration) {
        self.made.cancelled().await;
        let made_at = self.made_at.get().copied().unwrap_or_else(Instant::now);
        tokio::time::sleep_until(made_at + time).await;
    }
}

impl Stop {
    /// Asks for a stop: nothing new is begun, what is in flight may end.
    pub fn ask(&self) {
        self.0.any.make();
    }

    /// Asks for a stop because a signal came.
    pub fn ask_by_signal(&self) {
        self.0.signal.make();
        self.ask();
    }

    /// Whether a stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.any.made.is_cancelled()
    }

    /// Returns when a stop is asked for.
    pub async fn asked(&self) {
        self.0.any.made.cancelled().await;
    }

    /// Returns when a stop was asked for so long ago.
    pub async fn asked_for(&self, time: Duration) {
        self.0.any.made_for(time).await;
    }

    /// Returns when a signal came so long ago.
    pub async fn signalled_for(&self, time: Duration) {
        self.0.signal.made_for(time).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_runs_from_the_first_request() {
        let stop = Stop::default();
        assert!(!stop.is_asked());
        let begin = Instant::now();
        stop.ask();
        tokio::time::advance(SECOND).await;
        stop.ask();
        stop.asked_for(SECOND * 3).await;
        assert_eq!(begin.elapsed(), SECOND * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_signal_makes_haste() {
        let stop = Stop::default();
        stop.ask();
        tokio::time::advance(SECOND * 100).await;
        assert_eq!(stop.signalled_for(SECOND).now_or_never(), None);
        let begin = Instant::now();
        stop.ask_by_signal();
        stop.signalled_for(SECOND).await;
        assert_eq!(begin.elapsed(), SECOND);
    }
}
