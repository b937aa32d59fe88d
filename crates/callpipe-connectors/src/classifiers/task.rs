//! What is the same for every call that a model is asked about: the instruction and the form of the
//! answer.

use std::num::NonZeroU32;

use callpipe_core::analysis;
use callpipe_core::contracts::classifier::Effort;
use callpipe_core::taxonomy::{self, Taxonomy};
use serde_json::Value;

/// How much more room a second try is given.
const ENLARGED_TIMES: u32 = 4;

/// The words around a conversation in a request, in bytes.
const QUESTION_BYTES: usize = 512;

/// What a model is asked to do with a conversation.
pub(super) struct Task {
    /// What it is to do.
    pub(super) instruction: String,
    /// The form of its answer, as the vendor wants it.
    pub(super) schema: Value,
    /// The same as a text.
    pub(super) schema_text: String,
    /// Raised when the prompts change in a way that no text here shows.
    pub(super) prompt_version: &'static str,
}

impl Task {
    /// To label it. `formed` makes of a schema what the vendor wants.
    pub(super) fn labelling(taxonomy: &Taxonomy, formed: impl FnOnce(Value) -> Value) -> Self {
        let instruction = taxonomy::prompt::instruction(taxonomy);
        let schema = formed(taxonomy::schema::schema(taxonomy));
        Self::new(instruction, schema, taxonomy::prompt::PROMPT_VERSION)
    }

    /// To understand it: summary, topics, intents and sentiment.
    pub(super) fn analysing(formed: impl FnOnce(Value) -> Value) -> Self {
        let instruction = analysis::prompt::instruction();
        let schema = formed(analysis::prompt::schema());
        Self::new(instruction, schema, analysis::prompt::PROMPT_VERSION)
    }

    fn new(instruction: String, schema: Value, prompt_version: &'static str) -> Self {
        Self {
            instruction,
            schema_text: schema.to_string(),
            schema,
            prompt_version,
        }
    }

    /// The bytes of a request that count as tokens.
    pub(super) fn request_bytes(&self, conversation_bytes: usize) -> usize {
        self.instruction.len() + self.schema_text.len() + QUESTION_BYTES + conversation_bytes
    }
}

/// How long an answer may become, in tokens, where it is so many `usual`ly.
pub(super) fn room(usual: NonZeroU32, effort: Effort) -> u32 {
    let times = match effort {
        Effort::Usual => 1,
        Effort::Enlarged => ENLARGED_TIMES,
    };
    usual.get().saturating_mul(times)
}
