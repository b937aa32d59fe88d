//! A call as the pipeline would have saved it: an outcome for each stage that it came through.

use std::sync::Arc;

use callpipe_core::call::{Contact, ContactId};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::warehouse::{Change, ClassifiedCall, Outcome, TranscribedCall};
use callpipe_core::correction::{Correction, LabelName, LabelValue, Verdict};
use callpipe_core::measures::Measures;
use callpipe_core::money::{Purchase, Usd};
use callpipe_core::progress::{CallProgress, LastFailure, SkipReason, Stage, Status};
use callpipe_core::recording::{ArchiveKey, Fingerprint, Participant, Recording, Role, Sha256Hex};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::fate::{Fate, Trouble};
use crate::people::{Agent, caller};
use crate::story::Story;
use crate::talk::Talk;
use crate::understood::{analysis, measures, silence, triage};

/// The id of the first call; all ids have as many digits.
const FIRST_ID: u64 = 700_000_000_000;

const TRANSCRIBER: &str = "nova-3";

/// The models, each up to so many days before the last one.
const CLASSIFIERS: [(&str, i64); 2] = [
    ("gemini-3.5-flash-lite", 210),
    ("gemini-3.1-flash-lite", i64::MAX),
];

/// So many days are reviewed, and by whom.
const REVIEWED_DAYS: i64 = 40;
const REVIEWERS: [&str; 3] = ["agnes", "rui", "tamsin"];

/// What a reviewer may say instead.
const SALE_RESULTS: [&str; 3] = [
    "sale_completed",
    "sale_intended",
    "no_sale_customer_declined",
];

/// When a call is, seen from the last day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) started_at: DateTime<FixedOffset>,
    pub(crate) days_ago: i64,
    /// The moment up to which the pipeline has worked.
    pub(crate) now: DateTime<Utc>,
}

/// A call on its way through the stages.
pub(crate) struct Call<'a> {
    taxonomy: &'a Taxonomy,
    agent: &'a Agent,
    when: When,
    fate: Fate,
    story: Story,
    talk: Talk,
    measures: Measures,
    contact: Contact,
    progress: CallProgress,
    outcomes: Vec<Arc<Outcome>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        chance: &mut Chance,
        taxonomy: &'a Taxonomy,
        number: u64,
        when: When,
        agent: &'a Agent,
    ) -> Self {
        let fate = Fate::of(chance, when.days_ago);
        let skill = chance.one_of(agent.skills);
        let story = Story::new(chance, when.started_at.date_naive(), agent, skill);
        let talk = Talk::new(chance, &story, agent);
        let measures = match fate {
            Fate::Skipped(SkipReason::NoSpeech) => silence(chance),
            _ => measures(chance, &talk, agent),
        };
        let id = ContactId::parse(&(FIRST_ID + number * 3).to_string()).unwrap();
        let mut contact = Contact::new(id, Some(when.started_at));
        if chance.happens(0.12) {
            contact.master_id = ContactId::parse(&(FIRST_ID + number * 3 - 1).to_string()).ok();
        }
        contact.metadata = metadata(chance, agent, skill, measures.duration_s);
        Self {
            progress: CallProgress::new(contact.id.clone()),
            outcomes: Vec::with_capacity(3),
            taxonomy,
            agent,
            when,
            fate,
            story,
            talk,
            measures,
            contact,
        }
    }

    /// What was saved about it, and what somebody said of its labels.
    pub(crate) fn saved(mut self, chance: &mut Chance) -> (Vec<Arc<Outcome>>, Option<Correction>) {
        if self.fate.is_through(Stage::Fetch) {
            self.fetch(chance);
        }
        if self.fate.is_through(Stage::Transcribe) {
            self.transcribe(chance);
        }
        if self.fate.is_through(Stage::Classify) {
            self.classify(chance);
        }
        self.end(chance);
        let correction = self.correction(chance);
        (self.outcomes, correction)
    }

    /// Some of the last weeks' calls were looked at.
    fn correction(&self, chance: &mut Chance) -> Option<Correction> {
        let days_ago = self.when.days_ago;
        if !matches!(self.fate, Fate::Done) || days_ago > REVIEWED_DAYS || !chance.happens(0.01) {
            return None;
        }
        let right = LabelValue::One(chance.one_of(&SALE_RESULTS).to_owned());
        let verdict = match chance.happens(0.75) {
            true => Verdict::Accepted,
            false => Verdict::Corrected { value: right },
        };
        Some(Correction {
            contact_id: self.contact.id.clone(),
            field: LabelName::parse("sale_result")?,
            verdict,
            model_value: Some(self.story.sale_result.into()),
            by: chance.one_of(&REVIEWERS).to_owned(),
            at: self.when.now - TimeDelta::minutes(chance.below(4_000) as i64),
        })
    }

    fn fetch(&mut self, chance: &mut Chance) {
        let id = self.contact.id.clone();
        let participant = |channel, role, name: Option<&str>| Participant {
            channel: Some(channel),
            role,
            name: name.map(str::to_owned),
        };
        let agent = format!("{} {}", self.agent.first_name, self.agent.last_name);
        let recording = Recording {
            key: ArchiveKey::recording(&id, "voice-only", 1, "mp4"),
            media_type: "voice-only".to_owned(),
            content_type: "audio/mp4".to_owned(),
            sha256: Sha256Hex::of(id.as_str().as_bytes()),
            size_bytes: (self.measures.duration_s * chance.between(3_800.0, 4_200.0)) as u64,
            started_at: Some(self.when.started_at.with_timezone(&Utc)),
            participants: vec![
                participant(0, Role::Agent, Some(&agent)),
                participant(1, Role::Customer, None),
            ],
        };
        let change = Change::Fetched {
            recordings: vec![recording],
            raw_metadata: None,
        };
        self.progress.stage = Stage::Transcribe;
        self.push(Stage::Fetch, change);
    }

    fn transcribe(&mut self, chance: &mut Chance) {
        let usd = self.measures.duration_s / 60.0 * 2.0 * 0.0043 + chance.between(0.0004, 0.0012);
        let reply = self.buy("deepgram", Stage::Transcribe, usd);
        let analysis = match chance.happens(0.985) {
            true => analysis(chance, &self.story, &self.talk),
            // The vendor understood nothing.
            false => callpipe_core::analysis::Analysis::default(),
        };
        let call = TranscribedCall {
            conversation: self.talk.conversation(),
            plain_text: self.talk.plain_text(),
            analysis,
            measures: self.measures.clone(),
            model: TRANSCRIBER.to_owned(),
            transcript_key: ArchiveKey::transcript(&self.contact.id),
            reply_keys: vec![reply],
            triage: vec![triage(&self.measures)],
            same_audio_as: None,
        };
        self.progress.stage = Stage::Classify;
        self.push(Stage::Transcribe, Change::Transcribed(Box::new(call)));
    }

    fn classify(&mut self, chance: &mut Chance) {
        let conversation = self.talk.conversation();
        let usd = (1_900.0 + conversation.len() as f64 / 4.2) * 0.3e-6
            + chance.between(160.0, 230.0) * 2.5e-6;
        let reply_key = self.buy("gemini", Stage::Classify, usd);
        let days_ago = self.when.days_ago;
        let model = CLASSIFIERS
            .iter()
            .find(|(_, until)| days_ago <= *until)
            .map_or("unknown", |(model, _)| model);
        let answer = self.story.answer(chance, self.agent);
        let classification = Classification::from_answer(self.taxonomy, &answer, model).unwrap();
        let call = ClassifiedCall {
            classification,
            conversation,
            reply_key,
            analysis: None,
        };
        self.progress.status = Status::Done;
        self.push(Stage::Classify, Change::Classified(Box::new(call)));
    }

    /// What is saved of a call that did not come further.
    fn end(&mut self, chance: &mut Chance) {
        match self.fate {
            Fate::Done => {}
            Fate::Ready(stage, None) => {
                if stage == Stage::Fetch {
                    self.push(Stage::Fetch, Change::None);
                }
            }
            Fate::Ready(stage, Some(trouble)) => {
                let wait = TimeDelta::seconds(chance.below(3_000) as i64);
                let not_before = Some(self.when.now + wait);
                self.fail(
                    stage,
                    Status::Ready { not_before },
                    1 + chance.below(3) as u32,
                    trouble,
                );
            }
            Fate::Parked(stage, trouble) => self.fail(stage, Status::Parked, 5, trouble),
            Fate::Skipped(reason) => {
                self.progress.status = Status::Skipped { reason };
                match reason {
                    SkipReason::NoSpeech => self.hear_nobody(),
                    _ => self.push(Stage::Fetch, Change::NothingFound { raw_metadata: None }),
                }
            }
        }
    }

    fn hear_nobody(&mut self) {
        let call = TranscribedCall {
            conversation: String::new(),
            plain_text: String::new(),
            analysis: callpipe_core::analysis::Analysis::default(),
            measures: self.measures.clone(),
            model: TRANSCRIBER.to_owned(),
            transcript_key: ArchiveKey::transcript(&self.contact.id),
            reply_keys: Vec::new(),
            triage: vec![triage(&self.measures)],
            same_audio_as: None,
        };
        self.push(Stage::Transcribe, Change::Transcribed(Box::new(call)));
    }

    fn fail(&mut self, stage: Stage, status: Status, attempt: u32, trouble: Trouble) {
        self.progress.status = status;
        self.progress.attempt = attempt;
        self.progress.last_failure = Some(LastFailure {
            kind: trouble.kind,
            reason: trouble.reason.to_owned(),
        });
        self.push(stage, Change::None);
    }

    fn buy(&mut self, provider: &str, stage: Stage, dollars: f64) -> ArchiveKey {
        let reply = ArchiveKey::reply(provider, &Fingerprint::of(&[self.contact.id.as_str()]), 1);
        let usd = Usd::from_dollars(dollars);
        self.progress.purchases.push(Purchase {
            stage,
            reply: reply.clone(),
            usd,
        });
        reply
    }

    fn push(&mut self, stage: Stage, change: Change) {
        let delay = TimeDelta::minutes(75 + stage as i64 * 20);
        self.outcomes.push(Arc::new(Outcome {
            contact: self.contact.clone(),
            progress: self.progress.clone(),
            change,
            at: (self.when.started_at.with_timezone(&Utc) + delay).min(self.when.now),
        }));
    }
}

/// What CXone says of a contact, by the names of its reporting API.
fn metadata(
    chance: &mut Chance,
    agent: &Agent,
    skill: &str,
    duration_s: f64,
) -> Map<String, Value> {
    let after_call_s = chance.between(5.0, 90.0).round();
    let is_outbound = chance.happens(0.06);
    let (ours, theirs) = ("+61755501234".to_owned(), caller(chance));
    let (from, to) = if is_outbound {
        (ours, theirs)
    } else {
        (theirs, ours)
    };
    let metadata = json!({
        "agentId": agent.id, "firstName": agent.first_name, "lastName": agent.last_name, "teamName": agent.team,
        "skillName": skill, "mediaTypeName": "Call", "totalDurationSeconds": duration_s.round(),
        "agentSeconds": duration_s.round(), "acwSeconds": after_call_s, "holdCount": chance.skewed(4),
        "isOutbound": is_outbound, "isLogged": true, "abandoned": false, "fromAddress": from, "toAddress": to,
    });
    match metadata {
        Value::Object(metadata) => metadata,
        _ => Map::new(),
    }
}
