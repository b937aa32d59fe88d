//! When a request is sent again. The numbers are those of Google's own clients: six attempts at a
//! request, from one second doubled to at most 32; three attempts at a job.

use std::time::Duration;

use callpipe_core::failure::Outside;

use super::answer::{Refusal, Remedy};

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
    /// Sends a request until it succeeds or something else than waiting is needed.
    pub(super) async fn request<T>(
        &self,
        send: impl AsyncFn() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut attempt = 1;
        loop {
            match send().await {
                Err(refusal)
                    if refusal.remedy == Remedy::Again && attempt < self.requests_max =>
                {
                    self.wait(attempt, &refusal).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Does a job until it succeeds or a new one would not help.
    pub(super) async fn job<T>(&self, run: impl AsyncFn() -> Result<T, Refusal>) -> Outside<T> {
        let mut attempt = 1;
        loop {
            match run().await {
                Err(refusal) if refusal.remedy == Remedy::NewJob && attempt < self.jobs_max => {
                    self.wait(attempt, &refusal).await;
                    attempt += 1;
                }
                answer => return Ok(answer?),
            }
        }
    }

    async fn wait(&self, attempt: u32, refusal: &Refusal) {
        let doubled = self.delay * 2_u32.saturating_pow(attempt - 1);
        let asked_for = refusal.failure.retry_after.unwrap_or_default();
        let wait = doubled.max(asked_for).min(self.delay_max);
        tracing::debug!(
            attempt,
            wait_ms = wait.as_millis() as u64,
            reason = refusal.failure.chain(),
            "BigQuery is asked again"
        );
        tokio::time::sleep(wait).await;
    }
}
