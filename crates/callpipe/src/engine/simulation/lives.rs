//! Runs that begin, die and begin again.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callpipe_connectors::archive::Archive;
use callpipe_connectors::http::pacing::{Ledger, WindowLimit};
use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::{Batching, CallFilter, Change, Outcome, Warehouse};
use callpipe_core::progress::{CallProgress, Stage, Status};
use callpipe_core::retry::RetryPolicy;
use callpipe_core::shard::Shard;
use callpipe_core::taxonomy::Taxonomy;
use callpipe_core::transition::{Circumstances, Event, advance};

use super::calls::Calls;
use super::chance::SharedChance;
use super::paid::{Books, Labeller, Listener};
use super::sqlite::{self, Reached};
use super::store::Store;
use super::tables::Row;
use super::vendors::{Contacts, Recordings, Window};
use super::warehouse::MemoryWarehouse;
use super::weather::Weather;
use super::world::{WallClock, World};
use crate::assemble::{ArchivedUsage, Part};
use crate::engine::holder::{Holder, Runner};
use crate::engine::monitor::Monitor;
use crate::engine::paid::PaidReplies;
use crate::engine::patience::Patience;
use crate::engine::spending::Spending;
use crate::engine::stages::{AnalysisWanted, ClassifyStage, FetchStage, Places, TranscribeStage};
use crate::engine::stop::Stop;
use crate::engine::tenure::Tenure;
use crate::engine::triage::Triage;
use crate::engine::{Ending, Engine, RunReport, Settings, run};

/// A run that is still at work after so long is no use to anybody.
const LIFE_MAX: Duration = Duration::from_secs(40 * 24 * 3600);

/// How many runs it may take until all is done when nothing goes wrong any more.
const CALM_LIVES_MAX: u32 = 40;

/// How the engine is set up in a world.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) retry: RetryPolicy,
    pub(super) outage_max: Duration,
    pub(super) wait_max: Duration,
    pub(super) batching: Batching,
    pub(super) in_flight: [usize; 3],
    pub(super) page: usize,
    /// The recordings' quota.
    pub(super) requests_max: usize,
    pub(super) window: Duration,
    /// Whether a later run can see that an earlier one has ended.
    pub(super) end_is_known: bool,
}

impl Setup {
    pub(super) fn by_chance(chance: &mut Seeded) -> Self {
        let requests_max = *chance.pick(&[3, 10, 150]);
        let outage_max = Duration::from_secs(*chance.pick(&[60, 600, 7_200]));
        let wait_max = Duration::from_secs(*chance.pick(&[0, 60, 3_600]));
        let rows_max = *chance.pick(&[1, 3, 100]);
        Self {
            retry: RetryPolicy::default(),
            outage_max,
            wait_max,
            batching: Batching {
                rows_max,
                contacts_max: rows_max,
                size_bytes_max: 1_000_000,
                delay_max: Duration::from_millis(*chance.pick(&[0, 100, 60_000])),
                idle_delay: Duration::from_millis(100),
            },
            in_flight: [(); 3].map(|()| chance.between(1, 12) as usize),
            page: *chance.pick(&[1, 4, 50]),
            requests_max,
            window: Duration::from_secs(*chance.pick(&[10, 60, 300])),
            end_is_known: chance.permille(500),
        }
    }
}

/// How a run's life is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// It ends by itself.
    Natural,
    /// It is killed after so long.
    Killed(Duration),
    /// It is asked to stop after so long.
    Stopped(Duration),
}

/// How a life ended.
#[derive(Debug)]
pub(super) enum End {
    Killed,
    Reported(RunReport),
    Failed(callpipe_core::failure::Failure),
}

impl End {
    /// Whether nothing is left to be done.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Reported(report) if report.ending == Ending::Done)
    }

    fn may_cut_off(&self) -> bool {
        match self {
            Self::Killed | Self::Failed(_) => true,
            Self::Reported(report) => !matches!(
                report.ending,
                Ending::Done | Ending::LimitReached | Ending::CallsWaiting { .. }
            ),
        }
    }
}

/// How a call ended, and whose labels it has.
pub(super) type Ended = (CallProgress, Option<String>);

/// A world with everything in it that outlives a run.
pub(super) struct Universe {
    pub(super) world: Arc<World>,
    pub(super) calls: Arc<Calls>,
    pub(super) setup: Setup,
    pub(super) books: Arc<Books>,
    pub(super) window: Arc<Window>,
    pub(super) store: Store,
    pub(super) warehouse: MemoryWarehouse,
    /// The real one, where it takes the place of the one in memory.
    sqlite: Option<Arc<SqliteWarehouse>>,
    chance: Mutex<Seeded>,
    lives: Mutex<u32>,
}

impl Universe {
    pub(super) fn new(weather: Weather, calls: Calls, setup: Setup, mut chance: Seeded) -> Self {
        let world = World::new(weather, chance.fork());
        let calls = Arc::new(calls);
        let warehouse =
            MemoryWarehouse::new(Arc::clone(&world), Arc::clone(&calls), setup.batching);
        Self {
            books: Books::new(Arc::clone(&world), Arc::clone(&calls)),
            window: Arc::new(Window::new(setup.requests_max, setup.window)),
            store: Store::new(Arc::clone(&world)),
            warehouse,
            world,
            calls,
            setup,
            sqlite: None,
            chance: Mutex::new(chance.fork()),
            lives: Mutex::new(0),
        }
    }

    /// The same world, in which the warehouse refuses nobody.
    pub(super) fn without_refusals(self) -> Self {
        let calls = self.calls.without_refusals();
        self.with(calls)
    }

    /// The same world with other calls.
    pub(super) fn with(self, calls: Calls) -> Self {
        let chance = self.chance.into_inner().unwrap();
        let weather = self.world.weather();
        Self::new(weather, calls, self.setup, chance)
    }

    /// The same world with another warehouse.
    pub(super) fn on(mut self, warehouse: SqliteWarehouse) -> Self {
        self.sqlite = Some(Arc::new(warehouse));
        self
    }

    /// How each call ended, and whose labels it has.
    pub(super) fn ended(&self) -> Vec<Ended> {
        if let Some(warehouse) = &self.sqlite {
            return sqlite::ended(warehouse);
        }
        let tables = self.warehouse.tables.lock().unwrap();
        let ended = |row: &Row| (row.progress.clone(), row.label());
        tables.rows.values().map(ended).collect()
    }

    fn warehouse(&self) -> Arc<dyn Warehouse> {
        match &self.sqlite {
            Some(warehouse) => Arc::new(Reached {
                world: Arc::clone(&self.world),
                warehouse: Arc::clone(warehouse),
            }),
            None => Arc::new(self.warehouse.clone()),
        }
    }

    pub(super) fn chance(&self) -> std::sync::MutexGuard<'_, Seeded> {
        self.chance.lock().unwrap()
    }

    /// A run on a runtime of its own, which takes all its tasks with it when it dies.
    pub(super) fn live(&self, death: Death) -> End {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let end = runtime.block_on(async {
            self.world.begin_life();
            self.world.tell(format_args!("a life begins: {death:?}"));
            let stop = Stop::default();
            let engine = self.engine(stop.clone());
            let dies = async {
                match death {
                    Death::Natural => std::future::pending().await,
                    Death::Killed(after) => tokio::time::sleep(after).await,
                    Death::Stopped(after) => {
                        tokio::time::sleep(after).await;
                        stop.ask_by_signal();
                        std::future::pending().await
                    }
                }
            };
            tokio::select! {
                biased;
                () = self.world.killed() => End::Killed,
                () = dies => End::Killed,
                ran = run(engine) => match ran {
                    Ok(report) => End::Reported(report),
                    Err(failure) => End::Failed(failure),
                },
                () = tokio::time::sleep(LIFE_MAX) => panic!("a run does not end"),
            }
        });
        // Aborts whatever is left of the run, while the time is still the world's.
        let _inside = runtime.enter();
        self.world.end_life();
        drop(_inside);
        drop(runtime);
        self.after(&end);
        end
    }

    fn after(&self, end: &End) {
        self.world.tell(format_args!("it ends: {end:?}"));
        let kept = self.store.kept();
        let kept = kept.into_iter().map(|(serial, (name, _))| (serial, name));
        let lost = self.books.cut_off(&kept.collect());
        let [_, transcribe, classify] = self.setup.in_flight;
        if lost > 0 && (!end.may_cut_off() || lost > transcribe + classify) {
            self.world
                .violation(format!("{lost} paid replies were dropped: {end:?}"));
        }
        self.warehouse.cut_off(&mut self.chance());
    }

    /// Lives one life after the other until all is done. Nothing may go wrong any more but what a
    /// call's own nature is.
    pub(super) fn live_in_peace(&self) {
        let missing = self.world.calm_from().saturating_sub(self.world.now());
        self.world.pass(missing + Duration::from_secs(600));
        for _ in 0..CALM_LIVES_MAX {
            let end = self.live(Death::Natural);
            match &end {
                End::Reported(report) => match &report.ending {
                    Ending::Done if !self.warehouse.has_late_saves() => return,
                    // A vendor that fails at the calls that are left, and at nothing else.
                    Ending::Done
                    | Ending::CallsWaiting { .. }
                    | Ending::LeaseHeld(_)
                    | Ending::GaveUp { .. } => {}
                    other => self
                        .world
                        .violation(format!("in calm weather a run ended as {other:?}")),
                },
                other => self
                    .world
                    .violation(format!("in calm weather a run ended as {other:?}")),
            }
            // Longer than the clock may have been set back, in all.
            self.world.pass(Duration::from_secs(600));
        }
        self.world
            .violation("it takes for ever to come to an end".into());
    }

    /// A person asks for a call to be done again.
    pub(super) fn redo(&self, id: &str, from: Stage) {
        let mut tables = self.warehouse.tables.lock().unwrap();
        let filter = CallFilter {
            contact_ids: vec![self.calls.get(id).contact.id.clone()],
            ..CallFilter::default()
        };
        let Some(call) = tables.progress(&filter).pop() else {
            return;
        };
        let now = super::world::epoch();
        let circumstances = Circumstances {
            policy: self.setup.retry,
            now,
            call_started_at: None,
            chance: 0.0,
        };
        if matches!(call.progress.status, Status::Ready { .. }) {
            return;
        }
        self.world.tell(format_args!("redo {id} from {from}"));
        let progress = advance(&call.progress, &Event::RedoAsked { from }, &circumstances);
        tables.save(&[Arc::new(Outcome {
            contact: call.contact,
            progress,
            change: Change::None,
            at: now,
        })]);
    }

    /// A run that is killed or stopped now and then, by chance, until it is calm.
    pub(super) fn live_by_chance(&self) {
        let deaths = self.chance().below(5);
        for _ in 0..deaths {
            let left = self.world.calm_from().saturating_sub(self.world.now());
            if left.is_zero() {
                return;
            }
            let death = {
                let mut chance = self.chance();
                let longest_ms = *chance.pick(&[2_000, 60_000, 3_600_000]);
                let after = Duration::from_millis(chance.between(1, longest_ms));
                match chance.below(6) {
                    0 => Death::Stopped(after),
                    1 => Death::Natural,
                    _ => Death::Killed(after),
                }
            };
            self.live(death);
            let pause = {
                let mut chance = self.chance();
                Duration::from_millis(*chance.pick(&[0, 500, 20_000, 600_000]))
            };
            self.world.pass(pause);
            let redo = {
                let mut chance = self.chance();
                let calls: Vec<&str> = self.calls.by_id.keys().map(String::as_str).collect();
                chance
                    .permille(300)
                    .then(|| (*chance.pick(&calls), *chance.pick(&Stage::ALL)))
            };
            if let Some((id, from)) = redo {
                self.redo(id, from);
            }
        }
    }

    fn engine(&self, stop: Stop) -> Engine {
        let archive = Archive::over(Arc::new(self.store.clone()));
        let monitor = Arc::new(Monitor::default());
        let spending = Spending::new(None, Arc::clone(&monitor));
        let paid = PaidReplies::new(
            archive.clone(),
            spending,
            Patience::new(self.setup.outage_max),
        );
        let clock: Arc<dyn Clock> = Arc::new(WallClock(Arc::clone(&self.world)));
        let all = Part::Shard(Shard::WHOLE);
        let usage = ArchivedUsage::new(archive.clone(), "made-up".into(), all);
        let [fetch, transcribe, classify] = self.setup.in_flight;
        let recordings = Recordings {
            world: Arc::clone(&self.world),
            calls: Arc::clone(&self.calls),
            vendor: Arc::clone(&self.window),
            limit: WindowLimit::new(self.setup.requests_max, self.setup.window)
                .with_ledger(Ledger::new(Arc::new(usage), Arc::clone(&clock))),
            media_out_of_reach: AtomicBool::new(false),
        };
        let listener = Listener {
            books: Arc::clone(&self.books),
            in_flight_max: transcribe,
        };
        let labeller = Labeller {
            books: Arc::clone(&self.books),
            in_flight_max: classify,
            taxonomy: Arc::new(Taxonomy::built_in()),
        };
        Engine {
            contacts: Some(Arc::new(Contacts {
                world: Arc::clone(&self.world),
                calls: Arc::clone(&self.calls),
                page: self.setup.page,
            })),
            stages: vec![
                Arc::new(FetchStage {
                    source: Arc::new(recordings),
                    archive: archive.clone(),
                    in_flight_max: fetch,
                }),
                Arc::new(TranscribeStage {
                    transcriber: Arc::new(listener),
                    places: Places::new(transcribe),
                    archive: archive.clone(),
                    paid: paid.clone(),
                    triage: Triage::OFF,
                }),
                Arc::new(ClassifyStage {
                    analysis: AnalysisWanted::No,
                    classifier: Arc::new(labeller),
                    places: Places::new(classify),
                    archive: archive.clone(),
                    paid,
                }),
            ],
            warehouse: self.warehouse(),
            archive,
            clock,
            chance: Arc::new(SharedChance(Mutex::new(self.chance().fork()))),
            monitor,
            settings: self.settings(),
            stop,
            tenure: Tenure::default(),
        }
    }

    fn settings(&self) -> Settings {
        let mut lives = self.lives.lock().unwrap();
        *lives += 1;
        Settings {
            retry: self.setup.retry,
            since: None,
            shard: Shard::WHOLE,
            limit: None,
            outage_max: self.setup.outage_max,
            wait_max: self.setup.wait_max,
            stop_grace: Duration::from_secs(8),
            lease_ttl: Duration::from_secs(15),
            holder: Holder {
                words: format!("life {lives}"),
                runner: match self.setup.end_is_known {
                    true => Runner::Attempt {
                        execution: "calls".into(),
                        task_index: 0,
                        attempt: *lives,
                    },
                    false => Runner::Unknown,
                },
            },
        }
    }
}
