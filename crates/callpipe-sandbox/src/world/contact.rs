//! One contact, as the contact centre knows it.

use chrono::{DateTime, TimeDelta, Utc};

/// A contact and what became of its recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// Digits.
    pub contact_id: String,
    /// Digits; recordings are filed under it. Equal to `contact_id` unless the contact is a child.
    pub master_contact_id: String,
    /// Digits.
    pub agent_id: String,
    /// First name of the agent.
    pub agent_first_name: String,
    /// Last name of the agent.
    pub agent_last_name: String,
    /// The agent's team.
    pub team_name: String,
    /// What the caller chose.
    pub skill_name: String,
    /// The number of the caller.
    pub from_address: String,
    /// The number that was called.
    pub to_address: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_s: f64,
    /// Whether the contact centre called.
    pub is_outbound: bool,
    /// How the playback service spells its answer for this contact.
    pub body_shape: BodyShape,
    /// What there is to fetch.
    pub outcome: Outcome,
}

/// The spellings of the playback service's answer that its documents show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyShape {
    /// `interactions: [{…}]`
    Flat,
    /// `Interactions: [{…}]`
    Capital,
    /// `value: { Interactions: [{ Interaction: {…} }] }`
    Nested,
}

/// What there is to fetch for a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// At least one interaction; it may be of another medium than voice.
    Recorded {
        /// In the order in which the playback service lists them.
        interactions: Vec<Interaction>,
    },
    /// The contact took place and was never recorded.
    NoRecording(NoRecordingForm),
    /// The contact centre does not know this contact.
    NotFound,
}

/// The ways in which the playback service says that there is no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRecordingForm {
    /// 404 with a message.
    Status404,
    /// 200 and an empty list.
    EmptyList,
    /// 200 and `null` where the list would be.
    NullList,
    /// 200 and an interaction without `fileToPlayUrl`.
    NoUrl,
}

/// One interaction of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// A recorded conversation.
    Voice {
        /// The call of the corpus that is heard.
        call_id: String,
    },
    /// Written messages; nothing to play.
    Chat,
}

impl Contact {
    /// A contact with one recording for each of these calls of the corpus.
    pub fn recorded(contact_id: &str, started_at: DateTime<Utc>, call_ids: &[&str]) -> Contact {
        let interactions = call_ids
            .iter()
            .map(|call_id| Interaction::Voice {
                call_id: (*call_id).to_owned(),
            })
            .collect();
        Contact::plain(contact_id, started_at, Outcome::Recorded { interactions })
    }

    /// A contact of which nothing was recorded.
    pub fn without_recording(
        contact_id: &str,
        started_at: DateTime<Utc>,
        form: NoRecordingForm,
    ) -> Contact {
        Contact::plain(contact_id, started_at, Outcome::NoRecording(form))
    }

    /// A contact that is in our list and in no other.
    pub fn not_found(contact_id: &str, started_at: DateTime<Utc>) -> Contact {
        Contact::plain(contact_id, started_at, Outcome::NotFound)
    }

    fn plain(contact_id: &str, started_at: DateTime<Utc>, outcome: Outcome) -> Contact {
        Contact {
            contact_id: contact_id.to_owned(),
            master_contact_id: contact_id.to_owned(),
            agent_id: "40001".to_owned(),
            agent_first_name: "Alex".to_owned(),
            agent_last_name: "Example".to_owned(),
            team_name: "Parts desk".to_owned(),
            skill_name: "Sales".to_owned(),
            from_address: "+61491570156".to_owned(),
            to_address: "+61255501234".to_owned(),
            started_at,
            duration_s: 60.0,
            is_outbound: false,
            body_shape: BodyShape::Flat,
            outcome,
        }
    }

    /// The same as the child of another contact, under whose id its recordings are filed.
    pub fn with_master(mut self, master_contact_id: &str) -> Contact {
        self.master_contact_id = master_contact_id.to_owned();
        self
    }

    /// The same with a chat listed before the recordings.
    pub fn with_chat(mut self) -> Contact {
        if let Outcome::Recorded { interactions } = &mut self.outcome {
            interactions.insert(0, Interaction::Chat);
        }
        self
    }

    /// The same with another spelling of the playback service's answer.
    pub fn with_body_shape(mut self, body_shape: BodyShape) -> Contact {
        self.body_shape = body_shape;
        self
    }

    /// What the playback service lists, empty if nothing was recorded.
    pub fn interactions(&self) -> &[Interaction] {
        match &self.outcome {
            Outcome::Recorded { interactions } => interactions,
            Outcome::NoRecording(_) | Outcome::NotFound => &[],
        }
    }

    /// Whether the recordings are filed under another contact's id.
    pub fn is_child(&self) -> bool {
        self.contact_id != self.master_contact_id
    }

    /// When it ended.
    pub fn ended_at(&self) -> DateTime<Utc> {
        self.started_at + TimeDelta::milliseconds((self.duration_s * 1000.0) as i64)
    }
}
