//! The corpus: recorded calls whose every word, and right classification, is known.
//!
//! The files are part of the binary, so that `callpipe demo` needs nothing beside it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

mod files {
    include!(concat!(env!("OUT_DIR"), "/corpus_files.rs"));
}

/// All calls the sandbox can play.
#[derive(Debug, Clone)]
pub struct Corpus {
    calls: Vec<CorpusCall>,
    audio: HashMap<String, Bytes>,
}

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The index is not what [`CorpusCall`] describes.
    #[error("the corpus index cannot be read")]
    Index(#[from] serde_json::Error),
    /// The index names an audio file that is not there.
    #[error("call `{call_id}` names the audio file `{file}`, which is not in the corpus")]
    AudioMissing {
        /// The call.
        call_id: String,
        /// The file that it names.
        file: String,
    },
}

impl Corpus {
    /// The corpus that is compiled in.
    pub fn embedded() -> Result<Arc<Corpus>, CorpusError> {
        let audio = files::AUDIO
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes)))
            .collect();
        Corpus::new(serde_json::from_str(files::INDEX)?, audio).map(Arc::new)
    }

    /// A corpus of the caller's own calls; `audio` is keyed by [`CorpusCall::audio_file`].
    pub fn new(
        calls: Vec<CorpusCall>,
        audio: HashMap<String, Bytes>,
    ) -> Result<Corpus, CorpusError> {
        for call in &calls {
            if !audio.contains_key(&call.audio_file) {
                return Err(CorpusError::AudioMissing {
                    call_id: call.id.clone(),
                    file: call.audio_file.clone(),
                });
            }
        }
        Ok(Corpus { calls, audio })
    }

    /// Every call, in the order of the index.
    pub fn calls(&self) -> &[CorpusCall] {
        &self.calls
    }

    /// The call with this id.
    pub fn call(&self, id: &str) -> Option<&CorpusCall> {
        self.calls.iter().find(|call| call.id == id)
    }

    /// The sound of a call, as it is in the corpus.
    pub fn audio(&self, call: &CorpusCall) -> Bytes {
        self.audio
            .get(&call.audio_file)
            .cloned()
            .unwrap_or_default()
    }
}

/// One call: what is heard, what is said, and what a perfect pipeline makes of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CorpusCall {
    /// Short name, unique in the corpus.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Name of the audio file.
    pub audio_file: String,
    /// Its media type.
    pub content_type: String,
    /// 1 or 2.
    pub channels: usize,
    /// Length of the recording.
    pub duration_s: f64,
    /// Which channel the agent is on; none on mono.
    #[serde(default)]
    pub agent_channel: Option<usize>,
    /// First name of the agent who answers.
    #[serde(default)]
    pub agent_name: Option<String>,
    /// What is said, in order of its start.
    #[serde(default)]
    pub turns: Vec<Turn>,
    /// The right classification; none when nobody speaks.
    #[serde(default)]
    pub truth: Option<Truth>,
    /// What the speech service's language features say.
    #[serde(default)]
    pub analysis: Option<Analysis>,
}

impl CorpusCall {
    /// How many words are said.
    pub fn word_count(&self) -> usize {
        self.turns.iter().map(|turn| turn.words.len()).sum()
    }
}

/// One person speaking without being interrupted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// On which channel of the recording.
    pub channel: usize,
    /// When the turn starts.
    pub start_s: f64,
    /// When it ends.
    pub end_s: f64,
    /// The punctuated text.
    pub text: String,
    /// The same, word by word.
    pub words: Vec<Word>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Speaker {
    /// The agent who answers.
    #[serde(rename = "agent")]
    Agent,
    /// The caller.
    #[serde(rename = "customer")]
    Customer,
    /// A second agent, after a transfer.
    #[serde(rename = "agent_2")]
    SecondAgent,
}

/// A word and its time.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Word {
    /// In lower case, without punctuation.
    pub word: String,
    /// As it is written in a sentence.
    pub punctuated_word: String,
    /// Start.
    pub start_s: f64,
    /// End.
    pub end_s: f64,
}

/// The right answer for every section of the default taxonomy.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Truth {
    /// Section A.
    pub call_type: Vec<String>,
    /// Section B.
    pub sale_result: String,
    /// Section C.
    pub no_sale_reasons: Vec<String>,
    /// Section D.
    pub product_family: String,
    /// Section D2.
    pub product_category_detail: Vec<String>,
    /// Section E.
    pub problems_detected: Vec<String>,
    /// Section F.
    pub delivery_tracking: Option<DeliveryTracking>,
    /// Section G.
    pub agent_name: Option<String>,
    /// Section H.
    pub escalation_actions: Vec<String>,
    /// Section I.
    pub confidence_scores: ConfidenceScores,
}

/// Section F of the taxonomy.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct DeliveryTracking {
    /// Who carries the parcel.
    pub carrier: String,
    /// What the customer has done so far.
    pub customer_action: String,
    /// Why they call.
    pub reason_for_call: Vec<String>,
}

/// Section I of the taxonomy.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct ConfidenceScores {
    /// Of section A.
    pub call_type_confidence: f64,
    /// Of section B.
    pub sale_result_confidence: f64,
    /// Of sections D and D2.
    pub product_classification_confidence: f64,
    /// Of the whole.
    pub overall_confidence: f64,
}

/// What the speech service's language features say of a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Analysis {
    /// A few sentences.
    pub summary: String,
    /// Topics and the passages that show them.
    #[serde(default)]
    pub topics: Vec<TopicSegment>,
    /// Intents and the passages that show them.
    #[serde(default)]
    pub intents: Vec<IntentSegment>,
    /// Sentiment, passage by passage.
    #[serde(default)]
    pub sentiments: Vec<SentimentSegment>,
    /// Sentiment of the whole call.
    #[serde(default)]
    pub average_sentiment: Option<AverageSentiment>,
}

/// A passage that shows a topic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TopicSegment {
    /// The passage, word for word.
    pub text: String,
    /// The topic.
    pub topic: String,
    /// Confidence, which the vendor does not calibrate.
    pub confidence: f64,
}

/// A passage that shows an intent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct IntentSegment {
    /// The passage, word for word.
    pub text: String,
    /// The intent.
    pub intent: String,
    /// Confidence, which the vendor does not calibrate.
    pub confidence: f64,
}

/// A passage and its sentiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SentimentSegment {
    /// The passage, word for word.
    pub text: String,
    /// positive, neutral or negative.
    pub sentiment: String,
    /// From -1 to 1.
    pub score: f64,
}

/// The sentiment of a whole call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AverageSentiment {
    /// positive, neutral or negative.
    pub sentiment: String,
    /// From -1 to 1.
    pub score: f64,
}
