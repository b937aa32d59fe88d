//! How often somebody may try to sign in: a few times in a row, then at a slow pace; from each address,
//! and all together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// So many addresses are remembered.
const ADDRESSES_MAX: usize = 10_000;

/// How many attempts there may be.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// So many at once.
    burst: f64,
    /// And one more after so many seconds.
    pace_s: f64,
}

const FROM_AN_ADDRESS: Limit = Limit {
    burst: 8.0,
    pace_s: 30.0,
};

/// Enough for an office that begins its day, and too slow to guess by.
const FROM_ALL: Limit = Limit {
    burst: 60.0,
    pace_s: 1.0,
};

/// The attempts that are left.
#[derive(Debug, Clone, Copy)]
struct Left {
    attempts: f64,
    at: DateTime<Utc>,
}

impl Left {
    fn full(limit: Limit, at: DateTime<Utc>) -> Self {
        Self {
            attempts: limit.burst,
            at,
        }
    }

    fn refill(&mut self, limit: Limit, now: DateTime<Utc>) {
        // A clock that is set back gives nothing and takes nothing.
        let seconds = (now - self.at).as_seconds_f64().max(0.0);
        self.attempts = (self.attempts + seconds / limit.pace_s).min(limit.burst);
        self.at = now;
    }

    /// For how long there is none left.
    fn wait(&self, limit: Limit) -> Option<Duration> {
        let missing = 1.0 - self.attempts;
        (missing > 0.0).then(|| Duration::from_secs_f64((missing * limit.pace_s).ceil()))
    }
}

#[derive(Debug)]
struct State {
    all: Option<Left>,
    by_address: HashMap<IpAddr, Left>,
}

/// Counts attempts to sign in.
#[derive(Debug)]
pub(super) struct Attempts(Mutex<State>);

impl Attempts {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            all: None,
            by_address: HashMap::new(),
        }))
    }

    /// Counts an attempt; or says for how long there may be none, and counts nothing.
    pub(super) fn take(&self, address: IpAddr, now: DateTime<Utc>) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        make_room(&mut state.by_address, now);
        let all = state.all.get_or_insert(Left::full(FROM_ALL, now));
        let one = state
            .by_address
            .entry(network(address))
            .or_insert(Left::full(FROM_AN_ADDRESS, now));
        all.refill(FROM_ALL, now);
        one.refill(FROM_AN_ADDRESS, now);
        match one.wait(FROM_AN_ADDRESS).max(all.wait(FROM_ALL)) {
            Some(wait) => Err(wait),
            None => {
                one.attempts -= 1.0;
                all.attempts -= 1.0;
                Ok(())
            }
        }
    }

    /// An attempt that was right does not count.
    pub(super) fn give_back(&self, address: IpAddr) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let one = state.by_address.get_mut(&network(address));
        for left in one.into_iter().chain(&mut state.all) {
            left.attempts += 1.0;
        }
    }
}

/// Forgets addresses that have all of their attempts again; where too many are left, all of them: the
/// limit for all together still holds.
fn make_room(by_address: &mut HashMap<IpAddr, Left>, now: DateTime<Utc>) {
    if by_address.len() < ADDRESSES_MAX {
        return;
    }
    by_address.retain(|_, left| {
        left.refill(FROM_AN_ADDRESS, now);
        left.attempts < FROM_AN_ADDRESS.burst
    });
    if by_address.len() >= ADDRESSES_MAX {
        by_address.clear();
    }
}

/// What one person has of addresses: of version 6 that is a network of 64 bits at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(bits).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn taken(attempts: &Attempts, from: &str, tries: usize, at: i64) -> usize {
        let from = address(from);
        let took = (0..tries).filter(|_| attempts.take(from, moment(at)).is_ok());
        took.count()
    }

    #[test]
    fn an_address_tries_a_few_times_and_then_slowly() {
        let attempts = Attempts::new();
        assert_eq!(taken(&attempts, "10.0.0.1", 100, 0), 8);
        let refused = attempts.take(address("10.0.0.1"), moment(0)).unwrap_err();
        assert_eq!(refused, Duration::from_secs(30));
        assert_eq!(taken(&attempts, "10.0.0.1", 5, 29), 0);
        assert_eq!(taken(&attempts, "10.0.0.1", 5, 30), 1);
        assert_eq!(
            taken(&attempts, "10.0.0.2", 5, 30),
            5,
            "others are not held up"
        );
        assert_eq!(taken(&attempts, "10.0.0.1", 100, 100_000), 8);
    }

    #[test]
    fn many_addresses_together_are_slow_too() {
        let attempts = Attempts::new();
        let tries = |at| (0..200).map(move |n| (format!("10.1.{n}.1"), at));
        let took = |(from, at): (String, i64)| taken(&attempts, &from, 1, at);
        assert_eq!(tries(0).map(took).sum::<usize>(), 60);
        assert_eq!(tries(10).map(took).sum::<usize>(), 10);
    }

    #[test]
    fn a_network_of_version_6_is_one_address_and_a_mapped_one_is_itself() {
        let attempts = Attempts::new();
        let tries = (0..100).map(|n| format!("2001:db8:1:2::{n:x}"));
        assert_eq!(
            tries
                .map(|from| taken(&attempts, &from, 1, 0))
                .sum::<usize>(),
            8
        );
        assert_eq!(taken(&attempts, "::ffff:10.0.0.9", 100, 0), 8);
        assert_eq!(taken(&attempts, "10.0.0.9", 1, 0), 0);
    }

    #[test]
    fn who_is_right_is_never_held_up() {
        let attempts = Attempts::new();
        for _ in 0..1_000 {
            attempts.take(address("10.0.0.1"), moment(0)).unwrap();
            attempts.give_back(address("10.0.0.1"));
        }
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_is_set_back_opens_nothing() {
        let attempts = Attempts::new();
        for n in 0..30_000_u32 {
            let _ = attempts.take(IpAddr::V4(n.into()), moment(0));
        }
        assert!(attempts.0.lock().unwrap().by_address.len() <= ADDRESSES_MAX);
        let attempts = Attempts::new();
        assert_eq!(taken(&attempts, "10.0.0.1", 100, 1_000), 8);
        assert_eq!(taken(&attempts, "10.0.0.1", 100, 0), 0);
        assert_eq!(taken(&attempts, "10.0.0.1", 100, 29), 0);
    }
}
