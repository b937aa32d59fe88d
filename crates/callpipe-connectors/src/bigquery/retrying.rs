//! When a request is sent again. The numbers are those of Google's own clients: six attempts at a
//! request, from one second doubled to at most 32; three attempts at a job.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Refusal, Remedy};

/// A job that takes longer is told of: BigQuery may let one wait for hours.
const LONG_JOB: Duration = Duration::from_secs(60);

/// How often, and after which waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    pub(super) requests_max: u32,
    pub(super) jobs_max: u32,
    pub(super) delay: Duration,
    pub(super) delay_max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            requests_max: 6,
            jobs_max: 3,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(32),
        }
    }
}

impl Retries {
    /// Attempts at one request.
    pub(super) fn of_request(&self) -> Attempts {
        self.attempts(Remedy::Again, self.requests_max)
    }

    /// Attempts at one job.
    pub(super) fn of_job(&self) -> Attempts {
        self.attempts(Remedy::NewJob, self.jobs_max)
    }

    fn attempts(&self, remedy: Remedy, attempts_max: u32) -> Attempts {
        Attempts {
            remedy,
            left: attempts_max.saturating_sub(1),
            delay: self.delay,
            delay_max: self.delay_max,
        }
    }
}

/// The attempts that are left.
pub(super) struct Attempts {
    remedy: Remedy,
    left: u32,
    delay: Duration,
    delay_max: Duration,
}

impl Attempts {
    /// Waits before the next attempt. The refusal comes back where another attempt would not help,
    /// or none is left.
    pub(super) async fn after(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if refusal.remedy != self.remedy || self.left == 0 {
            return Err(refusal);
        }
        self.left -= 1;
        let asked_for = refusal.failure.retry_after.unwrap_or_default();
        let wait = self.delay.max(asked_for).min(self.delay_max);
        self.delay *= 2;
        tracing::debug!(
            wait_ms = wait.as_millis() as u64,
            reason = refusal.failure.chain(),
            "BigQuery is asked again"
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// How long a job is waited for.
pub(super) struct JobWait {
    since: Instant,
    is_told: bool,
}

impl JobWait {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            is_told: false,
        }
    }

    /// Tells once of a job that takes long.
    pub(super) fn goes_on(&mut self, doing: &str) {
        if self.becomes_long() {
            tracing::warn!("{doing}: BigQuery has not ended the job yet, and it is waited for");
        }
    }

    fn becomes_long(&mut self) -> bool {
        let is_long = self.since.elapsed() >= LONG_JOB;
        is_long && !std::mem::replace(&mut self.is_told, is_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_job_is_told_of_once() {
        let mut wait = JobWait::new();
        tokio::time::advance(LONG_JOB / 2).await;
        assert!(!wait.becomes_long());
        tokio::time::advance(LONG_JOB / 2).await;
        assert!(wait.becomes_long());
        tokio::time::advance(LONG_JOB).await;
        assert!(!wait.becomes_long());
    }
}
