//! How often and how long until a call is tried again.

use std::time::Duration;

/// When calls are tried again, and when not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts at one stage before a call is parked; at least one.
    pub attempts_max: u32,
    /// The wait after the first failed attempt; doubled after each further one.
    pub delay: Duration,
    /// The longest wait of our own choosing.
    pub delay_max: Duration,
    /// How old a call must be before "there is no recording" is believed.
    pub settle_for: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(300),
            settle_for: Duration::from_secs(3600),
        }
    }
}

impl RetryPolicy {
    /// The wait after the `attempt`th failed attempt (from one). `chance` in 0.0..1.0 spreads the
    /// waits of many calls over the second half of it; what the other side asked for is never
    /// undercut.
    pub fn backoff(&self, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let full = self
            .delay
            .saturating_mul(1 << doublings)
            .min(self.delay_max);
        let spread = full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        spread.max(retry_after.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy::default();
        let seconds = |attempt| policy.backoff(attempt, None, 1.0).as_secs();
        assert_eq!(
            [seconds(1), seconds(2), seconds(3), seconds(9), seconds(99)],
            [1, 2, 4, 256, 300]
        );
    }

    #[test]
    fn chance_spreads_over_the_second_half() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(2, None, 0.0), Duration::from_secs(1));
        assert_eq!(policy.backoff(2, None, 0.5), Duration::from_millis(1500));
    }

    #[test]
    fn what_the_other_side_asks_for_is_kept() {
        let wish = Some(Duration::from_secs(900));
        assert_eq!(
            RetryPolicy::default().backoff(1, wish, 0.0),
            Duration::from_secs(900)
        );
    }
}
