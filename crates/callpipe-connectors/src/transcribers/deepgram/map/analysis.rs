//! What Deepgram understood: summary, topics, intents, sentiment.
//!
//! Segments are kept with their text. Their word numbers are not read: with several channels it is
//! not documented which list of words they count in.

use callpipe_core::analysis::{
    Analysis, AverageSentiment, Intent, Sentiment, SentimentSegment, Topic,
};
use callpipe_core::transcript::Turn;

use super::super::wire::{Feeling, Insight, Metadata, Results, Sentiments};

/// Everything that was understood; what is missing was not asked for, or not possible.
pub(super) fn analysis(results: &Results, metadata: &Metadata, turns: &[Turn]) -> Analysis {
    Analysis {
        summary: summary(results, metadata, turns),
        topics: topics(results),
        intents: intents(results),
        sentiment: results.sentiments.as_ref().and_then(sentiment),
    }
}

/// The summary, if it is one: below 50 words Deepgram repeats the transcript and counts no tokens,
/// and when it fails its explanation stands where the summary would.
fn summary(results: &Results, metadata: &Metadata, turns: &[Turn]) -> Option<String> {
    let summary = results.summary.as_ref()?;
    let short = summary
        .short
        .as_deref()
        .map(str::trim)
        .filter(|short| !short.is_empty())?;
    let was_made = metadata.summary_info.as_ref().is_none_or(|info| {
        info.input_tokens.unwrap_or(0) > 0 || info.output_tokens.unwrap_or(0) > 0
    });
    let is_summary = summary.result.as_deref() == Some("success")
        && was_made
        && !is_transcript(short, results, turns);
    is_summary.then(|| short.to_owned())
}

/// Whether a text is what was said: on one channel, on all of them one after the other, or in the
/// order of time.
fn is_transcript(text: &str, results: &Results, turns: &[Turn]) -> bool {
    let in_time = turns.iter().flat_map(|turn| &turn.words);
    let channels = || {
        let alternatives = results
            .channels
            .iter()
            .filter_map(|channel| channel.alternatives.first());
        alternatives.map(|alternative| alternative.transcript.as_str())
    };
    // What is no transcript differs within a word or two, and no more of it is looked at.
    letters(text).eq(in_time.flat_map(|word| letters(&word.text)))
        || letters(text).eq(channels().flat_map(letters))
        || channels().any(|channel| letters(text).eq(letters(channel)))
}

/// Letters and digits alone, so that punctuation and blanks make no difference.
fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

fn topics(results: &Results) -> Vec<Topic> {
    segments(&results.topics, "topics")
        .iter()
        .flat_map(|segment| {
            segment.topics.iter().map(|topic| Topic {
                topic: topic.topic.trim().to_owned(),
                confidence: share(topic.confidence_score),
                text: segment.text.clone(),
            })
        })
        .filter(|topic| !topic.topic.is_empty())
        .collect()
}

fn intents(results: &Results) -> Vec<Intent> {
    segments(&results.intents, "intents")
        .iter()
        .flat_map(|segment| {
            segment.intents.iter().map(|intent| Intent {
                intent: intent.intent.trim().to_owned(),
                confidence: share(intent.confidence_score),
                text: segment.text.clone(),
            })
        })
        .filter(|intent| !intent.intent.is_empty())
        .collect()
}

/// The segments in whichever of the two shapes they came.
fn segments<'a, S>(insight: &'a Insight<S>, name: &str) -> &'a [S] {
    match insight.results.get(name) {
        Some(wrapped) if insight.segments.is_empty() => &wrapped.segments,
        _ => &insight.segments,
    }
}

fn sentiment(sentiments: &Sentiments) -> Option<Sentiment> {
    let average = sentiments.average.as_ref().and_then(feeling);
    let segments: Vec<SentimentSegment> = sentiments
        .segments
        .iter()
        .filter_map(|segment| {
            let feeling = feeling(&segment.feeling)?;
            Some(SentimentSegment {
                text: segment.text.clone(),
                sentiment: feeling.sentiment,
                sentiment_score: feeling.sentiment_score,
            })
        })
        .collect();
    let is_there = average.is_some() || !segments.is_empty();
    is_there.then_some(Sentiment { average, segments })
}

/// One of the three words there are, with its score.
fn feeling(feeling: &Feeling) -> Option<AverageSentiment> {
    let sentiment = feeling.sentiment.trim().to_lowercase();
    let is_known = ["positive", "neutral", "negative"].contains(&sentiment.as_str());
    is_known.then(|| AverageSentiment {
        sentiment,
        sentiment_score: feeling.sentiment_score.unwrap_or(0.0).clamp(-1.0, 1.0),
    })
}

fn share(figure: Option<f64>) -> f64 {
    figure.unwrap_or(0.0).clamp(0.0, 1.0)
}
