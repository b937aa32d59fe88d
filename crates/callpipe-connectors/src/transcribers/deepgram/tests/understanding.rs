//! Summary, topics, intents, sentiment, and what Deepgram warns of.

use callpipe_core::analysis::Analysis;
use expect_test::expect;
use serde_json::{Value, json};

use super::{channel, read, reply, reply_with, word};

const SAID: &str = "Hello, I bought a scarf online and they shipped the wrong color.";

fn summary(short: &str, result: &str, info: Option<(u64, u64)>) -> Option<String> {
    let channels = [channel(0.0, "Scarves, hello?"), channel(2.0, SAID)];
    let mut reply = reply_with(
        &channels,
        "summary",
        json!({ "result": result, "short": short }),
    );
    if let Some((input, output)) = info {
        reply["metadata"]["summary_info"] =
            json!({ "model_uuid": "u", "input_tokens": input, "output_tokens": output });
    }
    read(&reply).analysis.summary
}

#[test]
fn a_summary_is_kept_only_if_it_is_one() {
    let short = "The customer got a scarf of the wrong color.";
    assert_eq!(
        summary(short, "success", Some((63, 53))).as_deref(),
        Some(short)
    );
    assert_eq!(summary(short, "success", None).as_deref(), Some(short));
    assert_eq!(summary(short, "failure", Some((63, 53))), None);
    assert_eq!(summary(short, "success", Some((0, 0))), None);
    assert_eq!(summary("  ", "success", Some((63, 53))), None);
}

#[test]
fn a_summary_that_repeats_the_call_is_none() {
    let echo = |text: &str| summary(text, "success", Some((30, 30)));
    assert_eq!(echo(SAID), None);
    assert_eq!(echo(&SAID.to_uppercase().replace(',', "")), None);
    assert_eq!(echo(&format!("Scarves, hello? {SAID}")), None);
    assert!(echo(&format!("{SAID} Then they hung up.")).is_some());
}

#[test]
fn a_summary_that_repeats_the_call_in_the_order_of_time_is_none() {
    let mut agent = channel(0.0, "Hello?");
    let later = word("Sorry!", 9.0, 0);
    agent["alternatives"][0]["words"]
        .as_array_mut()
        .unwrap()
        .push(later);
    let channels = [agent, channel(2.0, "The wrong color.")];
    let echo = json!({ "result": "success", "short": "Hello? The wrong color. Sorry!" });
    let analysis = read(&reply_with(&channels, "summary", echo)).analysis;
    assert_eq!(analysis.summary, None);
}

fn insights() -> Value {
    json!({
        "topics": { "segments": [
            { "text": "they shipped the wrong color", "start_word": 7, "end_word": 11,
              "topics": [{ "topic": "Wrong color", "confidence_score": 0.0006 },
                         { "topic": " ", "confidence_score": 0.9 }] },
            { "text": "a scarf", "topics": [{ "topic": "Scarf", "confidence_score": 12 }] },
        ] },
        "intents": { "segments": [
            { "text": "I bought a scarf", "intents": [{ "intent": "Resolve order issue" }] },
            { "text": "nothing" },
        ] },
        "sentiments": {
            "segments": [
                { "text": "Hello.", "sentiment": "neutral", "sentiment_score": 0.1 },
                { "text": "the wrong color", "sentiment": "NEGATIVE", "sentiment_score": -40 },
                { "text": "shipped", "sentiment": "puzzled", "sentiment_score": 0.2 },
            ],
            "average": { "sentiment": "negative", "sentiment_score": -0.4 },
        },
    })
}

fn analysis(insights: &Value) -> Analysis {
    let mut reply = reply(&[channel(0.0, SAID)]);
    for (section, value) in insights.as_object().unwrap() {
        reply["results"][section] = value.clone();
    }
    read(&reply).analysis
}

#[test]
fn what_was_understood_is_kept_with_the_words_it_is_about() {
    expect![[r#"
        Analysis {
            summary: None,
            topics: [
                Topic {
                    topic: "Wrong color",
                    confidence: 0.0006,
                    text: "they shipped the wrong color",
                },
                Topic {
                    topic: "Scarf",
                    confidence: 1.0,
                    text: "a scarf",
                },
            ],
            intents: [
                Intent {
                    intent: "Resolve order issue",
                    confidence: 0.0,
                    text: "I bought a scarf",
                },
            ],
            sentiment: Some(
                Sentiment {
                    average: Some(
                        AverageSentiment {
                            sentiment: "negative",
                            sentiment_score: -0.4,
                        },
                    ),
                    segments: [
                        SentimentSegment {
                            text: "Hello.",
                            sentiment: "neutral",
                            sentiment_score: 0.1,
                        },
                        SentimentSegment {
                            text: "the wrong color",
                            sentiment: "negative",
                            sentiment_score: -1.0,
                        },
                    ],
                },
            ),
        }
    "#]]
    .assert_debug_eq(&analysis(&insights()));
}

#[test]
fn the_shape_of_the_specification_says_the_same() {
    let direct = insights();
    let mut wrapped = direct.clone();
    for section in ["topics", "intents"] {
        wrapped[section] = json!({ "results": { section: direct[section] } });
    }
    assert_eq!(analysis(&wrapped), analysis(&direct));
}

#[test]
fn a_sentiment_needs_a_word_that_is_known() {
    let sentiments = |value: Value| analysis(&json!({ "sentiments": value })).sentiment;
    assert_eq!(
        sentiments(json!({ "average": { "sentiment": "", "sentiment_score": 0.5 } })),
        None
    );
    assert_eq!(
        sentiments(json!({ "average": { "sentiment_score": 0.5 } })),
        None
    );
    let only = sentiments(json!({ "average": { "sentiment": "positive", "sentiment_score": 99 } }));
    assert_eq!(only.unwrap().average.unwrap().sentiment_score, 1.0);
    let only =
        sentiments(json!({ "segments": [{ "text": "a", "sentiment": "neutral" }] })).unwrap();
    assert_eq!((only.average, only.segments.len()), (None, 1));
}

#[test]
fn another_language_is_a_normal_answer_with_warnings() {
    let mut reply = reply_with(
        &[channel(0.0, "Hola, buenas tardes.")],
        "summary",
        json!({ "result": "failure", "short": "Summaries are for English only." }),
    );
    reply["metadata"]["warnings"] = json!([
        { "parameter": "topics", "type": "unsupported_language", "message": "English\n only." },
        { "parameter": "intents", "message": "see https://developers.deepgram.com/x?y" },
        { "message": "long ".repeat(100) },
        null,
    ]);
    let transcribed = read(&reply);
    assert_eq!(transcribed.analysis, Analysis::default());
    assert_eq!(
        transcribed.warnings,
        ["topics: unsupported_language: English only."]
    );
}
