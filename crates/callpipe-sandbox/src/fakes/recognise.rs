//! Tells from the text of a prompt alone which call of the corpus it is about.

use crate::corpus::{Corpus, CorpusCall};

/// Shorter sentences are said in every call.
const SENTENCE_WORDS_MIN: usize = 3;

/// Share of a call's words that a prompt must have to be about it.
const SHARE_MIN: f64 = 0.25;

/// Knows every sentence of the corpus.
#[derive(Debug)]
pub(crate) struct Recogniser {
    calls: Vec<KnownCall>,
}

#[derive(Debug)]
struct KnownCall {
    id: String,
    sentences: Vec<Sentence>,
}

#[derive(Debug)]
struct Sentence {
    /// Between two spaces, so that it is found as whole words only.
    text: String,
    words: usize,
}

impl Recogniser {
    pub(crate) fn new(corpus: &Corpus) -> Recogniser {
        let calls = corpus.calls().iter();
        let calls = calls.map(|call| KnownCall {
            id: call.id.clone(),
            sentences: sentences(call),
        });
        Recogniser {
            calls: calls.collect(),
        }
    }

    /// The call of which most is said in the prompt.
    pub(crate) fn recognise(&self, prompt: &str) -> Option<&str> {
        let prompt = normal(prompt);
        let mut best: Option<(&KnownCall, usize)> = None;
        for call in &self.calls {
            let found = call
                .sentences
                .iter()
                .filter(|one| prompt.contains(&one.text));
            let found: usize = found.map(|sentence| sentence.words).sum();
            let whole = total(&call.sentences).max(1);
            let is_about = found as f64 / whole as f64 >= SHARE_MIN;
            if is_about && best.is_none_or(|(_, most)| found > most) {
                best = Some((call, found));
            }
        }
        best.map(|(call, _)| call.id.as_str())
    }
}

/// How much of a call the recogniser could find, in words.
pub(crate) fn said(call: &CorpusCall) -> usize {
    total(&sentences(call))
}

fn total(sentences: &[Sentence]) -> usize {
    sentences.iter().map(|sentence| sentence.words).sum()
}

fn sentences(call: &CorpusCall) -> Vec<Sentence> {
    let all = call
        .turns
        .iter()
        .flat_map(|turn| turn.text.split_inclusive(['.', '?', '!']));
    let all: Vec<Sentence> = all
        .map(normal)
        .map(|text| Sentence {
            words: text.split_whitespace().count(),
            text,
        })
        .filter(|sentence| sentence.words > 0)
        .collect();
    let has_long = all
        .iter()
        .any(|sentence| sentence.words >= SENTENCE_WORDS_MIN);
    let keep = |sentence: &Sentence| !has_long || sentence.words >= SENTENCE_WORDS_MIN;
    all.into_iter().filter(keep).collect()
}

/// Lower-case letters and digits, one space between words and around all.
fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len() + 2);
    normal.push(' ');
    for sign in text.chars() {
        if sign.is_alphanumeric() {
            normal.extend(sign.to_lowercase());
        } else if !matches!(sign, '\'' | '’') && !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
    if !normal.ends_with(' ') {
        normal.push(' ');
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::corpus;

    fn check(prompt: &str, wanted: Option<&str>) {
        assert_eq!(
            Recogniser::new(&corpus()).recognise(prompt),
            wanted,
            "{prompt}"
        );
    }

    #[test]
    fn recognises_calls_in_any_dress() {
        check(
            "Classify:\nSpeaker 1: you have sent me the wrong sprocket for the second time",
            Some("complaint"),
        );
        check(
            "Rules…\nAgent: We have twelve of them on the shelf.\nIt is thirty nine dollars with \
             free freight.\nCustomer: Great, I will take one and pay by card right now, thank you \
             very much.",
            Some("sale"),
        );
        check("Agent: Good morning, the weather report please.", None);
        check("", None);
    }

    #[test]
    fn of_two_calls_the_longer_is_meant() {
        let corpus = corpus();
        let texts = corpus
            .calls()
            .iter()
            .flat_map(|call| &call.turns)
            .map(|turn| turn.text.as_str());
        check(&texts.collect::<Vec<_>>().join("\n"), Some("sale"));
    }
}
