//! How fast an outside system may be asked, as far as that is known: for estimates.

use std::time::Duration;

use serde::Serialize;

/// The limit that decides how long much work takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// So many requests in any stretch of a window.
    Window {
        /// The most of them.
        requests_max: usize,
        /// How long the window is.
        #[serde(rename = "window_s", serialize_with = "seconds")]
        window: Duration,
    },
    /// So many requests at once, each of which takes a while.
    InFlight {
        /// The most of them.
        requests_max: usize,
        /// How long one usually takes.
        #[serde(rename = "usual_delay_s", serialize_with = "seconds")]
        usual_delay: Duration,
    },
}

impl Pace {
    /// How long so many requests take.
    pub fn time_for(&self, requests: u64) -> Duration {
        let (requests_max, time) = match *self {
            Self::Window {
                requests_max,
                window,
            } => (requests_max, window),
            Self::InFlight {
                requests_max,
                usual_delay,
            } => (requests_max, usual_delay),
        };
        let rounds = requests as f64 / requests_max.max(1) as f64;
        // Ages are as good as for ever.
        Duration::try_from_secs_f64(rounds * time.as_secs_f64()).unwrap_or(Duration::MAX)
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_thousand_calls_take_cxone_two_days() {
        let pace = Pace::Window {
            requests_max: 150,
            window: Duration::from_secs(300),
        };
        let hours = pace.time_for(80_000).as_secs_f64() / 3600.0;
        assert!((hours - 44.4).abs() < 0.1, "{hours}");
    }

    #[test]
    fn requests_at_once_take_turns() {
        let pace = Pace::InFlight {
            requests_max: 10,
            usual_delay: Duration::from_secs(8),
        };
        assert_eq!(pace.time_for(100), Duration::from_secs(80));
        assert_eq!(pace.time_for(0), Duration::ZERO);
    }
}
