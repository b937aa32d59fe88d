//! What a model wrote in a reply of a server's, or why that is no answer.

use callpipe_core::contracts::classifier::UnusableAnswer;
use serde_json::Value;

use super::super::wire::{Choice, Reply, ReplyMessage};
use super::word;
use crate::classifiers::answer::{AskedModel, Written};

/// Where a model's thoughts end that stand before its answer. Some servers leave out their beginning.
const THOUGHT_ENDS: [&str; 2] = ["</think>", "</thinking>"];

/// What the model wrote, if it wrote it to the end.
pub(in super::super) fn written(
    reply: &[u8],
    asked: AskedModel<'_>,
) -> Result<Written, UnusableAnswer> {
    let reply: Reply = asked.reply(reply)?;
    let text = answer_text(&reply, asked)?;
    Ok(Written {
        text: without_thoughts(&text).to_owned(),
        model: reply.model,
    })
}

fn answer_text(reply: &Reply, asked: AskedModel<'_>) -> Result<String, UnusableAnswer> {
    let choice = reply
        .choices
        .iter()
        .flatten()
        .next()
        .ok_or_else(|| asked.faulty("the reply has no choices"))?;
    // Before anything is parsed: a cut answer may look like a whole one.
    match choice.finish_reason.as_deref() {
        Some("stop" | "") | None => {}
        Some(reason @ "content_filter") => return Err(asked.blocked(word(reason))),
        Some(reason) => return Err(asked.faulty(format!("it ended with {}", word(reason)))),
    }
    if refuses(choice) {
        return Err(asked.blocked("refusal"));
    }
    let text = choice.message.as_ref().map(spoken).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(asked.faulty("the answer is empty"));
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
