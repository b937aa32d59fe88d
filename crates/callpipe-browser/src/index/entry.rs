//! What of a call goes into the index. Pure: from what is known of the call to one row.

use std::sync::Arc;

use callpipe_core::exported::ExportedCall;
use callpipe_core::measures::Measures;
use callpipe_core::recording::Role;
use chrono::{DateTime, Datelike, FixedOffset};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::fields::{AGENT_LABEL, Fields, values_of};
use crate::figure::Figure;

/// How many figures a call has.
pub(super) const FIGURES: usize = Figure::ALL.len();

/// The day of calls whose start is not known.
pub(super) const NO_DAY: i32 = i32::MIN;

/// Keys under which contact lists tell who rang.
const CALLER_KEYS: [&str; 5] = ["fromAddr", "fromAddress", "ani", "caller", "from"];

/// Keys under which contact lists tell the agent.
const AGENT_KEYS: [&str; 3] = ["agentName", "agent_name", "agent"];

/// A value of a field is at most so long, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// A call as the index has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) contact_id: String,
    pub(super) started_at: Option<DateTime<FixedOffset>>,
    /// The date in the call's own place, in days; see [`NO_DAY`].
    pub(super) day: i32,
    /// The values of each field, in the order of the fields.
    pub(super) values: Vec<Vec<Arc<str>>>,
    /// In the order of [`Figure::ALL`]; not a number where one is not known.
    pub(super) figures: [f32; FIGURES],
    /// Who rang, as a digest: the same for all calls of one caller.
    pub(super) caller: Option<String>,
    pub(super) said: Said,
}

/// The words of a call, by who said them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) agent: String,
    pub(super) customer: String,
    /// Where the sides are not known.
    pub(super) others: String,
    pub(super) summary: String,
}

/// What people said of a call's labels: the values that count, and the word for the field `review`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reviewed {
    /// The labels with all corrections; nothing where nobody looked at them.
    pub(super) labels: Option<Map<String, Value>>,
    /// `accepted` or `corrected`; nothing where nobody looked at them.
    pub(super) review: Option<&'static str>,
}

/// A call as the index has it.
pub(super) fn entry(call: &ExportedCall, fields: &Fields, reviewed: &Reviewed) -> Entry {
    let none = Map::new();
    let given = call.labels.as_ref().map_or(&none, |labels| &labels.values);
    let labels = reviewed.labels.as_ref().unwrap_or(given);
    let values = fields.all().iter().map(|field| {
        let values = match &field.label {
            Some(_) => values_of(&field.name, labels),
            None => own_values(&field.name, call, labels, reviewed.review),
        };
        values.into_iter().map(short).collect()
    });
    Entry {
        contact_id: call.contact.id.to_string(),
        started_at: call.contact.started_at,
        day: call
            .contact
            .date()
            .map_or(NO_DAY, |date| date.num_days_from_ce()),
        values: values.collect(),
        figures: figures(call, labels),
        caller: caller(&call.contact.metadata),
        said: said(call),
    }
}

fn short(value: String) -> Arc<str> {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => value[..end].into(),
        None => value.into(),
    }
}

fn own_values(
    field: &str,
    call: &ExportedCall,
    labels: &Map<String, Value>,
    review: Option<&str>,
) -> Vec<String> {
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    match field {
        "stage" => one(Some(call.state.stage.as_str())),
        "status" => one(Some(&call.state.status)),
        "failure" => {
            let failure = call.state.last_failure.as_ref();
            one(failure.map(|failure| failure.kind.as_str()))
        }
        "skipped" => one(call.state.skip_reason.as_deref()),
        "agent" => agents(call, labels),
        "sentiment" => {
            let sentiment = call.transcript.analysis.sentiment.as_ref();
            let average = sentiment.and_then(|sentiment| sentiment.average.as_ref());
            one(average.map(|average| average.sentiment.as_str()))
        }
        "transcriber" => one(call.transcript.model.as_deref()),
        "model" => one(call
            .labels
            .as_ref()
            .and_then(|labels| labels.model.as_deref())),
        "taxonomy" => {
            let version = call.labels.as_ref();
            one(version.and_then(|labels| labels.taxonomy_version.as_deref()))
        }
        "review" => one(review.or(call.labels.is_some().then_some("open"))),
        _ => Vec::new(),
    }
}

/// The agents of a call: as the recordings tell, else as the contact list does, else as they
/// introduced themselves.
fn agents(call: &ExportedCall, labels: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let participants = call
        .recordings
        .iter()
        .flat_map(|recording| &recording.participants);
    for participant in participants.filter(|participant| participant.role == Role::Agent) {
        if let Some(name) = &participant.name
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        let metadata = &call.contact.metadata;
        let told = AGENT_KEYS.iter().find_map(|key| text(metadata.get(*key)));
        names.extend(told.or_else(|| text(labels.get(AGENT_LABEL))));
    }
    names
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn caller(metadata: &Map<String, Value>) -> Option<String> {
    let told = CALLER_KEYS
        .iter()
        .find_map(|key| text(metadata.get(*key)))?;
    let digest = Sha256::digest(told.as_bytes());
    Some(
        digest
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

fn figures(call: &ExportedCall, labels: &Map<String, Value>) -> [f32; FIGURES] {
    let measures = call.transcript.measures.as_ref();
    let sentiment = call.transcript.analysis.sentiment.as_ref();
    let cost = [call.transcribe_cost, call.classify_cost];
    let is_paid = cost.iter().any(Option::is_some);
    Figure::ALL.map(|figure| {
        let value = match figure {
            Figure::DurationS => call.transcript.duration_s,
            Figure::AgentTalkShare => measures.and_then(agent_talk_share),
            Figure::SilenceShare => measures.and_then(|m| share(m.silence_s, m.duration_s)),
            Figure::OverlapShare => measures.and_then(|m| share(m.overlap_s, m.duration_s)),
            Figure::LongestMonologueS => measures.map(|measures| {
                let agent = measures.speakers.get(AGENT);
                agent.map_or(measures.longest_monologue_s, |agent| {
                    agent.longest_monologue_s
                })
            }),
            Figure::Interruptions => measures
                .and_then(|measures| measures.speakers.get(AGENT)?.interruptions)
                .map(f64::from),
            Figure::Confidence => confidence(labels),
            Figure::SentimentScore => sentiment
                .and_then(|sentiment| sentiment.average.as_ref())
                .map(|average| average.sentiment_score),
            Figure::CostUsd => {
                is_paid.then(|| cost.into_iter().flatten().map(|usd| usd.dollars()).sum())
            }
        };
        value.map_or(f32::NAN, |value| value as f32)
    })
}

/// The agent's name among the speakers of a conversation.
const AGENT: &str = "Agent";

fn agent_talk_share(measures: &Measures) -> Option<f64> {
    let agent = measures.speakers.get(AGENT)?;
    let all: f64 = measures
        .speakers
        .values()
        .map(|speaker| speaker.talk_s)
        .sum();
    share(agent.talk_s, all)
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// How sure the model says that it is of parts of its answer, where it says so.
pub(crate) fn confidence_scores(labels: &Map<String, Value>) -> Option<&Map<String, Value>> {
    labels.values().find_map(|value| {
        let scores = value.as_object()?;
        let all_numbers = scores
            .values()
            .all(|score| score.is_number() || score.is_null());
        (all_numbers && !scores.is_empty()).then_some(scores)
    })
}

/// Whether a score is that of the answer as a whole.
pub(crate) fn is_overall(name: &str) -> bool {
    name.starts_with("overall")
}

/// The figure that the model gives for its answer as a whole, else the mean of all that it gives.
fn confidence(labels: &Map<String, Value>) -> Option<f64> {
    let scores = confidence_scores(labels)?;
    let overall = scores.iter().find(|(name, _)| is_overall(name));
    if let Some(score) = overall.and_then(|(_, score)| score.as_f64()) {
        return Some(score);
    }
    let numbers: Vec<f64> = scores.values().filter_map(Value::as_f64).collect();
    share(numbers.iter().sum(), numbers.len() as f64)
}

fn said(call: &ExportedCall) -> Said {
    let mut said = Said {
        summary: call.transcript.analysis.summary.clone().unwrap_or_default(),
        ..Said::default()
    };
    for line in call
        .transcript
        .conversation
        .iter()
        .flat_map(|text| text.lines())
    {
        let (side, words) = match line.split_once(": ") {
            Some((AGENT, words)) => (&mut said.agent, words),
            Some(("Customer", words)) => (&mut said.customer, words),
            Some((speaker, words)) if speaker.starts_with("Speaker ") => (&mut said.others, words),
            _ => (&mut said.others, line),
        };
        side.push_str(words);
        side.push('\n');
    }
    said
}

impl Said {
    /// Whether there is nothing to be searched.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A number that is another one when the words are others, as good as always.
    pub(super) fn digest(&self) -> i64 {
        let mut digest = Sha256::new();
        for text in [&self.agent, &self.customer, &self.others, &self.summary] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_le_bytes(first)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use callpipe_core::analysis::{AverageSentiment, Sentiment};
    use callpipe_core::call::{Contact, ContactId, parse_start};
    use callpipe_core::exported::{ExportedLabels, ExportedState, ExportedTranscript};
    use callpipe_core::measures::SpeakerMeasures;
    use callpipe_core::money::Usd;
    use callpipe_core::progress::Stage;
    use callpipe_core::taxonomy::Taxonomy;
    use serde_json::json;

    /// A classified call with these labels.
    pub(in crate::index) fn call(id: &str, started_at: &str, labels: Value) -> ExportedCall {
        let contact_id = ContactId::parse(id).unwrap();
        ExportedCall {
            contact: Contact::new(contact_id, parse_start(started_at)),
            state: ExportedState {
                stage: Stage::Classify,
                status: "done".into(),
                skip_reason: None,
                attempt: 0,
                redo_count: 0,
                not_before: None,
                last_failure: None,
                listed_at: None,
                updated_at: None,
            },
            recordings: Vec::new(),
            audio_uri: None,
            triage: Default::default(),
            transcript: ExportedTranscript::default(),
            transcribe_cost: None,
            classify_cost: None,
            labels: Some(ExportedLabels {
                values: labels.as_object().unwrap().clone(),
                taxonomy_version: Some("v1".into()),
                prompt_version: None,
                provider: None,
                model: Some("m".into()),
                at: None,
            }),
        }
    }

    fn texts(values: &[Arc<str>]) -> Vec<&str> {
        values.iter().map(|value| &**value).collect()
    }

    #[test]
    fn a_call_becomes_a_row() {
        let fields = Fields::of(&Taxonomy::built_in());
        let labels = json!({
            "call_type": ["complaint", "order_support"],
            "delivery_tracking": {"carrier": "auspost"},
            "agent_name": "Zoë",
            "confidence_scores": {"call_type_confidence": 0.2, "overall_confidence": 0.75},
        });
        let mut call = call("700123", "2026-05-01T08:00:00+10:00", labels);
        call.contact.metadata = json!({"fromAddr": "+61 2 5550 1234"})
            .as_object()
            .unwrap()
            .clone();
        call.transcribe_cost = Some(Usd::from_dollars(0.25));
        call.transcript.conversation = Some("Agent: Parts: Zoë.\nCustomer: A chain.\nx".into());
        call.transcript.analysis.sentiment = Some(Sentiment {
            average: Some(AverageSentiment {
                sentiment: "negative".into(),
                sentiment_score: -0.5,
            }),
            segments: Vec::new(),
        });
        let speaker = |talk_s| SpeakerMeasures {
            talk_s,
            interruptions: Some(2),
            ..SpeakerMeasures::default()
        };
        call.transcript.measures = Some(Measures {
            duration_s: 100.0,
            silence_s: 25.0,
            speakers: [
                ("Agent".to_owned(), speaker(30.0)),
                ("Customer".to_owned(), speaker(10.0)),
            ]
            .into(),
            ..Measures::default()
        });
        let entry = entry(&call, &fields, &Reviewed::default());
        let values = |name| texts(&entry.values[fields.position(name).unwrap()]);
        assert_eq!(values("call_type"), ["complaint", "order_support"]);
        assert_eq!(values("delivery_tracking.carrier"), ["auspost"]);
        assert_eq!(values("agent"), ["Zoë"]);
        assert_eq!(
            (values("status"), values("sentiment")),
            (vec!["done"], vec!["negative"])
        );
        let figure = |figure| entry.figures[Figure::ALL.iter().position(|f| *f == figure).unwrap()];
        assert_eq!(figure(Figure::AgentTalkShare), 0.75);
        assert_eq!(figure(Figure::SilenceShare), 0.25);
        assert_eq!(figure(Figure::Confidence), 0.75);
        assert_eq!(figure(Figure::SentimentScore), -0.5);
        assert_eq!(figure(Figure::CostUsd), 0.25);
        assert_eq!(figure(Figure::Interruptions), 2.0);
        assert!(figure(Figure::DurationS).is_nan());
        assert_eq!(entry.said.agent, "Parts: Zoë.\n");
        assert_eq!(
            (&*entry.said.customer, &*entry.said.others),
            ("A chain.\n", "x\n")
        );
        let caller = entry.caller.unwrap();
        assert!(caller.len() == 24 && !caller.contains("5550"), "{caller}");
    }

    #[test]
    fn what_people_said_counts() {
        let fields = Fields::of(&Taxonomy::built_in());
        let call = call("1", "", json!({"sale_result": "sale_completed"}));
        let corrected = json!({"sale_result": "not_sales_call"});
        let reviewed = Reviewed {
            labels: corrected.as_object().cloned(),
            review: Some("corrected"),
        };
        let entry = entry(&call, &fields, &reviewed);
        let values = |name| texts(&entry.values[fields.position(name).unwrap()]);
        assert_eq!(values("sale_result"), ["not_sales_call"]);
        assert_eq!(values("review"), ["corrected"]);
        assert_eq!(entry.day, NO_DAY);
    }

    #[test]
    fn words_that_change_change_the_digest() {
        let said = |agent: &str, customer: &str| Said {
            agent: agent.into(),
            customer: customer.into(),
            ..Said::default()
        };
        assert_ne!(said("ab", "c").digest(), said("a", "bc").digest());
        assert_eq!(said("ab", "c").digest(), said("ab", "c").digest());
    }
}
