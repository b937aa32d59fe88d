//! What outlives every run: time, weather, and the record of what was asked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::weather::{Fate, System, Weather};

/// How long a connector waits for a vendor that says nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// More requests than any run here can need.
const REQUESTS_MAX: u64 = 30_000_000;

/// A fault that somebody's request met.
#[derive(Debug, Clone)]
pub(super) struct Met {
    pub(super) system: System,
    pub(super) kind: FailureKind,
    pub(super) in_outage: bool,
}

pub(super) struct World {
    state: Mutex<State>,
    /// Told when the process is to be killed.
    killer: Notify,
}

struct State {
    chance: Seeded,
    weather: Weather,
    /// Time that earlier runs took.
    before: Duration,
    began: Option<Instant>,
    requests: u64,
    /// What is to become of some requests, by their numbers.
    special: BTreeMap<u64, Fate>,
    met: BTreeMap<String, Vec<Met>>,
    violations: Vec<String>,
    trace: Trace,
}

/// What happened, in short.
#[derive(Debug, Default, Clone)]
pub(super) struct Trace {
    /// All of it, if it is wanted.
    pub(super) lines: Option<Vec<String>>,
    /// Changes with everything that happens.
    pub(super) digest: u64,
}

impl Trace {
    fn add(&mut self, number: u64, now: Duration, what: std::fmt::Arguments<'_>) {
        let mut line = String::new();
        let _ = write!(line, "{number} {:>9}ms {what}", now.as_millis());
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }
}

impl World {
    pub(super) fn new(weather: Weather, chance: Seeded) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                chance,
                weather,
                before: Duration::ZERO,
                began: None,
                requests: 0,
                special: BTreeMap::new(),
                met: BTreeMap::new(),
                violations: Vec::new(),
                trace: Trace::default(),
            }),
            killer: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Keeps every line of what happens.
    pub(super) fn keep_lines(&self) {
        self.state().trace.lines = Some(Vec::new());
    }

    pub(super) fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    pub(super) fn set_special(&self, number: u64, fate: Fate) {
        self.state().special.insert(number, fate);
    }

    pub(super) fn requests(&self) -> u64 {
        self.state().requests
    }

    /// A run begins: from now on, its runtime's clock is the world's.
    pub(super) fn begin_life(&self) {
        self.state().began = Some(Instant::now());
    }

    /// A run has ended.
    pub(super) fn end_life(&self) {
        let now = self.now();
        let mut state = self.state();
        state.before = now;
        state.began = None;
    }

    /// Nobody does anything for a while.
    pub(super) fn pass(&self, time: Duration) {
        self.state().before += time;
    }

    pub(super) fn now(&self) -> Duration {
        self.state().now()
    }

    pub(super) fn weather(&self) -> Weather {
        self.state().weather.clone()
    }

    /// Whether the clock on the wall was set forward in a stretch of time.
    pub(super) fn clock_went_forward(&self, from: Duration, until: Duration) -> bool {
        let state = self.state();
        let mut jumps = state.weather.jumps.iter();
        jumps.any(|jump| jump.by > TimeDelta::zero() && from <= jump.at && jump.at <= until)
    }

    pub(super) fn calm_from(&self) -> Duration {
        self.state().weather.calm_from
    }

    /// Returns when the process is to be killed by one of its requests.
    pub(super) async fn killed(&self) {
        self.killer.notified().await;
    }

    pub(super) fn violation(&self, what: String) {
        self.state().violations.push(what);
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    pub(super) fn tell(&self, what: std::fmt::Arguments<'_>) {
        let mut state = self.state();
        let (number, now) = (state.requests, state.now());
        state.trace.add(number, now, what);
    }

    /// The faults that requests about somebody have met.
    pub(super) fn met(&self, whom: &str) -> Vec<Met> {
        self.state().met.get(whom).cloned().unwrap_or_default()
    }

    /// The faults of archive and warehouse, whoever asked for what.
    pub(super) fn met_by_stores(&self) -> Vec<Met> {
        let state = self.state();
        let all = state.met.values().flatten();
        all.filter(|met| met.system.is_store()).cloned().collect()
    }

    /// Notes a fault that is nobody's but the call's own, such as an answer of no use.
    pub(super) fn meet(&self, system: System, whom: &str, kind: FailureKind) {
        let mut state = self.state();
        state.meet(system, whom, kind);
    }

    /// Whether this time it is so, so many times in a thousand while it storms.
    pub(super) fn happens(&self, permille: u64) -> bool {
        let mut state = self.state();
        state.now() < state.weather.calm_from && state.chance.permille(permille)
    }

    pub(super) fn faults_permille(&self) -> u64 {
        self.state().weather.faults_permille
    }

    /// Sends a request and returns when it has reached its system. What is to happen there happens
    /// now; then [`Passage::answer`] brings the answer.
    pub(super) async fn request(
        self: &Arc<Self>,
        system: System,
        doing: &str,
        whom: &str,
    ) -> Outside<Passage> {
        let (fate, [there, back]) = {
            let mut state = self.state();
            state.requests += 1;
            let (number, now) = (state.requests, state.now());
            assert!(number < REQUESTS_MAX, "the engine goes round and round");
            let State {
                weather, chance, ..
            } = &mut *state;
            let latency = weather.latency(system, chance);
            let mut fate = weather.fate(system, now, chance);
            if let Some(special) = state.special.remove(&number) {
                fate = special;
            }
            state.trace.add(
                number,
                now,
                format_args!("{system:?} {doing} {whom} {fate:?}"),
            );
            match &fate {
                Fate::Fails(kind, _) | Fate::LosesAnswer(kind) => state.meet(system, whom, *kind),
                Fate::Hangs { .. } => state.meet(system, whom, FailureKind::Unavailable),
                Fate::Panics => state.meet(system, whom, FailureKind::Bug),
                Fate::Works | Fate::Kills { .. } => {}
            }
            (fate, latency)
        };
        tokio::time::sleep(there).await;
        let failure = |kind: FailureKind| Failure::new(kind, format!("{system:?}: {doing} failed"));
        let passage = |outcome| Passage {
            world: Arc::clone(self),
            back,
            outcome,
        };
        match fate {
            Fate::Works => Ok(passage(Return::Answer)),
            Fate::Fails(kind, retry_after) => {
                tokio::time::sleep(back).await;
                Err(failure(kind).with_retry_after(retry_after))
            }
            Fate::LosesAnswer(kind) => Ok(passage(Return::Lost(failure(kind)))),
            Fate::Hangs { works: true } => Ok(Passage {
                back: SILENCE_MAX,
                ..passage(Return::Lost(failure(FailureKind::Unavailable)))
            }),
            Fate::Hangs { works: false } => {
                tokio::time::sleep(SILENCE_MAX).await;
                Err(failure(FailureKind::Unavailable))
            }
            // Without the hook that prints: it is meant.
            Fate::Panics => std::panic::resume_unwind(Box::new("a connector's bug")),
            Fate::Kills { works: true } => Ok(passage(Return::Killed)),
            Fate::Kills { works: false } => {
                self.killer.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl State {
    fn now(&self) -> Duration {
        self.before + self.began.map(|began| began.elapsed()).unwrap_or_default()
    }

    fn meet(&mut self, system: System, whom: &str, kind: FailureKind) {
        let at = self.now();
        let in_outage = self.weather.outage(system, at).is_some();
        let met = Met {
            system,
            kind,
            in_outage,
        };
        self.met.entry(whom.to_owned()).or_default().push(met);
    }
}

/// A request that has reached its system.
pub(super) struct Passage {
    world: Arc<World>,
    back: Duration,
    outcome: Return,
}

enum Return {
    Answer,
    Lost(Failure),
    Killed,
}

impl Passage {
    /// The way back.
    pub(super) async fn answer(self) -> Outside<()> {
        if let Return::Killed = self.outcome {
            self.world.killer.notify_one();
            return std::future::pending().await;
        }
        tokio::time::sleep(self.back).await;
        match self.outcome {
            Return::Lost(failure) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Whether nobody will hear the answer.
    pub(super) fn is_lost(&self) -> bool {
        !matches!(self.outcome, Return::Answer)
    }
}

/// The clock on the wall, which may be set while nobody looks.
pub(super) struct WallClock(pub(super) Arc<World>);

impl Clock for WallClock {
    fn now(&self) -> DateTime<Utc> {
        let state = self.0.state();
        let now = state.now();
        epoch() + TimeDelta::from_std(now).unwrap() + state.weather.clock_is_off_by(now)
    }
}

/// When the world begins, by the clock on the wall.
pub(super) fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}
