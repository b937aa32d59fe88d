//! Lists and counts.

use super::examples::*;
use super::export::export_of;
use crate::call::{Contact, ContactId};
use crate::conformance::good;
use crate::contracts::warehouse::{
    CallFilter, Change, Outcome, StageCount, Summary, TranscribedCall, ValueCount, Warehouse,
};
use crate::failure::FailureKind;
use crate::money::Usd;
use crate::progress::{CallProgress, SkipReason, Stage, Status};
use crate::taxonomy::Taxonomy;
use crate::triage::{ChannelHeard, Heard, Reason, RecordingTriage};
use serde_json::Value;

/// Four calls: one parked, one that waits after the same failure, one skipped, one done.
fn four_calls() -> Vec<Outcome> {
    let states = [
        (
            "report-1",
            "2026-04-01",
            Stage::Transcribe,
            Status::Parked,
            true,
        ),
        (
            "report-2",
            "2026-04-02",
            Stage::Transcribe,
            Status::Ready {
                not_before: Some(later(60)),
            },
            true,
        ),
        (
            "report-3",
            "2026-04-03",
            Stage::Fetch,
            Status::Skipped {
                reason: SkipReason::NotFound,
            },
            false,
        ),
        ("report-4", "", Stage::Classify, Status::Done, false),
    ];
    states
        .into_iter()
        .map(|(id, start, stage, status, failed)| {
            let contact = contact(id, start);
            let progress = CallProgress {
                attempt: 2,
                last_failure: failed
                    .then(|| failure(FailureKind::CorruptTransfer, id))
                    .flatten(),
                ..state(&contact, stage, status)
            };
            outcome(&contact, progress, Change::None)
        })
        .collect()
}

fn four_ids() -> Vec<ContactId> {
    four_calls()
        .into_iter()
        .map(|outcome| outcome.contact.id)
        .collect()
}

pub(super) async fn calls_are_listed_by_filter(warehouse: &dyn Warehouse) {
    save(warehouse, &four_calls()).await;
    let only = CallFilter {
        contact_ids: four_ids(),
        ..CallFilter::default()
    };
    let parked = CallFilter {
        status: Some("parked".into()),
        ..only.clone()
    };
    let failed = CallFilter {
        failure_kind: Some("corrupt_transfer".into()),
        ..only.clone()
    };
    let recent = CallFilter {
        since: "2026-04-02".parse().ok(),
        ..only.clone()
    };
    let strange = CallFilter {
        status: Some("' OR 1=1 --".into()),
        ..only.clone()
    };
    for (filter, expected) in [
        (
            only.clone(),
            &["report-3", "report-2", "report-1", "report-4"][..],
        ),
        (
            CallFilter {
                limit: Some(2),
                ..only.clone()
            },
            &["report-3", "report-2"],
        ),
        (
            CallFilter {
                limit: Some(0),
                ..only.clone()
            },
            &[],
        ),
        (
            CallFilter {
                stage: Some(Stage::Fetch),
                ..only.clone()
            },
            &["report-3"],
        ),
        (parked, &["report-1"]),
        (failed.clone(), &["report-2", "report-1"]),
        (
            CallFilter {
                status: Some("ready".into()),
                ..failed
            },
            &["report-2"],
        ),
        (recent, &["report-3", "report-2"]),
        (strange, &[]),
        (
            CallFilter {
                contact_ids: vec![id("nobody")],
                ..only
            },
            &[],
        ),
    ] {
        let listed = good(warehouse.list(&filter).await, "listing calls");
        let listed: Vec<&str> = listed.iter().map(|row| row.contact_id.as_str()).collect();
        assert_eq!(listed, expected, "{filter:?}");
        let states = good(warehouse.progress(&filter).await, "reading states");
        assert_eq!(ids(&states), expected, "{filter:?}");
    }
    let everything = good(
        warehouse.list(&CallFilter::default()).await,
        "listing calls",
    );
    let summary = good(warehouse.summary(now()).await, "counting calls");
    assert_eq!(
        everything.len() as u64,
        summary.total,
        "the list has every call"
    );
}

pub(super) async fn the_summary_adds_up(warehouse: &dyn Warehouse) {
    // Without its failure the call that waits is at its end, as far as other parts are concerned.
    let contacts: Vec<_> = four_calls()
        .into_iter()
        .map(|outcome| outcome.contact)
        .collect();
    end(warehouse, &contacts).await;
    let before = good(warehouse.summary(now()).await, "counting calls");
    save(warehouse, &four_calls()).await;
    let summary = good(warehouse.summary(now()).await, "counting calls");
    let sum: u64 = summary.counts.iter().map(|count| count.count).sum();
    assert_eq!(sum, summary.total, "the counts add up");
    assert_eq!(summary.total, before.total);
    let more = |stage, status| count(&summary, stage, status).0 - count(&before, stage, status).0;
    assert_eq!(more(Stage::Transcribe, "parked"), 1);
    assert_eq!(more(Stage::Transcribe, "ready"), 1);
    assert_eq!(more(Stage::Fetch, "skipped"), 1);
    assert_eq!(
        count(&before, Stage::Classify, "done").0 - count(&summary, Stage::Classify, "done").0,
        3
    );
    assert_eq!(
        count(&summary, Stage::Transcribe, "ready").1,
        1,
        "it waits for its moment"
    );
    let at_its_moment = good(warehouse.summary(later(60)).await, "counting calls");
    assert_eq!(
        count(&at_its_moment, Stage::Transcribe, "ready"),
        (1, 0),
        "and then no more"
    );

    for (status, example) in [("parked", "report-1"), ("ready", "report-2")] {
        let group = summary.failures.iter().find(|group| {
            group.stage == Stage::Transcribe
                && group.status == status
                && group.kind == "corrupt_transfer"
        });
        let Some(group) = group else {
            panic!("no group of {status} failures");
        };
        let shown = (
            group.count,
            group.contact_id.as_str(),
            group.example.as_str(),
        );
        assert_eq!(shown, (1, example, example), "an example is one of them");
    }
    let skips = |summary: &Summary| {
        let skip = summary.skips.iter().find(|skip| skip.reason == "not_found");
        skip.map_or(0, |skip| skip.count)
    };
    assert_eq!(skips(&summary) - skips(&before), 1);
    end(warehouse, &contacts).await;
}

/// What was bought for a call is kept with it, added up by stage, and in the columns that people ask
/// for.
pub(super) async fn what_was_spent_adds_up(warehouse: &dyn Warehouse) {
    let spent = |summary: &Summary, stage| {
        let spend = summary.spend.iter().find(|spend| spend.stage == stage);
        spend.map_or((Usd::ZERO, 0), |spend| (spend.usd, spend.calls))
    };
    let before = good(warehouse.summary(now()).await, "adding up");
    let contacts = ["spend-1", "spend-2", "spend-3"].map(|id| contact(id, ""));
    let outcomes: Vec<Outcome> = (0..)
        .zip(&contacts)
        .map(|(cents, contact)| {
            let progress = CallProgress {
                purchases: match cents {
                    0 => Vec::new(),
                    cents => purchases(contact, cents),
                },
                ..state(contact, Stage::Classify, Status::Done)
            };
            outcome(contact, progress, Change::None)
        })
        .collect();
    save(warehouse, &outcomes).await;
    save(warehouse, &outcomes).await;
    let after = good(warehouse.summary(now()).await, "adding up");
    for (stage, micros, calls) in [(Stage::Transcribe, 30_000, 2), (Stage::Classify, 2_500, 2)] {
        let (usd_before, calls_before) = spent(&before, stage);
        let expected = (usd_before + Usd::from_micros(micros), calls_before + calls);
        assert_eq!(spent(&after, stage), expected, "{stage}");
    }
    assert_eq!(spent(&after, Stage::Fetch), (Usd::ZERO, 0));
    let columns = async |contact: &Contact| {
        let found = good(warehouse.find(&contact.id).await, "looking for a call");
        let Some(details) = found else {
            panic!("{} is not there", contact.id);
        };
        ["transcribe_cost_usd", "classify_cost_usd"].map(|name| details.tracking[name].as_f64())
    };
    assert_eq!(columns(&contacts[0]).await, [None, None]);
    assert_eq!(columns(&contacts[2]).await, [Some(0.02), Some(0.001_25)]);
}

/// What was heard before buying is kept with the call, and what was saved by it is added up.
pub(super) async fn what_was_not_bought_adds_up(warehouse: &dyn Warehouse) {
    let before = good(warehouse.summary(now()).await, "adding up");
    let heard = |bought: bool, cents: u64| RecordingTriage {
        heard: Heard {
            format: "WAV with mu-law".into(),
            duration_s: Some(30.5),
            listened_s: 30.5,
            channels: vec![ChannelHeard {
                speech_s: 0.0,
                peak_dbfs: -72.25,
            }],
        },
        bought,
        reason: match bought {
            true => Reason::Speech,
            false => Reason::Silent,
        },
        saved_usd: (!bought).then(|| Usd::from_micros(cents * 10_000)),
    };
    let calls = [
        (
            "quiet-1",
            vec![heard(false, 2), heard(true, 0), heard(false, 3)],
            None,
        ),
        ("quiet-2", vec![heard(true, 0)], Some(id("quiet-1"))),
        ("quiet-3", Vec::new(), None),
    ];
    let outcomes = calls.map(|(name, triage, same_audio_as)| {
        let contact = contact(name, "");
        let call = TranscribedCall {
            triage,
            same_audio_as,
            ..transcribed(&contact, "Agent: Hello.")
        };
        let done = state(&contact, Stage::Classify, Status::Done);
        outcome(&contact, done, Change::Transcribed(Box::new(call)))
    });
    save(warehouse, &outcomes).await;
    save(warehouse, &outcomes).await;
    let after = good(warehouse.summary(now()).await, "adding up");
    assert_eq!(after.not_bought.calls - before.not_bought.calls, 1);
    assert_eq!(
        after.not_bought.duration_s - before.not_bought.duration_s,
        61.0
    );
    let saved = after.not_bought.usd.saturating_sub(before.not_bought.usd);
    assert_eq!(saved, Usd::from_micros(50_000));
    assert_eq!(after.same_audio - before.same_audio, 1);
    let row = async |name: &str| {
        let found = good(warehouse.find(&id(name)).await, "looking for a call");
        let Some(details) = found else {
            panic!("{name} is not there");
        };
        details.tracking
    };
    let first = row("quiet-1").await;
    assert_eq!(first["not_bought_s"].as_f64(), Some(61.0));
    assert_eq!(first["saved_usd"].as_f64(), Some(0.05));
    // As JSON, or as its text.
    let triage = match &first["triage"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        value => value.clone(),
    };
    assert_eq!(triage[1]["reason"], "speech");
    assert_eq!(triage[2]["channels"][0]["peak_dbfs"].as_f64(), Some(-72.25));
    let second = row("quiet-2").await;
    assert_eq!(second["same_audio_as"], "quiet-1");
    assert!(second["not_bought_s"].is_null());
    assert!(row("quiet-3").await["triage"].is_null());

    let known = export_of(warehouse, &contact("quiet-1", "")).await.triage;
    assert_eq!(
        known.recordings,
        [heard(false, 2), heard(true, 0), heard(false, 3)]
    );
    assert_eq!((known.not_bought_s, known.saved), (Some(61.0), Some(saved)));
    let known = export_of(warehouse, &contact("quiet-2", "")).await.triage;
    assert_eq!(known.same_audio_as, Some(id("quiet-1")));
}

/// How many calls, and how many of them wait.
fn count(summary: &Summary, stage: Stage, status: &str) -> (u64, u64) {
    let matching: Vec<&StageCount> = summary
        .counts
        .iter()
        .filter(|count| count.stage == stage && count.status == status)
        .collect();
    assert!(matching.len() <= 1, "{stage} {status} is counted once");
    matching
        .first()
        .map_or((0, 0), |count| (count.count, count.waiting))
}

pub(super) async fn values_are_counted(warehouse: &dyn Warehouse) {
    let before = |counts: &[ValueCount], value: &str| {
        let found = counts.iter().find(|count| count.value == value);
        found.map_or(0, |count| count.count)
    };
    let counts = async |field| good(warehouse.value_counts(field).await, "counting values");
    let (types, results) = (counts("call_type").await, counts("sale_result").await);
    for (contact_id, call_types) in [
        ("value-1", &["order_support", "complaint"][..]),
        ("value-2", &["order_support"]),
    ] {
        let contact = contact(contact_id, "2026-03-02");
        let labels = classification(&Taxonomy::built_in(), &answer(call_types, "sale_intended"));
        let done = state(&contact, Stage::Classify, Status::Done);
        save(
            warehouse,
            &[outcome(&contact, done, classified("Agent: Hello.", labels))],
        )
        .await;
    }
    let (more_types, more_results) = (counts("call_type").await, counts("sale_result").await);
    let more = |value| before(&more_types, value) - before(&types, value);
    assert_eq!(
        (more("order_support"), more("complaint")),
        (2, 1),
        "each value of a list counts"
    );
    let more = before(&more_results, "sale_intended") - before(&results, "sale_intended");
    assert_eq!(more, 2);
    let sorted = more_types
        .windows(2)
        .all(|pair| pair[0].count >= pair[1].count);
    assert!(sorted, "most frequent first: {more_types:?}");
    let strange = warehouse
        .value_counts("\" FROM x; DROP TABLE call_classifications; --")
        .await;
    assert!(
        strange.map_or(true, |counts| counts.is_empty()),
        "no such field has values"
    );
    assert_eq!(
        counts("call_type").await,
        more_types,
        "and nothing has changed"
    );
}
