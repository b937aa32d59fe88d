//! The JSON of the playback service, in the spellings that its documents show.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::shared::Shared;
use crate::world::{BodyShape, Contact};

/// Points per channel of a waveform, which is why clients leave waveforms out.
const WAVEFORM_POINTS: usize = 2_000;

/// The whole body around the list of interactions.
pub(super) fn envelope(contact: &Contact, interactions: Value) -> Value {
    let contact_uuid = crate::chance::uuid(0, &["contact", &contact.master_contact_id]);
    let mut body = json!({
        "contactId": contact_uuid,
        "acdcontactId": contact.master_contact_id,
        "elevatedInteraction": false,
        "brandEmbassyConfig": { "threadId": "", "caseId": "", "sessionId": "" },
    });
    match contact.body_shape {
        BodyShape::Flat => body["interactions"] = interactions,
        BodyShape::Capital => body["Interactions"] = interactions,
        BodyShape::Nested => {
            let wrapped = match interactions {
                Value::Array(items) => items
                    .into_iter()
                    .map(|item| json!({ "Interaction": item }))
                    .collect(),
                other => other,
            };
            return json!({ "value": { "contactId": contact_uuid, "Interactions": wrapped } });
        }
    }
    body
}

/// One interaction; voice has an address to play, other media have none.
pub(super) fn interaction(
    shared: &Shared,
    contact: &Contact,
    number: usize,
    url: Option<String>,
    waveforms: bool,
) -> Value {
    let call = contact
        .interactions()
        .get(number)
        .and_then(|one| shared.world.call_of(one));
    // One after the other, so that two recordings of a contact are not at the same time.
    let started_at = contact.started_at + TimeDelta::minutes(10 * number as i64);
    let duration_s = call.map_or(contact.duration_s, |call| call.duration_s);
    let mut body = frame(contact, started_at, duration_s, call.is_some());
    let (Some(call), Some(url)) = (call, url) else {
        return body;
    };
    let agent_channel = call.agent_channel;
    let customer_channel = agent_channel.map(|channel| 1 - channel.min(1));
    let data = &mut body["data"];
    data["fileToPlayUrl"] = json!(url);
    data["participantDataList"] = json!([
        participant(
            "AGENT",
            &contact.agent_first_name,
            agent_channel,
            started_at,
            duration_s
        ),
        participant("CUSTOMER", "", customer_channel, started_at, duration_s),
    ]);
    if waveforms {
        let channels = (0..call.channels).map(|channel| {
            json!({ "channel": channel, "normalizedPcmData": vec![0.0; WAVEFORM_POINTS] })
        });
        data["waveformDataList"] = channels.collect();
    }
    if let Some(average) = call
        .analysis
        .as_ref()
        .and_then(|one| one.average_sentiment.as_ref())
    {
        data["sentiments"] = json!([{
            "overallSentiment": average.sentiment.to_uppercase(),
            "segmentStartTime": text_of(started_at), "channel": customer_channel,
        }]);
    }
    body
}

/// A voice interaction that was never recorded.
pub(super) fn without_url(contact: &Contact) -> Value {
    frame(contact, contact.started_at, contact.duration_s, true)
}

fn frame(contact: &Contact, started_at: DateTime<Utc>, duration_s: f64, voice: bool) -> Value {
    let ended_at = started_at + TimeDelta::milliseconds((duration_s * 1_000.0) as i64);
    let (kind, media_type, channel_type) = if voice {
        ("call", "voice-only", "PHONE_CALL")
    } else {
        ("chat", "chat", "CHAT")
    };
    let (start, end) = (text_of(started_at), text_of(ended_at));
    let segment_id = crate::chance::uuid(0, &["segment", &contact.contact_id, &start]);
    let direction = if contact.is_outbound {
        "OUTBOUND"
    } else {
        "INBOUND"
    };
    json!({
        "@type": kind, "mediaType": media_type, "channelType": channel_type,
        "startTime": start, "endTime": end,
        "data": {
            "startTime": start, "endTime": end, "acwEndTime": end,
            "waveformDataList": [],
            "participantDataList": [],
            "segmentsDataList": [{
                "segmentId": segment_id, "startTime": start, "endTime": end, "acwEndTime": end,
                "openReasonType": "CONTACT", "closeReasonType": "CONTACT",
                "directionType": direction, "source": null, "firstSegment": true,
                "channelType": channel_type, "customerRestricted": false,
            }],
            "categoryMatchesList": [], "sentiments": [], "dfoStages": null,
        },
        "callTaggingList": [], "dynamicBusinessData": [],
    })
}

fn participant(
    kind: &str,
    agent_name: &str,
    channel: Option<usize>,
    started_at: DateTime<Utc>,
    duration_s: f64,
) -> Value {
    let start = text_of(started_at);
    let end = text_of(started_at + TimeDelta::milliseconds((duration_s * 1_000.0) as i64));
    let id = |what: &str| crate::chance::uuid(0, &[what, kind, agent_name, &start]);
    json!({
        "participantType": kind, "agentName": agent_name, "participantId": id("participant"),
        "segmentId": id("segment"), "userId": id("user"), "channel": channel,
        "voiceStages": [{
            "stageType": "ACTIVE", "startTime": start, "endTime": end,
            "recordingID": id("recording"), "displays": null,
        }],
        "screenStages": [],
    })
}

/// Every list becomes null, save the interactions themselves.
pub(super) fn null_lists(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            for (name, field) in fields {
                null_lists(field);
                if field.is_array() && !name.eq_ignore_ascii_case("interactions") {
                    *field = Value::Null;
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(null_lists),
        _ => {}
    }
}

/// A time as CXone writes it.
pub(super) fn text_of(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
