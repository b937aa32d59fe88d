//! Summary, topics, intents and sentiment.

use serde_json::{Value, json};

use super::listen_query::ListenQuery;
use crate::corpus::{Analysis, CorpusCall};

const SUMMARY_MODEL: &str = "67875a7f-c9c4-48a0-aa55-5bdb8a91c34a";
const LANGUAGE_MODEL: &str = "80ab3179-d113-4254-bd6b-4a2f96498695";

/// Below it a "summary" is the transcript itself, and free.
const SUMMARY_WORDS_MIN: usize = 50;

/// Adds what the query asks for to `metadata` and `results`.
pub(super) fn add(
    metadata: &mut Value,
    results: &mut Value,
    query: &ListenQuery,
    call: Option<&CorpusCall>,
    transcript: &str,
) {
    let said = call.filter(|call| call.word_count() > 0);
    let Some((call, analysis)) = said.and_then(|call| Some((call, call.analysis.as_ref()?))) else {
        return;
    };
    let passages = Passages::new(call);
    let tokens = passages.words.len() * 4 / 3;
    if query.summarize {
        add_summary(
            metadata,
            results,
            analysis,
            transcript,
            passages.words.len(),
        );
    }
    if !query.is_english() {
        metadata["warnings"] = warnings(query);
        return;
    }
    if query.topics {
        let topics = analysis
            .topics
            .iter()
            .map(|one| (&one.text, &one.topic, one.confidence));
        let allowed = query.strict_topics.as_deref();
        let segments = passages.labelled(topics, ["topics", "topic"], allowed);
        metadata["topics_info"] = info(LANGUAGE_MODEL, tokens, segments.len() * 3);
        results["topics"] = json!({ "segments": segments });
    }
    if query.intents {
        let intents = analysis
            .intents
            .iter()
            .map(|one| (&one.text, &one.intent, one.confidence));
        let allowed = query.strict_intents.as_deref();
        let segments = passages.labelled(intents, ["intents", "intent"], allowed);
        metadata["intents_info"] = info(LANGUAGE_MODEL, tokens, segments.len() * 3);
        results["intents"] = json!({ "segments": segments });
    }
    if query.sentiment {
        metadata["sentiment_info"] = info(LANGUAGE_MODEL, tokens, tokens);
        results["sentiments"] = sentiments(&passages, analysis);
    }
}

fn add_summary(
    metadata: &mut Value,
    results: &mut Value,
    analysis: &Analysis,
    transcript: &str,
    words: usize,
) {
    let (short, input, output) = if words > SUMMARY_WORDS_MIN {
        let output = analysis.summary.split_whitespace().count() * 4 / 3;
        (analysis.summary.as_str(), words * 4 / 3, output)
    } else {
        (transcript, 0, 0)
    };
    results["summary"] = json!({ "result": "success", "short": short });
    metadata["summary_info"] = info(SUMMARY_MODEL, input, output);
}

fn info(model: &str, input: usize, output: usize) -> Value {
    json!({ "model_uuid": model, "input_tokens": input, "output_tokens": output })
}

fn warnings(query: &ListenQuery) -> Value {
    let asked = [
        ("topics", query.topics),
        ("intents", query.intents),
        ("sentiment", query.sentiment),
    ];
    let warnings = asked
        .iter()
        .filter(|(_, asked)| *asked)
        .map(|(parameter, _)| {
            json!({
                "parameter": parameter, "type": "unsupported_language",
                "message": format!("{parameter} is only available for English"),
            })
        });
    warnings.collect()
}

fn sentiments(passages: &Passages, analysis: &Analysis) -> Value {
    let segments: Vec<Value> = analysis
        .sentiments
        .iter()
        .map(|one| {
            let (start_word, end_word) = passages.place(&one.text);
            json!({
                "text": one.text, "start_word": start_word, "end_word": end_word,
                "sentiment": one.sentiment, "sentiment_score": one.score,
            })
        })
        .collect();
    let mut value = json!({ "segments": segments });
    if let Some(average) = &analysis.average_sentiment {
        value["average"] =
            json!({ "sentiment": average.sentiment, "sentiment_score": average.score });
    }
    value
}

/// The words of a call in reading order, to number passages by.
struct Passages {
    words: Vec<String>,
}

impl Passages {
    fn new(call: &CorpusCall) -> Passages {
        let words = call.turns.iter().flat_map(|turn| &turn.words);
        Passages {
            words: words.map(|word| bare(&word.punctuated_word)).collect(),
        }
    }

    /// First and last word of a passage.
    fn place(&self, text: &str) -> (usize, usize) {
        let wanted: Vec<String> = text.split_whitespace().map(bare).collect();
        let length = wanted.len().max(1);
        let found = self
            .words
            .windows(length)
            .position(|window| window == wanted);
        let start = found.unwrap_or(0);
        (start, start + length - 1)
    }

    fn labelled<'a>(
        &self,
        labels: impl Iterator<Item = (&'a String, &'a String, f64)>,
        [list, name]: [&str; 2],
        allowed: Option<&[String]>,
    ) -> Vec<Value> {
        let may_be = |label: &str| {
            allowed.is_none_or(|allowed| allowed.iter().any(|one| one.eq_ignore_ascii_case(label)))
        };
        let labels = labels.filter(|(_, label, _)| may_be(label));
        labels
            .map(|(text, label, confidence)| {
                let (start_word, end_word) = self.place(text);
                json!({
                    "text": text, "start_word": start_word, "end_word": end_word,
                    list: [{ name: label, "confidence_score": confidence }],
                })
            })
            .collect()
    }
}

fn bare(word: &str) -> String {
    word.chars()
        .filter(|sign| sign.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
