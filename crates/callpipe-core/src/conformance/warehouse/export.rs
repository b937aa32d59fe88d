//! Calls on their way to other programs.

use std::collections::BTreeSet;

use super::examples::*;
use crate::analysis::Analysis;
use crate::call::{Contact, ContactId};
use crate::conformance::good;
use crate::contracts::warehouse::{
    CallFilter, Change, ExportCursor, ExportPage, Outcome, Warehouse,
};
use crate::exported::{ExportedCall, ExportedLabels, ExportedState, ExportedTranscript};
use crate::failure::FailureKind;
use crate::money::Usd;
use crate::progress::{CallProgress, SkipReason, Stage, Status};
use crate::taxonomy::Taxonomy;

const CONVERSATION: &str = "Agent: Parts, Zoë speaking.\nCustomer: I need a chain.";

/// One classified call, one that is parked, one that was skipped, and one of which nothing is known.
fn contacts() -> [Contact; 4] {
    let mut done = contact("export-1", "2026-05-01T08:00:00+11:00");
    done.master_id = Some(id("export-0"));
    done.metadata.insert("skill".into(), "=parts".into());
    [
        done,
        contact("export-2", "2026-05-02"),
        contact("export-3", "2026-05-03"),
        contact("export-4", ""),
    ]
}

fn progress_of_done(contact: &Contact) -> CallProgress {
    CallProgress {
        attempt: 1,
        redo_count: 2,
        purchases: purchases(contact, 5),
        ..state(contact, Stage::Classify, Status::Done)
    }
}

async fn save_calls(warehouse: &dyn Warehouse) {
    let all = contacts();
    let [done, parked, skipped, _] = &all;
    add(warehouse, &all).await;
    let transcript = Change::Transcribed(Box::new(transcribed(done, CONVERSATION)));
    let answer = answer(&["product_enquiry", "complaint"], "sale_completed");
    let labels = classification(&Taxonomy::built_in(), &answer);
    let parked_at = CallProgress {
        attempt: 3,
        last_failure: failure(FailureKind::Unsupported, "415: no \"audio\""),
        ..state(parked, Stage::Transcribe, Status::Parked)
    };
    let reason = SkipReason::NoRecording;
    let skipped_at = state(skipped, Stage::Fetch, Status::Skipped { reason });
    let outcomes: [Outcome; 5] = [
        outcome(done, ready(done, Stage::Transcribe), fetched(done)),
        outcome(done, ready(done, Stage::Classify), transcript),
        outcome(
            done,
            progress_of_done(done),
            classified(CONVERSATION, labels),
        ),
        outcome(parked, parked_at, Change::None),
        outcome(
            skipped,
            skipped_at,
            Change::NothingFound { raw_metadata: None },
        ),
    ];
    for outcome in outcomes {
        save(warehouse, &[outcome]).await;
    }
}

/// All pages from a cursor on.
async fn rest(
    warehouse: &dyn Warehouse,
    filter: &CallFilter,
    mut page: ExportPage,
    rows_max: usize,
) -> Vec<ExportedCall> {
    let mut calls = std::mem::take(&mut page.calls);
    while let Some(cursor) = page.next {
        page = next(warehouse, filter, Some(&cursor), rows_max).await;
        calls.append(&mut page.calls);
    }
    calls
}

async fn next(
    warehouse: &dyn Warehouse,
    filter: &CallFilter,
    after: Option<&ExportCursor>,
    rows_max: usize,
) -> ExportPage {
    let page = warehouse.export_page(filter, after, rows_max).await;
    good(page, "reading calls for an export")
}

async fn exported(
    warehouse: &dyn Warehouse,
    filter: &CallFilter,
    rows_max: usize,
) -> Vec<ExportedCall> {
    let first = next(warehouse, filter, None, rows_max).await;
    rest(warehouse, filter, first, rows_max).await
}

fn sorted_ids(calls: &[ExportedCall]) -> Vec<String> {
    let mut ids: Vec<String> = calls
        .iter()
        .map(|call| call.contact.id.to_string())
        .collect();
    ids.sort();
    ids
}

fn only(contacts: &[Contact]) -> CallFilter {
    CallFilter {
        contact_ids: contacts.iter().map(|contact| contact.id.clone()).collect(),
        ..CallFilter::default()
    }
}

pub(super) async fn all_that_is_known_leaves(warehouse: &dyn Warehouse) {
    save_calls(warehouse).await;
    let contacts = contacts();
    let [done, parked, skipped, new] = &contacts;
    let mut calls = exported(warehouse, &only(&contacts), 100).await;
    calls.sort_by(|one, other| one.contact.id.cmp(&other.contact.id));
    let [first, second, third, fourth] = calls.as_slice() else {
        panic!("not four calls: {:?}", sorted_ids(&calls));
    };
    assert_done(first, done);
    assert_eq!(
        (&second.contact.id, second.state.stage),
        (&parked.id, Stage::Transcribe)
    );
    assert_eq!(
        (second.state.status.as_str(), second.state.attempt),
        ("parked", 3)
    );
    let failed = failure(FailureKind::Unsupported, "415: no \"audio\"");
    assert_eq!(second.state.last_failure, failed);
    assert_eq!(
        (&third.contact.id, third.state.status.as_str()),
        (&skipped.id, "skipped")
    );
    assert_eq!(third.state.skip_reason.as_deref(), Some("no_recording"));
    assert_eq!((&third.recordings, &third.labels), (&Vec::new(), &None));
    assert_eq!(&fourth.contact, new);
    assert_eq!(fourth.transcript, ExportedTranscript::default());
    assert_eq!((fourth.transcribe_cost, fourth.classify_cost), (None, None));
}

/// The only call with this id.
pub(super) async fn export_of(warehouse: &dyn Warehouse, contact: &Contact) -> ExportedCall {
    let mut calls = exported(warehouse, &only(std::slice::from_ref(contact)), 10).await;
    assert_eq!(sorted_ids(&calls), [contact.id.to_string()]);
    calls.remove(0)
}

fn assert_done(call: &ExportedCall, contact: &Contact) {
    let known = transcribed(contact, CONVERSATION);
    assert_eq!(&call.contact, contact, "what the source said");
    assert_eq!(
        call.recordings,
        [recording(contact, 1), recording(contact, 2)]
    );
    let audio_uri = call.audio_uri.as_deref().unwrap_or_default();
    assert!(
        audio_uri.ends_with("/recordings/export-1_voice-only.mp4"),
        "{audio_uri}"
    );
    let ExportedState {
        stage,
        status,
        attempt,
        redo_count,
        ..
    } = &call.state;
    assert_eq!((*stage, status.as_str()), (Stage::Classify, "done"));
    assert_eq!((*attempt, *redo_count), (1, 2));
    assert_eq!(call.state.listed_at, Some(now()));
    assert_eq!(call.state.updated_at, Some(now()));
    let expected = ExportedTranscript {
        conversation: Some(CONVERSATION.into()),
        plain_text: Some(known.plain_text),
        analysis: Analysis::clone(&known.analysis),
        analysis_model: Some("nova-3".into()),
        duration_s: Some(known.measures.duration_s),
        measures: Some(known.measures),
        provider: Some("listener".into()),
        model: Some("nova-3".into()),
        at: Some(now()),
        key: Some(known.transcript_key),
    };
    assert_eq!(call.transcript, expected);
    assert_eq!(call.transcribe_cost, Some(Usd::from_micros(50_000)));
    assert_eq!(call.classify_cost, Some(Usd::from_micros(1_250)));
    let Some(labels) = &call.labels else {
        panic!("a classified call has labels");
    };
    assert_labels(labels);
}

fn assert_labels(labels: &ExportedLabels) {
    let value = |field: &str| labels.values.get(field).map(read).unwrap_or_default();
    assert_eq!(
        value("call_type"),
        serde_json::json!(["product_enquiry", "complaint"])
    );
    assert_eq!(value("sale_result"), "sale_completed");
    assert_eq!(value("confidence_scores")["overall_confidence"], 0.625);
    for other in [
        "contactId",
        "transcript",
        "llm_model",
        "classification_timestamp",
    ] {
        assert!(!labels.values.contains_key(other), "{other} is no label");
    }
    assert_eq!(labels.taxonomy_version.as_deref(), Some("v1.0"));
    assert!(labels.prompt_version.is_some());
    assert_eq!(labels.provider.as_deref(), Some("labeller"));
    assert_eq!(labels.model.as_deref(), Some("gemini-3.5-flash-lite"));
    assert_eq!(labels.at, Some(now()));
}

pub(super) async fn each_call_leaves_once_on_pages_of_any_size(warehouse: &dyn Warehouse) {
    let everything = good(
        warehouse.list(&CallFilter::default()).await,
        "listing calls",
    );
    let mut expected: Vec<String> = everything.into_iter().map(|row| row.contact_id).collect();
    expected.sort();
    for rows_max in [1, 2, expected.len(), 1_000] {
        let calls = exported(warehouse, &CallFilter::default(), rows_max).await;
        assert_eq!(sorted_ids(&calls), expected, "on pages of {rows_max}");
    }
}

pub(super) async fn an_export_is_filtered_as_a_list_is(warehouse: &dyn Warehouse) {
    let ids: Vec<ContactId> = only(&contacts()).contact_ids;
    let everything = || CallFilter::default();
    for filter in [
        CallFilter {
            stage: Some(Stage::Fetch),
            ..everything()
        },
        CallFilter {
            status: Some("parked".into()),
            ..everything()
        },
        CallFilter {
            status: Some("' OR 1=1 --".into()),
            ..everything()
        },
        CallFilter {
            failure_kind: Some("unsupported".into()),
            ..everything()
        },
        CallFilter {
            since: "2026-05-02".parse().ok(),
            ..everything()
        },
        CallFilter {
            contact_ids: ids.clone(),
            ..everything()
        },
        CallFilter {
            stage: Some(Stage::Classify),
            status: Some("done".into()),
            contact_ids: ids,
            since: "2026-05-01".parse().ok(),
            ..everything()
        },
        CallFilter {
            contact_ids: vec![id("nobody")],
            ..everything()
        },
    ] {
        let listed = good(warehouse.list(&filter).await, "listing calls");
        let mut listed: Vec<String> = listed.into_iter().map(|row| row.contact_id).collect();
        listed.sort();
        let calls = exported(warehouse, &filter, 3).await;
        assert_eq!(sorted_ids(&calls), listed, "{filter:?}");
    }
}

/// Meanwhile calls are added before and after what was read, one is saved again, and one learns its
/// start.
pub(super) async fn an_export_goes_on_while_others_write(warehouse: &dyn Warehouse) {
    let there = contacts();
    let added = [
        contact("export-00", "2026-05-01"),
        contact("export-9", "2026-05-09"),
    ];
    let filter = only(&[there.as_slice(), &added].concat());
    let first = next(warehouse, &filter, None, 1).await;
    add(warehouse, &added).await;
    add(warehouse, &[contact("export-4", "2026-05-04")]).await;
    end(warehouse, std::slice::from_ref(&there[1])).await;
    let calls = rest(warehouse, &filter, first, 1).await;
    let ids = sorted_ids(&calls);
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "no call comes twice: {ids:?}");
    for contact in &there {
        assert!(
            ids.contains(&contact.id.to_string()),
            "{} is lost",
            contact.id
        );
    }
    end(warehouse, &[there.as_slice(), &added].concat()).await;
}
