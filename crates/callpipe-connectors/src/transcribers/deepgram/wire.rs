//! Deepgram's JSON, field for field, as far as we read it.
//!
//! Everything may be missing, and a part of an unknown shape counts as missing: a reply is paid
//! for, and one odd section must not cost the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _, Serialize};
use serde_json::Value;

use super::lenient::{Shape, lenient, read_from_map};

/// The body of a request for audio that Deepgram fetches itself.
#[derive(Serialize)]
pub(super) struct LinkRequest<'a> {
    pub(super) url: &'a str,
}

/// The reply to a request that was answered at once.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reply<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Metadata,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) results: Option<Results<'a>>,
}

/// What a reply says of itself, also where it breaks off further on: it was charged all the same.
pub(super) fn metadata(reply: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut reader = serde_json::Deserializer::from_slice(reply);
    // What was read until an error is what is wanted.
    let _ = reader.deserialize_map(MetadataOnly(&mut metadata));
    metadata
}

struct MetadataOnly<'a>(&'a mut Metadata);

impl<'de> Visitor<'de> for MetadataOnly<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a reply")
    }

    fn visit_map<Map: MapAccess<'de>>(self, mut map: Map) -> Result<(), Map::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "metadata" {
                let value: Value = map.next_value()?;
                *self.0 = Metadata::deserialize(value).unwrap_or_default();
                // It comes first, and thousands of words after it.
                break;
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) request_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) duration: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) channels: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) models: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model_info: BTreeMap<String, ModelInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) summary_info: Option<TokenInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) topics_info: Option<TokenInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) intents_info: Option<TokenInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sentiment_info: Option<TokenInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) warnings: Vec<Warning>,
}

/// The longest length of a recording that is believed, in seconds: a week.
const DURATION_S_MAX: f64 = 7.0 * 24.0 * 3600.0;

impl Metadata {
    /// The length of the recording in seconds, if it can be one.
    pub(super) fn believed_duration_s(&self) -> Option<f64> {
        let is_believed = |duration_s: &f64| *duration_s > 0.0 && *duration_s <= DURATION_S_MAX;
        self.duration.filter(is_believed)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ModelInfo {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct TokenInfo {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) output_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Warning {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) parameter: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub(super) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Results<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) channels: Vec<Channel<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) utterances: Vec<Utterance<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) summary: Option<Summary>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) topics: Insight<TopicSegment>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) intents: Insight<IntentSegment>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sentiments: Option<Sentiments>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Channel<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) detected_language: Option<String>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) alternatives: Vec<Alternative<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Alternative<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) transcript: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) confidence: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) languages: Vec<String>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) words: Vec<Word<'a>>,
}

/// A word, without copies of its text: replies have thousands, each of them twice.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Word<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) word: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) punctuated_word: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) start: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) end: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) confidence: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) speaker: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Utterance<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) channel: u32,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) words: Vec<Word<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Summary {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) result: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) short: Option<String>,
}

/// Topics or intents in either of two shapes: the documented `topics.segments`, and the
/// specification's `topics.results.topics.segments`.
#[derive(Debug, Default, Deserialize)]
#[serde(bound = "S: Shape<'de>")]
pub(super) struct Insight<S> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) segments: Vec<S>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) results: BTreeMap<String, Segments<S>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(bound = "S: Shape<'de>")]
pub(super) struct Segments<S> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) segments: Vec<S>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct TopicSegment {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) text: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) topics: Vec<Topic>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Topic {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) topic: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) confidence_score: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct IntentSegment {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) text: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) intents: Vec<Intent>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Intent {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) intent: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) confidence_score: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Sentiments {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) segments: Vec<SentimentSegment>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) average: Option<Feeling>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SentimentSegment {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) text: String,
    #[serde(flatten)]
    pub(super) feeling: Feeling,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Feeling {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sentiment: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sentiment_score: Option<f64>,
}

/// An error in either of the two JSON forms; the third form is plain text.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    // One page of the documents spells it the second way.
    #[serde(default, alias = "error_code", deserialize_with = "lenient")]
    pub(super) err_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) err_msg: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) category: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) details: Option<String>,
}

read_from_map!(
    Alternative<'de>,
    Channel<'de>,
    Feeling,
    Intent,
    IntentSegment,
    Metadata,
    ModelInfo,
    Results<'de>,
    SentimentSegment,
    Sentiments,
    Summary,
    TokenInfo,
    Topic,
    TopicSegment,
    Utterance<'de>,
    Warning,
    Word<'de>,
);

impl<'de, S: Shape<'de>> Shape<'de> for Insight<S> {
    fn of_map<Map: MapAccess<'de>>(map: Map) -> Result<Self, Map::Error> {
        Self::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de, S: Shape<'de>> Shape<'de> for Segments<S> {
    fn of_map<Map: MapAccess<'de>>(map: Map) -> Result<Self, Map::Error> {
        Self::deserialize(MapAccessDeserializer::new(map))
    }
}
