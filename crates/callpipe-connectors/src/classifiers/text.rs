//! What models wrap around an answer.

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
