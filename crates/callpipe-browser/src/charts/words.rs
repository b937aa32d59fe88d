//! Names and numbers as people read them.

/// A label is cut to so many characters.
const LABEL_CHARS_MAX: usize = 120;

/// What is not known.
pub(crate) const UNKNOWN: &str = "–";

/// The title of a name: `order_support` is "Order support". What is no such name stays as it is.
pub(crate) fn title(name: &str) -> String {
    let is_name = name
        .chars()
        .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let Some(first) = words.next().filter(|_| is_name) else {
        return name.to_owned();
    };
    let mut title = first[..1].to_ascii_uppercase();
    title.push_str(&first[1..]);
    for word in words {
        title.push(' ');
        title.push_str(word);
    }
    title
}

/// A count with its thousands apart: `1,234,567`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many calls, in words.
pub(crate) fn calls(number: u64) -> String {
    match number {
        0 => "no calls".to_owned(),
        1 => "1 call".to_owned(),
        number => format!("{} calls", count(number)),
    }
}

/// A part of a whole: `12.3 %`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return UNKNOWN.to_owned();
    }
    let share = part as f64 / whole as f64 * 100.0;
    match share {
        _ if part == 0 => "0\u{a0}%".to_owned(),
        share if share < 0.1 => "<\u{a0}0.1\u{a0}%".to_owned(),
        share if share < 99.95 => format!("{share:.1}\u{a0}%"),
        share => format!("{share:.0}\u{a0}%"),
    }
}

/// The beginning of a text of others.
pub(crate) fn short(text: &str) -> String {
    cut(text, LABEL_CHARS_MAX)
}

/// At most so many characters of a text; an ellipsis says that there are more.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// A text of others for a place where it cannot be kept apart from ours, such as a label that is read
/// aloud: cut, and without characters that turn the order of what follows.
pub(crate) fn plain(text: &str) -> String {
    let turns = |char: &char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean: String = text
        .chars()
        .take(LABEL_CHARS_MAX * 2)
        .filter(|char| !turns(char) && !char.is_control())
        .collect();
    short(&clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_titles_and_other_texts_stay() {
        let cases = [
            ("order_support", "Order support"),
            ("zomax_58v_tools", "Zomax 58v tools"),
            ("__x__", "X"),
            ("none", "None"),
            ("Mary_Ann", "Mary_Ann"),
            ("größe_x", "größe_x"),
            ("_", "_"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(title(name), expected);
        }
    }

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0, 1, 2_000].map(calls),
            ["no calls", "1 call", "2,000 calls"]
        );
        let shares = [
            (0, 0),
            (0, 9),
            (1, 3),
            (1, 9_999),
            (9_999, 9_999),
            (99_999, 100_000),
        ];
        let shown = shares.map(|(part, whole)| share(part, whole).replace('\u{a0}', " "));
        assert_eq!(shown, ["–", "0 %", "33.3 %", "< 0.1 %", "100 %", "100 %"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü!", 3), "äöü…");
        assert_eq!(
            short(&"\u{1f4a9}".repeat(10_000)).chars().count(),
            LABEL_CHARS_MAX + 1
        );
        assert_eq!(plain("a\u{202e}b\u{2066}\nc"), "abc");
    }
}
