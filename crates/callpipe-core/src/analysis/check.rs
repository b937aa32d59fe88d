//! The check of a model's answer: what passes it has the form that a transcriber's analysis has.

use serde_json::Value;

use super::{Analysis, AverageSentiment, Intent, Sentiment, SentimentSegment, Topic};

/// The longest summary, in characters.
pub const SUMMARY_CHARS_MAX: usize = 1_000;

/// The longest topic or intent, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// The longest passage of the call beside a topic, an intent or a sentiment, in characters.
pub const PASSAGE_CHARS_MAX: usize = 500;

/// At most so many topics, and so many intents.
pub const ITEMS_MAX: usize = 10;

/// At most so many passages with a sentiment.
pub const SEGMENTS_MAX: usize = 10;

/// The words for a sentiment: Deepgram's.
pub const SENTIMENTS: [&str; 3] = ["positive", "neutral", "negative"];

/// Why an answer is no analysis. Holds names of fields and never words of the answer, which may be
/// words of the call: it is logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct OffForm {
    /// Where.
    pub field: &'static str,
    /// What is wrong.
    pub problem: &'static str,
}

/// Checks an answer and brings it into its stored form.
///
/// Forgiven, because they change no meaning: a part that is missing or empty, more items than were
/// asked for (the first ones are kept), a passage that is too long (its beginning is kept). An
/// answer of which nothing is left is an error, as everything else is.
pub fn check(answer: &Value) -> Result<Analysis, OffForm> {
    if !answer.is_object() {
        return Err(off("answer", "is not a JSON object"));
    }
    let analysis = Analysis {
        summary: words(&answer["summary"], "summary", SUMMARY_CHARS_MAX)?,
        topics: items(&answer["topics"], "topics", ITEMS_MAX, |item| {
            let (name, confidence, text) = named(item, "topic", "topics")?;
            Ok(name.map(|topic| Topic {
                topic,
                confidence,
                text,
            }))
        })?,
        intents: items(&answer["intents"], "intents", ITEMS_MAX, |item| {
            let (name, confidence, text) = named(item, "intent", "intents")?;
            Ok(name.map(|intent| Intent {
                intent,
                confidence,
                text,
            }))
        })?,
        sentiment: sentiment(&answer["sentiment"])?,
    };
    match analysis == Analysis::default() {
        true => Err(off("answer", "says nothing")),
        false => Ok(analysis),
    }
}

fn sentiment(value: &Value) -> Result<Option<Sentiment>, OffForm> {
    let field = "sentiment";
    match value {
        Value::Null => return Ok(None),
        Value::Object(_) => {}
        _ => return Err(off(field, "is no object")),
    }
    let average = match &value["average"] {
        Value::Null => None,
        average => Some(feeling(average, field)?),
    };
    let segments = items(&value["segments"], field, SEGMENTS_MAX, |item| {
        let text = passage(&item["text"], field)?;
        let feeling = feeling(item, field)?;
        Ok((!text.is_empty()).then_some(SentimentSegment {
            text,
            sentiment: feeling.sentiment,
            sentiment_score: feeling.sentiment_score,
        }))
    })?;
    let is_there = average.is_some() || !segments.is_empty();
    Ok(is_there.then_some(Sentiment { average, segments }))
}

fn feeling(value: &Value, field: &'static str) -> Result<AverageSentiment, OffForm> {
    let word = value["sentiment"].as_str().unwrap_or_default().trim();
    let sentiment = SENTIMENTS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(word))
        .ok_or_else(|| off(field, "is none of positive, neutral, negative"))?;
    Ok(AverageSentiment {
        sentiment: sentiment.to_owned(),
        sentiment_score: number(&value["sentiment_score"], -1.0)
            .ok_or_else(|| off(field, "has a score that is no number from -1.0 to 1.0"))?,
    })
}

/// A topic or an intent, its confidence and its passage. Without a name it is left out.
fn named(
    item: &Value,
    key: &str,
    field: &'static str,
) -> Result<(Option<String>, f64, String), OffForm> {
    let name = words(&item[key], field, NAME_CHARS_MAX)?;
    let confidence = number(&item["confidence"], 0.0)
        .ok_or_else(|| off(field, "have a confidence that is no number from 0.0 to 1.0"))?;
    Ok((name, confidence, passage(&item["text"], field)?))
}

/// The items of a list that say something, up to a number of them.
fn items<T>(
    value: &Value,
    field: &'static str,
    items_max: usize,
    read: impl Fn(&Value) -> Result<Option<T>, OffForm>,
) -> Result<Vec<T>, OffForm> {
    let items: &[Value] = match value {
        Value::Null => &[],
        Value::Array(items) => items,
        _ => return Err(off(field, "is no list")),
    };
    let mut kept = Vec::new();
    for item in items.iter().take(items_max) {
        if !item.is_object() {
            return Err(off(field, "holds something that is no object"));
        }
        kept.extend(read(item)?);
    }
    Ok(kept)
}

/// A text of our own choosing: bounded, and of one line.
fn words(value: &Value, field: &'static str, chars_max: usize) -> Result<Option<String>, OffForm> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => return Err(off(field, "is no text")),
    };
    if text.chars().count() > chars_max {
        return Err(off(field, "is longer than was asked for"));
    }
    if text.chars().any(char::is_control) {
        return Err(off(field, "holds control characters"));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Words of the call: the beginning of them.
fn passage(value: &Value, field: &'static str) -> Result<String, OffForm> {
    let text = match value {
        Value::Null => "",
        Value::String(text) => text,
        _ => return Err(off(field, "has a passage that is no text")),
    };
    let plain = text
        .split_whitespace()
        .flat_map(|word| [" ", word])
        .skip(1)
        .flat_map(str::chars)
        .filter(|letter| !letter.is_control());
    Ok(plain.take(PASSAGE_CHARS_MAX).collect())
}

/// A number from `least` to 1.0.
fn number(value: &Value, least: f64) -> Option<f64> {
    value
        .as_f64()
        .filter(|number| (least..=1.0).contains(number))
}

fn off(field: &'static str, problem: &'static str) -> OffForm {
    OffForm { field, problem }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "summary": " Wants a\nchain. ",
            "topics": [{ "topic": "Chains", "confidence": 0.9, "text": "a new  chain" }],
            "intents": [{ "intent": "Buy a chain", "confidence": 1, "text": "I need one" }],
            "sentiment": {
                "average": { "sentiment": "Positive", "sentiment_score": 0.4 },
                "segments": [{ "text": "Great!", "sentiment": "positive", "sentiment_score": 1.0 }],
            },
        })
    }

    fn with(place: &str, value: Value) -> Value {
        let mut answer = answer();
        *answer.pointer_mut(place).unwrap() = value;
        answer
    }

    #[test]
    fn a_whole_answer_has_the_form_of_a_transcribers() {
        let analysis = check(&answer()).unwrap();
        assert_eq!(analysis.summary.as_deref(), Some("Wants a chain."));
        assert_eq!(
            json!(analysis.topics),
            json!([{ "topic": "Chains", "confidence": 0.9, "text": "a new chain" }])
        );
        assert_eq!(
            json!(analysis.intents),
            json!([{ "intent": "Buy a chain", "confidence": 1.0, "text": "I need one" }])
        );
        assert_eq!(
            json!(analysis.sentiment),
            json!({
                "average": { "sentiment": "positive", "sentiment_score": 0.4 },
                "segments": [{ "text": "Great!", "sentiment": "positive", "sentiment_score": 1.0 }],
            })
        );
    }

    #[test]
    fn what_is_missing_is_left_out_and_what_is_too_much_is_cut() {
        let only = check(&json!({ "summary": "Said hello." })).unwrap();
        assert_eq!((only.topics.len(), only.sentiment), (0, None));
        let topic = json!({ "topic": "A", "confidence": 0.5, "text": "word ".repeat(500) });
        let many = check(&with("/topics", json!(vec![topic; 40]))).unwrap();
        assert_eq!(many.topics.len(), ITEMS_MAX);
        assert_eq!(many.topics[0].text.chars().count(), PASSAGE_CHARS_MAX);
        let unnamed = with("/topics/0/topic", json!(" "));
        assert_eq!(check(&unnamed).unwrap().topics, []);
        let nothing = json!({ "summary": null, "topics": [], "sentiment": { "segments": [] } });
        assert_eq!(
            check(&nothing).unwrap_err().to_string(),
            "answer says nothing"
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_without_its_words() {
        for (place, value) in [
            ("/summary", json!("my card ".repeat(200))),
            ("/summary", json!("my\u{7}card")),
            ("/summary", json!(["my card"])),
            ("/topics", json!("my card")),
            ("/topics/0", json!("my card")),
            ("/topics/0/topic", json!("my card".repeat(50))),
            ("/topics/0/confidence", json!(1.01)),
            ("/topics/0/confidence", json!("my card")),
            ("/intents/0/confidence", json!(-0.1)),
            ("/intents/0/text", json!(["my card"])),
            ("/sentiment", json!("my card")),
            ("/sentiment/average", json!("my card")),
            ("/sentiment/average/sentiment", json!("my card")),
            ("/sentiment/average/sentiment_score", json!(1.5)),
            ("/sentiment/average/sentiment_score", json!(null)),
            ("/sentiment/segments/0/sentiment_score", json!(-1.5)),
        ] {
            let off = check(&with(place, value)).expect_err(place);
            assert!(!off.to_string().contains("card"), "{off}");
        }
        for answer in [json!(null), json!([]), json!("my card")] {
            assert!(check(&answer).is_err());
        }
    }
}
