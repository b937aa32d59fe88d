//! What a perfect pipeline ends up with, for tests and demonstrations to compare with.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Contact, Interaction, Outcome, World};
use crate::corpus::{CorpusCall, Truth};

/// The right result for one contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The contact.
    pub contact_id: String,
    /// Its master.
    pub master_contact_id: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Where it ends.
    pub outcome: ExpectedOutcome,
    /// The calls that are heard, one for each voice recording.
    pub call_ids: Vec<String>,
    /// The right classification, where there is one. With several recordings it is the one of the
    /// call in which most is said.
    pub truth: Option<Truth>,
    /// Hash of every voice recording, in the order of the list.
    pub audio_sha256s: Vec<String>,
}

/// Where a contact ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// Fetched, transcribed and classified.
    Classified,
    /// Fetched; nobody speaks in it.
    NoSpeech,
    /// Never recorded.
    NoRecording,
    /// Not known to the contact centre.
    NotFound,
}

impl World {
    /// The right result for every contact.
    pub fn expected(&self) -> Vec<Expected> {
        self.contacts()
            .iter()
            .map(|contact| self.expected_of(contact))
            .collect()
    }

    /// The right result for one contact.
    pub fn expected_of(&self, contact: &Contact) -> Expected {
        let voices = contact.interactions().iter().enumerate();
        let voices = voices.filter(|(_, interaction)| **interaction != Interaction::Chat);
        let numbers: Vec<usize> = voices.map(|(number, _)| number).collect();
        let calls: Vec<&CorpusCall> = numbers
            .iter()
            .filter_map(|number| self.call_of(contact.interactions().get(*number)?))
            .collect();
        let truth = self.main_call(&calls).and_then(|call| call.truth.clone());
        Expected {
            contact_id: contact.contact_id.clone(),
            master_contact_id: contact.master_contact_id.clone(),
            started_at: contact.started_at,
            outcome: outcome(contact, &calls, truth.is_some()),
            call_ids: calls.iter().map(|call| call.id.clone()).collect(),
            truth,
            audio_sha256s: numbers
                .iter()
                .filter_map(|number| self.audio_sha256(contact, *number))
                .collect(),
        }
    }

    /// The call in which most is said; the first of equals.
    fn main_call<'a>(&self, calls: &[&'a CorpusCall]) -> Option<&'a CorpusCall> {
        let longest = calls.iter().map(|call| crate::fakes::said(call)).max()?;
        calls
            .iter()
            .copied()
            .find(|call| crate::fakes::said(call) == longest)
    }

    /// The contacts as the file that a report of the contact centre would be exported to.
    pub fn contacts_csv(&self) -> String {
        let mut csv = "contactId,masterContactId,startDate,durationSeconds,agentId,agentName,\
                       teamName,skillName,fromAddress,toAddress,isOutbound\n"
            .to_owned();
        for contact in self.contacts() {
            let fields = [
                contact.contact_id.clone(),
                contact.master_contact_id.clone(),
                contact
                    .started_at
                    .to_rfc3339_opts(SecondsFormat::Millis, true),
                format!("{:.0}", contact.duration_s),
                contact.agent_id.clone(),
                format!("{} {}", contact.agent_first_name, contact.agent_last_name),
                contact.team_name.clone(),
                contact.skill_name.clone(),
                contact.from_address.clone(),
                contact.to_address.clone(),
                contact.is_outbound.to_string(),
            ];
            csv.push_str(&fields.map(|field| csv_field(&field)).join(","));
            csv.push('\n');
        }
        csv
    }
}

fn outcome(contact: &Contact, calls: &[&CorpusCall], has_truth: bool) -> ExpectedOutcome {
    match &contact.outcome {
        Outcome::NotFound => ExpectedOutcome::NotFound,
        Outcome::NoRecording(_) => ExpectedOutcome::NoRecording,
        Outcome::Recorded { .. } if calls.is_empty() => ExpectedOutcome::NoRecording,
        Outcome::Recorded { .. } if has_truth => ExpectedOutcome::Classified,
        Outcome::Recorded { .. } => ExpectedOutcome::NoSpeech,
    }
}

fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
