//! Asking again what a store could not do: a moment in which it is out of order must not end a run,
//! which would cut off work that is paid for.

use std::time::Duration;

use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};

use super::stop::Stop;

/// Attempts at the warehouse before it is given up. With waits that double up to 30 s, about three
/// minutes in which a locked database or a full disk can be mended.
pub(super) const ATTEMPTS_MAX: u32 = 12;

/// Waits between attempts, each twice as long as the one before, up to the longest.
pub(super) struct Waits {
    next: Duration,
    max: Duration,
}

impl Waits {
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        Self { next: first, max }
    }

    /// Those between attempts at the warehouse.
    pub(super) fn for_the_warehouse() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(30))
    }

    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        wait
    }
}

/// Asks the warehouse until there is an answer, for about three minutes, or until a stop is asked for.
pub(super) async fn ask<T, Answer>(stop: &Stop, request: impl Fn() -> Answer) -> Outside<T>
where
    Answer: Future<Output = Outside<T>>,
{
    let mut waits = Waits::for_the_warehouse();
    let mut attempt = 1;
    loop {
        let failure = match request().await {
            Err(failure) if may_pass(&failure) && attempt < ATTEMPTS_MAX => failure,
            answer => return answer,
        };
        tracing::warn!(
            attempt,
            reason = failure.chain(),
            hint = failure.hint,
            "the warehouse cannot be asked: trying again"
        );
        tokio::select! {
            biased;
            () = stop.asked() => return Err(failure),
            () = tokio::time::sleep(waits.next()) => {}
        }
        attempt += 1;
    }
}

fn may_pass(failure: &Failure) -> bool {
    failure.kind.blame() == Blame::Moment || failure.kind == FailureKind::StoreFailed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut waits = Waits::for_the_warehouse();
        let waits: Vec<Duration> = (1..ATTEMPTS_MAX).map(|_| waits.next()).collect();
        assert_eq!(
            waits[..3].iter().map(Duration::as_millis).sum::<u128>(),
            1_400
        );
        assert_eq!(waits.last(), Some(&Duration::from_secs(30)));
        let all: Duration = waits.iter().sum();
        assert!(
            (120..200).contains(&all.as_secs()),
            "about three minutes: {all:?}"
        );
    }
}
