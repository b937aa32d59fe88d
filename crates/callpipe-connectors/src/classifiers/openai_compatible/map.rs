//! Between the chat-completions API's JSON and ours. Pure: the quirks of servers live here.

mod answer;
mod failure;
mod schema;

use crate::classifiers::text;

pub(super) use answer::written;
pub(super) use failure::{Objection, objection, refusal, status_within};
pub(super) use schema::{InOrder, strict};

/// A word of a server's as it may stand in a log: lower-case letters and underscores, as the API's
/// own are.
fn word(text: &str) -> &str {
    text::word(text, u8::is_ascii_lowercase)
}
