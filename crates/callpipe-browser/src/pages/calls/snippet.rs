//! The place of a conversation where the words that were searched for were said.

use maud::{Markup, html};

use crate::index::Words;

/// About so many characters are shown on each side.
const CONTEXT_CHARS: usize = 70;

/// A word of a text: where it is, and itself in lower case.
struct Word {
    from: usize,
    to: usize,
    text: String,
}

/// The surroundings of the first place where something was said, the words marked; nothing where none
/// of them is there, as when a word is only written with accents.
pub(super) fn snippet(text: &str, words: &Words) -> Option<Markup> {
    let spoken = spoken(text);
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for (wanted, is_prefix) in words.marked() {
        let mut at = 0;
        while at + wanted.len() <= spoken.len() {
            if is_said(&spoken[at..at + wanted.len()], &wanted, is_prefix) {
                marks.push((spoken[at].from, spoken[at + wanted.len() - 1].to));
                at += wanted.len();
            } else {
                at += 1;
            }
        }
    }
    marks.sort_unstable();
    let (first, _) = *marks.first()?;
    let (from, to) = (back(text, first), forward(text, first));
    Some(marked(text, from, to, &marks))
}

fn is_said(spoken: &[Word], wanted: &[String], is_prefix: bool) -> bool {
    spoken
        .iter()
        .zip(wanted)
        .enumerate()
        .all(|(place, (word, wanted))| {
            let is_last = place + 1 == spoken.len();
            match is_prefix && is_last {
                true => word.text.starts_with(wanted.as_str()),
                false => word.text == *wanted,
            }
        })
}

fn spoken(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begun = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (letter.is_alphanumeric(), begun) {
            (true, None) => begun = Some(at),
            (false, Some(from)) => {
                words.push(Word {
                    from,
                    to: at,
                    text: text[from..at].to_lowercase(),
                });
                begun = None;
            }
            _ => {}
        }
    }
    words
}

fn back(text: &str, at: usize) -> usize {
    let before = text[..at].char_indices().rev();
    before
        .take(CONTEXT_CHARS)
        .last()
        .map_or(at, |(from, _)| from)
}

fn forward(text: &str, at: usize) -> usize {
    let after = text[at..].char_indices().nth(CONTEXT_CHARS * 2);
    after.map_or(text.len(), |(length, _)| at + length)
}

fn marked(text: &str, from: usize, to: usize, marks: &[(usize, usize)]) -> Markup {
    let mut at = from;
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for (begin, end) in marks {
        // Marks of several terms may overlap.
        if *begin >= at && *end <= to {
            parts.push((&text[at..*begin], &text[*begin..*end]));
            at = *end;
        }
    }
    html! {
        q.snippet {
            @if from > 0 { "… " }
            @for (before, said) in parts { (before) mark { (said) } }
            (text[at..to])
            @if to < text.len() { " …" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, typed: &str) -> Option<String> {
        snippet(text, &Words::parse(typed).unwrap()).map(Markup::into_string)
    }

    #[test]
    fn words_are_marked_where_they_were_said() {
        let text = "Agent: Hello.\nCustomer: My Parcel is late, the parcel!";
        assert_eq!(
            shown(text, "parcel"),
            Some(
                "<q class=\"snippet\">Agent: Hello.\nCustomer: My <mark>Parcel</mark> is late, the \
                 <mark>parcel</mark>!</q>"
                    .to_owned()
            )
        );
        assert!(
            shown(text, "\"parcel is\"")
                .unwrap()
                .contains("<mark>Parcel is</mark>")
        );
        assert!(shown(text, "lat*").unwrap().contains("<mark>late</mark>"));
        assert_eq!(shown(text, "chainsaw"), None);
        assert_eq!(shown("", "x"), None);
    }

    #[test]
    fn a_long_text_is_cut_around_the_words_and_nothing_in_it_is_markup() {
        let text = format!(
            "{}<b>ünïcode</b> parcel \u{1f4a9}{}",
            "é ".repeat(500),
            "x".repeat(500)
        );
        let shown = shown(&text, "parcel unicode").unwrap();
        assert!(shown.contains("&lt;b&gt;ünïcode") && shown.contains("<mark>parcel</mark>"));
        assert!(shown.len() < 700, "{}", shown.len());
    }
}
