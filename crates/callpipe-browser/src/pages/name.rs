//! Names that people give: to themselves, and to views.

/// A name that can stand in a line, without the space around it; nothing where a text is none.
pub(super) fn name(text: &str, chars_max: usize) -> Option<&str> {
    let name = text.trim();
    let is_one = !name.is_empty()
        && name.chars().count() <= chars_max
        && !name.chars().any(char::is_control);
    is_one.then_some(name)
}
