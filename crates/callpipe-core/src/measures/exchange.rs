//! How the speakers of a call take turns: who interrupts, and who speaks when.

use std::collections::BTreeMap;

use super::{Interval, TIMELINE_PARTS, intervals, union};
use crate::recording::Role;
use crate::transcript::{RecordingTranscript, Speaker};

/// Who begins so soon after the other did not hear them begin, and who begins so shortly before the
/// other ends takes over: neither interrupts. In seconds.
const MARGIN_S: f64 = 0.5;

/// What is shorter is a "yes" or "right" of a listener, in seconds.
const INTERRUPTION_S_MIN: f64 = 1.0;

/// How often one speaker begins in the middle of another one's talk, and goes on. All stretches are in
/// the order of time.
pub(super) fn interruptions(everybody: &[(Speaker, Vec<Interval>)], who: usize) -> u32 {
    let others = || {
        let all = everybody.iter().enumerate();
        all.filter(|(position, _)| *position != who)
            .map(|(_, (_, talk))| talk)
    };
    let mut count = 0;
    for (start_s, end_s) in &everybody[who].1 {
        let in_the_middle = |talk: &Vec<Interval>| {
            let after = talk.partition_point(|other| other.0 + MARGIN_S <= *start_s);
            let last = after.checked_sub(1).map(|position| talk[position]);
            last.is_some_and(|other| start_s + MARGIN_S <= other.1)
        };
        if end_s - start_s >= INTERRUPTION_S_MIN && others().any(in_the_middle) {
            count += 1;
        }
    }
    count
}

/// Stretches of a recording, from and to a moment in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuietAndOverlap {
    /// Nobody speaks.
    pub silences: Vec<(f64, f64)>,
    /// Two or more speak.
    pub overlaps: Vec<(f64, f64)>,
}

/// When nobody speaks, and when two or more do, each at least so long.
pub fn silences_and_overlaps(
    recording: &RecordingTranscript,
    silence_s_min: f64,
    overlap_s_min: f64,
) -> QuietAndOverlap {
    let mut by_speaker: BTreeMap<Speaker, Vec<Interval>> = BTreeMap::new();
    for turn in &recording.turns {
        by_speaker
            .entry(turn.speaker)
            .or_default()
            .extend(intervals(turn));
    }
    let mut edges: Vec<(f64, i32)> = by_speaker
        .into_values()
        .flat_map(union)
        .flat_map(|stretch| [(stretch.0, 1), (stretch.1, -1)])
        .collect();
    edges.push((recording.duration_s, 0));
    edges.sort_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)));
    let mut found = QuietAndOverlap::default();
    let (mut speaking, mut since_s) = (0, 0.0);
    for (at_s, change) in edges {
        let is_long = |min_s: f64| at_s - since_s >= min_s;
        if speaking == 0 && is_long(silence_s_min) {
            found.silences.push((since_s, at_s));
        }
        if speaking >= 2 && is_long(overlap_s_min) {
            found.overlaps.push((since_s, at_s));
        }
        speaking += change;
        since_s = at_s;
    }
    found
}

/// A letter for each part of the call: whoever speaks most in it, or nobody where it is mostly silent.
pub(super) fn timeline(talk: &[(Speaker, Vec<Interval>)], duration_s: f64) -> String {
    if duration_s <= 0.0 {
        return String::new();
    }
    let part_s = duration_s / TIMELINE_PARTS as f64;
    let mut letters: Vec<(Speaker, [f64; TIMELINE_PARTS])> = Vec::new();
    for (speaker, stretches) in talk {
        let position = letters.iter().position(|(other, _)| other == speaker);
        let position = position.unwrap_or_else(|| {
            letters.push((*speaker, [0.0; TIMELINE_PARTS]));
            letters.len() - 1
        });
        for (start_s, end_s) in stretches {
            add(&mut letters[position].1, start_s / part_s, end_s / part_s);
        }
    }
    (0..TIMELINE_PARTS)
        .map(|part| letter(&letters, part))
        .collect()
}

/// Adds a stretch, in parts of the call, to the shares of the parts that it touches.
fn add(shares: &mut [f64; TIMELINE_PARTS], start: f64, end: f64) {
    // A cast of a float stays within the bounds of the integer and makes NaN 0.
    let first = start as usize;
    for (part, share) in shares.iter_mut().enumerate().skip(first) {
        let (part_start, part_end) = (part as f64, part as f64 + 1.0);
        if part_start >= end {
            break;
        }
        *share += end.min(part_end) - start.max(part_start);
    }
}

fn letter(speakers: &[(Speaker, [f64; TIMELINE_PARTS])], part: usize) -> char {
    let share = |speaker: &(Speaker, [f64; TIMELINE_PARTS])| speaker.1[part];
    let sum: f64 = speakers.iter().map(share).sum();
    let most = speakers
        .iter()
        .max_by(|left, right| share(left).total_cmp(&share(right)));
    match most {
        // What several say together beyond the whole part was said at once.
        _ if sum >= 1.5 => 'b',
        Some(most) if sum >= 0.5 => match most.0 {
            Speaker::Side(Role::Agent) => 'a',
            Speaker::Side(Role::Customer) => 'c',
            Speaker::Numbered(number) => char::from_digit(number.min(9), 10).unwrap_or('9'),
        },
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::ArchiveKey;
    use crate::transcript::{Turn, Word};

    const AGENT: Speaker = Speaker::Side(Role::Agent);
    const CUSTOMER: Speaker = Speaker::Side(Role::Customer);

    #[test]
    fn who_begins_in_the_middle_and_goes_on_interrupts() {
        for (stretch, expected) in [
            ((4.0, 6.0), 1),
            // Both begin at once.
            ((0.3, 6.0), 0),
            // A "yes" in between.
            ((4.0, 4.9), 0),
            // Taking over at the end.
            ((9.6, 20.0), 0),
            ((9.5, 20.0), 1),
            ((11.0, 13.0), 0),
        ] {
            let talk = [(AGENT, vec![(0.0, 10.0)]), (CUSTOMER, vec![stretch])];
            assert_eq!(interruptions(&talk, 1), expected, "{stretch:?}");
        }
    }

    #[test]
    fn who_is_interrupted_does_not_interrupt() {
        let talk = [
            (AGENT, vec![(0.0, 10.0)]),
            (CUSTOMER, vec![(4.0, 6.0)]),
            (Speaker::Numbered(3), vec![(4.5, 20.0)]),
        ];
        let counts: Vec<u32> = (0..3).map(|who| interruptions(&talk, who)).collect();
        assert_eq!(counts, [0, 1, 1]);
    }

    #[test]
    fn silences_and_overlaps_are_found_between_the_words() {
        let turn = |speaker, start_s, end_s| Turn {
            speaker,
            channel: 0,
            words: vec![Word {
                text: "word".into(),
                start_s,
                end_s,
                confidence: 1.0,
            }],
        };
        let recording = RecordingTranscript {
            recording: ArchiveKey::file("test"),
            duration_s: 30.0,
            channels: 2,
            language: None,
            turns: vec![
                turn(AGENT, 4.0, 10.0),
                turn(CUSTOMER, 9.0, 12.0),
                turn(AGENT, 13.0, 20.0),
            ],
        };
        let found = silences_and_overlaps(&recording, 3.0, 0.5);
        assert_eq!(found.silences, [(0.0, 4.0), (20.0, 30.0)]);
        assert_eq!(found.overlaps, [(9.0, 10.0)]);
        let other = silences_and_overlaps(&recording, 1.0, 2.0);
        assert_eq!((other.silences.len(), other.overlaps.len()), (3, 0));
    }

    #[test]
    fn a_timeline_has_a_letter_for_each_part() {
        let talk = [
            (AGENT, vec![(0.0, 30.0)]),
            (CUSTOMER, vec![(20.0, 45.0)]),
            (Speaker::Numbered(12), vec![(50.0, 60.0)]),
        ];
        let expected = format!(
            "{}{}{}{}{}",
            "a".repeat(20),
            "b".repeat(10),
            "c".repeat(15),
            ".".repeat(5),
            "9".repeat(10)
        );
        assert_eq!(timeline(&talk, 60.0), expected);
        assert_eq!(timeline(&talk, 0.0), "");
    }

    #[test]
    fn a_part_belongs_to_who_speaks_most_in_it() {
        let talk = [
            (AGENT, vec![(0.0, 0.3)]),
            (CUSTOMER, vec![(0.4, 0.8), (70.0, 80.0)]),
        ];
        let timeline = timeline(&talk, 60.0);
        assert!(timeline.starts_with("c."), "{timeline}");
        assert_eq!(timeline.len(), TIMELINE_PARTS);
    }
}
