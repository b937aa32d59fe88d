//! A conversation as subtitles: SubRip (`.srt`) and WebVTT (`.vtt`), for players.
//!
//! A cue has two lines of 42 characters at most, as broadcasters do it, ends at a pause, and says
//! who speaks.

use callpipe_core::transcript::{Turn, Word};

/// The longest line, in characters. A single longer word is not divided.
const LINE_CHARS_MAX: usize = 42;

/// The most lines of a cue.
const LINES_MAX: usize = 2;

/// The longest time that a cue stays, in seconds.
const CUE_S_MAX: f64 = 7.0;

/// A pause between two words that ends a cue, in seconds.
const PAUSE_S: f64 = 1.5;

/// The shortest time that a cue stays, in seconds: nobody reads faster.
const CUE_S_MIN: f64 = 0.7;

/// Some words of one speaker, as they are shown.
struct Cue {
    speaker: String,
    /// Whether the speaker spoke in the cue before, too.
    goes_on: bool,
    start_s: f64,
    end_s: f64,
    lines: Vec<String>,
}

/// The turns as SubRip: the speaker stands before the first words of each turn.
pub fn srt(turns: &[Turn]) -> String {
    let label = |speaker: &str| format!("{speaker}: ");
    let cues = cues(turns, &label);
    let mut text = String::new();
    for (number, cue) in (1..).zip(&cues) {
        let lines = cue.lines.join("\n");
        let who = if cue.goes_on {
            String::new()
        } else {
            label(&cue.speaker)
        };
        text.push_str(&format!(
            "{number}\n{} --> {}\n{who}{lines}\n\n",
            time(cue.start_s, ','),
            time(cue.end_s, ','),
        ));
    }
    text
}

/// The turns as WebVTT: the speaker is the cue's voice.
pub fn vtt(turns: &[Turn]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for cue in cues(turns, &|_| String::new()) {
        let lines: Vec<String> = cue.lines.iter().map(|line| escaped(line)).collect();
        text.push_str(&format!(
            "{} --> {}\n<v {}>{}\n\n",
            time(cue.start_s, '.'),
            time(cue.end_s, '.'),
            escaped(&cue.speaker),
            lines.join("\n"),
        ));
    }
    text
}

/// `label` is what stands before the first line of a turn and takes its room.
fn cues(turns: &[Turn], label: &dyn Fn(&str) -> String) -> Vec<Cue> {
    let mut cues = Vec::new();
    for turn in turns {
        let speaker = turn.speaker.to_string();
        let label_chars = label(&speaker).chars().count();
        let mut open: Option<Cue> = None;
        for word in &turn.words {
            let shown = plain(&word.text);
            let has_taken = open
                .as_mut()
                .is_some_and(|cue| take(cue, word, &shown, label_chars));
            if !has_taken {
                let goes_on = open.is_some();
                cues.extend(open.take());
                open = Some(Cue {
                    speaker: speaker.clone(),
                    goes_on,
                    start_s: word.start_s,
                    end_s: word.end_s,
                    lines: vec![shown],
                });
            }
        }
        cues.extend(open);
    }
    for cue in &mut cues {
        cue.end_s = cue.end_s.max(cue.start_s + CUE_S_MIN);
    }
    // Sides interrupt each other; players want the order of time.
    cues.sort_by(|left, right| left.start_s.total_cmp(&right.start_s));
    cues
}

/// Adds a word to a cue, if there is room for it and no pause before it.
fn take(cue: &mut Cue, word: &Word, shown: &str, label_chars: usize) -> bool {
    if word.start_s - cue.end_s > PAUSE_S || word.end_s - cue.start_s > CUE_S_MAX {
        return false;
    }
    let label_chars = match cue.lines.len() {
        1 if !cue.goes_on => label_chars,
        _ => 0,
    };
    let line_count = cue.lines.len();
    let Some(line) = cue.lines.last_mut() else {
        return false;
    };
    let chars = line.chars().count() + 1 + shown.chars().count();
    if chars + label_chars <= LINE_CHARS_MAX {
        line.push(' ');
        line.push_str(shown);
    } else if line_count < LINES_MAX {
        cue.lines.push(shown.to_owned());
    } else {
        return false;
    }
    cue.end_s = cue.end_s.max(word.end_s);
    true
}

/// A word in one line, without what would be taken for a cue's times.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace("-->", "->")
}

/// WebVTT's own characters, written as they are meant.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `01:02:03,456`: hours can be more than two digits.
fn time(seconds: f64, point: char) -> String {
    let milliseconds = (seconds.max(0.0) * 1_000.0).round() as u64;
    let (seconds, milliseconds) = (milliseconds / 1_000, milliseconds % 1_000);
    let (minutes, hours) = (seconds / 60 % 60, seconds / 3_600);
    format!(
        "{hours:02}:{minutes:02}:{:02}{point}{milliseconds:03}",
        seconds % 60
    )
}

/// `00:01:05`, for lines of text.
pub fn clock_time(seconds: f64) -> String {
    time(seconds.floor(), '.')
        .split('.')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use callpipe_core::recording::Role;
    use callpipe_core::transcript::Speaker;
    use expect_test::expect;

    use super::*;

    fn turn(role: Role, start_s: f64, text: &str) -> Turn {
        let words = (0..).zip(text.split(' ')).map(|(number, text)| Word {
            text: text.into(),
            start_s: start_s + f64::from(number) * 0.4,
            end_s: start_s + f64::from(number) * 0.4 + 0.3,
            confidence: 0.9,
        });
        Turn {
            speaker: Speaker::Side(role),
            channel: u32::from(role == Role::Customer),
            words: words.collect(),
        }
    }

    fn conversation() -> Vec<Turn> {
        vec![
            turn(
                Role::Agent,
                0.5,
                "Good morning, spare parts, you are speaking with Alex, how can I help you today?",
            ),
            turn(Role::Customer, 3_661.2, "A & B <chain> --> 3/8"),
        ]
    }

    #[test]
    fn subrip_has_numbers_commas_and_who_speaks() {
        expect![[r#"
            1
            00:00:00,500 --> 00:00:06,000
            Agent: Good morning, spare parts, you are
            speaking with Alex, how can I help you

            2
            00:00:06,100 --> 00:00:06,800
            today?

            3
            01:01:01,200 --> 01:01:03,500
            Customer: A & B <chain> -> 3/8

        "#]]
        .assert_eq(&srt(&conversation()));
    }

    #[test]
    fn webvtt_has_voices_and_escapes() {
        expect![[r#"
            WEBVTT

            00:00:00.500 --> 00:00:06.000
            <v Agent>Good morning, spare parts, you are
            speaking with Alex, how can I help you

            00:00:06.100 --> 00:00:06.800
            <v Agent>today?

            01:01:01.200 --> 01:01:03.500
            <v Customer>A &amp; B &lt;chain&gt; -&gt; 3/8

        "#]]
        .assert_eq(&vtt(&conversation()));
    }

    #[test]
    fn no_line_is_too_long_and_no_word_is_lost() {
        let text = "word ".repeat(300) + &"x".repeat(60);
        let turns = [turn(Role::Agent, 0.0, &text)];
        let shown = srt(&turns);
        let lines: Vec<&str> = shown.lines().collect();
        let long = lines
            .iter()
            .filter(|line| line.chars().count() > 42)
            .count();
        assert_eq!(long, 1, "only the word that is longer itself");
        assert_eq!(shown.matches("word").count(), 300);
    }

    #[test]
    fn a_pause_ends_a_cue_and_interruptions_are_in_the_order_of_time() {
        let mut slow = turn(Role::Agent, 0.0, "Wait. There.");
        slow.words[1].start_s = 9.0;
        slow.words[1].end_s = 9.2;
        let shown = vtt(&[slow, turn(Role::Customer, 4.0, "Yes?")]);
        let voices: Vec<&str> = shown
            .lines()
            .filter(|line| line.starts_with("<v"))
            .collect();
        assert_eq!(
            voices,
            ["<v Agent>Wait.", "<v Customer>Yes?", "<v Agent>There."]
        );
        assert_eq!(
            (srt(&[]), vtt(&[])),
            (String::new(), "WEBVTT\n\n".to_owned())
        );
        assert_eq!(clock_time(3_725.9), "01:02:05");
    }
}
