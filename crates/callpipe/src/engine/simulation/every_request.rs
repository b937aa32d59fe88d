//! Fail the Nth request, for every N; and be killed at it.

use std::time::Duration;

use callpipe_core::conformance::chance::Seeded;
use callpipe_core::contracts::warehouse::Batching;
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;

use super::calls::{Calls, Nature};
use super::lives::{Death, End, Setup, Universe};
use super::seeds::in_parallel;
use super::verdict::breaches;
use super::weather::{Fate, Weather};

fn setup() -> Setup {
    Setup {
        retry: RetryPolicy::default(),
        outage_max: Duration::from_secs(600),
        wait_max: Duration::from_secs(600),
        batching: Batching {
            rows_max: 3,
            contacts_max: 3,
            size_bytes_max: 1_000_000,
            delay_max: Duration::from_millis(100),
            idle_delay: Duration::from_millis(100),
        },
        in_flight: [2, 2, 2],
        page: 3,
        requests_max: 4,
        window: Duration::from_secs(30),
        end_is_known: true,
    }
}

/// Six calls, of which four are special, and calm weather.
fn universe() -> Universe {
    let natures = [
        Nature::Unrecorded,
        Nature::Silent,
        Nature::UselessOnce(Stage::Transcribe),
        Nature::UselessOnce(Stage::Classify),
    ];
    let calls = Calls::plain(6).with_natures(&natures);
    Universe::new(Weather::default(), calls, setup(), Seeded::new(7))
}

/// How every call stands, in the end.
fn end_states(universe: &Universe) -> Vec<String> {
    let tables = universe.warehouse.tables.lock().unwrap();
    let rows = tables.rows.values();
    rows.map(|row| {
        format!(
            "{} {} {:?}",
            row.contact.id, row.progress.stage, row.progress.status
        )
    })
    .collect()
}

/// Every single request goes wrong once, in every way.
#[test]
fn whichever_request_goes_wrong_all_ends_as_if_none_had() {
    let undisturbed = universe();
    assert!(undisturbed.live(Death::Natural).is_done());
    let (requests, states) = (undisturbed.world.requests(), end_states(&undisturbed));
    let purchases = undisturbed.books.purchases().len();
    assert!(requests > 100, "{requests}");
    let fates = [
        Fate::Fails(FailureKind::Unavailable, None),
        Fate::LosesAnswer(FailureKind::Unavailable),
        Fate::Fails(FailureKind::StoreFailed, None),
        Fate::Fails(FailureKind::Denied, None),
        Fate::Hangs { works: true },
        Fate::Kills { works: false },
        Fate::Kills { works: true },
    ];
    in_parallel(0..requests, |number| {
        let number = number + 1;
        for fate in &fates {
            let case = format!("request {number} of {requests}: {fate:?}");
            let universe = universe();
            universe.world.set_special(number, fate.clone());
            let first = universe.live(Death::Natural);
            let kills = matches!(fate, Fate::Kills { .. });
            assert_eq!(matches!(first, End::Killed), kills, "{case}: {first:?}");
            universe.world.pass(Duration::from_secs(1));
            let second = universe.live(Death::Natural);
            assert!(second.is_done(), "{case}: {second:?}");
            assert_eq!(breaches(&universe), [""; 0], "{case}");
            assert_eq!(end_states(&universe), states, "{case}");
            // Two in flight at each paid stage when it is killed; one whose answer is lost.
            let more = universe.books.purchases().len() - purchases;
            let allowed = match fate {
                Fate::Kills { .. } => 4,
                Fate::Fails(..) => 0,
                _ => 1,
            };
            assert!(more <= allowed, "{case}: {more} answers were bought again");
        }
    });
}
