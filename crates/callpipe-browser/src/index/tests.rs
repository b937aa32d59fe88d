//! The index over real tables: what is saved is counted, listed and found.

use std::sync::Arc;

use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
use callpipe_core::analysis::Analysis;
use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::warehouse::{
    Change, ClassifiedCall, Outcome, TranscribedCall, Warehouse,
};
use callpipe_core::correction::{Correction, LabelName, LabelValue, Verdict};
use callpipe_core::measures::Measures;
use callpipe_core::progress::{CallProgress, Stage, Status};
use callpipe_core::recording::{ArchiveKey, Fingerprint};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::*;
use crate::figure::Figure;
use crate::selection::Selection;

/// The tables, and the index over them.
struct World {
    directory: tempfile::TempDir,
    taxonomy: Taxonomy,
    warehouse: Arc<SqliteWarehouse>,
    index: Index,
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let taxonomy = Taxonomy::parse(
            r#"
            version = "v1"
            business = "A shop."
            [[section]]
            field = "call_type"
            kind = "labels"
            description = "What it is about."
            label = [{ value = "complaint" }, { value = "order" }, { value = "other" }]
            [[section]]
            field = "sale"
            kind = "label"
            description = "Whether it was a sale."
            label = [{ value = "yes" }, { value = "no" }]
            [[section]]
            field = "sure"
            kind = "scores"
            description = "How sure."
            label = [{ value = "overall" }]
            "#,
        )
        .unwrap();
        let config = SqliteConfig {
            path: directory.path().join("calls.db"),
            ..SqliteConfig::default()
        };
        let warehouse = SqliteWarehouse::open(config, "file:///archive".into()).unwrap();
        warehouse.prepare(&taxonomy).await.unwrap();
        let warehouse = Arc::new(warehouse);
        let path = directory.path().join("index.db");
        let index = Index::open(&path, &taxonomy, Arc::clone(&warehouse))
            .await
            .unwrap();
        Self {
            directory,
            taxonomy,
            warehouse,
            index,
        }
    }

    /// Another index over the same file, as after a restart.
    async fn reopened(&self) -> Index {
        let path = self.directory.path().join("index.db");
        Index::open(&path, &self.taxonomy, Arc::clone(&self.warehouse))
            .await
            .unwrap()
    }

    /// A call that was transcribed and classified at a moment.
    async fn save(&self, id: &str, start: &str, call: &Call<'_>, at: DateTime<Utc>) {
        let contact = Contact::new(ContactId::parse(id).unwrap(), parse_start(start));
        let fingerprint = Fingerprint::of(&[id]);
        let reply_key = ArchiveKey::reply("test", &fingerprint, 1);
        let progress = |stage, status| CallProgress {
            stage,
            status,
            ..CallProgress::new(contact.id.clone())
        };
        let transcribed = TranscribedCall {
            conversation: call.conversation.to_owned(),
            plain_text: String::new(),
            analysis: Analysis::default(),
            measures: Measures {
                duration_s: call.duration_s,
                ..Measures::default()
            },
            model: "nova-3".into(),
            transcript_key: ArchiveKey::transcript(&contact.id),
            reply_keys: vec![reply_key.clone()],
            triage: Vec::new(),
            same_audio_as: None,
        };
        let answer = json!({
            "call_type": call.types, "sale": call.sale, "sure": {"overall": call.confidence},
        });
        let classification =
            Classification::from_answer(&self.taxonomy, &answer, "gemini").unwrap();
        let classified = ClassifiedCall {
            classification,
            conversation: call.conversation.to_owned(),
            reply_key,
            analysis: None,
        };
        let ready = progress(Stage::Classify, Status::Ready { not_before: None });
        let outcomes = [
            (ready, Change::Transcribed(Box::new(transcribed))),
            (
                progress(Stage::Classify, Status::Done),
                Change::Classified(Box::new(classified)),
            ),
        ];
        let outcomes = outcomes.map(|(progress, change)| {
            Arc::new(Outcome {
                contact: contact.clone(),
                progress,
                change,
                at,
            })
        });
        self.warehouse.save(&outcomes).await.unwrap();
    }

    async fn contact_ids(&self, listed: &Listed) -> Vec<String> {
        let ids: Vec<i64> = listed.places.iter().map(|place| place.id).collect();
        let contact_ids = self.index.contact_ids(ids.clone()).await.unwrap();
        ids.iter().map(|id| contact_ids[id].clone()).collect()
    }
}

#[derive(Clone, Copy)]
struct Call<'a> {
    types: &'a [&'a str],
    sale: &'a str,
    confidence: f64,
    duration_s: f64,
    conversation: &'a str,
}

const CALL: Call<'_> = Call {
    types: &["order"],
    sale: "yes",
    confidence: 0.5,
    duration_s: 60.0,
    conversation: "Agent: Hello.\nCustomer: My parcel is late.",
};

/// Five calls of three days.
async fn five() -> World {
    let world = World::new().await;
    let complaint = Call {
        types: &["complaint", "order"],
        sale: "no",
        confidence: 0.9,
        duration_s: 300.0,
        conversation: "Agent: I am sorry about the parcel.\nCustomer: Refund me, Zoë!",
    };
    for (number, (id, start, call)) in [
        ("1", "2026-11-01T09:00:00+11:00", CALL),
        ("2", "2026-11-02T00:30:00+11:00", complaint),
        ("3", "2026-11-02T09:00:00+11:00", CALL),
        (
            "4",
            "2026-11-03T09:00:00+11:00",
            Call {
                duration_s: 10.0,
                ..complaint
            },
        ),
        ("5", "", CALL),
    ]
    .into_iter()
    .enumerate()
    {
        world.save(id, start, &call, at(number as i64)).await;
    }
    world.index.catch_up().await.unwrap();
    world
}

fn selection(query: &str) -> Selection {
    Selection::parse(query)
}

#[tokio::test]
async fn what_is_saved_is_counted_by_every_condition() {
    let world = five().await;
    let snapshot = world.index.snapshot();
    assert_eq!((snapshot.calls(), snapshot.is_behind), (5, false));
    for (query, expected) in [
        ("period=all", 5),
        // Calls without a start are in no period with dates.
        ("", 4),
        ("period=1d", 1),
        ("from=2026-11-02&until=2026-11-02", 2),
        ("until=2026-11-01", 1),
        ("period=all&is.call_type=order", 5),
        ("period=all&is.call_type=complaint", 2),
        ("period=all&is.call_type=complaint&is.sale=yes", 0),
        ("period=all&is.sale=no&is.sale=yes", 5),
        ("period=all&is.sale=maybe", 0),
        ("period=all&is.status=done&is.stage=classify", 5),
        ("period=all&min.duration_s=60", 4),
        ("period=all&min.duration_s=60&max.duration_s=299.5", 3),
        ("period=all&min.confidence=0.9", 2),
        ("period=all&min.sentiment_score=-1", 0),
        // A field that there is not is no condition.
        ("period=all&is.nonsense=x", 5),
    ] {
        assert_eq!(
            snapshot.choose(&selection(query), None).count(),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn calls_are_tallied_by_field_figure_and_day() {
    let world = five().await;
    let snapshot = world.index.snapshot();
    let all = selection("period=all");
    let chosen = snapshot.choose(&all, None);
    let tally = chosen.tally(&["call_type", "sale"]);
    assert_eq!(tally.calls, 5);
    assert_eq!(
        tally.fields["call_type"],
        [("order".into(), 5), ("complaint".into(), 2)]
    );
    assert_eq!(tally.count_of("sale", "no"), 2);
    let mean = tally.figure(Figure::DurationS).mean().unwrap();
    assert!((mean - 98.0).abs() < 1e-9, "{mean}");
    let days: Vec<(String, u64)> = tally
        .days
        .iter()
        .map(|(day, tally)| (day.to_string(), tally.calls))
        .collect();
    let expected = [("2026-11-01", 1), ("2026-11-02", 2), ("2026-11-03", 1)];
    assert_eq!(days, expected.map(|(day, calls)| (day.to_owned(), calls)));
    let cross = chosen.cross("sale", "call_type");
    assert_eq!(cross.count("no", "complaint"), 2);
    assert_eq!(
        (cross.count("yes", "order"), cross.count("yes", "complaint")),
        (3, 0)
    );
    assert_eq!(cross.rows, [("no".into(), 4), ("yes".into(), 3)]);
    let groups = chosen.groups("sale", &["call_type"]);
    assert_eq!((&*groups[0].value, groups[0].calls), ("yes", 3));
    assert_eq!(
        groups[1].fields[0],
        [("complaint".into(), 2), ("order".into(), 2)]
    );
    assert_eq!(groups[1].figure(Figure::DurationS).mean(), Some(155.0));
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended_in_any_order() {
    let world = five().await;
    let snapshot = world.index.snapshot();
    let all = selection("period=all");
    let chosen = snapshot.choose(&all, None);
    for (sort, expected) in [
        ("-start", ["4", "3", "2", "1", "5"]),
        ("start", ["5", "1", "2", "3", "4"]),
        ("duration_s", ["4", "3", "1", "5", "2"]),
        ("-duration_s", ["2", "3", "1", "5", "4"]),
        ("sale", ["4", "2", "3", "1", "5"]),
        ("-sentiment_score", ["4", "3", "2", "1", "5"]),
        ("nonsense", ["4", "3", "2", "1", "5"]),
    ] {
        for page_calls in [1, 2, 4, 5] {
            let sort = Sort::parse(sort);
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let listed = chosen.list(&sort, after, page_calls);
                all.extend(world.contact_ids(&listed).await);
                after = listed
                    .places
                    .last()
                    .map(|place| Place::parse(&place.word()).unwrap());
                if !listed.has_more {
                    break;
                }
            }
            assert_eq!(all, expected, "{sort:?} by {page_calls}");
        }
    }
}

#[tokio::test]
async fn words_are_found_by_who_said_them() {
    let world = five().await;
    let snapshot = world.index.snapshot();
    let all = selection("period=all");
    for (typed, expected) in [
        ("parcel", vec!["4", "3", "2", "1", "5"]),
        ("customer:parcel", vec!["3", "1", "5"]),
        ("agent:parcel", vec!["4", "2"]),
        ("parcel refund", vec!["4", "2"]),
        (
            "\"parcel is late\" OR refund",
            vec!["4", "3", "2", "1", "5"],
        ),
        ("parcel -refund", vec!["3", "1", "5"]),
        ("zoe", vec!["4", "2"]),
        ("ref*", vec!["4", "2"]),
        ("nonsense", vec![]),
    ] {
        let words = Words::parse(typed).unwrap();
        let found = world.index.search(&words, i64::MAX, 10).await.unwrap();
        assert!(found.is_all);
        let chosen = snapshot.choose(&all, Some(&found.ids));
        let listed = chosen.list(&Sort::default(), None, 10);
        assert_eq!(world.contact_ids(&listed).await, expected, "{typed}");
        assert_eq!(chosen.count(), expected.len() as u64);
    }
    let words = Words::parse("parcel").unwrap();
    let newest = world.index.search(&words, i64::MAX, 2).await.unwrap();
    assert!(!newest.is_all && newest.ids.len() == 2);
    let older = world.index.search(&words, newest.ids[1], 10).await.unwrap();
    assert_eq!(older.ids.len(), 3);
    let within = selection("from=2026-11-02&until=2026-11-02");
    assert_eq!(snapshot.choose(&within, Some(&newest.ids)).count(), 1);
}

#[tokio::test]
async fn a_call_that_changes_is_counted_once_and_found_by_its_new_words() {
    let world = five().await;
    let before = world.index.snapshot();
    let changed = Call {
        sale: "no",
        conversation: "Customer: A chainsaw.",
        ..CALL
    };
    // Its start was not known before.
    let contact = Contact::new(
        ContactId::parse("5").unwrap(),
        parse_start("2026-11-03T12:00:00+11:00"),
    );
    world
        .warehouse
        .add_contacts(&[contact], at(90))
        .await
        .unwrap();
    world
        .save("5", "2026-11-03T12:00:00+11:00", &changed, at(100))
        .await;
    world.index.catch_up().await.unwrap();
    let snapshot = world.index.snapshot();
    let count = |query: &str| snapshot.choose(&selection(query), None).count();
    assert_eq!(
        (count("period=all"), count("period=all&is.sale=no")),
        (5, 3)
    );
    assert_eq!(count("period=1d"), 2);
    assert_eq!(
        before
            .choose(&selection("period=all&is.sale=no"), None)
            .count(),
        2
    );
    for (typed, expected) in [("chainsaw", 1), ("customer:parcel", 2)] {
        let words = Words::parse(typed).unwrap();
        assert_eq!(
            world
                .index
                .search(&words, i64::MAX, 10)
                .await
                .unwrap()
                .ids
                .len(),
            expected
        );
    }
}

#[tokio::test]
async fn what_is_saved_late_is_read_all_the_same() {
    let world = five().await;
    world
        .save("6", "2026-11-03T09:00:00+11:00", &CALL, at(20))
        .await;
    world.index.catch_up().await.unwrap();
    // Its work was done before that of the call that was just read.
    world
        .save("7", "2026-11-03T09:00:00+11:00", &CALL, at(15))
        .await;
    for _ in 0..10 {
        world.index.catch_up().await.unwrap();
    }
    assert_eq!(world.index.snapshot().calls(), 7);
}

#[tokio::test]
async fn what_a_pull_brings_in_no_order_is_all_read_when_it_has_ended() {
    use callpipe_connectors::warehouses::copied::{Copied, CopiedTable, CopyState, UnfinishedCopy};

    let world = World::new().await;
    let call = |id: &str, seconds: i64| {
        let at = at(seconds).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        json!({"contactId": id, "stage": "classify", "stage_status": "done", "updated_at": at})
    };
    let calls = async || {
        world.index.catch_up().await.unwrap();
        world.index.snapshot().calls()
    };
    let unfinished = |full_copies, is_full| CopyState {
        source: "p.d.t".into(),
        copied_to: None,
        full_copies,
        unfinished: Some(UnfinishedCopy {
            is_full,
            since: None,
            begun_at: at(0),
            table: CopiedTable::Tracking,
            place: None,
            copied: Copied::default(),
        }),
    };
    let ended = |full_copies, seconds| CopyState {
        copied_to: Some(at(seconds)),
        unfinished: None,
        ..unfinished(full_copies, true)
    };
    let take = async |rows: serde_json::Value, state: &CopyState| {
        let rows = serde_json::from_value(rows).unwrap();
        let table = CopiedTable::Tracking;
        world
            .warehouse
            .take_copied(table, rows, state)
            .await
            .unwrap();
    };
    let first = unfinished(0, true);
    world.warehouse.begin_copy(&first).await.unwrap();
    take(json!([call("late", 90_000)]), &first).await;
    assert_eq!(calls().await, 1);
    // Its changes lie far behind the last one that was read.
    take(json!([call("early", 0)]), &first).await;
    assert_eq!(calls().await, 1, "they are behind, and the pull is at work");
    world
        .warehouse
        .end_copy(&ended(1, 90_000), true)
        .await
        .unwrap();
    assert_eq!(calls().await, 2);
    // Another one has an overlap with the last.
    let second = unfinished(1, false);
    world.warehouse.begin_copy(&second).await.unwrap();
    take(json!([call("later", 95_000)]), &second).await;
    assert_eq!(calls().await, 3);
    take(json!([call("overlapping", 90_000 - 900)]), &second).await;
    world
        .warehouse
        .end_copy(&ended(1, 95_000), false)
        .await
        .unwrap();
    assert_eq!(calls().await, 4);
}

#[tokio::test]
async fn after_a_restart_it_goes_on_where_it_was() {
    let world = five().await;
    let reopened = world.reopened().await;
    let snapshot = reopened.snapshot();
    assert_eq!(snapshot.calls(), 5);
    let count = |snapshot: &Snapshot| {
        let complaints = selection("period=all&is.call_type=complaint&min.duration_s=300");
        snapshot.choose(&complaints, None).count()
    };
    assert_eq!(count(&snapshot), 1);
    world
        .save("6", "2026-11-03T09:00:00+11:00", &CALL, at(20))
        .await;
    // Saved late, by a store that was down for half an hour.
    world
        .save(
            "7",
            "2026-11-03T09:00:00+11:00",
            &CALL,
            at(4) - TimeDelta::minutes(30),
        )
        .await;
    reopened.catch_up().await.unwrap();
    assert_eq!(reopened.snapshot().calls(), 7);
}

#[tokio::test]
async fn another_taxonomy_or_a_damaged_file_makes_the_index_anew() {
    let world = five().await;
    let path = world.directory.path().join("other.db");
    std::fs::write(
        &path,
        b"This is no database at all, and long enough to be told so.",
    )
    .unwrap();
    let index = Index::open(&path, &Taxonomy::built_in(), Arc::clone(&world.warehouse))
        .await
        .unwrap();
    index.catch_up().await.unwrap();
    assert_eq!(index.snapshot().calls(), 5);
    drop(index);
    let index = Index::open(&path, &world.taxonomy, Arc::clone(&world.warehouse))
        .await
        .unwrap();
    assert_eq!(index.snapshot().calls(), 0);
    index.catch_up().await.unwrap();
    assert_eq!(index.snapshot().calls(), 5);
}

#[tokio::test]
async fn what_people_say_counts_at_once() {
    let world = five().await;
    let contact_id = ContactId::parse("1").unwrap();
    let correction = |verdict| Correction {
        contact_id: contact_id.clone(),
        field: LabelName::parse("sale").unwrap(),
        verdict,
        model_value: Some(json!("yes")),
        by: "zoe".into(),
        at: at(50),
    };
    let no = LabelValue::One("no".into());
    let corrected = correction(Verdict::Corrected { value: no });
    world.warehouse.correct(&[corrected]).await.unwrap();
    let counts = |snapshot: &Snapshot| {
        ["is.sale=no", "is.review=corrected", "is.review=accepted"].map(|condition| {
            let query = format!("period=all&{condition}");
            snapshot.choose(&selection(&query), None).count()
        })
    };
    world
        .index
        .refresh(std::slice::from_ref(&contact_id))
        .await
        .unwrap();
    assert_eq!(counts(&world.index.snapshot()), [3, 1, 0]);
    // One that another program has written.
    world
        .warehouse
        .correct(&[correction(Verdict::Accepted)])
        .await
        .unwrap();
    world.index.catch_up().await.unwrap();
    assert_eq!(counts(&world.index.snapshot()), [2, 0, 1]);
}

#[tokio::test]
async fn callers_are_known_by_their_digest() {
    let world = five().await;
    let (_, caller) = world
        .index
        .find(&ContactId::parse("1").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(caller, None);
    assert_eq!(
        world
            .index
            .find(&ContactId::parse("x").unwrap())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        world.index.of_caller("nobody".into(), 5).await.unwrap(),
        Vec::<i64>::new()
    );
}
