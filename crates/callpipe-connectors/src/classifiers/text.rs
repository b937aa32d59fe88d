//! What models wrap around an answer, and what can be said of a reply whoever sent it.

use serde::de::DeserializeOwned;

/// The longest name of a model that is stored.
const MODEL_CHARS_MAX: usize = 100;

/// The longest word of a vendor's that is repeated, in bytes.
const WORD_BYTES_MAX: usize = 50;

/// A word of a vendor's as it may stand in a log: of such letters as the vendor's own words have,
/// digits and underscores.
pub(super) fn word(text: &str, is_letter: fn(&u8) -> bool) -> &str {
    let is_plain = !text.is_empty()
        && text.len() <= WORD_BYTES_MAX
        && text
            .bytes()
            .all(|byte| is_letter(&byte) || byte.is_ascii_digit() || byte == b'_');
    if is_plain { text } else { "an unknown reason" }
}

/// Reads a reply that is an object. A struct would be made of a list as well.
pub(super) fn object_of<T: DeserializeOwned>(reply: &[u8]) -> Option<T> {
    let is_list = reply.trim_ascii_start().first() == Some(&b'[');
    serde_json::from_slice(reply).ok().filter(|_| !is_list)
}

/// Whether a text can be the name of a model: it is stored and shown.
pub(super) fn is_model_name(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= MODEL_CHARS_MAX
        && !text.contains(char::is_control)
}

/// The inside of a code fence, where the whole text is one.
pub(super) fn unfenced(text: &str) -> &str {
    let text = text.trim().trim_start_matches('\u{feff}');
    let inside = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'));
    match inside {
        Some((language, inside)) if language.trim().chars().all(char::is_alphanumeric) => inside,
        _ => text,
    }
}
