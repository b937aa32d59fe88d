//! What a model of this kind is known to imagine, and not to be believed: descriptions of sounds,
//! words in silence, and loops in which it says one thing again and again.

use super::super::wire::{Segment, Word};

/// Above this, and below [`PROBABILITY_MIN`], a segment is taken for imagined.
const NO_SPEECH_MAX: f64 = 0.8;

/// The mean probability of a segment's words below which it is doubtful.
const PROBABILITY_MIN: f64 = 0.4;

/// How often short segments ("Yes.") may follow each other unchanged; long ones only once.
const SHORT_REPEATS_MAX: usize = 3;

/// Segments of fewer words are short.
const LONG_WORDS: usize = 4;

/// The longest loop inside a segment, in words.
const LOOP_WORDS_MAX: usize = 8;

/// How often something may be said in a row inside a segment.
const LOOP_REPEATS_MAX: usize = 4;

/// The words that are believed.
pub(super) fn believed(segments: &[Segment]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut last = String::new();
    let mut repeats = 0;
    for segment in segments {
        if is_description(&segment.text) || is_imagined(segment) {
            continue;
        }
        let text = plain(&segment.text);
        repeats = if text == last { repeats + 1 } else { 1 };
        let repeats_max = match segment.words.len() {
            0..LONG_WORDS => SHORT_REPEATS_MAX,
            _ => 1,
        };
        last = text;
        if repeats <= repeats_max {
            words.extend(without_loops(&segment.words));
        }
    }
    words
}

/// `[BLANK_AUDIO]`, `(music)`, `*beep*`, `♪`: a sound is described, nobody says it.
fn is_description(text: &str) -> bool {
    let text = text.trim();
    let enclosed = [('[', ']'), ('(', ')'), ('*', '*')]
        .iter()
        .any(|(open, close)| {
            let inside = text
                .strip_prefix(*open)
                .and_then(|text| text.strip_suffix(*close));
            inside.is_some_and(|inside| !inside.contains([*open, *close]))
        });
    enclosed || !text.chars().any(char::is_alphanumeric)
}

fn is_imagined(segment: &Segment) -> bool {
    let sum: f64 = segment.words.iter().map(|word| word.probability).sum();
    let mean = sum / segment.words.len().max(1) as f64;
    segment.no_speech_probability > NO_SPEECH_MAX && mean < PROBABILITY_MIN
}

/// The words without what is said too often in a row; once and again is kept.
fn without_loops(words: &[Word]) -> Vec<Word> {
    let plain: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let found = (1..=LOOP_WORDS_MAX).find_map(|length| {
            let repeats = repeats(&plain[at..], length);
            (repeats > LOOP_REPEATS_MAX).then_some((length, repeats))
        });
        let (keep, skip) = match found {
            Some((length, repeats)) => (length * 2, length * repeats),
            None => (1, 1),
        };
        kept.extend(words[at..].iter().take(keep).cloned());
        at += skip;
    }
    kept
}

/// How often the first words stand there in a row.
fn repeats(words: &[String], length: usize) -> usize {
    let Some(first) = words.get(..length) else {
        return 0;
    };
    words
        .chunks_exact(length)
        .take_while(|chunk| *chunk == first)
        .count()
}

/// Letters and digits in lower case.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric() || character.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str) -> Segment {
        let words = text.split_whitespace().map(|text| Word {
            text: text.into(),
            start_s: 0.0,
            end_s: 0.0,
            probability: 0.9,
        });
        Segment {
            start_s: 0.0,
            end_s: 1.0,
            text: text.into(),
            no_speech_probability: 0.1,
            words: words.collect(),
        }
    }

    fn text(segments: &[Segment]) -> String {
        let words = believed(segments);
        let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    #[test]
    fn descriptions_of_sounds_are_no_words() {
        for described in [
            " [BLANK_AUDIO]",
            "(phone ringing)",
            "*beep*",
            "♪♪",
            "...",
            "",
        ] {
            assert_eq!(text(&[segment(described)]), "", "{described}");
        }
        for said in ["(Yes) and (no)", "[laughs] Good one.", "3/8"] {
            assert_eq!(text(&[segment(said)]), said);
        }
    }

    #[test]
    fn a_segment_said_again_is_said_once_unless_it_is_short() {
        let thanks = segment("Thank you for watching this video.");
        assert_eq!(
            text(&[thanks.clone(), thanks.clone(), thanks]),
            "Thank you for watching this video."
        );
        let yes = segment("Yes.");
        assert_eq!(text(&vec![yes.clone(); 9]), "Yes. Yes. Yes.");
        // Something else in between, and it may be said again.
        let parts = [yes.clone(), segment("No."), yes];
        assert_eq!(text(&parts), "Yes. No. Yes.");
    }

    #[test]
    fn a_loop_inside_a_segment_is_cut_to_two_rounds() {
        let looping = segment(&format!("So {} right.", "I know, ".repeat(20)));
        assert_eq!(text(&[looping]), "So I know, I know, right.");
        let emphatic = segment("no no no no wait");
        assert_eq!(text(&[emphatic]), "no no no no wait");
    }

    #[test]
    fn words_in_silence_are_not_believed_unless_they_are_certain() {
        let mut doubtful = segment("Thanks for watching.");
        doubtful.no_speech_probability = 0.95;
        assert_eq!(text(&[doubtful.clone()]), "Thanks for watching.");
        for word in &mut doubtful.words {
            word.probability = 0.2;
        }
        assert_eq!(text(&[doubtful]), "");
    }
}
