//! What exists outside: which contacts there were, what was recorded of them, and what a perfect
//! pipeline would find.

mod contact;
mod expected;
mod populate;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::audio::Press;
use crate::corpus::{Corpus, CorpusCall};

pub use contact::{BodyShape, Contact, Interaction, NoRecordingForm, Outcome};
pub use expected::{Expected, ExpectedOutcome};
pub use populate::WorldOptions;

/// Everything that the fakes serve. It does not change while they run.
#[derive(Debug)]
pub struct World {
    seed: u64,
    corpus: Arc<Corpus>,
    contacts: Vec<Contact>,
    by_contact_id: HashMap<String, usize>,
    by_master_id: HashMap<String, usize>,
    presses: HashMap<String, Press>,
    by_sha256: HashMap<String, KnownAudio>,
}

/// Where audio bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAudio {
    /// What is heard.
    pub call_id: String,
    /// Whose recording it is; none for the unlabelled file of the corpus.
    pub contact_id: Option<String>,
}

impl World {
    /// A world with exactly these contacts.
    pub fn exact(corpus: Arc<Corpus>, seed: u64, contacts: Vec<Contact>) -> World {
        let presses = corpus
            .calls()
            .iter()
            .map(|call| (call.id.clone(), Press::new(&corpus.audio(call))))
            .collect();
        let mut world = World {
            seed,
            by_contact_id: index(&contacts, |contact| &contact.contact_id),
            by_master_id: index(&contacts, |contact| &contact.master_contact_id),
            contacts,
            presses,
            by_sha256: HashMap::new(),
            corpus,
        };
        world.by_sha256 = world.hash_all();
        world
    }

    /// The seed of every choice that the fakes make.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The calls that can be heard in this world.
    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// Every contact; in a world by chance the one that started first is at the front.
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    /// The contact with this id.
    pub fn contact(&self, contact_id: &str) -> Option<&Contact> {
        self.by_contact_id
            .get(contact_id)
            .and_then(|index| self.contacts.get(*index))
    }

    /// The contact whose recordings are filed under this master id.
    pub fn contact_by_master(&self, master_contact_id: &str) -> Option<&Contact> {
        self.by_master_id
            .get(master_contact_id)
            .and_then(|index| self.contacts.get(*index))
    }

    /// Whose recording has this hash, and what is heard in it.
    pub fn audio_with_hash(&self, sha256: &str) -> Option<&KnownAudio> {
        self.by_sha256.get(sha256)
    }

    /// The call that is heard in an interaction, if it is one by voice.
    pub fn call_of(&self, interaction: &Interaction) -> Option<&CorpusCall> {
        match interaction {
            Interaction::Voice { call_id } => self.corpus.call(call_id),
            Interaction::Chat => None,
        }
    }

    /// The bytes of a contact's recording, made when asked for.
    pub fn audio(&self, contact: &Contact, interaction: usize) -> Option<Bytes> {
        let press = self.press(contact, interaction)?;
        Some(press.copy(&audio_label(contact, interaction)))
    }

    /// The hash of those bytes.
    pub fn audio_sha256(&self, contact: &Contact, interaction: usize) -> Option<String> {
        let press = self.press(contact, interaction)?;
        Some(press.sha256(&audio_label(contact, interaction)))
    }

    fn press(&self, contact: &Contact, interaction: usize) -> Option<&Press> {
        let call = self.call_of(contact.interactions().get(interaction)?)?;
        self.presses.get(&call.id)
    }

    fn hash_all(&self) -> HashMap<String, KnownAudio> {
        let mut known = HashMap::new();
        for call in self.corpus.calls() {
            let sha256 = crate::chance::sha256_hex(&self.corpus.audio(call));
            known.insert(
                sha256,
                KnownAudio {
                    call_id: call.id.clone(),
                    contact_id: None,
                },
            );
        }
        for contact in &self.contacts {
            for (number, interaction) in contact.interactions().iter().enumerate() {
                let call = self.call_of(interaction);
                if let (Some(call), Some(sha256)) = (call, self.audio_sha256(contact, number)) {
                    let contact_id = Some(contact.contact_id.clone());
                    known.insert(
                        sha256,
                        KnownAudio {
                            call_id: call.id.clone(),
                            contact_id,
                        },
                    );
                }
            }
        }
        known
    }
}

fn audio_label(contact: &Contact, interaction: usize) -> String {
    format!("contact {} recording {interaction}", contact.contact_id)
}

fn index(contacts: &[Contact], id: fn(&Contact) -> &String) -> HashMap<String, usize> {
    contacts
        .iter()
        .enumerate()
        .map(|(number, contact)| (id(contact).clone(), number))
        .collect()
}

#[cfg(test)]
mod tests;
