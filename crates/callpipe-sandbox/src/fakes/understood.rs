//! What a perfect language model makes of a call, whichever vendor runs it.

use serde_json::{Map, Value, json};

use crate::corpus::{Analysis, CorpusCall};

/// The right labels of the call by the default taxonomy.
pub(super) fn labels(call: Option<&CorpusCall>) -> Value {
    let truth = call.and_then(|call| serde_json::to_value(call.truth.as_ref()?).ok());
    truth.unwrap_or_else(general_enquiry)
}

/// The same with summary, topics, intents and sentiment beside the labels: a schema says which of
/// all that is wanted.
pub(super) fn everything(call: Option<&CorpusCall>) -> Value {
    let mut everything = match labels(call) {
        Value::Object(labels) => labels,
        _ => Map::new(),
    };
    let analysis = call.and_then(|call| call.analysis.as_ref());
    let analysis = analysis.map_or_else(nothing_special, analysis_value);
    if let Value::Object(analysis) = analysis {
        everything.extend(analysis);
    }
    Value::Object(everything)
}

/// What is said of a conversation in which nothing happens.
fn general_enquiry() -> Value {
    json!({
        "call_type": ["general_enquiry"], "sale_result": "not_sales_call", "no_sale_reasons": [],
        "product_family": "other", "product_category_detail": ["other"],
        "problems_detected": [], "delivery_tracking": null, "agent_name": null,
        "escalation_actions": ["none"],
        "confidence_scores": {
            "call_type_confidence": 0.4, "sale_result_confidence": 0.5,
            "product_classification_confidence": 0.3, "overall_confidence": 0.4,
        },
    })
}

fn nothing_special() -> Value {
    json!({
        "summary": "The customer asks a question.", "topics": [], "intents": [],
        "sentiment": { "average": { "sentiment": "neutral", "sentiment_score": 0.0 }, "segments": [] },
    })
}

fn analysis_value(analysis: &Analysis) -> Value {
    let topics: Vec<Value> = analysis
        .topics
        .iter()
        .map(|one| json!({ "topic": one.topic, "confidence": one.confidence, "text": one.text }))
        .collect();
    let intents: Vec<Value> = analysis
        .intents
        .iter()
        .map(|one| json!({ "intent": one.intent, "confidence": one.confidence, "text": one.text }))
        .collect();
    let segments: Vec<Value> = analysis
        .sentiments
        .iter()
        .map(|one| {
            json!({ "text": one.text, "sentiment": one.sentiment, "sentiment_score": one.score })
        })
        .collect();
    let average = analysis
        .average_sentiment
        .as_ref()
        .map(|one| json!({ "sentiment": one.sentiment, "sentiment_score": one.score }));
    json!({
        "summary": analysis.summary, "topics": topics, "intents": intents,
        "sentiment": { "average": average, "segments": segments },
    })
}
