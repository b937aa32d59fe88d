//! What of an address or a vendor's JSON may be stored or logged.

use serde_json::Value;
use url::Url;

/// Characters that turn the direction of what follows.
const DIRECTIONS: [char; 11] = [
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

/// An address without its query and fragment, where signatures are.
pub fn without_query(address: &str) -> String {
    match Url::parse(address) {
        Ok(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            url.into()
        }
        Err(_) => address
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Takes the query off every address in a JSON value, however deep.
pub fn strip_signatures(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("://") && text.contains(['?', '#']) => {
            *text = without_query(text)
        }
        Value::Array(items) => items.iter_mut().for_each(strip_signatures),
        Value::Object(object) => object.values_mut().for_each(strip_signatures),
        _ => {}
    }
}

/// A text of somebody else's as it may stand in a message: one line, not longer than that many
/// characters, and nothing that a terminal would obey.
pub fn line(text: &str, chars_max: usize) -> String {
    let is_fit = |letter: &char| !letter.is_control() && !DIRECTIONS.contains(letter);
    // What is left out by far is not looked at.
    let beginning = text.chars().take(chars_max.saturating_mul(4));
    let spaced = beginning.map(|letter| if letter.is_whitespace() { ' ' } else { letter });
    let text: String = spaced.filter(is_fit).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signatures_leave_at_every_depth() {
        let mut value = json!({"a": [{"url": "https://h/x.mp4?X-Amz-Signature=s"}], "b": "why? because", "c": 1});
        strip_signatures(&mut value);
        assert_eq!(
            value,
            json!({"a": [{"url": "https://h/x.mp4"}], "b": "why? because", "c": 1})
        );
    }

    #[test]
    fn what_others_say_is_one_short_line() {
        assert_eq!(
            line("  not\r\n\tfound \u{1b}[31m!\0", 100),
            "not found [31m!"
        );
        assert_eq!(line("\u{202e}gnirts", 100), "gnirts");
        assert_eq!(line(&"é".repeat(1_000), 10), "é".repeat(10));
    }
}
