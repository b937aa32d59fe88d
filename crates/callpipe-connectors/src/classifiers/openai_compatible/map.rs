//! Between the chat-completions API's JSON and ours. Pure: the quirks of servers live here.

mod answer;
mod failure;
mod schema;

pub(super) use answer::{analysis, classification};
pub(super) use failure::{Objection, objection, refusal};
pub(super) use schema::{InOrder, strict};

/// A word of a server's as it may stand in a log: lower-case letters and underscores, as the API's
/// own are.
fn word(text: &str) -> &str {
    let is_plain = !text.is_empty()
        && text.len() <= 50
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_plain { text } else { "an unknown reason" }
}
