//! What is known of the calls that are ready, so that BigQuery need not be asked for each of them:
//! read once in a while, and kept up to date by what is saved.
//!
//! It is no second truth: whenever it may have missed something it is read anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use callpipe_core::analysis::Analysis;
use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{Change, Outcome, PendingCall, PendingQuery, Scope};
use callpipe_core::progress::{Stage, Status};
use callpipe_core::shard::Shard;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// After so long others may have changed the tables in a way that matters to an idle stage.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(5);

/// So many calls of a stage are kept at most, about a kilobyte each.
pub(super) const CALLS_MAX: usize = 10_000;

/// Newest call first, those without a start last.
type Place = (Reverse<Option<DateTime<Utc>>>, ContactId);

/// A ready call, and what the row that it was read from did not say.
#[derive(Debug, Clone)]
pub(super) struct MirroredCall {
    pub(super) call: PendingCall,
    /// Its conversation stands in the table only, and was not read yet.
    pub(super) conversation_unread: bool,
}

/// The calls that are ready, as one worker sees them.
#[derive(Debug)]
pub(super) struct Mirror {
    since: Option<NaiveDate>,
    shard: Shard,
    read_at: DateTime<Utc>,
    stages: HashMap<Stage, StageMirror>,
    /// Where each call is.
    places: HashMap<ContactId, (Stage, Place)>,
    /// Something was saved whose call is not known well enough.
    outdated: bool,
}

#[derive(Debug, Default)]
struct StageMirror {
    calls: BTreeMap<Place, MirroredCall>,
    /// How many ready calls were left out when it was read, because there were too many.
    left_out: u64,
}

impl Mirror {
    /// A mirror of what was read at a moment: calls, and how many were left out at each stage.
    pub(super) fn new(
        scope: &Scope,
        read_at: DateTime<Utc>,
        calls: Vec<MirroredCall>,
        left_out: HashMap<Stage, u64>,
    ) -> Self {
        let mut mirror = Self {
            since: scope.since,
            shard: scope.shard,
            read_at,
            stages: HashMap::new(),
            places: HashMap::new(),
            outdated: false,
        };
        for (stage, left_out) in left_out {
            mirror.stages.entry(stage).or_default().left_out = left_out;
        }
        for call in calls {
            mirror.insert(call);
        }
        mirror
    }

    /// Whether it can answer for some calls.
    pub(super) fn covers(&self, scope: &Scope) -> bool {
        !self.outdated && self.shard == scope.shard && self.since == scope.since
    }

    /// Whether BigQuery may know calls of a stage that are not here.
    pub(super) fn may_lack(&self, stage: Stage, now: DateTime<Utc>) -> bool {
        let left_out = self.stages.get(&stage).map_or(0, |stage| stage.left_out);
        left_out > 0 || now - self.read_at >= FRESH_FOR
    }

    /// The calls that can be done, newest first.
    pub(super) fn pending(&self, query: &PendingQuery) -> Vec<&MirroredCall> {
        let is_free = |call: &&MirroredCall| !query.in_hand.contains(&call.call.contact.id);
        self.due(query.scope.stage, query.now)
            .filter(is_free)
            .take(query.limit)
            .collect()
    }

    /// Whether a call of a stage can be done, or is worked on.
    pub(super) fn has_due(&self, stage: Stage, now: DateTime<Utc>) -> bool {
        self.due(stage, now).next().is_some()
    }

    fn due(&self, stage: Stage, now: DateTime<Utc>) -> impl Iterator<Item = &MirroredCall> {
        let calls = self.stages.get(&stage);
        let calls = calls.into_iter().flat_map(|stage| stage.calls.values());
        calls.filter(move |call| match call.call.progress.status {
            Status::Ready { not_before } => not_before.is_none_or(|moment| moment <= now),
            _ => false,
        })
    }

    /// The earliest moment that a call of a stage waits for.
    pub(super) fn next_ready_at(&self, stage: Stage) -> Option<DateTime<Utc>> {
        let calls = self.stages.get(&stage)?.calls.values();
        calls
            .filter_map(|call| match call.call.progress.status {
                Status::Ready { not_before } => not_before,
                _ => None,
            })
            .min()
    }

    /// How many calls are ready at a stage, those that were left out included.
    pub(super) fn ready_count(&self, stage: Stage) -> u64 {
        let stage = self.stages.get(&stage);
        stage.map_or(0, |stage| stage.calls.len() as u64 + stage.left_out)
    }

    /// Takes in a call that was not known before.
    pub(super) fn add(&mut self, call: PendingCall) {
        if self.is_responsible_for(&call) {
            let mirrored = MirroredCall {
                call,
                conversation_unread: false,
            };
            self.insert(mirrored);
        }
    }

    /// Takes in what was saved.
    pub(super) fn saved(&mut self, outcome: &Outcome) {
        let known = self.remove(&outcome.contact.id);
        if !matches!(outcome.progress.status, Status::Ready { .. }) {
            return;
        }
        let recordings = match (&outcome.change, &known) {
            (Change::Fetched { recordings, .. }, _) => recordings.clone(),
            (_, Some(known)) => known.call.recordings.clone(),
            // A call that others left, or that was done, is ready again.
            (_, None) => {
                self.outdated = true;
                return;
            }
        };
        let transcribed = matches!(outcome.change, Change::Transcribed(_));
        let analysis_missing = match (&outcome.change, &known) {
            (Change::Transcribed(call), _) => call.analysis == Analysis::default(),
            (Change::Classified(call), _) if call.analysis.is_some() => false,
            (_, Some(known)) => known.call.analysis_missing,
            (_, None) => false,
        };
        let known = known.filter(|_| !transcribed);
        let call = PendingCall {
            contact: outcome.contact.clone(),
            progress: outcome.progress.clone(),
            archived_audio: known
                .as_ref()
                .and_then(|known| known.call.archived_audio.clone())
                .filter(|_| recordings.is_empty()),
            conversation: known
                .as_ref()
                .and_then(|known| known.call.conversation.clone()),
            analysis_missing: analysis_missing && outcome.progress.stage == Stage::Classify,
            recordings,
        };
        if self.is_responsible_for(&call) {
            self.insert(MirroredCall {
                conversation_unread: known.is_some_and(|known| known.conversation_unread),
                call,
            });
        }
    }

    /// Whatever was saved may be wrong here: it is read anew before it is used again.
    pub(super) fn forget(&mut self) {
        self.outdated = true;
    }

    /// Takes in conversations that were read, by call. Those of others stay unread.
    pub(super) fn tell(
        &mut self,
        stage: Stage,
        mut conversations: HashMap<String, Option<String>>,
    ) {
        let calls = self.stages.entry(stage).or_default().calls.values_mut();
        for mirrored in calls.filter(|mirrored| mirrored.conversation_unread) {
            if let Some(told) = conversations.remove(mirrored.call.contact.id.as_str()) {
                mirrored.call.conversation = told;
                mirrored.conversation_unread = false;
            }
        }
    }

    /// The next calls of a stage whose conversations were not read yet.
    pub(super) fn unread(&self, stage: Stage, limit: usize) -> Vec<String> {
        let calls = self.stages.get(&stage).into_iter();
        calls
            .flat_map(|stage| stage.calls.values())
            .filter(|mirrored| mirrored.conversation_unread)
            .take(limit)
            .map(|mirrored| mirrored.call.contact.id.to_string())
            .collect()
    }

    /// Keeps a call, unless there are too many already: it is read when those are done.
    fn insert(&mut self, mirrored: MirroredCall) {
        let call = &mirrored.call;
        let (id, stage) = (call.contact.id.clone(), call.progress.stage);
        let place = (Reverse(call.contact.started_at_utc()), id.clone());
        self.remove(&id);
        let mirror = self.stages.entry(stage).or_default();
        if mirror.calls.len() < CALLS_MAX {
            mirror.calls.insert(place.clone(), mirrored);
            self.places.insert(id, (stage, place));
        } else {
            mirror.left_out += 1;
        }
    }

    /// The call as it was known, at whichever stage.
    fn remove(&mut self, contact_id: &ContactId) -> Option<MirroredCall> {
        let (stage, place) = self.places.remove(contact_id)?;
        self.stages.get_mut(&stage)?.calls.remove(&place)
    }

    fn is_responsible_for(&self, call: &PendingCall) -> bool {
        let since = self.since;
        let recent = since.is_none_or(|since| call.contact.date().is_none_or(|date| date >= since));
        recent && self.shard.contains(&call.contact.id)
    }
}

#[cfg(test)]
mod tests {
    use callpipe_core::call::Contact;
    use callpipe_core::contracts::warehouse::TranscribedCall;
    use callpipe_core::measures::Measures;
    use callpipe_core::progress::CallProgress;
    use callpipe_core::recording::ArchiveKey;

    use super::*;

    fn call(number: usize, stage: Stage) -> PendingCall {
        let id = ContactId::parse(&number.to_string()).unwrap();
        PendingCall {
            progress: CallProgress {
                stage,
                ..CallProgress::new(id.clone())
            },
            contact: Contact::new(id, None),
            recordings: Vec::new(),
            archived_audio: None,
            conversation: None,
            analysis_missing: false,
        }
    }

    fn empty() -> Mirror {
        let scope = Scope::of(Stage::Fetch);
        Mirror::new(&scope, DateTime::UNIX_EPOCH, Vec::new(), HashMap::new())
    }

    fn outcome(call: &PendingCall, stage: Stage, status: Status) -> Outcome {
        Outcome {
            contact: call.contact.clone(),
            progress: CallProgress {
                stage,
                status,
                ..call.progress.clone()
            },
            change: Change::None,
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn it_does_not_grow_with_the_calls_of_a_stage_that_nobody_works_on() {
        let mut mirror = empty();
        for number in 0..CALLS_MAX + 5 {
            mirror.add(call(number, Stage::Classify));
        }
        let kept = mirror.stages[&Stage::Classify].calls.len();
        assert_eq!((kept, mirror.places.len()), (CALLS_MAX, CALLS_MAX));
        assert_eq!(mirror.ready_count(Stage::Classify), CALLS_MAX as u64 + 5);
        let now = DateTime::UNIX_EPOCH;
        assert!(mirror.may_lack(Stage::Classify, now));
        assert!(!mirror.may_lack(Stage::Fetch, now));
    }

    #[test]
    fn what_is_saved_moves_its_call_and_what_is_not_known_is_read_anew() {
        let mut mirror = empty();
        let call = call(1, Stage::Fetch);
        mirror.add(call.clone());
        let ready = Status::Ready { not_before: None };
        mirror.saved(&outcome(&call, Stage::Transcribe, ready.clone()));
        let counts = |mirror: &Mirror| Stage::ALL.map(|stage| mirror.ready_count(stage));
        assert_eq!(counts(&mirror), [0, 1, 0]);
        mirror.saved(&outcome(&call, Stage::Classify, Status::Done));
        assert_eq!(counts(&mirror), [0, 0, 0]);
        let scope = Scope::of(Stage::Fetch);
        assert!(mirror.covers(&scope));
        // Somebody has it done again: its recordings are in the table only.
        mirror.saved(&outcome(&call, Stage::Transcribe, ready));
        assert!(!mirror.covers(&scope));
    }

    /// The transcript in the archive is newer than the conversation that others left.
    #[test]
    fn a_conversation_of_others_is_forgotten_when_the_call_is_transcribed() {
        let mut mirror = empty();
        let mut call = call(1, Stage::Classify);
        call.conversation = Some("Agent: Hello.".into());
        mirror.add(call.clone());
        let ready = Status::Ready { not_before: None };
        let conversation = |mirror: &Mirror| {
            let calls = mirror.stages[&Stage::Classify].calls.values();
            calls.map(|call| call.call.conversation.clone()).next()
        };
        let mut outcome = outcome(&call, Stage::Classify, ready);
        mirror.saved(&outcome);
        assert_eq!(conversation(&mirror), Some(call.conversation));
        outcome.change = Change::Transcribed(Box::new(TranscribedCall {
            conversation: "Agent: Good morning.".into(),
            plain_text: String::new(),
            analysis: Analysis::default(),
            measures: Measures::default(),
            model: String::new(),
            transcript_key: ArchiveKey::transcript(&outcome.contact.id),
            reply_keys: Vec::new(),
            triage: Vec::new(),
            same_audio_as: None,
        }));
        mirror.saved(&outcome);
        assert_eq!(conversation(&mirror), Some(None));
    }

    /// Nothing is read anew only because all that is due is worked on.
    #[test]
    fn a_call_in_hand_is_not_given_out_and_is_due_all_the_same() {
        let mut mirror = empty();
        let calls = [call(1, Stage::Fetch), call(2, Stage::Fetch)];
        calls.iter().for_each(|call| mirror.add(call.clone()));
        let now = DateTime::UNIX_EPOCH;
        let free = |in_hand: &[PendingCall]| {
            let query = PendingQuery {
                scope: Scope::of(Stage::Fetch),
                now,
                limit: 9,
                in_hand: in_hand.iter().map(|call| call.contact.id.clone()).collect(),
            };
            let free = mirror.pending(&query).into_iter();
            free.map(|free| free.call.clone()).collect::<Vec<_>>()
        };
        assert_eq!(free(&calls[..1]), calls[1..]);
        assert_eq!(free(&calls), []);
        assert!(mirror.has_due(Stage::Fetch, now));
        assert!(!mirror.has_due(Stage::Transcribe, now));
    }

    #[test]
    fn after_a_while_others_may_have_changed_the_tables() {
        let mirror = empty();
        let soon = DateTime::UNIX_EPOCH + FRESH_FOR - TimeDelta::seconds(1);
        assert!(!mirror.may_lack(Stage::Fetch, soon));
        assert!(mirror.may_lack(Stage::Fetch, soon + TimeDelta::seconds(1)));
    }
}
