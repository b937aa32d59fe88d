//! From a reply to a classification or an analysis, or to why there is none.

use callpipe_core::analysis::{Analysis, check};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::UnusableAnswer;
use callpipe_core::taxonomy::Taxonomy;
use serde_json::Value;

use super::super::wire::{Choice, Reply, ReplyMessage};
use super::word;
use crate::classifiers::text::{is_model_name, object_of, unfenced};

/// Where a model's thoughts end that stand before its answer. Some servers leave out their beginning.
const THOUGHT_ENDS: [&str; 2] = ["</think>", "</thinking>"];

/// Reads a reply and checks it against the taxonomy.
pub(in super::super) fn classification(
    reply: &[u8],
    taxonomy: &Taxonomy,
    model_asked: &str,
) -> Result<Classification, UnusableAnswer> {
    let (answer, model) = answer(reply, model_asked)?;
    Classification::from_answer(taxonomy, &answer, &model).map_err(|off| {
        let reason = format!("the answer does not keep to the taxonomy: {off}");
        faulty(model_asked, reason)
    })
}

/// Reads a reply that is an analysis, and checks its form.
pub(in super::super) fn analysis(
    reply: &[u8],
    model_asked: &str,
) -> Result<Analysis, UnusableAnswer> {
    let (answer, _) = answer(reply, model_asked)?;
    check::check(&answer).map_err(|off| {
        let reason = format!("the analysis does not keep to its form: {off}");
        faulty(model_asked, reason)
    })
}

fn faulty(model: &str, reason: impl Into<String>) -> UnusableAnswer {
    UnusableAnswer::Faulty {
        model: model.to_owned(),
        reason: reason.into(),
    }
}

/// What the model answered, and which model it was.
fn answer(reply: &[u8], model_asked: &str) -> Result<(Value, String), UnusableAnswer> {
    let reply: Reply =
        object_of(reply).ok_or_else(|| faulty(model_asked, "the reply is not its JSON"))?;
    let text = answer_text(&reply, model_asked)?;
    let answer: Value = serde_json::from_str(unfenced(without_thoughts(&text)))
        .map_err(|_| faulty(model_asked, "the answer is not JSON"))?;
    let model = reply
        .model
        .as_deref()
        .filter(|model| is_model_name(model))
        .unwrap_or(model_asked);
    Ok((answer, model.to_owned()))
}

/// What the model wrote, if it wrote it to the end.
fn answer_text(reply: &Reply, model: &str) -> Result<String, UnusableAnswer> {
    let blocked = |reason: &str| UnusableAnswer::Blocked {
        model: model.to_owned(),
        reason: word(reason).to_owned(),
    };
    let choice = reply
        .choices
        .iter()
        .flatten()
        .next()
        .ok_or_else(|| faulty(model, "the reply has no choices"))?;
    // Before anything is parsed: a cut answer may look like a whole one.
    match choice.finish_reason.as_deref() {
        Some("stop" | "") | None => {}
        Some(reason @ "content_filter") => return Err(blocked(reason)),
        Some(reason) => return Err(faulty(model, format!("it ended with {}", word(reason)))),
    }
    if refuses(choice) {
        return Err(blocked("refusal"));
    }
    let text = choice.message.as_ref().map(spoken).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(faulty(model, "the answer is empty"));
    }
    Ok(text)
}

/// Whether the model says in so many words that it does not answer.
fn refuses(choice: &Choice) -> bool {
    let message = choice.message.as_ref();
    let refusal = message.and_then(|message| message.refusal.as_deref());
    let parts = message.and_then(|message| message.content.as_array());
    let mut parts = parts.into_iter().flatten();
    refusal.is_some_and(|refusal| !refusal.trim().is_empty())
        || parts.any(|part| part["type"] == "refusal")
}

/// The text of a message: all of it, or that of all parts that are text.
fn spoken(message: &ReplyMessage) -> String {
    match &message.content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter(|part| matches!(part["type"].as_str(), Some("text" | "output_text") | None))
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// What follows the thoughts that a reasoning model wrote before its answer. Thoughts that do not
/// end are the whole answer, and no JSON.
fn without_thoughts(text: &str) -> &str {
    let text = text.trim();
    // Whoever answers at once has no thoughts, whatever is said in a value of the answer.
    if text.starts_with(['{', '`']) {
        return text;
    }
    let ends = THOUGHT_ENDS
        .iter()
        .filter_map(|end| Some(text.find(end)? + end.len()));
    let end = ends.min().unwrap_or(0);
    text.get(end..).unwrap_or_default()
}
