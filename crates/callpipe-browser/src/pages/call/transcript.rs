//! The conversation to read, and its words' times for the script.

use callpipe_core::recording::Role;
use callpipe_core::transcript::{RecordingTranscript, Speaker, Turn, Word};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::figure::minutes;

/// Words of which the transcriber is less sure are marked.
const SURE: f64 = 0.6;

/// What the script knows of a recording; times are hundredths of a second.
#[derive(Debug, Serialize, PartialEq)]
struct WordData {
    /// When each word begins.
    starts: Vec<u64>,
    /// How long each word is, in UTF-16 units.
    lengths: Vec<usize>,
    /// How many words each turn has.
    turns: Vec<usize>,
    /// When nobody speaks.
    silences: Vec<(u64, u64)>,
}

/// The conversation: a line for each turn. `href_at` is the address of the call at a second.
pub(crate) fn transcript(
    recording: &RecordingTranscript,
    href_at: &dyn Fn(f64) -> String,
) -> Markup {
    html! {
        ol.transcript id="transcript" {
            @for turn in &recording.turns {
                li class={ "turn " (side_class(turn.speaker)) } data-start=(seconds(turn.start_s())) {
                    a.at href=(href_at(turn.start_s())) { (minutes(turn.start_s())) }
                    span.who { (turn.speaker) }
                    p.said dir="auto" { (said(turn)) }
                }
            }
        }
    }
}

/// The words' times as data of the page. It is numbers only, so that nothing of it can end the element.
pub(crate) fn word_data(recording: &RecordingTranscript, silences: &[(f64, f64)]) -> Markup {
    let words = || recording.turns.iter().flat_map(|turn| &turn.words);
    let data = WordData {
        starts: words().map(|word| hundredths(word.start_s)).collect(),
        lengths: words()
            .map(|word| clean(&word.text).encode_utf16().count())
            .collect(),
        turns: recording
            .turns
            .iter()
            .map(|turn| turn.words.len())
            .collect(),
        silences: silences
            .iter()
            .map(|(from, to)| (hundredths(*from), hundredths(*to)))
            .collect(),
    };
    // Numbers are always JSON.
    let json = serde_json::to_string(&data).unwrap_or_default();
    html! { script type="application/json" id="words" { (PreEscaped(json)) } }
}

/// A cast of a float stays within the bounds of the integer and makes NaN 0.
fn hundredths(seconds: f64) -> u64 {
    (seconds * 100.0).round() as u64
}

fn seconds(seconds: f64) -> String {
    format!("{:.2}", hundredths(seconds) as f64 / 100.0)
}

fn side_class(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Side(Role::Agent) => "by-agent",
        Speaker::Side(Role::Customer) => "by-customer",
        Speaker::Numbered(_) => "by-somebody",
    }
}

/// The words of a turn with one space between them, which the script counts on. Neighbours that the
/// transcriber is not sure of are marked together.
fn said(turn: &Turn) -> Markup {
    let is_sure = |word: &Word| word.confidence >= SURE;
    let runs = turn
        .words
        .chunk_by(|one, next| is_sure(one) == is_sure(next));
    html! {
        @for (place, run) in runs.enumerate() {
            @let text = run.iter().map(|word| clean(&word.text)).collect::<Vec<_>>().join(" ");
            @if place > 0 { " " }
            @if run.first().is_some_and(is_sure) { (text) } @else {
                span.unsure title="The transcriber is not sure" { (text) }
            }
        }
    }
}

/// A word without what browsers drop, or what turns the order of the text that follows.
fn clean(word: &str) -> String {
    let is_bad = |char: char| {
        char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    word.replace(is_bad, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use callpipe_core::recording::ArchiveKey;

    use super::*;

    fn word(text: &str, start_s: f64, confidence: f64) -> Word {
        Word {
            text: text.to_owned(),
            start_s,
            end_s: start_s + 0.2,
            confidence,
        }
    }

    fn recording(turns: Vec<Turn>) -> RecordingTranscript {
        let recording = ArchiveKey::adopted("recordings/a.wav").unwrap();
        RecordingTranscript {
            recording,
            duration_s: 60.0,
            channels: 2,
            language: None,
            turns,
        }
    }

    fn turn(words: Vec<Word>) -> Turn {
        Turn {
            speaker: Speaker::Side(Role::Agent),
            channel: 0,
            words,
        }
    }

    #[test]
    fn words_have_one_space_between_them_and_doubtful_ones_are_marked() {
        let words = [
            ("Good", 0.9),
            ("morning", 0.3),
            ("Zoë", 0.2),
            ("here.", 0.9),
        ];
        let words = words
            .iter()
            .map(|(text, sure)| word(text, 61.2, *sure))
            .collect();
        let html =
            transcript(&recording(vec![turn(words)]), &|at| format!("?at={at}")).into_string();
        let marked = "Good <span class=\"unsure\" title=\"The transcriber is not sure\">morning Zoë</span> here.</p>";
        assert!(html.contains(marked), "{html}");
        assert!(html.contains("class=\"turn by-agent\" data-start=\"61.20\"><a class=\"at\" href=\"?at=61.2\">1:01</a>"));
    }

    #[test]
    fn the_script_is_given_what_it_needs_to_find_a_word() {
        let turns = vec![turn(vec![
            word("a\u{1f4a9}", 0.5, 1.0),
            word("\u{202e}b\0", 1.0, 1.0),
        ])];
        let html = word_data(&recording(turns), &[(2.0, 4.5)]).into_string();
        let data = "{\"starts\":[50,100],\"lengths\":[3,3],\"turns\":[2],\"silences\":[[200,450]]}";
        assert!(html.contains(data), "{html}");
        assert_eq!(clean("\u{202e}b\0"), "\u{fffd}b\u{fffd}");
    }

    #[test]
    fn what_was_said_is_text() {
        let hostile = "</p></script><script>alert(1)</script>";
        let turns = vec![turn(vec![
            word(hostile, f64::NAN, f64::NAN),
            word(&"x".repeat(10_000), -1.0, 0.0),
        ])];
        let recording = recording(turns);
        let html = transcript(&recording, &|at| format!("?at={at:.1}\"><b>")).into_string();
        assert!(
            !html.contains("<script") && !html.contains("<b>") && html.contains("&lt;script&gt;")
        );
        assert_eq!(
            word_data(&recording, &[])
                .into_string()
                .matches("script")
                .count(),
            2
        );
    }
}
