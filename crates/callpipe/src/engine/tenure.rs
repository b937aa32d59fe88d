//! Until when a run's leases hold: nothing new begins when they have run out, since nobody can say then
//! whether another run has taken them over. What is in flight goes on meanwhile.

use callpipe_core::contracts::clock::Clock;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// The time in which a run may begin something new. It ends by itself, also while the program sleeps.
#[derive(Debug, Default)]
pub struct Tenure(watch::Sender<DateTime<Utc>>);

impl Tenure {
    /// It lasts until a moment, which may be past.
    pub(super) fn set_until(&self, until: DateTime<Utc>) {
        self.0.send_replace(until);
    }

    /// Whether it lasts.
    pub(super) fn lasts(&self, now: DateTime<Utc>) -> bool {
        now < *self.0.borrow()
    }

    /// Returns when it lasts, or lasts again.
    pub(super) async fn lasting(&self, clock: &dyn Clock) {
        let mut until = self.0.subscribe();
        // The sender is ours, so that it cannot be gone.
        let _ = until.wait_for(|until| clock.now() < *until).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    struct StoppedClock(DateTime<Utc>);

    impl Clock for StoppedClock {
        fn now(&self) -> DateTime<Utc> {
            self.0
        }
    }

    #[test]
    fn who_waits_is_told_when_it_lasts_again() {
        let clock = StoppedClock(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let (now, second) = (clock.now(), Duration::from_secs(1));
        let tenure = Tenure::default();
        assert!(!tenure.lasts(now), "no lease is taken yet");
        let mut lasting = Box::pin(tenure.lasting(&clock));
        assert_eq!((&mut lasting).now_or_never(), None);
        tenure.set_until(now);
        assert_eq!(
            (&mut lasting).now_or_never(),
            None,
            "it ends at that moment"
        );
        tenure.set_until(now + second);
        assert_eq!(lasting.now_or_never(), Some(()));
        assert!(tenure.lasts(now));
        assert!(!tenure.lasts(now + second));
    }
}
