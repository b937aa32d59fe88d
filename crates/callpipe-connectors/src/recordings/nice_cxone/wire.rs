//! The vendor's JSON of the playback service. Every field is optional: what is missing, `null` or
//! of another type than documented is `None`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::nice_cxone::{id, tolerant};

/// `GET /media-playback/v1/contacts`, in each of its documented spellings, where it stands.
pub(super) struct PlaybackAnswer<'a>(pub(super) &'a Map<String, Value>);

impl<'a> PlaybackAnswer<'a> {
    /// The list of recordings; in the older spelling everything is one level deeper.
    pub(super) fn interactions(&self) -> Option<&'a Value> {
        let nested = self.0.get("value").and_then(Value::as_object);
        let of = |object: &'a Map<String, Value>| {
            ["interactions", "Interactions"].map(|key| object.get(key))
        };
        let lists = [Some(self.0), nested].into_iter().flatten().flat_map(of);
        lists.flatten().find(|list| !list.is_null())
    }

    /// All there is of an answer to `isDownload=true`.
    pub(super) fn redirect_url(&self) -> Option<&'a str> {
        self.0.get("redirectUrl").and_then(Value::as_str)
    }
}

/// One item of the list. Also in the older spelling, where it stands in `Interaction`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Interaction {
    #[serde(default, rename = "@type", deserialize_with = "tolerant")]
    pub(super) kind: Option<String>,
    #[serde(default, rename = "mediaType", deserialize_with = "tolerant")]
    pub(super) media_type: Option<String>,
    #[serde(default, rename = "channelType", deserialize_with = "tolerant")]
    pub(super) channel_type: Option<String>,
    #[serde(default, rename = "startTime", deserialize_with = "tolerant")]
    pub(super) start_time: Option<String>,
}

/// What can be played: `data` of an item.
#[derive(Debug, Default, Deserialize)]
pub(super) struct InteractionData {
    #[serde(default, rename = "startTime", deserialize_with = "tolerant")]
    pub(super) start_time: Option<String>,
    #[serde(default, rename = "fileToPlayUrl", deserialize_with = "tolerant")]
    pub(super) file_to_play_url: Option<String>,
}

/// Who is heard: an item of `participantDataList` in `data`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ParticipantData {
    #[serde(default, rename = "participantType", deserialize_with = "tolerant")]
    pub(super) participant_type: Option<String>,
    #[serde(default, rename = "agentName", deserialize_with = "tolerant")]
    pub(super) agent_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) channel: Option<u32>,
}

/// `GET …/contacts/{contactId}/hierarchy`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Hierarchy {
    #[serde(default, rename = "masterContactId", deserialize_with = "id")]
    pub(super) master_contact_id: Option<String>,
}
