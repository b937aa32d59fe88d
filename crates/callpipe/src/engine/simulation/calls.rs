//! Which calls there are, and what is true of each.

use std::collections::BTreeMap;
use std::time::Duration;

use callpipe_core::call::{Contact, ContactId};
use callpipe_core::failure::FailureKind;
use callpipe_core::progress::{SkipReason, Stage, Status};
use chrono::TimeDelta;

use super::chance::Seeded;
use super::world::epoch;

/// What is true of a call, whatever the weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Plain,
    NotFound,
    Unrecorded,
    Silent,
    /// The vendor refuses it.
    Refused(Stage),
    /// The vendor fails at it, every time.
    Poison(Stage),
    /// The vendor says that we may not, of this call alone.
    DeniedAlone(Stage),
    /// The connector has a bug.
    Panics(Stage),
    /// The first answer is of no use.
    UselessOnce(Stage),
    /// No answer is of any use.
    Useless(Stage),
    /// The warehouse refuses what was learned at this stage.
    Unsavable(Stage),
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) contact: Contact,
    /// What is heard on it: two calls may have the same audio.
    pub(super) voice: String,
    pub(super) nature: Nature,
    /// The contact list has it from then on.
    pub(super) listed_from: Duration,
}

impl Call {
    pub(super) fn id(&self) -> &str {
        self.contact.id.as_str()
    }

    /// Where it must end if nothing else goes wrong. A parked one has this kind of failure.
    pub(super) fn end(&self) -> (Stage, Status, Option<FailureKind>) {
        let skipped = |reason| Status::Skipped { reason };
        match self.nature {
            Nature::Plain | Nature::UselessOnce(_) => (Stage::Classify, Status::Done, None),
            Nature::NotFound => (Stage::Fetch, skipped(SkipReason::NotFound), None),
            Nature::Unrecorded => (Stage::Fetch, skipped(SkipReason::NoRecording), None),
            Nature::Silent => (Stage::Transcribe, skipped(SkipReason::NoSpeech), None),
            Nature::Refused(stage) => (stage, Status::Parked, Some(FailureKind::Rejected)),
            Nature::Poison(stage) => (stage, Status::Parked, Some(FailureKind::Unavailable)),
            Nature::DeniedAlone(stage) => (stage, Status::Parked, Some(FailureKind::Denied)),
            Nature::Panics(stage) => (stage, Status::Parked, Some(FailureKind::Bug)),
            Nature::Useless(stage) => (stage, Status::Parked, Some(FailureKind::UnusableReply)),
            Nature::Unsavable(stage) => (stage, Status::Parked, Some(FailureKind::StoreFailed)),
        }
    }
}

/// The calls of a world.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) by_id: BTreeMap<String, Call>,
    by_voice: BTreeMap<String, Nature>,
}

impl Calls {
    pub(super) fn new(calls: Vec<Call>) -> Self {
        let by_voice = calls
            .iter()
            .map(|call| (call.voice.clone(), call.nature))
            .collect();
        Self {
            by_voice,
            by_id: calls
                .into_iter()
                .map(|call| (call.id().to_owned(), call))
                .collect(),
        }
    }

    /// So many calls of which nothing special is to be told.
    pub(super) fn plain(count: usize) -> Self {
        let call = |number: usize| {
            let id = format!("c{number}");
            let started_at = epoch() - TimeDelta::days(30) + TimeDelta::seconds(number as i64);
            Call {
                contact: contact(&id, started_at),
                voice: id,
                nature: Nature::Plain,
                listed_from: Duration::ZERO,
            }
        };
        Self::new((0..count).map(call).collect())
    }

    /// The first of them are special.
    pub(super) fn with_natures(self, natures: &[Nature]) -> Self {
        let mut calls: Vec<Call> = self.by_id.into_values().collect();
        for (call, nature) in calls.iter_mut().zip(natures) {
            call.nature = *nature;
        }
        Self::new(calls)
    }

    /// None of them is refused by the warehouse.
    pub(super) fn without_refusals(&self) -> Self {
        let mut calls: Vec<Call> = self.by_id.values().cloned().collect();
        for call in &mut calls {
            if let Nature::Unsavable(_) = call.nature {
                call.nature = Nature::Plain;
            }
        }
        Self::new(calls)
    }

    /// Some calls by chance.
    pub(super) fn by_chance(chance: &mut Seeded, listed_until: Duration) -> Self {
        let count = chance.pick(&[1, 2, 3, 5, 8, 12, 20, 30]);
        let mut calls: Vec<Call> = Vec::new();
        for number in 0..count {
            let id = format!("c{number}");
            let unsavable = |call: &&Call| matches!(call.nature, Nature::Unsavable(_));
            let nature = match nature(chance) {
                // More of them at once are taken for a table that is wrong.
                Nature::Unsavable(_) if calls.iter().filter(unsavable).count() == 3 => {
                    Nature::Plain
                }
                nature => nature,
            };
            // Some have just ended when the world begins: their recording may be missing still.
            let age_s = chance.pick(&[30, 600, 3_000, 90_000, 9_000_000]);
            let listed_from = match chance.below(6) {
                0 => Duration::from_secs(chance.below(listed_until.as_secs())),
                _ => Duration::ZERO,
            };
            let twin = calls.last().filter(|last| {
                let both = [last.nature, nature];
                both == [Nature::Plain; 2] && chance.permille(150)
            });
            let voice = twin.map_or_else(|| id.clone(), |twin| twin.voice.clone());
            let contact = contact(&id, epoch() - TimeDelta::seconds(age_s));
            calls.push(Call {
                contact,
                voice,
                nature,
                listed_from,
            });
        }
        Self::new(calls)
    }

    pub(super) fn get(&self, id: &str) -> &Call {
        &self.by_id[id]
    }

    /// The nature of all calls with a voice.
    pub(super) fn of_voice(&self, voice: &str) -> Nature {
        self.by_voice[voice]
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

fn contact(id: &str, started_at: chrono::DateTime<chrono::Utc>) -> Contact {
    Contact::new(ContactId::parse(id).unwrap(), Some(started_at.into()))
}

fn nature(chance: &mut Seeded) -> Nature {
    let stage = chance.pick(&Stage::ALL);
    let paid = chance.pick(&[Stage::Transcribe, Stage::Classify]);
    match chance.below(30) {
        0 => Nature::NotFound,
        1 => Nature::Unrecorded,
        2 => Nature::Silent,
        3 => Nature::Refused(stage),
        4 => Nature::Poison(stage),
        5 => Nature::DeniedAlone(stage),
        6 => Nature::Panics(stage),
        7 => Nature::UselessOnce(paid),
        8 => Nature::Useless(paid),
        9 => Nature::Unsavable(stage),
        _ => Nature::Plain,
    }
}
