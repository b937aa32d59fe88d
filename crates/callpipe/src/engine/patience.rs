//! Asking again what a store could not do: a moment in which it is out of order must not end a run,
//! which would cut off work that is paid for.

use std::time::Duration;

use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use tokio::time::Instant;

use super::Engine;
use super::stop::Stop;

/// Attempts at the warehouse before it is given up for a failure that may last. With waits that double
/// up to 30 s, about three minutes in which a locked database or a full disk can be mended.
const WAREHOUSE_ATTEMPTS_MAX: u32 = 12;

/// How often keeping a bought reply is tried before it is given up. With waits that double up to a
/// minute, that is a quarter of an hour in which a full disk can be mended.
const REPLY_ATTEMPTS_MAX: u32 = 20;

/// How long an outage may last before a store is given up.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    outage_max: Duration,
}

impl Patience {
    /// Outages of this length are waited for.
    pub fn new(outage_max: Duration) -> Self {
        Self { outage_max }
    }

    /// For the warehouse while a run works.
    pub(super) fn with_the_warehouse(self) -> Tries {
        let waits = Waits::new(Duration::from_millis(200), Duration::from_secs(30));
        let may_be_outage =
            |failure: &Failure| is_of_the_moment(failure) || failure.kind == FailureKind::Denied;
        Tries::new(self, WAREHOUSE_ATTEMPTS_MAX, waits, may_be_outage)
    }

    /// For a store before a run has begun anything: what will not pass by itself is told at once.
    fn at_the_start(self) -> Tries {
        let waits = Waits::new(Duration::from_secs(1), Duration::from_secs(30));
        Tries::new(self, 1, waits, is_of_the_moment)
    }

    /// For a reply that was paid for, which is not dropped for any reason that can be mended.
    pub(super) fn with_a_paid_reply(self) -> Tries {
        let waits = Waits::new(Duration::from_secs(1), Duration::from_secs(60));
        Tries::new(self, REPLY_ATTEMPTS_MAX, waits, |_| true)
    }

    /// Asks a store that a run cannot begin without, until it answers, or it is time to give up, or a
    /// stop is asked for.
    pub async fn ask_at_the_start<T, Answer>(
        self,
        stop: &Stop,
        request: impl Fn() -> Answer,
    ) -> Outside<T>
    where
        Answer: Future<Output = Outside<T>>,
    {
        let what = "the run cannot begin yet: trying again";
        ask(self.at_the_start(), stop, what, request).await
    }
}

fn is_of_the_moment(failure: &Failure) -> bool {
    failure.kind.blame() == Blame::Moment
}

/// Attempts at one request.
pub(super) struct Tries {
    attempt: u32,
    attempts_max: u32,
    began: Instant,
    patience: Patience,
    /// Which failures an outage may be, that are waited for as long as one may last.
    may_be_outage: fn(&Failure) -> bool,
    waits: Waits,
}

impl Tries {
    fn new(
        patience: Patience,
        attempts_max: u32,
        waits: Waits,
        may_be_outage: fn(&Failure) -> bool,
    ) -> Self {
        Self {
            attempt: 1,
            attempts_max,
            began: Instant::now(),
            patience,
            may_be_outage,
            waits,
        }
    }

    /// Which attempt it is, from one on.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether there has been enough of them, now that this one failed.
    pub(super) fn are_enough(&self, failure: &Failure) -> bool {
        let lasts = self.began.elapsed() < self.patience.outage_max;
        let is_waited_for = lasts && (self.may_be_outage)(failure);
        self.attempt >= self.attempts_max && !is_waited_for
    }

    /// Begins the next one when it is time.
    pub(super) async fn wait(&mut self) {
        self.attempt += 1;
        tokio::time::sleep(self.waits.next()).await;
    }
}

/// Waits between attempts, each twice as long as the one before, up to the longest.
pub(super) struct Waits {
    next: Duration,
    max: Duration,
}

impl Waits {
    pub(super) fn new(first: Duration, max: Duration) -> Self {
        Self { next: first, max }
    }

    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        wait
    }
}

/// Asks the warehouse until there is an answer, or it is time to give up, or a stop is asked for.
pub(super) async fn ask_the_warehouse<T, Answer>(
    engine: &Engine,
    request: impl Fn() -> Answer,
) -> Outside<T>
where
    Answer: Future<Output = Outside<T>>,
{
    let tries = engine.settings.patience().with_the_warehouse();
    let what = "the warehouse cannot be asked: trying again";
    ask(tries, &engine.stop, what, request).await
}

async fn ask<T, Answer>(
    mut tries: Tries,
    stop: &Stop,
    what: &'static str,
    request: impl Fn() -> Answer,
) -> Outside<T>
where
    Answer: Future<Output = Outside<T>>,
{
    loop {
        let failure = match request().await {
            Err(failure) if !is_about_the_request(&failure) && !tries.are_enough(&failure) => {
                failure
            }
            answer => return answer,
        };
        let attempt = tries.attempt();
        tracing::warn!(
            attempt,
            reason = failure.chain(),
            hint = failure.hint,
            "{what}"
        );
        tokio::select! {
            biased;
            () = stop.asked() => return Err(failure),
            () = tries.wait() => {}
        }
    }
}

/// Whether the same question would get the same answer.
fn is_about_the_request(failure: &Failure) -> bool {
    failure.kind.blame() == Blame::Call
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    type Begin = fn(Patience) -> Tries;

    /// How often something is tried that always fails, and for how long.
    async fn tried(mut tries: Tries, kind: FailureKind) -> (u32, Duration) {
        let failure = Failure::new(kind, "it broke");
        let begin = Instant::now();
        while !tries.are_enough(&failure) {
            tries.wait().await;
        }
        (tries.attempt(), begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest() {
        let mut tries = Patience::new(HOUR).with_the_warehouse();
        let begin = Instant::now();
        for _ in 0..3 {
            tries.wait().await;
        }
        assert_eq!(begin.elapsed(), Duration::from_millis(1_400));
        for _ in 0..10 {
            tries.wait().await;
        }
        let begin = Instant::now();
        tries.wait().await;
        assert_eq!(begin.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_last_is_given_up_after_some_attempts_and_an_outage_when_it_is_time() {
        for outage_max in [Duration::ZERO, HOUR] {
            let patience = Patience::new(outage_max);
            let failed = tried(patience.with_the_warehouse(), FailureKind::StoreFailed).await;
            assert_eq!(failed.0, WAREHOUSE_ATTEMPTS_MAX);
            let about_three_minutes = 120..200;
            assert!(
                about_three_minutes.contains(&failed.1.as_secs()),
                "{failed:?}"
            );
            let failed = tried(patience.at_the_start(), FailureKind::StoreFailed).await;
            assert_eq!(failed, (1, Duration::ZERO));
        }
        let longest_wait = Duration::from_secs(60);
        let begun: [(Begin, FailureKind); 4] = [
            (Patience::with_the_warehouse, FailureKind::Unavailable),
            (Patience::with_the_warehouse, FailureKind::Denied),
            (Patience::at_the_start, FailureKind::Unavailable),
            (Patience::with_a_paid_reply, FailureKind::StoreFailed),
        ];
        for (begin, kind) in begun {
            let (_, time) = tried(begin(Patience::new(HOUR)), kind).await;
            let is_in_time = HOUR <= time && time <= HOUR + longest_wait;
            assert!(is_in_time, "{kind}: {time:?}");
        }
        let patience = Patience::new(Duration::ZERO);
        let (attempts, time) = tried(patience.with_a_paid_reply(), FailureKind::Unavailable).await;
        assert_eq!(attempts, REPLY_ATTEMPTS_MAX);
        assert!(time > 14 * longest_wait, "a quarter of an hour: {time:?}");
    }
}
