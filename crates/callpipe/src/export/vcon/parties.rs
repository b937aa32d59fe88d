//! Who took part in a call.

use callpipe_core::exported::ExportedCall;
use callpipe_core::recording::{Participant, Recording, Role};
use callpipe_core::transcript::{RecordingTranscript, Speaker, Turn};
use serde_json::{Value, json};

use super::object;

/// Everybody, each once.
pub(super) struct Parties(Vec<(Role, Option<String>)>);

impl Parties {
    /// Those whom the recordings' source names. A call has an agent and a customer, also where
    /// nobody says who they are.
    pub(super) fn of(call: &ExportedCall) -> Self {
        let mut parties = Self(Vec::new());
        for participant in call
            .recordings
            .iter()
            .flat_map(|recording| &recording.participants)
        {
            if parties.index(participant).is_none() {
                parties.0.push((participant.role, participant.name.clone()));
            }
        }
        for role in [Role::Agent, Role::Customer] {
            if parties.of_role(role).is_empty() {
                parties.0.push((role, None));
            }
        }
        parties
    }

    fn index(&self, participant: &Participant) -> Option<usize> {
        let is_it = |(role, name): &(Role, Option<String>)| {
            *role == participant.role && *name == participant.name
        };
        self.0.iter().position(is_it)
    }

    fn of_role(&self, wanted: Role) -> Vec<usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, (role, _))| *role == wanted)
            .map(|(index, _)| index)
            .collect()
    }

    /// The one party on a side, if it is one.
    pub(super) fn only(&self, role: Role) -> Option<usize> {
        match self.of_role(role).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The parties as the document has them. Nobody has proved to be who the source says.
    pub(super) fn value(&self) -> Value {
        let party = |(role, name): &(Role, Option<String>)| {
            object([
                ("type", json!("person")),
                ("role", json!(role)),
                ("name", json!(name)),
                ("validation", json!(name.as_ref().map(|_| "none"))),
            ])
        };
        self.0.iter().map(party).collect()
    }

    /// Who is heard on a recording: a list of all, or for each channel who is heard there.
    pub(super) fn heard_on(
        &self,
        recording: &Recording,
        part: Option<&RecordingTranscript>,
    ) -> Value {
        let named = recording
            .participants
            .iter()
            .filter_map(|participant| participant.channel);
        let channels = match part {
            Some(part) => part.channels,
            None => named.max().map_or(1, |channel| channel.saturating_add(1)),
        };
        if !(2..=64).contains(&channels) {
            return json!((0..self.0.len()).collect::<Vec<_>>());
        }
        (0..channels)
            .map(|channel| self.heard_at(channel, recording, part))
            .collect()
    }

    fn heard_at(
        &self,
        channel: u32,
        recording: &Recording,
        part: Option<&RecordingTranscript>,
    ) -> Value {
        let named: Vec<usize> = recording
            .participants
            .iter()
            .filter(|participant| participant.channel == Some(channel))
            .filter_map(|participant| self.index(participant))
            .collect();
        match named.as_slice() {
            [one] => return json!(one),
            [] => {}
            several => return json!(several),
        }
        let turns = part.into_iter().flat_map(|part| &part.turns);
        let side = |turn: &Turn| match turn.speaker {
            Speaker::Side(role) if turn.channel == channel => Some(role),
            _ => None,
        };
        match turns.filter_map(side).next().map(|role| self.of_role(role)) {
            Some(side) if side.len() == 1 => json!(side[0]),
            Some(side) => json!(side),
            // It may be anybody.
            None => json!((0..self.0.len()).collect::<Vec<_>>()),
        }
    }
}
