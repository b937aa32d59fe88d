//! Asking the warehouse again: a moment in which it cannot be read must not end a run, which would
//! cut off work that is paid for.

use std::time::Duration;

use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};

use super::stop::Stop;

/// Attempts before it is given up; as many as saving has.
const ATTEMPTS_MAX: u32 = 12;

const WAIT: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Asks until there is an answer, for about three minutes, or until a stop is asked for.
pub(super) async fn ask<T, Answer>(stop: &Stop, request: impl Fn() -> Answer) -> Outside<T>
where
    Answer: Future<Output = Outside<T>>,
{
    let mut wait = WAIT;
    for attempt in 1.. {
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
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(WAIT_MAX);
    }
    request().await
}

fn may_pass(failure: &Failure) -> bool {
    failure.kind.blame() == Blame::Moment || failure.kind == FailureKind::StoreFailed
}
