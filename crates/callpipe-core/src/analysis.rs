//! What was understood of a call beyond its words: summary, topics, intents, sentiment. The
//! transcriber gives it, or else the model that labels the call ([`prompt`], [`check`]).
//!
//! The serialised forms are the baseline's columns, so field names here are a contract.

pub mod check;
pub mod prompt;

use serde::{Deserialize, Serialize};

/// A subject that a stretch of the call is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// The subject.
    pub topic: String,
    /// The model's own figure; not calibrated for free topics, so compare it with nothing.
    pub confidence: f64,
    /// The words that it is about.
    pub text: String,
}

/// What a speaker wants in a stretch of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The wish.
    pub intent: String,
    /// The model's own figure; not calibrated.
    pub confidence: f64,
    /// The words that show it.
    pub text: String,
}

/// How a call sounds on the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AverageSentiment {
    /// `positive`, `neutral` or `negative`.
    pub sentiment: String,
    /// −1.0 (negative) to 1.0 (positive).
    pub sentiment_score: f64,
}

/// How a stretch of a call sounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentimentSegment {
    /// The words.
    pub text: String,
    /// `positive`, `neutral` or `negative`.
    pub sentiment: String,
    /// −1.0 (negative) to 1.0 (positive).
    pub sentiment_score: f64,
}

/// The sentiment of a call, whole and in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// Of the whole call.
    pub average: Option<AverageSentiment>,
    /// In the order of the call.
    pub segments: Vec<SentimentSegment>,
}

/// Everything that was understood. Each part may be missing: the language may not be supported,
/// the call too short, the feature switched off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Analysis {
    /// A few sentences. Never the transcript itself.
    pub summary: Option<String>,
    /// In the order of the call.
    pub topics: Vec<Topic>,
    /// In the order of the call.
    pub intents: Vec<Intent>,
    /// Where the transcriber gives one.
    pub sentiment: Option<Sentiment>,
}

impl Analysis {
    /// The analysis of a call from those of its recordings, each with its length in seconds as its
    /// weight in the average.
    pub fn merged(parts: Vec<(Analysis, f64)>) -> Analysis {
        let summaries: Vec<&str> = parts
            .iter()
            .filter_map(|(part, _)| part.summary.as_deref())
            .collect();
        let summary = (!summaries.is_empty()).then(|| summaries.join("\n"));
        let average = average_sentiment(&parts);
        let mut merged = Analysis {
            summary,
            ..Analysis::default()
        };
        let mut segments = Vec::new();
        let mut has_sentiment = false;
        for (part, _) in parts {
            merged.topics.extend(part.topics);
            merged.intents.extend(part.intents);
            if let Some(sentiment) = part.sentiment {
                has_sentiment = true;
                segments.extend(sentiment.segments);
            }
        }
        merged.sentiment = has_sentiment.then_some(Sentiment { average, segments });
        merged
    }
}

/// The mean weighted by length; the word is that of the strongest part on the mean's side, so that
/// no threshold of ours competes with the vendor's.
fn average_sentiment(parts: &[(Analysis, f64)]) -> Option<AverageSentiment> {
    let averages: Vec<(&AverageSentiment, f64)> = parts
        .iter()
        .filter_map(|(part, weight)| Some((part.sentiment.as_ref()?.average.as_ref()?, *weight)))
        .collect();
    let total: f64 = averages.iter().map(|(_, weight)| weight).sum();
    if averages.len() < 2 || total <= 0.0 {
        return averages.first().map(|(average, _)| (*average).clone());
    }
    let score = averages
        .iter()
        .map(|(average, weight)| average.sentiment_score * weight)
        .sum::<f64>()
        / total;
    let nearest = averages.iter().min_by(|(left, _), (right, _)| {
        (left.sentiment_score - score)
            .abs()
            .total_cmp(&(right.sentiment_score - score).abs())
    })?;
    Some(AverageSentiment {
        sentiment: nearest.0.sentiment.clone(),
        sentiment_score: score,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(summary: &str, score: f64, word: &str) -> Analysis {
        let average = AverageSentiment {
            sentiment: word.into(),
            sentiment_score: score,
        };
        Analysis {
            summary: Some(summary.into()),
            sentiment: Some(Sentiment {
                average: Some(average),
                segments: vec![],
            }),
            ..Analysis::default()
        }
    }

    #[test]
    fn one_recording_keeps_its_analysis() {
        let only = part("Asked for a chain.", 0.2, "neutral");
        assert_eq!(Analysis::merged(vec![(only.clone(), 60.0)]), only);
    }

    #[test]
    fn recordings_are_averaged_by_their_length() {
        let merged = Analysis::merged(vec![
            (part("First.", 0.0, "neutral"), 10.0),
            (part("Second.", -0.8, "negative"), 30.0),
        ]);
        assert_eq!(merged.summary.as_deref(), Some("First.\nSecond."));
        let average = merged.sentiment.unwrap().average.unwrap();
        assert_eq!(average.sentiment, "negative");
        assert!((average.sentiment_score + 0.6).abs() < 1e-9);
    }

    #[test]
    fn nothing_understood_is_nothing_merged() {
        let nothing = (Analysis::default(), 0.0);
        assert_eq!(
            Analysis::merged(vec![nothing.clone(), nothing]),
            Analysis::default()
        );
    }
}
