//! Requests that were answered and still count, in memory that does not grow with how many there are.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// From so many moments on, requests that were answered shortly after each other share one.
pub(super) const MOMENTS_APART: usize = 4_096;

/// Requests that were answered, by when they cease to count.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// In the order of time.
    groups: VecDeque<Group>,
    requests: usize,
}

/// Requests that cease to count at once: with the last of them.
#[derive(Debug, Clone, Copy)]
struct Group {
    first_free_at: Instant,
    free_at: Instant,
    requests: usize,
}

impl Answered {
    /// Adds one that counts as long as the whole window, and so longer than all others. A limit of many
    /// thousands would otherwise need memory for each: it loses a 4096th of its window instead.
    pub(super) fn add(&mut self, now: Instant, window: Duration) {
        let free_at = now + window;
        self.requests += 1;
        let shared = window / MOMENTS_APART as u32;
        let is_many = self.groups.len() >= MOMENTS_APART;
        match self.groups.back_mut().filter(|_| is_many) {
            Some(last) if free_at.duration_since(last.first_free_at) < shared => {
                last.free_at = free_at;
                last.requests += 1;
            }
            _ => self.groups.push_back(Group::of_one(free_at)),
        }
    }

    /// Adds some that count for so long still.
    pub(super) fn add_earlier(&mut self, now: Instant, earlier: Vec<Duration>) {
        self.requests += earlier.len();
        let groups = earlier.into_iter().map(|time| Group::of_one(now + time));
        self.groups.extend(groups);
        let groups = self.groups.make_contiguous();
        groups.sort_unstable_by_key(|group| group.free_at);
    }

    /// Forgets those that have ceased to count.
    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some(group) = self.groups.front().filter(|group| group.free_at <= now) {
            self.requests -= group.requests;
            self.groups.pop_front();
        }
    }

    /// How many count still, as far as was forgotten.
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// When the next of them cease to count.
    pub(super) fn first_free_at(&self) -> Option<Instant> {
        self.groups.front().map(|group| group.free_at)
    }

    /// How many moments are kept for them.
    #[cfg(test)]
    pub(super) fn moments(&self) -> usize {
        self.groups.len()
    }

    /// For how long each of them counts still.
    pub(super) fn counts_for(&self, now: Instant) -> Vec<Duration> {
        let of_group = |group: &Group| {
            let time = group.free_at.checked_duration_since(now)?;
            Some(std::iter::repeat_n(time, group.requests))
        };
        self.groups.iter().filter_map(of_group).flatten().collect()
    }
}

impl Group {
    fn of_one(free_at: Instant) -> Self {
        Self {
            first_free_at: free_at,
            free_at,
            requests: 1,
        }
    }
}
