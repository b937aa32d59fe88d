//! Cells that a spreadsheet would run as formulas.
//!
//! A caller who says "equals HYPERLINK …" must not get a formula into somebody's spreadsheet. A text
//! that could be taken for one gets an apostrophe before it, by which spreadsheets know text. Who
//! wants the texts back takes one apostrophe away from each cell that begins with one and is a formula
//! without it.

use std::borrow::Cow;

/// What begins a formula, also in the wide and small forms of East Asian keyboards.
const FORMULA: [char; 12] = [
    '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{fe66}', '\u{fe62}',
    '\u{fe63}', '\u{fe6b}',
];

/// Quotes that programs strip when they import.
const QUOTES: [char; 8] = [
    '"', '\'', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{ff02}',
];

/// Characters without any width, which hide what follows.
const INVISIBLE: [char; 8] = [
    '\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{200e}', '\u{200f}', '\u{202e}',
];

/// The text as a cell that is nothing but text.
pub fn defused(text: &str) -> Cow<'_, str> {
    match is_formula(text) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

fn is_formula(text: &str) -> bool {
    let hidden = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || QUOTES.contains(&character)
            || INVISIBLE.contains(&character)
    };
    text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(hidden).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_gets_an_apostrophe() {
        for formula in [
            "=HYPERLINK(\"http://x\")",
            "+1",
            "-2+3",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            " \u{a0}=x",
            "\"=x",
            "'=x",
            "\u{201c}+x",
            "\u{feff}=x",
            "\u{202e}=x",
            "\0=x",
            "\u{ff1d}x",
            "\u{ff0b}x",
            "\u{ff0d}x",
            "\u{ff20}x",
            "\u{fe66}x",
        ] {
            assert_eq!(defused(formula), format!("'{formula}"), "{formula:?}");
        }
    }

    #[test]
    fn all_other_text_stays_as_it_is() {
        for text in [
            "",
            " ",
            "Agent: =x",
            "a-b",
            "5",
            "[\"=x\"]",
            "'tis",
            "\u{1f6e0} -5",
            "2026-05-01",
        ] {
            assert_eq!(defused(text), text);
        }
    }
}
