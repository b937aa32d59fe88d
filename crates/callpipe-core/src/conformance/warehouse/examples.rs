//! Calls to try a warehouse with, and what is asked of it again and again.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::analysis::{Analysis, AverageSentiment, Intent, Sentiment, SentimentSegment, Topic};
use crate::call::{Contact, ContactId, parse_start};
use crate::classification::Classification;
use crate::conformance::good;
use crate::contracts::warehouse::{
    CallDetails, CallFilter, Change, ClassifiedCall, ModelAnalysis, Outcome, PendingCall,
    PendingQuery, Scope, TranscribedCall, Warehouse,
};
use crate::failure::FailureKind;
use crate::measures::{Measures, SpeakerMeasures};
use crate::money::{Purchase, Usd};
use crate::progress::{CallProgress, LastFailure, Stage, Status};
use crate::recording::{ArchiveKey, Fingerprint, Participant, Recording, Role, Sha256Hex};
use crate::taxonomy::Taxonomy;

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap_or_default()
}

pub(super) fn later(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

pub(super) fn id(text: &str) -> ContactId {
    match ContactId::parse(text) {
        Ok(id) => id,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// A contact that started at a moment, or at none that is known.
pub(super) fn contact(contact_id: &str, start: &str) -> Contact {
    let started_at = parse_start(start);
    assert_eq!(started_at.is_none(), start.is_empty(), "{start}");
    Contact::new(id(contact_id), started_at)
}

pub(super) fn state(contact: &Contact, stage: Stage, status: Status) -> CallProgress {
    CallProgress {
        stage,
        status,
        ..CallProgress::new(contact.id.clone())
    }
}

pub(super) fn ready(contact: &Contact, stage: Stage) -> CallProgress {
    state(contact, stage, Status::Ready { not_before: None })
}

pub(super) fn failure(kind: FailureKind, reason: &str) -> Option<LastFailure> {
    Some(LastFailure {
        kind,
        reason: reason.to_owned(),
    })
}

/// Purchases that cost `cents` in all at the transcribe stage, and one at the classify stage.
pub(super) fn purchases(contact: &Contact, cents: u64) -> Vec<Purchase> {
    let purchase = |stage, provider, number, micros| Purchase {
        stage,
        reply: ArchiveKey::reply(provider, &Fingerprint::of(&[contact.id.as_str()]), number),
        usd: Usd::from_micros(micros),
    };
    vec![
        purchase(Stage::Transcribe, "deepgram", 1, cents * 10_000 - 1),
        purchase(Stage::Transcribe, "deepgram", 2, 1),
        purchase(Stage::Classify, "gemini", 1, 1_250),
    ]
}

pub(super) fn outcome(contact: &Contact, progress: CallProgress, change: Change) -> Outcome {
    Outcome {
        contact: contact.clone(),
        progress,
        change,
        at: now(),
    }
}

pub(super) fn recording(contact: &Contact, number: usize) -> Recording {
    Recording {
        key: ArchiveKey::recording(&contact.id, "voice-only", number, "mp4"),
        media_type: "voice-only".into(),
        content_type: "audio/mp4".into(),
        sha256: Sha256Hex::of(&[number as u8]),
        size_bytes: 480_000,
        started_at: contact.started_at_utc(),
        participants: vec![Participant {
            channel: Some(0),
            role: Role::Agent,
            name: Some("Zoë O'Neil".into()),
        }],
    }
}

pub(super) fn fetched(contact: &Contact) -> Change {
    Change::Fetched {
        recordings: vec![recording(contact, 1), recording(contact, 2)],
        raw_metadata: Some("{\"interactions\":[{\"id\":\"a\"}]}".into()),
    }
}

pub(super) fn transcribed(contact: &Contact, conversation: &str) -> TranscribedCall {
    let average = AverageSentiment {
        sentiment: "negative".into(),
        sentiment_score: -0.25,
    };
    let segment = SentimentSegment {
        text: "It broke.".into(),
        sentiment: "negative".into(),
        sentiment_score: -0.5,
    };
    let speaker = SpeakerMeasures {
        talk_s: 40.5,
        ..SpeakerMeasures::default()
    };
    TranscribedCall {
        conversation: conversation.into(),
        plain_text: conversation.replace("Agent: ", ""),
        analysis: Analysis {
            summary: Some("Wants a chain.".into()),
            topics: vec![Topic {
                topic: "Chains".into(),
                confidence: 0.5,
                text: "a chain".into(),
            }],
            intents: vec![Intent {
                intent: "Buy a chain".into(),
                confidence: 0.25,
                text: "a chain".into(),
            }],
            sentiment: Some(Sentiment {
                average: Some(average),
                segments: vec![segment],
            }),
        },
        measures: Measures {
            duration_s: 61.5,
            speakers: [("Agent".to_owned(), speaker)].into(),
            ..Measures::default()
        },
        model: "nova-3".into(),
        transcript_key: ArchiveKey::transcript(&contact.id),
        reply_keys: vec![ArchiveKey::reply(
            "listener",
            &Fingerprint::of(&["audio"]),
            1,
        )],
        triage: Vec::new(),
        same_audio_as: None,
    }
}

/// An answer to all questions of the built-in taxonomy.
pub(super) fn answer(call_types: &[&str], sale_result: &str) -> Value {
    json!({
        "call_type": call_types,
        "sale_result": sale_result,
        "product_family": "chainsaw_related",
        "product_category_detail": ["chainsaw_accessories", "other"],
        "agent_name": "Zoë",
        "escalation_actions": [],
        "confidence_scores": {
            "call_type_confidence": 0.5,
            "sale_result_confidence": 0.75,
            "product_classification_confidence": 0.25,
            "overall_confidence": 0.625,
        },
    })
}

pub(super) fn classification(taxonomy: &Taxonomy, answer: &Value) -> Classification {
    match Classification::from_answer(taxonomy, answer, "gemini-3.5-flash-lite") {
        Ok(classification) => classification,
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn classified(conversation: &str, classification: Classification) -> Change {
    Change::Classified(Box::new(ClassifiedCall {
        classification,
        conversation: conversation.into(),
        reply_key: ArchiveKey::reply("labeller", &Fingerprint::of(&[conversation]), 1),
        analysis: None,
    }))
}

/// The same, understood by the model that labelled it.
pub(super) fn understood(conversation: &str, classification: Classification) -> Change {
    let Change::Classified(mut call) = classified(conversation, classification) else {
        panic!("a classified call is one");
    };
    call.analysis = Some(ModelAnalysis {
        analysis: Analysis {
            summary: Some("Said by Zoë's model.".into()),
            topics: vec![Topic {
                topic: "Saws".into(),
                confidence: 0.75,
                text: "a saw".into(),
            }],
            ..Analysis::default()
        },
        model: "labeller-2".into(),
    });
    Change::Classified(call)
}

/// The ids of calls whose stage can be done at [`now`], as they come.
pub(super) async fn pending_ids(warehouse: &dyn Warehouse, stage: Stage) -> Vec<String> {
    let query = PendingQuery {
        scope: Scope::of(stage),
        now: now(),
        limit: 1_000,
        in_hand: HashSet::new(),
    };
    ids(&good(
        warehouse.pending(&query).await,
        "looking for pending calls",
    ))
}

pub(super) fn ids(calls: &[PendingCall]) -> Vec<String> {
    calls
        .iter()
        .map(|call| call.contact.id.to_string())
        .collect()
}

pub(super) async fn add(warehouse: &dyn Warehouse, contacts: &[Contact]) -> u64 {
    good(
        warehouse.add_contacts(contacts, now()).await,
        "taking up contacts",
    )
}

/// Outcomes as they are saved.
pub(super) fn shared(outcomes: &[Outcome]) -> Vec<Arc<Outcome>> {
    outcomes.iter().cloned().map(Arc::new).collect()
}

pub(super) async fn save(warehouse: &dyn Warehouse, outcomes: &[Outcome]) {
    good(warehouse.save(&shared(outcomes)).await, "saving calls");
}

/// Brings calls to their end.
pub(super) async fn end(warehouse: &dyn Warehouse, contacts: &[Contact]) {
    let outcomes: Vec<Outcome> = contacts
        .iter()
        .map(|contact| {
            let done = state(contact, Stage::Classify, Status::Done);
            outcome(contact, done, Change::None)
        })
        .collect();
    save(warehouse, &outcomes).await;
}

pub(super) async fn found(warehouse: &dyn Warehouse, contact: &Contact) -> CallDetails {
    match good(warehouse.find(&contact.id).await, "looking for a call") {
        Some(details) => details,
        None => panic!("{} is not found", contact.id),
    }
}

/// A call's state as it is stored.
pub(super) async fn stored(warehouse: &dyn Warehouse, contact: &Contact) -> PendingCall {
    let filter = CallFilter {
        contact_ids: vec![contact.id.clone()],
        ..CallFilter::default()
    };
    let mut calls = good(warehouse.progress(&filter).await, "reading a call's state");
    match (calls.pop(), calls.is_empty()) {
        (Some(call), true) => call,
        _ => panic!("{} is not there exactly once", contact.id),
    }
}

/// A value of a table, whether the implementation gives JSON columns as text or read.
pub(super) fn read(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}
