//! From the playback service's words to ours. Pure: the vendor's quirks live here.

use std::collections::HashSet;

use callpipe_core::call::{ContactId, parse_start};
use callpipe_core::contracts::recording_source::{Found, Locator, RecordingReference};
use callpipe_core::failure::Outside;
use callpipe_core::progress::SkipReason;
use callpipe_core::recording::{Participant, Role};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::wire::{Hierarchy, Interaction, InteractionData, ParticipantData, PlaybackAnswer};
use crate::http::redact::strip_signatures;
use crate::nice_cxone::unreadable;

/// The media type of a recording whose answer names none.
const VOICE: &str = "voice-only";

/// Keys of which an answer about a contact has at least one.
const KNOWN_KEYS: [&str; 6] = [
    "interactions",
    "Interactions",
    "value",
    "redirectUrl",
    "contactId",
    "acdcontactId",
];

/// Reads what the playback service answered about a contact that it knows.
pub(super) fn found(body: &[u8], doing: &str) -> Outside<Found> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|_| unreadable(doing))?;
    let recordings = recordings(&answer).ok_or_else(|| unreadable(doing))?;
    strip_signatures(&mut answer);
    Ok(Found {
        recordings: if recordings.is_empty() {
            Err(SkipReason::NoRecording)
        } else {
            Ok(recordings)
        },
        raw_metadata: Some(answer.to_string()),
    })
}

/// What is kept about a contact that the playback service does not know.
pub(super) fn not_found(body: &[u8]) -> Found {
    let answer = serde_json::from_slice::<Value>(body).ok();
    Found {
        recordings: Err(SkipReason::NotFound),
        raw_metadata: answer.map(|mut answer| {
            strip_signatures(&mut answer);
            answer.to_string()
        }),
    }
}

/// The contact under whose id the recordings of a whole conversation are filed.
pub(super) fn master_id(body: &[u8], doing: &str) -> Outside<Option<ContactId>> {
    let hierarchy: Hierarchy = serde_json::from_slice(body).map_err(|_| unreadable(doing))?;
    Ok(hierarchy
        .master_contact_id
        .and_then(|id| ContactId::parse(&id).ok()))
}

/// All recordings with voice, in the order of the call. `None` if this is no answer at all.
fn recordings(answer: &Value) -> Option<Vec<RecordingReference>> {
    let object = answer.as_object()?;
    if !KNOWN_KEYS.iter().any(|key| object.contains_key(*key)) {
        return None;
    }
    let answer = PlaybackAnswer(object);
    let redirect_url = answer.redirect_url().map(str::trim);
    if let Some(url) = redirect_url.filter(|url| !url.is_empty()) {
        return Some(vec![redirect(url)]);
    }
    let mut recordings = match answer.interactions() {
        None => Vec::new(),
        Some(Value::Array(items)) => {
            let recordings: Vec<_> = items.iter().filter_map(recording).collect();
            // Of what is no item nobody can say that it is no recording.
            if recordings.is_empty() && !items.iter().all(is_item) {
                return None;
            }
            recordings
        }
        Some(_) => return None,
    };
    // Stable: recordings without a start keep their place behind those that have one.
    recordings.sort_by_key(|recording: &RecordingReference| {
        (recording.started_at.is_none(), recording.started_at)
    });
    Some(without_repetitions(recordings))
}

fn redirect(url: &str) -> RecordingReference {
    RecordingReference {
        locator: Locator(url.to_owned()),
        media_type: VOICE.to_owned(),
        started_at: None,
        participants: Vec::new(),
    }
}

fn is_item(item: &Value) -> bool {
    item.is_object() || item.is_null()
}

/// The recording of an item of the list, if it is one with voice and can be played.
fn recording(item: &Value) -> Option<RecordingReference> {
    let inner = ["Interaction", "interaction"]
        .iter()
        .find_map(|key| item.get(key))
        .unwrap_or(item);
    let interaction = Interaction::deserialize(inner).ok()?;
    let media_type = media_type(&interaction)?;
    let played = inner.get("data").unwrap_or(&Value::Null);
    let data = InteractionData::deserialize(played).unwrap_or_default();
    let url = data.file_to_play_url.as_deref().unwrap_or_default().trim();
    if url.is_empty() {
        return None;
    }
    Some(RecordingReference {
        locator: Locator(url.to_owned()),
        media_type,
        started_at: [&interaction.start_time, &data.start_time]
            .into_iter()
            .flatten()
            .find_map(|text| moment(text)),
        participants: participants(played),
    })
}

/// The media type if there is voice in it. The lists of the vendor's documents are not taken as
/// complete: what begins with `voice` is voice, and where no type is given, a call is.
fn media_type(interaction: &Interaction) -> Option<String> {
    let told = interaction.media_type.as_deref().unwrap_or_default().trim();
    if !told.is_empty() {
        return begins_with(told, "voice").then(|| told.to_owned());
    }
    let kind = interaction.kind.as_deref().unwrap_or_default();
    let channel = interaction.channel_type.as_deref().unwrap_or_default();
    let is_call = kind.eq_ignore_ascii_case("call") || begins_with(channel, "phone_call");
    (is_call || (kind.is_empty() && channel.is_empty())).then(|| VOICE.to_owned())
}

fn begins_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    parse_start(text).map(|moment| moment.with_timezone(&Utc))
}

/// Who is heard. Somebody who was heard in several parts of the call is listed once.
fn participants(played: &Value) -> Vec<Participant> {
    let mut listed = HashSet::new();
    let list = played.get("participantDataList").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(participant)
        .filter(|participant| listed.insert(participant.clone()))
        .collect()
}

fn participant(item: &Value) -> Option<Participant> {
    let data = ParticipantData::deserialize(item).ok()?;
    let role = match data.participant_type?.trim().to_lowercase().as_str() {
        "agent" => Role::Agent,
        "customer" => Role::Customer,
        _ => return None,
    };
    // A customer's name is often a phone number, and nobody needs it.
    let name = data
        .agent_name
        .map(|name| name.trim().to_owned())
        .filter(|name| role == Role::Agent && !name.is_empty());
    Some(Participant {
        channel: data.channel,
        role,
        name,
    })
}

/// Leaves out recordings that were listed before, even if each link has its own signature.
fn without_repetitions(recordings: Vec<RecordingReference>) -> Vec<RecordingReference> {
    let mut objects = HashSet::new();
    let is_new = |recording: &RecordingReference| objects.insert(object(&recording.locator.0));
    let mut recordings = recordings;
    recordings.retain(is_new);
    recordings
}

/// What a link leads to: the link without its S3 signature. Other parts of a query may name the
/// object, so they stay.
fn object(link: &str) -> String {
    let Ok(mut url) = Url::parse(link) else {
        return link.to_owned();
    };
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| !begins_with(key, "x-amz-"))
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url.into()
}
