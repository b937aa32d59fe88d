//! From a reply to a classification or an analysis, or to why there is none.

use callpipe_core::analysis::{Analysis, check};
use callpipe_core::classification::Classification;
use callpipe_core::contracts::classifier::UnusableAnswer;
use callpipe_core::taxonomy::Taxonomy;
use serde_json::Value;

use super::super::wire::{Candidate, Reply};
use super::word;
use crate::classifiers::text::{is_model_name, object_of, unfenced};

/// How a candidate ends when the model, or a guard beside it, refuses the content.
const REFUSALS: [&str; 5] = [
    "SAFETY",
    "PROHIBITED_CONTENT",
    "SPII",
    "BLOCKLIST",
    "MODEL_ARMOR",
];

/// Reads a reply and checks it against the taxonomy.
pub(in super::super) fn classification(
    reply: &[u8],
    taxonomy: &Taxonomy,
    model_asked: &str,
) -> Result<Classification, UnusableAnswer> {
    let (answer, model) = answer(reply, model_asked)?;
    Classification::from_answer(taxonomy, &answer, &model).map_err(|off| UnusableAnswer::Faulty {
        model: model_asked.to_owned(),
        reason: format!("the answer does not keep to the taxonomy: {off}"),
    })
}

/// Reads a reply that is an analysis, and checks its form.
pub(in super::super) fn analysis(
    reply: &[u8],
    model_asked: &str,
) -> Result<Analysis, UnusableAnswer> {
    let (answer, _) = answer(reply, model_asked)?;
    check::check(&answer).map_err(|off| UnusableAnswer::Faulty {
        model: model_asked.to_owned(),
        reason: format!("the analysis does not keep to its form: {off}"),
    })
}

/// What the model answered, and which model it was.
fn answer(reply: &[u8], model_asked: &str) -> Result<(Value, String), UnusableAnswer> {
    let faulty = |reason: &str| UnusableAnswer::Faulty {
        model: model_asked.to_owned(),
        reason: reason.to_owned(),
    };
    let reply: Reply = object_of(reply).ok_or_else(|| faulty("the reply is not its JSON"))?;
    let text = answer_text(&reply, model_asked)?;
    let answer: Value =
        serde_json::from_str(unfenced(&text)).map_err(|_| faulty("the answer is not JSON"))?;
    let model = reply
        .model_version
        .as_deref()
        .filter(|version| is_model_name(version))
        .unwrap_or(model_asked);
    Ok((answer, model.to_owned()))
}

/// What the model wrote, if it wrote it to the end.
fn answer_text(reply: &Reply, model: &str) -> Result<String, UnusableAnswer> {
    let blocked = |reason: &str| UnusableAnswer::Blocked {
        model: model.to_owned(),
        reason: word(reason).to_owned(),
    };
    let faulty = |reason: String| UnusableAnswer::Faulty {
        model: model.to_owned(),
        reason,
    };
    let block_reason = reply
        .prompt_feedback
        .as_ref()
        .and_then(|feedback| feedback.block_reason.as_deref())
        .filter(|reason| !matches!(*reason, "" | "BLOCKED_REASON_UNSPECIFIED"));
    if let Some(reason) = block_reason {
        return Err(blocked(reason));
    }
    let candidate = reply
        .candidates
        .first()
        .ok_or_else(|| faulty("the reply has no candidates".into()))?;
    // Before anything is parsed: a cut answer may look like a whole one.
    match candidate.finish_reason.as_deref() {
        Some("STOP") | None => {}
        Some(reason) if REFUSALS.contains(&reason) => return Err(blocked(reason)),
        Some(reason) => return Err(faulty(format!("it ended with {}", word(reason)))),
    }
    let text = spoken(candidate);
    if text.trim().is_empty() {
        return Err(faulty("the answer is empty".into()));
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
