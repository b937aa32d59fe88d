//! Figures of a conversation: who talks how much, silence, overlap, turns, pace.
//!
//! All times are lengths of unions of intervals, so that words or turns that overlap are never
//! counted twice. Recordings of one call are measured apart and added up.

mod exchange;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use exchange::{QuietAndOverlap, silences_and_overlaps};

use crate::transcript::{RecordingTranscript, Speaker, Transcript, Turn};

/// Pauses shorter than this belong to the talk of who makes them, in seconds.
const BREATH_S: f64 = 0.8;

/// One speaker's share of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpeakerMeasures {
    /// Seconds of speech.
    pub talk_s: f64,
    /// How many words.
    pub words: usize,
    /// Words a minute of this speaker's own talk; 0 without talk.
    pub words_per_minute: f64,
    /// How many turns.
    pub turns: usize,
    /// The longest turn, in seconds of talk.
    pub longest_monologue_s: f64,
    /// How often this speaker begins while somebody else speaks, and goes on: a "yes" in between is
    /// none. Unknown of calls that an earlier program measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interruptions: Option<u32>,
}

/// The figures of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measures {
    /// Length of all recordings, in seconds.
    pub duration_s: f64,
    /// Seconds in which anybody speaks.
    pub talk_s: f64,
    /// Seconds in which nobody speaks.
    pub silence_s: f64,
    /// Seconds in which two or more speak at once.
    pub overlap_s: f64,
    /// How many turns.
    pub turns: usize,
    /// How many words.
    pub words: usize,
    /// The longest turn of anybody, in seconds of talk.
    pub longest_monologue_s: f64,
    /// Words a minute of talk; 0 without talk.
    pub words_per_minute: f64,
    /// Each speaker's share, by the name in the conversation.
    pub speakers: BTreeMap<String, SpeakerMeasures>,
    /// Who speaks when, in [`TIMELINE_PARTS`] equal parts of the call, a letter for each: `a` the
    /// agent, `c` the customer, `1` to `9` a numbered speaker, `b` two at once, `.` nobody. Empty of
    /// calls that an earlier program measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub timeline: String,
}

/// Into how many parts a call's timeline is divided.
pub const TIMELINE_PARTS: usize = 60;

/// Measures a conversation.
pub fn measures(transcript: &Transcript) -> Measures {
    let mut measures = Measures::default();
    let mut talk = Vec::new();
    for recording in &transcript.recordings {
        let offset_s = measures.duration_s;
        for (speaker, stretches) in add_recording(&mut measures, recording) {
            let moved = |stretch: Interval| (stretch.0 + offset_s, stretch.1 + offset_s);
            talk.push((speaker, stretches.into_iter().map(moved).collect()));
        }
    }
    measures.timeline = exchange::timeline(&talk, measures.duration_s);
    measures.words_per_minute = per_minute(measures.words, measures.talk_s);
    for speaker in measures.speakers.values_mut() {
        speaker.words_per_minute = per_minute(speaker.words, speaker.talk_s);
    }
    rounded(measures)
}

/// To milliseconds and tenths of words: what is finer is noise of adding up.
fn rounded(mut measures: Measures) -> Measures {
    let milliseconds = |value: &mut f64| *value = (*value * 1_000.0).round() / 1_000.0;
    let tenths = |value: &mut f64| *value = (*value * 10.0).round() / 10.0;
    for value in [
        &mut measures.duration_s,
        &mut measures.talk_s,
        &mut measures.silence_s,
        &mut measures.overlap_s,
        &mut measures.longest_monologue_s,
    ] {
        milliseconds(value);
    }
    tenths(&mut measures.words_per_minute);
    for speaker in measures.speakers.values_mut() {
        milliseconds(&mut speaker.talk_s);
        milliseconds(&mut speaker.longest_monologue_s);
        tenths(&mut speaker.words_per_minute);
    }
    measures
}

/// Gives each speaker's stretches of talk.
fn add_recording(
    measures: &mut Measures,
    recording: &RecordingTranscript,
) -> Vec<(Speaker, Vec<Interval>)> {
    let mut talk_by_speaker: BTreeMap<Speaker, Vec<Interval>> = BTreeMap::new();
    for turn in &recording.turns {
        let talk = union(intervals(turn));
        let monologue_s = length_s(&talk);
        let speaker = measures
            .speakers
            .entry(turn.speaker.to_string())
            .or_default();
        speaker.turns += 1;
        speaker.words += turn.words.len();
        speaker.longest_monologue_s = speaker.longest_monologue_s.max(monologue_s);
        measures.turns += 1;
        measures.words += turn.words.len();
        measures.longest_monologue_s = measures.longest_monologue_s.max(monologue_s);
        talk_by_speaker
            .entry(turn.speaker)
            .or_default()
            .extend(talk);
    }
    let everybody: Vec<(Speaker, Vec<Interval>)> = talk_by_speaker
        .into_iter()
        .map(|(speaker, talk)| (speaker, union(talk)))
        .collect();
    let mut sum_s = 0.0;
    for (position, (speaker, talk)) in everybody.iter().enumerate() {
        let talk_s = length_s(talk);
        sum_s += talk_s;
        let interruptions = exchange::interruptions(&everybody, position);
        let speaker = measures.speakers.entry(speaker.to_string()).or_default();
        speaker.talk_s += talk_s;
        *speaker.interruptions.get_or_insert_default() += interruptions;
    }
    let stretches: Vec<&[Interval]> = everybody.iter().map(|(_, talk)| talk.as_slice()).collect();
    let talk_s = length_s(&union(stretches.concat()));
    let duration_s = recording
        .duration_s
        .max(recording.turns.iter().map(Turn::end_s).fold(0.0, f64::max));
    measures.duration_s += duration_s;
    measures.talk_s += talk_s;
    measures.silence_s += (duration_s - talk_s).max(0.0);
    measures.overlap_s += overlap_s(&stretches, sum_s, talk_s);
    everybody
}

/// Seconds in which two or more speak. With two speakers that is what their sum exceeds the union
/// by; with more, moments of three would count twice, so the intervals are walked.
fn overlap_s(everybody: &[&[Interval]], sum_s: f64, talk_s: f64) -> f64 {
    if everybody.len() < 3 {
        return (sum_s - talk_s).max(0.0);
    }
    let mut edges: Vec<(f64, i32)> = everybody
        .concat()
        .into_iter()
        .flat_map(|interval| [(interval.0, 1), (interval.1, -1)])
        .collect();
    edges.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let (mut speaking, mut since_s, mut overlap_s) = (0, 0.0, 0.0);
    for (at_s, change) in edges {
        if speaking >= 2 {
            overlap_s += at_s - since_s;
        }
        speaking += change;
        since_s = at_s;
    }
    overlap_s
}

/// From and to, in seconds.
type Interval = (f64, f64);

/// The stretches of a turn's talk: its words, with pauses for breath filled.
fn intervals(turn: &Turn) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    for word in &turn.words {
        match intervals.last_mut() {
            Some(last) if word.start_s - last.1 < BREATH_S => last.1 = last.1.max(word.end_s),
            _ => intervals.push((word.start_s, word.end_s.max(word.start_s))),
        }
    }
    intervals
}

fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut united: Vec<Interval> = Vec::new();
    for (start_s, end_s) in intervals {
        match united.last_mut() {
            Some(last) if start_s <= last.1 => last.1 = last.1.max(end_s),
            _ => united.push((start_s, end_s)),
        }
    }
    united
}

fn length_s(intervals: &[Interval]) -> f64 {
    intervals
        .iter()
        .map(|interval| interval.1 - interval.0)
        .sum()
}

fn per_minute(words: usize, talk_s: f64) -> f64 {
    if talk_s > 0.0 {
        words as f64 * 60.0 / talk_s
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{ArchiveKey, Role};
    use crate::transcript::Word;

    fn turn(speaker: Speaker, spans: &[Interval]) -> Turn {
        let words = spans
            .iter()
            .map(|span| Word {
                text: "word".into(),
                start_s: span.0,
                end_s: span.1,
                confidence: 1.0,
            })
            .collect();
        Turn {
            speaker,
            channel: 0,
            words,
        }
    }

    fn measured(duration_s: f64, turns: Vec<Turn>) -> Measures {
        let recording = ArchiveKey::file("test");
        let part = RecordingTranscript {
            recording,
            duration_s,
            channels: 1,
            language: None,
            turns,
        };
        measures(&Transcript {
            recordings: vec![part],
        })
    }

    const AGENT: Speaker = Speaker::Side(Role::Agent);
    const CUSTOMER: Speaker = Speaker::Side(Role::Customer);

    #[test]
    fn talk_silence_and_overlap_are_unions() {
        let turns = vec![
            turn(AGENT, &[(0.0, 2.0), (1.5, 4.0)]),
            turn(CUSTOMER, &[(3.0, 6.0)]),
            turn(AGENT, &[(8.0, 9.0)]),
        ];
        let measures = measured(10.0, turns);
        assert_eq!(measures.talk_s, 7.0);
        assert_eq!(measures.silence_s, 3.0);
        assert_eq!(measures.overlap_s, 1.0);
        assert_eq!(measures.speakers["Agent"].talk_s, 5.0);
        assert_eq!(measures.speakers["Customer"].talk_s, 3.0);
        assert_eq!((measures.turns, measures.words), (3, 4));
        assert_eq!(measures.longest_monologue_s, 4.0);
        assert_eq!(measures.speakers["Agent"].words_per_minute, 36.0);
    }

    #[test]
    fn a_pause_for_breath_is_talk_and_a_long_one_is_silence() {
        let measures = measured(
            10.0,
            vec![turn(AGENT, &[(0.0, 1.0), (1.5, 2.0), (5.0, 6.0)])],
        );
        assert_eq!(measures.talk_s, 3.0);
        assert_eq!(measures.silence_s, 7.0);
        assert_eq!(measures.longest_monologue_s, 3.0);
    }

    #[test]
    fn three_voices_at_once_overlap_once() {
        let turns = (1..=3)
            .map(|number| turn(Speaker::Numbered(number), &[(0.0, 2.0)]))
            .collect();
        assert_eq!(measured(2.0, turns).overlap_s, 2.0);
    }

    #[test]
    fn nobody_speaks() {
        let measures = measured(6.0, vec![]);
        assert_eq!(
            (
                measures.silence_s,
                measures.talk_s,
                measures.words_per_minute
            ),
            (6.0, 0.0, 0.0)
        );
    }

    #[test]
    fn words_past_the_stated_length_do_not_make_silence_negative() {
        assert_eq!(
            measured(1.0, vec![turn(AGENT, &[(0.0, 2.0)])]).silence_s,
            0.0
        );
    }
}
