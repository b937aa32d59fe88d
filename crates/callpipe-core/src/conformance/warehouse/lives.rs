//! The life of a call, stage by stage, and everything that is to be read back of it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::examples::*;
use super::export::export_of;
use crate::analysis::Analysis;
use crate::call::Contact;
use crate::conformance::good;
use crate::contracts::warehouse::{
    Change, PendingCall, PendingQuery, Scope, TranscribedCall, Warehouse,
};
use crate::failure::FailureKind;
use crate::progress::{CallProgress, SkipReason, Stage, Status};
use crate::taxonomy::Taxonomy;

/// The baseline's columns: other programs ask for them by these names.
const BASELINE_COLUMNS: [&str; 15] = [
    "contactId",
    "recording_filename",
    "gcs_uri",
    "fetch_datetime",
    "status",
    "raw_response",
    "transcribed",
    "analysed",
    "transcription",
    "transcription_raw",
    "summary",
    "topics",
    "intents",
    "sentiment",
    "gemini_analysed",
];

const CONVERSATION: &str = "Agent: Parts, Zoë speaking.\nCustomer: I need a chain.";

pub(super) async fn a_call_goes_through_all_stages(warehouse: &dyn Warehouse) {
    let contact = contact("life-1", "2026-03-02T08:00:00+11:00");
    add(warehouse, std::slice::from_ref(&contact)).await;
    assert_eq!(next(warehouse, &contact, Stage::Fetch).await.recordings, []);

    let fetch = outcome(
        &contact,
        ready(&contact, Stage::Transcribe),
        fetched(&contact),
    );
    save(warehouse, &[fetch]).await;
    let call = next(warehouse, &contact, Stage::Transcribe).await;
    assert_eq!(
        call.recordings,
        [recording(&contact, 1), recording(&contact, 2)]
    );
    assert_eq!(call.contact, contact);
    let row = found(warehouse, &contact).await.tracking;
    assert_eq!(row["status"], "SUCCESS");
    assert_eq!(row["recording_filename"], "life-1_voice-only.mp4");
    let uri = row["gcs_uri"].as_str().unwrap_or_default();
    assert!(
        uri.ends_with("/recordings/life-1_voice-only.mp4"),
        "gcs_uri is {uri}"
    );
    assert!(!row["fetch_datetime"].is_null(), "when it was fetched");
    assert_eq!(
        read(&row["raw_response"]),
        json!({"interactions": [{"id": "a"}]})
    );

    let transcript = Change::Transcribed(Box::new(transcribed(&contact, CONVERSATION)));
    save(
        warehouse,
        &[outcome(
            &contact,
            ready(&contact, Stage::Classify),
            transcript,
        )],
    )
    .await;
    let call = next(warehouse, &contact, Stage::Classify).await;
    if let Some(conversation) = &call.conversation {
        assert_eq!(conversation, CONVERSATION, "it need not be given");
    }
    assert!(!call.analysis_missing, "the transcriber understood it");
    assert_eq!(call.archived_audio, None, "its recordings are known");
    assert_eq!(call.recordings.len(), 2, "what was fetched stays");
    assert_transcribed(&found(warehouse, &contact).await.tracking);

    let done = state(&contact, Stage::Classify, Status::Done);
    let labels = classification(
        &Taxonomy::built_in(),
        &answer(&["product_enquiry"], "sale_completed"),
    );
    save(
        warehouse,
        &[outcome(
            &contact,
            done.clone(),
            classified(CONVERSATION, labels),
        )],
    )
    .await;
    assert_classified(
        warehouse,
        &contact,
        json!(["product_enquiry"]),
        "sale_completed",
    )
    .await;

    // Done again from a stage on, the new labels take the place of the old ones.
    let mut again = ready(&contact, Stage::Classify);
    again.redo_count = 1;
    save(warehouse, &[outcome(&contact, again.clone(), Change::None)]).await;
    assert_eq!(
        next(warehouse, &contact, Stage::Classify).await.progress,
        again
    );
    let labels = classification(
        &Taxonomy::built_in(),
        &answer(&["complaint"], "not_sales_call"),
    );
    save(
        warehouse,
        &[outcome(&contact, done, classified(CONVERSATION, labels))],
    )
    .await;
    assert_classified(warehouse, &contact, json!(["complaint"]), "not_sales_call").await;
}

/// The one call whose stage can be done.
/// Where the transcriber understood nothing, what the model did takes its columns; labels alone leave
/// them as they are.
pub(super) async fn who_labels_may_understand(warehouse: &dyn Warehouse) {
    let contact = contact("understood-1", "2026-03-02T09:00:00Z");
    add(warehouse, std::slice::from_ref(&contact)).await;
    let fetched = outcome(
        &contact,
        ready(&contact, Stage::Transcribe),
        fetched(&contact),
    );
    save(warehouse, &[fetched]).await;
    let call = TranscribedCall {
        analysis: Analysis::default(),
        ..transcribed(&contact, CONVERSATION)
    };
    let change = Change::Transcribed(Box::new(call));
    let progress = ready(&contact, Stage::Classify);
    save(warehouse, &[outcome(&contact, progress, change)]).await;
    assert!(
        next(warehouse, &contact, Stage::Classify)
            .await
            .analysis_missing
    );
    let row = found(warehouse, &contact).await.tracking;
    assert_eq!(row["analysis_model"], Value::Null);

    let labels = || {
        classification(
            &Taxonomy::built_in(),
            &answer(&["product_enquiry"], "sale_completed"),
        )
    };
    let again = ready(&contact, Stage::Classify);
    let change = understood(CONVERSATION, labels());
    save(warehouse, &[outcome(&contact, again, change)]).await;
    let call = next(warehouse, &contact, Stage::Classify).await;
    assert!(!call.analysis_missing, "the model has understood it");
    let done = state(&contact, Stage::Classify, Status::Done);
    let change = classified(CONVERSATION, labels());
    save(warehouse, &[outcome(&contact, done, change)]).await;
    let row = found(warehouse, &contact).await.tracking;
    assert_eq!(row["summary"], "Said by Zoë's model.");
    assert_eq!(
        read(&row["topics"]),
        json!([{"topic": "Saws", "confidence": 0.75, "text": "a saw"}])
    );
    assert_eq!(read(&row["intents"]), json!([]));
    assert_eq!(row["sentiment"], Value::Null);
    assert_eq!(row["analysis_model"], "labeller-2");
    assert_eq!(row["transcriber_model"], "nova-3", "all else stays");
    assert_eq!(row["transcription"], CONVERSATION);

    let known = export_of(warehouse, &contact).await.transcript;
    let summary = known.analysis.summary.as_deref();
    assert_eq!(summary, Some("Said by Zoë's model."));
    assert_eq!(known.analysis_model.as_deref(), Some("labeller-2"));
    assert_eq!(known.model.as_deref(), Some("nova-3"));
}

/// The call that is pending at a stage, and the only one.
async fn next(warehouse: &dyn Warehouse, contact: &Contact, stage: Stage) -> PendingCall {
    let query = PendingQuery {
        scope: Scope::of(stage),
        now: now(),
        limit: 9,
        in_hand: HashSet::new(),
    };
    let mut calls = good(warehouse.pending(&query).await, "looking for pending calls");
    assert_eq!(ids(&calls), [contact.id.as_str()], "pending at {stage}");
    calls.remove(0)
}

fn assert_transcribed(row: &Value) {
    for column in BASELINE_COLUMNS {
        assert!(
            row.get(column).is_some(),
            "the tracking table has no column {column}"
        );
    }
    assert_eq!(row["transcription"], CONVERSATION);
    assert_eq!(
        row["transcription_raw"],
        CONVERSATION.replace("Agent: ", "")
    );
    assert_eq!(row["summary"], "Wants a chain.");
    let topics = json!([{"topic": "Chains", "confidence": 0.5, "text": "a chain"}]);
    assert_eq!(read(&row["topics"]), topics);
    let intents = json!([{"intent": "Buy a chain", "confidence": 0.25, "text": "a chain"}]);
    assert_eq!(read(&row["intents"]), intents);
    let segment = json!({"text": "It broke.", "sentiment": "negative", "sentiment_score": -0.5});
    let average = json!({"sentiment": "negative", "sentiment_score": -0.25});
    assert_eq!(
        read(&row["sentiment"]),
        json!({"average": average, "segments": [segment]})
    );
}

async fn assert_classified(
    warehouse: &dyn Warehouse,
    contact: &Contact,
    call_types: Value,
    sale_result: &str,
) {
    for stage in Stage::ALL {
        assert_eq!(
            pending_ids(warehouse, stage).await,
            [""; 0],
            "nothing is left to do"
        );
    }
    let details = found(warehouse, contact).await;
    assert_eq!(
        (details.row.stage, details.row.status.as_str()),
        (Stage::Classify, "done")
    );
    assert_eq!(details.row.duration_s, Some(61.5));
    let Some(row) = details.classification else {
        panic!("the call has no classification");
    };
    assert_eq!(row["call_id"], "life-1");
    assert_eq!(row["contactId"], "life-1");
    assert_eq!(
        row["call_date"], "2026-03-02",
        "the date of the call in its own place"
    );
    assert_eq!(row["transcript"], CONVERSATION);
    assert_eq!(row["classification_version"], "v1.0");
    assert_eq!(row["llm_model"], "gemini-3.5-flash-lite");
    assert!(
        !row["classification_timestamp"].is_null(),
        "when it was classified"
    );
    assert_eq!(read(&row["call_type"]), call_types);
    assert_eq!(row["sale_result"], sale_result);
    assert_eq!(row["agent_name"], "Zoë");
    assert_eq!(row["delivery_tracking"], Value::Null);
    assert_eq!(read(&row["escalation_actions"]), json!(["none"]));
    assert_eq!(
        read(&row["confidence_scores"])["overall_confidence"],
        json!(0.625)
    );
}

pub(super) async fn every_state_reads_back(warehouse: &dyn Warehouse) {
    let contact = contact("state-1", "2026-03-02T08:00:00Z");
    let skipped = |reason| Status::Skipped { reason };
    let states = [
        (Stage::Fetch, Status::Ready { not_before: None }, None),
        (
            Stage::Fetch,
            Status::Ready {
                not_before: Some(later(5)),
            },
            failure(FailureKind::RateLimited, "429"),
        ),
        (
            Stage::Transcribe,
            Status::Parked,
            failure(FailureKind::Unsupported, "415: 'x'\n\"y\""),
        ),
        (Stage::Fetch, skipped(SkipReason::NotFound), None),
        (Stage::Fetch, skipped(SkipReason::NoRecording), None),
        (Stage::Transcribe, skipped(SkipReason::NoSpeech), None),
        (Stage::Classify, Status::Done, None),
    ];
    for (number, (stage, status, last_failure)) in (1..).zip(states) {
        // The first state is that of a call for which nothing was bought.
        let bought = match number {
            1 => Vec::new(),
            cents => purchases(&contact, cents.into()),
        };
        let progress = CallProgress {
            attempt: number,
            redo_count: number * 2,
            last_failure,
            purchases: bought,
            ..state(&contact, stage, status)
        };
        save(
            warehouse,
            &[outcome(&contact, progress.clone(), Change::None)],
        )
        .await;
        assert_eq!(stored(warehouse, &contact).await.progress, progress);
        let row = found(warehouse, &contact).await.row;
        assert_eq!(
            (row.stage, row.status.as_str()),
            (progress.stage, progress.status.as_str())
        );
        assert_eq!(row.attempt, number);
        let kind = match (&progress.last_failure, &progress.status) {
            (Some(failure), _) => Some(failure.kind.as_str()),
            (None, Status::Skipped { reason }) => Some(reason.as_str()),
            _ => None,
        };
        assert_eq!(row.reason_kind.as_deref(), kind);
        assert_eq!(
            row.reason,
            progress.last_failure.map(|failure| failure.reason)
        );
    }
}

pub(super) async fn flags_of_the_baseline_follow_the_state(warehouse: &dyn Warehouse) {
    let contact = contact("flags-1", "2026-03-02T08:00:00Z");
    let failed = CallProgress {
        last_failure: failure(FailureKind::Unavailable, "503"),
        ..ready(&contact, Stage::Fetch)
    };
    let parked = CallProgress {
        status: Status::Parked,
        ..failed.clone()
    };
    let skipped = |stage, reason| state(&contact, stage, Status::Skipped { reason });
    for (progress, status, flags, tried) in [
        (ready(&contact, Stage::Fetch), None, [0, 0], false),
        (failed, Some("FAILED"), [0, 0], true),
        (parked, Some("FAILED"), [0, 0], true),
        (
            skipped(Stage::Fetch, SkipReason::NotFound),
            Some("NOT_FOUND"),
            [0, 0],
            true,
        ),
        (
            skipped(Stage::Fetch, SkipReason::NoRecording),
            Some("NO_RECORDING"),
            [0, 0],
            true,
        ),
        (
            ready(&contact, Stage::Transcribe),
            Some("SUCCESS"),
            [0, 0],
            true,
        ),
        (
            skipped(Stage::Transcribe, SkipReason::NoSpeech),
            Some("SUCCESS"),
            [1, 0],
            true,
        ),
        (
            ready(&contact, Stage::Classify),
            Some("SUCCESS"),
            [1, 0],
            true,
        ),
        (
            state(&contact, Stage::Classify, Status::Done),
            Some("SUCCESS"),
            [1, 1],
            true,
        ),
    ] {
        save(
            warehouse,
            &[outcome(&contact, progress.clone(), Change::None)],
        )
        .await;
        let row = found(warehouse, &contact).await.tracking;
        assert_eq!(row["status"].as_str(), status, "{progress:?}");
        let [transcribed, gemini_analysed] = flags.map(|flag| json!(flag));
        assert_eq!(read(&row["transcribed"]), transcribed, "{progress:?}");
        assert_eq!(read(&row["analysed"]), transcribed, "{progress:?}");
        assert_eq!(
            read(&row["gemini_analysed"]),
            gemini_analysed,
            "{progress:?}"
        );
        assert_eq!(
            !row["fetch_datetime"].is_null(),
            tried,
            "when it was tried: {progress:?}"
        );
    }
    // What the source said stays until it says something else.
    for (said, stays) in [
        (Some("{\"said\":1}"), 1),
        (None, 1),
        (Some("{\"said\":2}"), 2),
    ] {
        let change = Change::NothingFound {
            raw_metadata: said.map(str::to_owned),
        };
        let skipped = skipped(Stage::Fetch, SkipReason::NotFound);
        save(warehouse, &[outcome(&contact, skipped, change)]).await;
        let row = found(warehouse, &contact).await.tracking;
        assert_eq!(read(&row["raw_response"])["said"], json!(stays));
    }
}

pub(super) async fn any_text_reads_back(warehouse: &dyn Warehouse) {
    let texts = [
        "'; DROP TABLE recording_fetch_status; --",
        "\" OR 1=1 --",
        "`x` ${y} {{z}} %s ? :a @b $1",
        "../../etc/passwd\\",
        "naïve 日本語 🪚 \u{202e}txet",
        "NULL",
        "007",
        "1e5",
    ];
    let contacts: Vec<Contact> = texts.iter().map(|text| contact(text, "")).collect();
    assert_eq!(
        add(warehouse, &contacts).await,
        texts.len() as u64,
        "every id is an id of its own"
    );
    for (contact, text) in contacts.iter().zip(texts) {
        let conversation = format!("Agent: {text}\nCustomer: {text}\r\n\t{text}");
        let transcript = Change::Transcribed(Box::new(transcribed(contact, &conversation)));
        let waiting = CallProgress {
            last_failure: failure(FailureKind::Bug, text),
            ..ready(contact, Stage::Classify)
        };
        save(warehouse, &[outcome(contact, waiting.clone(), transcript)]).await;
        assert_eq!(stored(warehouse, contact).await.progress, waiting);
        let row = found(warehouse, contact).await;
        assert_eq!(row.row.contact_id, *text);
        assert_eq!(row.tracking["transcription"], conversation.as_str());
    }
    let query = PendingQuery {
        scope: Scope::of(Stage::Classify),
        now: now(),
        limit: 99,
        in_hand: HashSet::new(),
    };
    let pending = good(warehouse.pending(&query).await, "looking for pending calls");
    assert_eq!(pending.len(), texts.len());
    end(warehouse, &contacts).await;
}
