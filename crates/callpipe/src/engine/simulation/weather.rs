//! What goes wrong in a world, and when.

use std::time::Duration;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::failure::FailureKind;
use chrono::TimeDelta;

/// The outside systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum System {
    Contacts,
    Recordings,
    Media,
    Transcriber,
    Classifier,
    Warehouse,
    Archive,
    /// A part of the archive, that may be away alone.
    Leases,
}

impl System {
    /// Whether an outage of another system is one of this.
    fn is_part_of(self, other: Self) -> bool {
        self == other || (self == Self::Leases && other == Self::Archive)
    }

    /// Whether it is one of our own stores.
    pub(super) fn is_store(self) -> bool {
        matches!(self, Self::Warehouse | Self::Archive | Self::Leases)
    }
}

/// A time in which a system is out of order for everybody.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    pub(super) system: System,
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// Unavailable; denied, by a credential that is no good; of no use, where it is paid for.
    pub(super) kind: FailureKind,
    /// The wish that goes with it.
    pub(super) retry_after: Option<Duration>,
}

/// The clock on the wall is set.
#[derive(Debug, Clone)]
pub(super) struct Jump {
    pub(super) at: Duration,
    pub(super) by: TimeDelta,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    /// Nothing happens but that it fails.
    Fails(FailureKind, Option<Duration>),
    /// It works, and nobody hears of it.
    LosesAnswer(FailureKind),
    /// No answer until the connector has waited long enough; it worked or not.
    Hangs {
        works: bool,
    },
    /// The connector has a bug.
    Panics,
    /// The process is killed while the request is on its way.
    Kills {
        works: bool,
    },
}

#[derive(Debug, Clone, Default)]
pub(super) struct Weather {
    /// So many of a thousand requests fail, until it is calm.
    pub(super) faults_permille: u64,
    pub(super) calm_from: Duration,
    pub(super) outages: Vec<Outage>,
    pub(super) jumps: Vec<Jump>,
    /// Requests may take so many times as long as usual.
    pub(super) slowness: u64,
    /// How long requests take at least and at most, where it is not as usual.
    pub(super) latency_ms: Option<fn(System) -> (u64, u64)>,
}

impl Weather {
    /// A storm of some hours at most, by chance.
    pub(super) fn storm(chance: &mut Seeded) -> Self {
        let calm_from = Duration::from_secs(chance.between(60, 10_800));
        let moment = |chance: &mut Seeded| Duration::from_secs(chance.below(calm_from.as_secs()));
        let systems = [
            System::Contacts,
            System::Recordings,
            System::Media,
            System::Transcriber,
            System::Classifier,
            System::Warehouse,
            System::Archive,
        ];
        let outages = (0..chance.below(4)).map(|_| {
            let (system, from) = (*chance.pick(&systems), moment(chance));
            let lasts = Duration::from_secs(chance.between(5, 3_000));
            let kind = match chance.below(5) {
                0 => FailureKind::Denied,
                1 => FailureKind::RateLimited,
                2 if matches!(system, System::Transcriber | System::Classifier) => {
                    FailureKind::UnusableReply
                }
                _ => FailureKind::Unavailable,
            };
            Outage {
                system,
                from,
                until: (from + lasts).min(calm_from),
                kind,
                retry_after: None,
            }
        });
        let outages = outages.collect();
        let jumps = (0..chance.below(3)).map(|_| Jump {
            at: moment(chance),
            by: TimeDelta::seconds(chance.between(0, 14_400) as i64 - 7_200),
        });
        Self {
            jumps: jumps.collect(),
            outages,
            faults_permille: *chance.pick(&[0, 5, 20, 50, 100, 300]),
            calm_from,
            slowness: *chance.pick(&[1, 1, 4]),
            // Where everything takes equally long, much happens at the very same moment.
            latency_ms: (chance.place(3) == 2).then_some(|_| (10, 10)),
        }
    }

    /// How far the clock on the wall is off.
    pub(super) fn clock_is_off_by(&self, now: Duration) -> TimeDelta {
        let past = self.jumps.iter().filter(|jump| jump.at <= now);
        past.map(|jump| jump.by).sum()
    }

    pub(super) fn outage(&self, system: System, now: Duration) -> Option<&Outage> {
        let covers = |outage: &&Outage| {
            system.is_part_of(outage.system) && outage.from <= now && now < outage.until
        };
        self.outages.iter().find(covers)
    }

    pub(super) fn fate(&self, system: System, now: Duration, chance: &mut Seeded) -> Fate {
        if let Some(outage) = self.outage(system, now) {
            return Fate::Fails(outage.kind, outage.retry_after);
        }
        if now >= self.calm_from || !chance.permille(self.faults_permille) {
            return Fate::Works;
        }
        match system.is_store() {
            true => store_fault(chance),
            false => vendor_fault(chance),
        }
    }

    /// How long a request takes, one way and back.
    pub(super) fn latency(&self, system: System, chance: &mut Seeded) -> [Duration; 2] {
        let (least_ms, most_ms) = self.latency_ms.unwrap_or(usual_latency_ms)(system);
        let factor = self.slowness.max(1);
        let both_ms = chance.between(least_ms, most_ms * factor);
        let there_ms = match least_ms == most_ms {
            true => both_ms / 2,
            false => chance.below(both_ms + 1),
        };
        [there_ms, both_ms - there_ms].map(Duration::from_millis)
    }
}

fn usual_latency_ms(system: System) -> (u64, u64) {
    match system {
        System::Contacts => (50, 1_500),
        System::Recordings => (100, 600),
        System::Media => (200, 3_000),
        System::Transcriber => (1_000, 12_000),
        System::Classifier => (500, 4_000),
        System::Warehouse => (1, 40),
        System::Archive | System::Leases => (1, 60),
    }
}

fn vendor_fault(chance: &mut Seeded) -> Fate {
    let seconds = |chance: &mut Seeded, most| Some(Duration::from_secs(chance.between(1, most)));
    match chance.below(20) {
        0..6 => Fate::Fails(FailureKind::Unavailable, None),
        6 => Fate::Fails(FailureKind::Unavailable, seconds(chance, 30)),
        7..9 => Fate::Fails(FailureKind::RateLimited, None),
        9..11 => Fate::Fails(FailureKind::RateLimited, seconds(chance, 120)),
        11 => Fate::Fails(FailureKind::Denied, None),
        12 => Fate::Fails(FailureKind::Rejected, None),
        13 => Fate::Fails(FailureKind::CorruptTransfer, None),
        14..17 => Fate::LosesAnswer(FailureKind::Unavailable),
        17 => Fate::Hangs { works: true },
        18 => Fate::Hangs { works: false },
        _ => Fate::Panics,
    }
}

fn store_fault(chance: &mut Seeded) -> Fate {
    let kind = *chance.pick(&[FailureKind::Unavailable, FailureKind::StoreFailed]);
    match chance.below(8) {
        0..4 => Fate::Fails(kind, None),
        4..7 => Fate::LosesAnswer(kind),
        _ => Fate::Hangs { works: true },
    }
}
