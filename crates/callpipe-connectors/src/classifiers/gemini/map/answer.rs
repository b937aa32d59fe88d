//! What Gemini wrote in a reply, or why that is no answer.

use callpipe_core::contracts::classifier::UnusableAnswer;

use super::super::wire::{Candidate, Reply};
use super::word;
use crate::classifiers::answer::{AskedModel, Written};

/// How a candidate ends when the model, or a guard beside it, refuses the content.
const REFUSALS: [&str; 5] = [
    "SAFETY",
    "PROHIBITED_CONTENT",
    "SPII",
    "BLOCKLIST",
    "MODEL_ARMOR",
];

/// What the model wrote, if it wrote it to the end.
pub(in super::super) fn written(
    reply: &[u8],
    asked: AskedModel<'_>,
) -> Result<Written, UnusableAnswer> {
    let reply: Reply = asked.reply(reply)?;
    let text = answer_text(&reply, asked)?;
    Ok(Written {
        text,
        model: reply.model_version,
    })
}

fn answer_text(reply: &Reply, asked: AskedModel<'_>) -> Result<String, UnusableAnswer> {
    let block_reason = reply
        .prompt_feedback
        .as_ref()
        .and_then(|feedback| feedback.block_reason.as_deref())
        .filter(|reason| !matches!(*reason, "" | "BLOCKED_REASON_UNSPECIFIED"));
    if let Some(reason) = block_reason {
        return Err(asked.blocked(word(reason)));
    }
    let candidate = reply
        .candidates
        .first()
        .ok_or_else(|| asked.faulty("the reply has no candidates"))?;
    // Before anything is parsed: a cut answer may look like a whole one.
    match candidate.finish_reason.as_deref() {
        Some("STOP") | None => {}
        Some(reason) if REFUSALS.contains(&reason) => return Err(asked.blocked(word(reason))),
        Some(reason) => return Err(asked.faulty(format!("it ended with {}", word(reason)))),
    }
    let text = spoken(candidate);
    if text.trim().is_empty() {
        return Err(asked.faulty("the answer is empty"));
    }
    Ok(text)
}

/// The text of all parts but the model's thoughts.
fn spoken(candidate: &Candidate) -> String {
    candidate
        .content
        .iter()
        .flat_map(|content| &content.parts)
        .filter(|part| part.thought != Some(true))
        .filter_map(|part| part.text.as_deref())
        .collect()
}
