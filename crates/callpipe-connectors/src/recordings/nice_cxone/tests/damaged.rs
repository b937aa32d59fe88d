//! Answers that no playback service should give: none stops the program, tells of the call, or names a
//! recording twice.

use std::collections::HashSet;

use callpipe_core::failure::FailureKind;
use serde_json::{Value, json};

use super::super::map;
use crate::damage::{self, MARKER};

const DOING: &str = "asking for recordings";

fn samples() -> Vec<Value> {
    let item = |number: u32| {
        json!({ "@type": "call", "mediaType": "voice-only", "startTime": "2026-03-02T08:00:00.000Z",
            "data": {
                "fileToPlayUrl": format!("https://media.example/{number}.mp4?X-Amz-Signature={MARKER}"),
                "participantsDataList": [
                    { "participantType": "AGENT", "agentName": MARKER, "channel": 0 },
                    { "participantType": "CUSTOMER", "channel": 1 },
                ],
            } })
    };
    vec![
        json!({ "contactId": "7", "interactions": [item(1), item(2)] }),
        json!({ "value": { "contactId": "7", "Interactions": [{ "Interaction": item(1) }] } }),
        json!({ "contactId": "7", "interactions": [] }),
    ]
}

#[test]
fn a_damaged_answer_is_the_moments_fault_or_lists_each_recording_once() {
    damage::of_json(&samples(), |body| match map::found(body, DOING) {
        Ok(found) => {
            let recordings = found.recordings.unwrap_or_default();
            let links = recordings.iter().map(|recording| &recording.locator.0);
            let links: HashSet<&String> = links.collect();
            assert_eq!(links.len(), recordings.len(), "a recording is listed twice");
        }
        Err(failure) => damage::assert_fit(&failure, &[FailureKind::CorruptTransfer]),
    });
}

#[test]
fn what_is_kept_of_an_unknown_call_is_json_or_nothing() {
    damage::of_json(&samples(), |body| {
        if let Some(kept) = map::not_found(body).raw_metadata {
            let _: Value = serde_json::from_str(&kept).unwrap();
        }
    });
}
