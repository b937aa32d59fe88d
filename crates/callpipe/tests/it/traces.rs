//! What runs left behind: tables, archive and bills, to be compared with those of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;

use callpipe_sandbox::Entry;
use flate2::read::GzDecoder;
use rusqlite::types::Value;
use sha2::{Digest, Sha256};

use crate::support::Bench;

/// What differs between two runs of one world: moments, addresses of this run's stand-ins, and which
/// of several calls with one recording or one conversation asked for its reply first.
const DIFFERING: [&str; 11] = [
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
];

/// What is no result: who is at work, what was used of a quota, and the database.
const ASIDE: [&str; 3] = ["leases/", "quota/", "callpipe.db"];

type Row = BTreeMap<String, String>;

/// The tables and the archive of a bench.
#[derive(Debug)]
pub(crate) struct Traces {
    tables: BTreeMap<&'static str, BTreeMap<String, Row>>,
    /// By name; with the hash of those that must be the same.
    objects: BTreeMap<String, Option<String>>,
}

impl Traces {
    pub(crate) fn of(bench: &Bench) -> Self {
        let tables = ["recording_fetch_status", "call_classifications"];
        Self {
            tables: tables
                .into_iter()
                .map(|table| (table, rows(bench, table)))
                .collect(),
            objects: objects(bench),
        }
    }

    /// Fails the test where these traces tell of more or less than what an undisturbed run does.
    #[track_caller]
    pub(crate) fn assert_same_as(&self, undisturbed: &Traces, case: &str) {
        for (table, rows) in &self.tables {
            assert_same(
                &format!("{case}: {table}"),
                &undisturbed.tables[table],
                rows,
            );
        }
        let what = format!("{case}: the archive");
        assert_same(&what, &undisturbed.objects, &self.objects);
    }
}

/// Every row of a table by its contact, without what differs.
fn rows(bench: &Bench, table: &str) -> BTreeMap<String, Row> {
    let database = bench.database();
    let mut statement = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| {
        let columns = names.iter().enumerate();
        let columns = columns.map(|(index, name)| {
            let value: Value = row.get_unwrap(index);
            (name.clone(), format!("{value:?}"))
        });
        Ok(columns.collect::<Row>())
    };
    let rows = statement.query_map([], read).unwrap().map(Result::unwrap);
    rows.map(|mut row| {
        let id = row["contactId"].clone();
        row.retain(|name, _| !DIFFERING.contains(&name.as_str()));
        (id, row)
    })
    .collect()
}

/// The objects of the archive, what is no result aside.
fn objects(bench: &Bench) -> BTreeMap<String, Option<String>> {
    let hash = |name: &String| hex::encode(Sha256::digest(bench.archived(name)));
    // Replies hold the request's id and moment.
    let hash = |name: &String| (!name.starts_with("replies/")).then(|| hash(name));
    let names = names(bench).into_iter();
    let results = names.filter(|name| !ASIDE.iter().any(|other| name.starts_with(other)));
    results.map(|name| (name.clone(), hash(&name))).collect()
}

/// The names of all objects of the archive, wherever that is.
fn names(bench: &Bench) -> Vec<String> {
    let (mut names, _) = bench.sandbox.stored();
    let root = bench.path("data");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            names.push(name.to_owned());
        }
    }
    names
}

#[track_caller]
fn assert_same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    undisturbed: &BTreeMap<String, T>,
    disturbed: &BTreeMap<String, T>,
) {
    let names: BTreeSet<&String> = undisturbed.keys().chain(disturbed.keys()).collect();
    let mut differing = names
        .into_iter()
        .filter(|name| undisturbed.get(*name) != disturbed.get(*name));
    if let Some(name) = differing.next() {
        panic!(
            "{} of {what} differ, such as {name}.\nUndisturbed: {:?}\nDisturbed: {:?}",
            1 + differing.count(),
            undisturbed.get(name),
            disturbed.get(name)
        );
    }
}

/// Whether an answer that was charged reached the program as a whole.
fn arrived(entry: &Entry) -> bool {
    entry.bill.is_some() && entry.reply_sha256.is_some()
}

/// Answers about calls that were bought again although one had reached the program, of those that count.
pub(crate) fn bought_again(bench: &Bench, counts: impl Fn(&Entry) -> bool) -> Vec<Entry> {
    let mut bought = HashSet::new();
    let mut entries = bench.sandbox.journal().entries();
    entries.retain(|entry| {
        let is_one = arrived(entry) && entry.call_id.is_some() && counts(entry);
        is_one && !bought.insert((entry.system, entry.sha256.clone(), entry.model.clone()))
    });
    entries
}

/// Answers about calls that were charged and reached the program, and that the archive does not have.
pub(crate) fn not_kept(bench: &Bench) -> Vec<Entry> {
    let mut replies = names(bench);
    replies.retain(|name| name.starts_with("replies/"));
    let kept: BTreeSet<String> = replies
        .iter()
        .map(|name| sha256_of_kept(&bench.archived(name)))
        .collect();
    let mut entries = bench.sandbox.journal().entries();
    entries.retain(|entry| {
        let is_one = arrived(entry) && entry.call_id.is_some();
        is_one && !kept.contains(entry.reply_sha256.as_ref().unwrap())
    });
    entries
}

fn sha256_of_kept(compressed: &[u8]) -> String {
    let mut reply = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut reply).unwrap();
    hex::encode(Sha256::digest(&reply))
}
