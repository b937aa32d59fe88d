//! How fast the work goes: how far all calls were, now and some minutes ago.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::index::Snapshot;
use crate::selection::{Period, Selection};

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The rate is that of so long.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// Without a change for so long, no run is at work.
const STILL: TimeDelta = TimeDelta::seconds(30);

/// How many calls came how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    /// Given by the contact list.
    pub(crate) given: u64,
    /// Their recordings are in the archive.
    pub(crate) fetched: u64,
    /// Their words are known.
    pub(crate) transcribed: u64,
    /// Their labels are known.
    pub(crate) classified: u64,
    /// There is nothing to do for them.
    pub(crate) skipped: u64,
    /// A person must look.
    pub(crate) parked: u64,
}

impl Reached {
    /// How far the calls of a snapshot are.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let all = Selection::default().within(Period::All);
        let cross = snapshot.choose(&all, None).cross("stage", "status");
        let at = |stage: &str| {
            ["ready", "parked", "skipped", "done"].map(|status| cross.count(stage, status))
        };
        let (fetch, transcribe, classify) = (at("fetch"), at("transcribe"), at("classify"));
        let sum = |counts: [u64; 4]| counts.iter().sum::<u64>();
        Self {
            given: snapshot.calls() as u64,
            fetched: sum(transcribe) + sum(classify),
            transcribed: sum(classify),
            classified: classify[3],
            skipped: fetch[2] + transcribe[2] + classify[2],
            parked: fetch[1] + transcribe[1] + classify[1],
        }
    }

    /// Calls that work is left for.
    pub(crate) fn left(&self) -> u64 {
        self.given
            .saturating_sub(self.classified + self.skipped + self.parked)
    }
}

/// How far the calls were at some moments.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    looks: Mutex<VecDeque<(DateTime<Utc>, Reached)>>,
}

/// How fast the work goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Calls a minute that were fetched, transcribed and classified.
    pub(crate) per_minute: [f64; 3],
    /// How long it takes to end all that is left at this pace; nothing where none is classified.
    pub(crate) left: Option<Duration>,
}

impl Progress {
    /// Takes a look.
    pub(crate) fn look(&self, reached: Reached, now: DateTime<Utc>) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.push_back((now, reached));
        while looks.front().is_some_and(|(at, _)| now - at > WINDOW) {
            looks.pop_front();
        }
    }

    /// The pace of the last minutes; nothing while nothing changes.
    pub(crate) fn pace(&self, now: DateTime<Utc>) -> Option<Pace> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, last) = looks.back()?;
        let changed = looks.iter().rev().find(|(_, reached)| reached != last);
        if changed.is_none_or(|(at, _)| now - at > STILL) {
            return None;
        }
        // Before the first change there was nobody at work.
        let begun = looks
            .iter()
            .zip(looks.iter().skip(1))
            .find(|((_, one), (_, next))| one != next);
        let (from, first) = begun.map_or_else(|| looks.front(), |(begun, _)| Some(begun))?;
        let minutes = (now - from).as_seconds_f64().max(1.0) / 60.0;
        let rate =
            |count: fn(&Reached) -> u64| count(last).saturating_sub(count(first)) as f64 / minutes;
        let per_minute = [
            rate(|r| r.fetched),
            rate(|r| r.transcribed),
            rate(|r| r.classified),
        ];
        let left_s = last.left() as f64 / per_minute[2] * 60.0;
        Some(Pace {
            per_minute,
            left: Duration::try_from_secs_f64(left_s).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(classified: u64) -> Reached {
        Reached {
            given: 100,
            fetched: 2 * classified,
            transcribed: classified,
            classified,
            ..Reached::default()
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_pace_is_that_since_work_began() {
        let progress = Progress::default();
        assert_eq!(progress.pace(at(0)), None);
        for seconds in [0, 10, 20] {
            progress.look(reached(0), at(seconds));
        }
        assert_eq!(progress.pace(at(20)), None, "nobody works");
        progress.look(reached(5), at(50));
        progress.look(reached(10), at(80));
        let pace = progress.pace(at(80)).unwrap();
        assert_eq!(pace.per_minute, [20.0, 10.0, 10.0]);
        assert_eq!(pace.left, Some(Duration::from_secs(540)));
        for seconds in [90, 100, 110, 120] {
            progress.look(reached(10), at(seconds));
        }
        assert_eq!(progress.pace(at(120)), None, "the run has ended");
    }

    #[test]
    fn looks_of_long_ago_do_not_count() {
        let progress = Progress::default();
        for look in 0..180 {
            progress.look(reached(look), at(look as i64 * 20));
        }
        let looks = progress.looks.lock().unwrap().len();
        assert_eq!(looks, 16);
        let pace = progress.pace(at(179 * 20)).unwrap();
        assert_eq!(pace.per_minute[2], 3.0);
    }

    #[test]
    fn nothing_classified_is_no_time_left() {
        let progress = Progress::default();
        let fetched = |fetched| Reached {
            given: 9,
            fetched,
            ..Reached::default()
        };
        progress.look(fetched(0), at(0));
        progress.look(fetched(5), at(10));
        assert_eq!(progress.pace(at(10)).unwrap().left, None);
    }
}
