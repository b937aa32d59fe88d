//! The two tables of the made-up warehouse, and how they read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callpipe_core::analysis::Analysis;
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::warehouse::{
    CallDetails, CallFilter, CallRow, Change, ClassifiedCall, FailureGroup, ModelAnalysis,
    NotBought, Outcome, PendingCall, PendingQuery, Scope, SkipCount, StageCount, StageSpend,
    Summary, TranscribedCall, ValueCount,
};
use callpipe_core::money::{Usd, spent};
use callpipe_core::progress::{CallProgress, SkipReason, Stage, Status};
use callpipe_core::recording::Recording;
use callpipe_core::triage::not_bought;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Newest first, calls without a start last.
type Order = (Reverse<Option<DateTime<Utc>>>, ContactId);

/// All that is known of a call.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) contact: Contact,
    pub(super) progress: CallProgress,
    pub(super) recordings: Vec<Recording>,
    raw_metadata: Option<String>,
    tried_at: Option<DateTime<Utc>>,
    /// What was understood, and by whom.
    pub(super) analysis: Option<(Analysis, String)>,
    pub(super) listed_at: Option<DateTime<Utc>>,
    pub(super) updated_at: Option<DateTime<Utc>>,
    pub(super) transcribed: Option<(Box<TranscribedCall>, DateTime<Utc>)>,
    pub(super) classified: Option<(Box<ClassifiedCall>, DateTime<Utc>)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) rows: BTreeMap<ContactId, Row>,
    ready: BTreeMap<Stage, BTreeSet<Order>>,
    waiting: BTreeMap<Stage, BTreeSet<(DateTime<Utc>, ContactId)>>,
}

impl Row {
    fn new(contact: Contact) -> Self {
        Self {
            progress: CallProgress::new(contact.id.clone()),
            contact,
            recordings: Vec::new(),
            raw_metadata: None,
            tried_at: None,
            listed_at: None,
            updated_at: None,
            transcribed: None,
            analysis: None,
            classified: None,
        }
    }

    fn order(&self) -> Order {
        (
            Reverse(self.contact.started_at_utc()),
            self.contact.id.clone(),
        )
    }

    fn pending(&self) -> PendingCall {
        PendingCall {
            contact: self.contact.clone(),
            progress: self.progress.clone(),
            recordings: self.recordings.clone(),
            archived_audio: None,
            conversation: None,
            analysis_missing: self.progress.stage == Stage::Classify && self.analysis.is_none(),
        }
    }

    fn is_in(&self, scope: &Scope) -> bool {
        let date = self.contact.date();
        let is_recent = scope
            .since
            .is_none_or(|since| date.is_none_or(|date| date >= since));
        is_recent && scope.shard.contains(&self.contact.id)
    }

    fn take(&mut self, outcome: &Outcome) {
        let failed = outcome.progress.last_failure.is_some();
        let learned = match &outcome.change {
            Change::NothingFound { raw_metadata } => {
                self.keep_words(raw_metadata);
                true
            }
            Change::Fetched {
                recordings,
                raw_metadata,
            } => {
                self.keep_words(raw_metadata);
                self.recordings.clone_from(recordings);
                true
            }
            Change::Transcribed(call) => {
                self.transcribed = Some((call.clone(), outcome.at));
                let is_understood = call.analysis != Analysis::default();
                self.analysis = is_understood.then(|| (call.analysis.clone(), call.model.clone()));
                false
            }
            Change::Classified(call) => {
                self.classified = Some((call.clone(), outcome.at));
                if let Some(ModelAnalysis { analysis, model }) = &call.analysis {
                    self.analysis = Some((analysis.clone(), model.clone()));
                }
                false
            }
            Change::None => false,
        };
        let is_past = self.tried_at.is_none() && outcome.progress.stage > Stage::Fetch;
        if learned || is_past || (outcome.progress.stage == Stage::Fetch && failed) {
            self.tried_at = Some(outcome.at);
        }
        self.progress = outcome.progress.clone();
        self.updated_at = Some(outcome.at);
    }

    fn keep_words(&mut self, words: &Option<String>) {
        if words.is_some() {
            self.raw_metadata.clone_from(words);
        }
    }

    fn listed(&self) -> CallRow {
        let progress = &self.progress;
        let not_before = match progress.status {
            Status::Ready { not_before } => not_before,
            _ => None,
        };
        let kind = match (&progress.last_failure, &progress.status) {
            (Some(failure), _) => Some(failure.kind.as_str()),
            (None, Status::Skipped { reason }) => Some(reason.as_str()),
            _ => None,
        };
        let failure = progress.last_failure.as_ref();
        let transcribed = self.transcribed.as_ref();
        CallRow {
            contact_id: self.contact.id.to_string(),
            started_at: self.contact.started_at.map(|start| start.to_rfc3339()),
            stage: progress.stage,
            status: progress.status.as_str().to_owned(),
            attempt: progress.attempt,
            not_before: not_before.map(|moment| moment.to_rfc3339()),
            reason_kind: kind.map(str::to_owned),
            reason: failure.map(|failure| failure.reason.clone()),
            duration_s: transcribed.map(|(call, _)| call.measures.duration_s),
        }
    }

    /// The baseline's columns.
    fn tracking(&self) -> Value {
        let progress = &self.progress;
        let skipped = |reason| progress.status == Status::Skipped { reason };
        let status = match progress.stage {
            _ if skipped(SkipReason::NotFound) => Some("NOT_FOUND"),
            _ if skipped(SkipReason::NoRecording) => Some("NO_RECORDING"),
            Stage::Fetch => progress.last_failure.as_ref().map(|_| "FAILED"),
            _ => Some("SUCCESS"),
        };
        let is_transcribed = progress.stage == Stage::Classify || skipped(SkipReason::NoSpeech);
        let first = self.recordings.first();
        let transcribed = self.transcribed.as_ref();
        // Once transcribed, what was not understood is an empty list.
        let nothing = transcribed.map(|_| Analysis::default());
        let (analysis, analysis_model) = match self.analysis.clone() {
            Some((analysis, model)) => (Some(analysis), Some(model)),
            None => (nothing, None),
        };
        let analysis = analysis.as_ref();
        let left_out = transcribed.and_then(|(call, _)| not_bought(&call.triage));
        let tried_at = self.tried_at.filter(|_| status.is_some());
        json!({
            "contactId": self.contact.id.as_str(),
            "recording_filename": first.map(|recording| recording.key.file_name()),
            "gcs_uri": first.map(|recording| format!("memory:///{}", recording.key)),
            "fetch_datetime": tried_at.map(|moment| moment.to_rfc3339()),
            "status": status,
            "raw_response": self.raw_metadata,
            "transcribed": i32::from(is_transcribed),
            "analysed": i32::from(is_transcribed),
            "gemini_analysed": i32::from(progress.status == Status::Done),
            "transcription": transcribed.map(|(call, _)| call.conversation.as_str()),
            "transcription_raw": transcribed.map(|(call, _)| call.plain_text.as_str()),
            "summary": analysis.map(|analysis| &analysis.summary),
            "topics": analysis.map(|analysis| &analysis.topics),
            "intents": analysis.map(|analysis| &analysis.intents),
            "sentiment": analysis.map(|analysis| &analysis.sentiment),
            "analysis_model": analysis_model,
            "transcriber_model": transcribed.map(|(call, _)| call.model.as_str()),
            "transcribe_cost_usd": spent(&progress.purchases, Stage::Transcribe),
            "classify_cost_usd": spent(&progress.purchases, Stage::Classify),
            "triage": transcribed.map(|(call, _)| &call.triage).filter(|triage| !triage.is_empty()),
            "not_bought_s": left_out.map(|(duration_s, _)| duration_s),
            "saved_usd": left_out.map(|(_, usd)| usd),
            "same_audio_as": transcribed.and_then(|(call, _)| call.same_audio_as.clone()),
        })
    }

    /// The voice that the labels are about.
    pub(super) fn label(&self) -> Option<String> {
        let (call, _) = self.classified.as_ref()?;
        let values = serde_json::to_value(call.classification.values()).ok()?;
        Some(values["agent_name"].as_str()?.to_owned())
    }

    fn labels(&self) -> Option<Value> {
        let (call, at) = self.classified.as_ref()?;
        let labels = &call.classification;
        let mut row = json!({
            "call_id": self.contact.id.as_str(),
            "contactId": self.contact.id.as_str(),
            "call_date": self.contact.date().map(|date| date.to_string()),
            "classification_version": labels.taxonomy_version,
            "classification_timestamp": at.to_rfc3339(),
            "llm_model": labels.model,
            "transcript": call.conversation,
        });
        for (field, value) in labels.values() {
            row[field.as_str()] = json!(value);
        }
        Some(row)
    }
}

impl Tables {
    fn row(&mut self, contact: &Contact) -> &mut Row {
        let row = || Row::new(contact.clone());
        self.rows.entry(contact.id.clone()).or_insert_with(row)
    }

    fn unlink(&mut self, id: &ContactId) {
        let Some(row) = self.rows.get(id) else {
            return;
        };
        let stage = row.progress.stage;
        if let Status::Ready { not_before } = row.progress.status {
            self.ready.entry(stage).or_default().remove(&row.order());
            if let Some(not_before) = not_before {
                let waiting = self.waiting.entry(stage).or_default();
                waiting.remove(&(not_before, id.clone()));
            }
        }
    }

    fn link(&mut self, id: &ContactId) {
        let row = &self.rows[id];
        let stage = row.progress.stage;
        if let Status::Ready { not_before } = row.progress.status {
            self.ready.entry(stage).or_default().insert(row.order());
            if let Some(not_before) = not_before {
                let waiting = self.waiting.entry(stage).or_default();
                waiting.insert((not_before, id.clone()));
            }
        }
    }

    pub(super) fn add(&mut self, contacts: &[Contact], now: DateTime<Utc>) -> u64 {
        let mut added = 0;
        for contact in contacts {
            added += u64::from(!self.rows.contains_key(&contact.id));
            self.unlink(&contact.id);
            let row = self.row(contact);
            row.listed_at.get_or_insert(now);
            if row.contact.started_at.is_none() {
                row.contact.started_at = contact.started_at;
            }
            self.link(&contact.id);
        }
        added
    }

    pub(super) fn save(&mut self, outcomes: &[Arc<Outcome>]) {
        for outcome in outcomes {
            let id = &outcome.contact.id;
            self.unlink(id);
            self.row(&outcome.contact).take(outcome);
            self.link(id);
        }
    }

    pub(super) fn pending(&self, query: &PendingQuery) -> Vec<PendingCall> {
        let ready = self.ready.get(&query.scope.stage).into_iter().flatten();
        let rows = ready.map(|(_, id)| &self.rows[id]);
        let is_due = |row: &&Row| match row.progress.status {
            Status::Ready { not_before } => not_before.is_none_or(|moment| moment <= query.now),
            _ => false,
        };
        rows.filter(is_due)
            .filter(|row| row.is_in(&query.scope))
            .filter(|row| !query.in_hand.contains(&row.contact.id))
            .take(query.limit)
            .map(Row::pending)
            .collect()
    }

    pub(super) fn next_ready_at(&self, scope: &Scope) -> Option<DateTime<Utc>> {
        let waiting = self.waiting.get(&scope.stage).into_iter().flatten();
        let mut ours = waiting.filter(|(_, id)| self.rows[id].is_in(scope));
        ours.next().map(|(moment, _)| *moment)
    }

    pub(super) fn ready_count(&self, scope: &Scope) -> u64 {
        self.ready.get(&scope.stage).map_or(0, BTreeSet::len) as u64
    }

    pub(super) fn matching(&self, filter: &CallFilter) -> Vec<&Row> {
        let is_wanted = |row: &&Row| {
            let listed = row.listed();
            filter.stage.is_none_or(|stage| stage == listed.stage)
                && filter
                    .status
                    .as_ref()
                    .is_none_or(|status| *status == listed.status)
                && (filter.failure_kind.is_none() || filter.failure_kind == listed.reason_kind)
                && (filter.contact_ids.is_empty() || filter.contact_ids.contains(&row.contact.id))
                && filter
                    .since
                    .is_none_or(|since| row.contact.date() >= Some(since))
        };
        let mut rows: Vec<&Row> = self.rows.values().filter(is_wanted).collect();
        rows.sort_by_key(|row| row.order());
        rows.truncate(filter.limit.unwrap_or(usize::MAX));
        rows
    }

    pub(super) fn list(&self, filter: &CallFilter) -> Vec<CallRow> {
        self.matching(filter).into_iter().map(Row::listed).collect()
    }

    pub(super) fn progress(&self, filter: &CallFilter) -> Vec<PendingCall> {
        self.matching(filter)
            .into_iter()
            .map(Row::pending)
            .collect()
    }

    pub(super) fn find(&self, id: &ContactId) -> Option<CallDetails> {
        let row = self.rows.get(id)?;
        Some(CallDetails {
            row: row.listed(),
            tracking: row.tracking(),
            classification: row.labels(),
        })
    }

    pub(super) fn summary(&self, now: DateTime<Utc>) -> Summary {
        let mut counts: BTreeMap<(Stage, &str), (u64, u64)> = BTreeMap::new();
        let mut skips: BTreeMap<&str, u64> = BTreeMap::new();
        let mut failures: BTreeMap<(Stage, &str, &str), FailureGroup> = BTreeMap::new();
        for row in self.rows.values() {
            let (stage, status) = (row.progress.stage, row.progress.status.as_str());
            let count = counts.entry((stage, status)).or_default();
            count.0 += 1;
            match (&row.progress.status, &row.progress.last_failure) {
                (Status::Skipped { reason }, _) => *skips.entry(reason.as_str()).or_default() += 1,
                (
                    Status::Ready {
                        not_before: Some(moment),
                    },
                    _,
                ) if *moment > now => count.1 += 1,
                _ => {}
            }
            let Some(failure) = &row.progress.last_failure else {
                continue;
            };
            let group = || FailureGroup {
                stage,
                status: status.to_owned(),
                kind: failure.kind.as_str().to_owned(),
                example: failure.reason.clone(),
                contact_id: row.contact.id.to_string(),
                count: 0,
            };
            let key = (stage, status, failure.kind.as_str());
            failures.entry(key).or_insert_with(group).count += 1;
        }
        let count = |((stage, status), (count, waiting)): ((Stage, &str), (u64, u64))| StageCount {
            stage,
            status: status.to_owned(),
            waiting,
            count,
        };
        let skip = |(reason, count): (&str, u64)| SkipCount {
            reason: reason.to_owned(),
            count,
        };
        Summary {
            total: self.rows.len() as u64,
            counts: counts.into_iter().map(count).collect(),
            failures: failures.into_values().collect(),
            skips: skips.into_iter().map(skip).collect(),
            spend: self.spend(),
            not_bought: self.not_bought(),
            same_audio: self
                .transcribed()
                .filter(|call| call.same_audio_as.is_some())
                .count() as u64,
        }
    }

    fn transcribed(&self) -> impl Iterator<Item = &TranscribedCall> {
        self.rows
            .values()
            .filter_map(|row| row.transcribed.as_ref())
            .map(|(call, _)| call.as_ref())
    }

    fn not_bought(&self) -> NotBought {
        let left_out = self
            .transcribed()
            .filter_map(|call| not_bought(&call.triage));
        left_out.fold(NotBought::default(), |sum, (duration_s, usd)| NotBought {
            calls: sum.calls + 1,
            duration_s: sum.duration_s + duration_s,
            usd: sum.usd + usd,
        })
    }

    fn spend(&self) -> Vec<StageSpend> {
        let of_stage = |stage: Stage| {
            let rows = self.rows.values();
            let spent: Vec<Usd> = rows
                .filter_map(|row| spent(&row.progress.purchases, stage))
                .collect();
            (!spent.is_empty()).then(|| StageSpend {
                stage,
                usd: spent.iter().copied().sum(),
                calls: spent.len() as u64,
            })
        };
        Stage::ALL.into_iter().filter_map(of_stage).collect()
    }

    pub(super) fn value_counts(&self, field: &str) -> Vec<ValueCount> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in self.rows.values().filter_map(Row::labels) {
            let values = match row.get(field) {
                Some(Value::Array(values)) => values.clone(),
                Some(value) => vec![value.clone()],
                None => Vec::new(),
            };
            for value in values.iter().filter_map(Value::as_str) {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
        let mut counts: Vec<ValueCount> = counts
            .into_iter()
            .map(|(value, count)| ValueCount { value, count })
            .collect();
        counts.sort_by_key(|count| Reverse(count.count));
        counts
    }
}
