//! `kill -9` at random points: the tables and the archive end as if nothing had happened.
//!
//! `CALLPIPE_KILLS=1000` kills more often, `CALLPIPE_SEED` chooses other moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use callpipe_sandbox::{Corpus, System, World, WorldOptions};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::types::Value;

use crate::recovery::slow;
use crate::support::{Bench, long_ago};

/// Requests that one run has in flight at Deepgram and at Gemini.
const IN_FLIGHT: usize = 10 + 8;

/// What differs between two runs of one world: moments, addresses of this run's stand-ins, and which
/// of several calls with one recording or one conversation asked for its reply first: whose reply is
/// kept is not listened to.
const DIFFERING: [&str; 12] = [
    "updated_at",
    "listed_at",
    "fetch_datetime",
    "transcribed_at",
    "classification_timestamp",
    "gcs_uri",
    "raw_response",
    "purchases",
    "transcribe_cost_usd",
    "classify_cost_usd",
    "same_audio_as",
    "triage",
];

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Every row of a table by its contact, without what differs.
fn rows(bench: &Bench, table: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let database = bench.database();
    let mut statement = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| {
        let columns = names.iter().enumerate();
        let columns = columns.map(|(index, name)| {
            let value: Value = row.get_unwrap(index);
            (name.clone(), format!("{value:?}"))
        });
        Ok(columns.collect::<BTreeMap<_, _>>())
    };
    let rows = statement.query_map([], read).unwrap().map(Result::unwrap);
    rows.map(|mut row| {
        let id = row["contactId"].clone();
        row.retain(|name, _| !DIFFERING.contains(&name.as_str()));
        (id, row)
    })
    .collect()
}

/// The files of the archive, leases and the note of the used quota aside; with their bytes where those
/// must be the same.
fn objects(bench: &Bench) -> BTreeMap<String, Option<Vec<u8>>> {
    let root = bench.path("data");
    let mut folders = vec![root.clone()];
    let mut objects = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if !["leases/", "quota/", "callpipe.db"]
                .iter()
                .any(|other| name.starts_with(other))
            {
                objects.insert(name.to_owned(), content(name, &path));
            }
        }
    }
    objects
}

/// Replies hold the request's id and moment.
fn content(name: &str, path: &Path) -> Option<Vec<u8>> {
    (!name.starts_with("replies/")).then(|| std::fs::read(path).unwrap())
}

#[track_caller]
fn assert_same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    undisturbed: &BTreeMap<String, T>,
    killed: &BTreeMap<String, T>,
) {
    let names: BTreeSet<&String> = undisturbed.keys().chain(killed.keys()).collect();
    let differing: Vec<_> = names
        .into_iter()
        .filter(|name| undisturbed.get(*name) != killed.get(*name))
        .map(|name| {
            (
                name,
                undisturbed.contains_key(name),
                killed.contains_key(name),
            )
        })
        .collect();
    let shown = &differing[..differing.len().min(5)];
    assert!(
        differing.is_empty(),
        "{} of {what} differ, such as (name, undisturbed has it, killed has it) {shown:?}",
        differing.len()
    );
}

#[tokio::test]
async fn kills_at_random_points_leave_no_trace() {
    let (kills, seed) = (number("CALLPIPE_KILLS", 50), number("CALLPIPE_SEED", 7));
    let mut chance = StdRng::seed_from_u64(seed);
    let now = long_ago();
    let world = || {
        World::new(
            Corpus::embedded().unwrap(),
            &WorldOptions::new(71, 400, now),
        )
    };
    let undisturbed = Bench::new(world(), slow()).await;
    undisturbed.run(&["run"]).await.expect_code(0);
    let bench = Bench::new(world(), slow()).await;
    let mut fell = [0; 3];
    for _ in 0..kills {
        let mut child = bench.start(&["run"]);
        // Not a wait for something, but the moment itself: it must not depend on what happens.
        tokio::time::sleep(Duration::from_millis(chance.random_range(5..350))).await;
        let ended = child.try_wait().unwrap().is_some();
        let asked = bench.sandbox.journal().count(System::Deepgram) > 0;
        child.kill().await.unwrap();
        fell[usize::from(asked) + usize::from(ended)] += 1;
    }
    let [before, during, after] = fell;
    println!(
        "seed {seed}: {before} kills before the first purchase, {during} at work, {after} after the end"
    );
    bench.run(&["run"]).await.expect_code(0);

    for table in ["recording_fetch_status", "call_classifications"] {
        assert_same(table, &rows(&undisturbed, table), &rows(&bench, table));
    }
    assert_same("the archive", &objects(&undisturbed), &objects(&bench));
    assert_eq!(bench.sandbox.journal().violations(), []);
    let purchases = bench.sandbox.journal().purchases();
    let needed = undisturbed.sandbox.journal().purchases().len();
    assert_eq!(purchases.len(), needed, "something else was bought");
    let again: usize = purchases.iter().map(|purchase| purchase.times - 1).sum();
    println!("{needed} replies were needed, {again} were bought again");
    assert!(
        again <= kills as usize * IN_FLIGHT,
        "{again} were bought again"
    );
    assert!(during > 0, "no kill fell while there was work");
}
