//! The vendor's JSON of the playback service. Every field is optional: what is missing, `null` or
//! of another type than documented is `None`.

use serde::Deserialize;
use serde_json::Value;

use crate::nice_cxone::{id, tolerant};

/// `GET /media-playback/v1/contacts`, in each of its documented spellings.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PlaybackAnswer {
    #[serde(default)]
    pub(super) interactions: Option<Value>,
    #[serde(default, rename = "Interactions")]
    pub(super) interactions_capital: Option<Value>,
    /// The older spelling: everything one level deeper.
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) value: Option<Box<PlaybackAnswer>>,
    /// All there is of an answer to `isDownload=true`.
    #[serde(default, rename = "redirectUrl", deserialize_with = "tolerant")]
    pub(super) redirect_url: Option<String>,
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
    #[serde(default, deserialize_with = "tolerant")]
    pub(super) data: Option<InteractionData>,
}

/// What can be played.
#[derive(Debug, Default, Deserialize)]
pub(super) struct InteractionData {
    #[serde(default, rename = "startTime", deserialize_with = "tolerant")]
    pub(super) start_time: Option<String>,
    #[serde(default, rename = "fileToPlayUrl", deserialize_with = "tolerant")]
    pub(super) file_to_play_url: Option<String>,
    #[serde(default, rename = "participantDataList", deserialize_with = "tolerant")]
    pub(super) participants: Option<Vec<Value>>,
}

/// Who is heard.
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
