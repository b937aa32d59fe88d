//! Fills a world with contacts, from a seed.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::{BodyShape, Contact, Interaction, NoRecordingForm, Outcome, World};
use crate::corpus::Corpus;

const LAST_NAMES: &[&str] = &[
    "Nguyen", "Brown", "Taylor", "Singh", "Wilson", "Martin", "Rossi",
];
const FIRST_NAMES: &[&str] = &["Alex", "Jordan", "Sam", "Casey", "Morgan", "Robin"];
const TEAMS: &[&str] = &["Parts desk", "Workshop", "Customer care"];
const SKILLS: &[&str] = &[
    "Sales",
    "Spare parts",
    "Orders and delivery",
    "Technical help",
];
const SHAPES: [BodyShape; 3] = [BodyShape::Flat, BodyShape::Capital, BodyShape::Nested];
const FORMS: [NoRecordingForm; 4] = [
    NoRecordingForm::Status404,
    NoRecordingForm::EmptyList,
    NoRecordingForm::NullList,
    NoRecordingForm::NoUrl,
];

/// How to fill a world. Shares are fractions of all contacts.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Number of contacts.
    pub calls: usize,
    /// The contacts started before it.
    pub now: DateTime<Utc>,
    /// Over how many days before `now` they are spread.
    pub days: u32,
    /// Share of contacts that were not recorded.
    pub share_without_recording: f64,
    /// Share of contacts that the contact centre does not know.
    pub share_not_found: f64,
    /// Share of contacts whose recordings are filed under another id.
    pub share_of_children: f64,
    /// Share of contacts with two voice recordings.
    pub share_with_two_recordings: f64,
    /// Share of contacts with a chat beside the voice.
    pub share_with_chat: f64,
    /// One spelling of the playback service's answers for all; otherwise they are mixed.
    pub body_shape: Option<BodyShape>,
}

impl WorldOptions {
    /// A mixture like that of a real contact centre.
    pub fn new(seed: u64, calls: usize, now: DateTime<Utc>) -> WorldOptions {
        WorldOptions {
            seed,
            calls,
            now,
            days: 14,
            share_without_recording: 0.12,
            share_not_found: 0.03,
            share_of_children: 0.15,
            share_with_two_recordings: 0.05,
            share_with_chat: 0.05,
            body_shape: None,
        }
    }
}

impl World {
    /// A world by chance. A corpus without calls makes contacts without recordings.
    pub fn new(corpus: Arc<Corpus>, options: &WorldOptions) -> World {
        let mut chance = StdRng::seed_from_u64(options.seed);
        let span_s = i64::from(options.days.max(1)) * 86_400;
        let mut ages_s: Vec<i64> = (0..options.calls)
            .map(|_| chance.random_range(3_600..3_600 + span_s))
            .collect();
        ages_s.sort_unstable_by(|one, other| other.cmp(one));
        let contacts = ages_s.into_iter().enumerate().map(|(number, age_s)| {
            let started_at = whole_seconds(options.now) - TimeDelta::seconds(age_s);
            make_contact(&corpus, options, &mut chance, number, started_at)
        });
        let contacts = contacts.collect();
        World::exact(corpus, options.seed, contacts)
    }

    /// One recorded contact for every call of the corpus, an hour apart.
    pub fn one_of_each(corpus: Arc<Corpus>, now: DateTime<Utc>) -> World {
        let count = corpus.calls().len();
        let contacts = corpus.calls().iter().enumerate().map(|(number, call)| {
            let started_at = whole_seconds(now) - TimeDelta::hours((count - number) as i64);
            let mut contact = Contact::recorded(&contact_id(number), started_at, &[&call.id]);
            contact.duration_s = call.duration_s;
            if let Some(name) = &call.agent_name {
                contact.agent_first_name.clone_from(name);
            }
            contact
        });
        let contacts = contacts.collect();
        World::exact(corpus, 1, contacts)
    }
}

/// So that a time is the same after it was written to a file or a reply.
fn whole_seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(0)
}

/// Ids of twelve digits, as large accounts have.
fn contact_id(number: usize) -> String {
    format!("{}", 600_000_000_000u64 + 7 * number as u64)
}

fn make_contact(
    corpus: &Corpus,
    options: &WorldOptions,
    chance: &mut StdRng,
    number: usize,
    started_at: DateTime<Utc>,
) -> Contact {
    let outcome = choose_outcome(corpus, options, chance, number);
    let mut contact =
        Contact::without_recording(&contact_id(number), started_at, NoRecordingForm::Status404);
    contact.outcome = outcome;
    contact.agent_id = chance.random_range(40_001..40_030).to_string();
    contact.agent_first_name = choose(FIRST_NAMES, chance);
    contact.agent_last_name = choose(LAST_NAMES, chance);
    contact.team_name = choose(TEAMS, chance);
    contact.skill_name = choose(SKILLS, chance);
    // A range that the Australian regulator keeps free for fiction.
    contact.from_address = format!("+61491570{:03}", chance.random_range(156..=160));
    contact.to_address = format!("+6125550{:04}", chance.random_range(0..20));
    contact.duration_s = chance.random_range(20.0..600.0f64).round();
    contact.is_outbound = chance.random_bool(0.1);
    contact.body_shape = options
        .body_shape
        .unwrap_or_else(|| *SHAPES.choose(chance).unwrap_or(&BodyShape::Flat));
    if chance.random_bool(options.share_of_children) {
        // Between two of our own ids, so that it never is one of them.
        contact = contact.with_master(&format!("{}", 600_000_000_003u64 + 7 * number as u64));
    }
    take_over_from_call(corpus, &mut contact);
    contact
}

/// The agent and the duration are those that one hears.
fn take_over_from_call(corpus: &Corpus, contact: &mut Contact) {
    let mut calls = contact
        .interactions()
        .iter()
        .filter_map(|interaction| match interaction {
            Interaction::Voice { call_id } => corpus.call(call_id),
            Interaction::Chat => None,
        });
    let Some(first) = calls.next() else { return };
    let duration_s = first.duration_s + calls.map(|call| call.duration_s).sum::<f64>();
    contact.duration_s = duration_s;
    if let Some(name) = &first.agent_name {
        contact.agent_first_name.clone_from(name);
    }
}

fn choose_outcome(
    corpus: &Corpus,
    options: &WorldOptions,
    chance: &mut StdRng,
    number: usize,
) -> Outcome {
    // Every draw is made for every contact, so that changing one share changes only its own.
    let not_found = chance.random_bool(options.share_not_found);
    let not_recorded = chance.random_bool(options.share_without_recording);
    let form = *FORMS.choose(chance).unwrap_or(&NoRecordingForm::Status404);
    let twice = chance.random_bool(options.share_with_two_recordings);
    let chat = chance.random_bool(options.share_with_chat);
    let second = corpus.calls().choose(chance);
    if not_found {
        return Outcome::NotFound;
    }
    let (Some(second), false) = (second, not_recorded) else {
        return Outcome::NoRecording(form);
    };
    // In turn rather than by chance: even a small world has every kind of call.
    let first = &corpus.calls()[number % corpus.calls().len()];
    let mut interactions = vec![Interaction::Voice {
        call_id: first.id.clone(),
    }];
    if twice {
        interactions.push(Interaction::Voice {
            call_id: second.id.clone(),
        });
    }
    if chat {
        interactions.insert(0, Interaction::Chat);
    }
    Outcome::Recorded { interactions }
}

fn choose(names: &[&str], chance: &mut StdRng) -> String {
    names.choose(chance).copied().unwrap_or_default().to_owned()
}
