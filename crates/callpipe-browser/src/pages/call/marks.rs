//! What is marked in a recording: silence, overlap, and where it sounds good or bad.

use callpipe_core::analysis::Analysis;
use callpipe_core::measures::silences_and_overlaps;
use callpipe_core::transcript::{RecordingTranscript, Word};

use crate::charts::{MarkKind, TimeMark};
use crate::index::words_of;

/// A pause that is worth a mark, in seconds.
const SILENCE_S_MIN: f64 = 3.0;

/// An overlap that is worth a mark, in seconds.
const OVERLAP_S_MIN: f64 = 0.5;

/// When nobody speaks for long.
pub(super) fn silences(part: &RecordingTranscript) -> Vec<(f64, f64)> {
    silences_and_overlaps(part, SILENCE_S_MIN, OVERLAP_S_MIN).silences
}

/// All marks.
pub(super) fn marks(part: &RecordingTranscript, analysis: &Analysis) -> Vec<TimeMark> {
    let found = silences_and_overlaps(part, SILENCE_S_MIN, OVERLAP_S_MIN);
    let mark = |kind| move |(from_s, to_s)| TimeMark { from_s, to_s, kind };
    let mut marks: Vec<TimeMark> = found
        .silences
        .into_iter()
        .map(mark(MarkKind::Silence))
        .collect();
    marks.extend(found.overlaps.into_iter().map(mark(MarkKind::Overlap)));
    marks.extend(moods(part, analysis));
    marks
}

/// Stretches of sentiment have words and no times: they are looked for among the words that were said,
/// in the order of the call. One that is not found is left out.
fn moods(part: &RecordingTranscript, analysis: &Analysis) -> Vec<TimeMark> {
    let said: Vec<(String, &Word)> = part
        .turns
        .iter()
        .flat_map(|turn| &turn.words)
        .flat_map(|word| {
            words_of(&word.text)
                .into_iter()
                .map(move |text| (text, word))
        })
        .collect();
    let segments = analysis
        .sentiment
        .iter()
        .flat_map(|sentiment| &sentiment.segments);
    let (mut marks, mut from) = (Vec::new(), 0);
    for segment in segments {
        let wanted = words_of(&segment.text);
        let Some(at) = position(&said[from..], &wanted) else {
            continue;
        };
        let (first, last) = (from + at, from + at + wanted.len() - 1);
        from = last + 1;
        let kind = match segment.sentiment.as_str() {
            "positive" => MarkKind::Positive,
            "negative" => MarkKind::Negative,
            _ => continue,
        };
        marks.push(TimeMark {
            from_s: said[first].1.start_s,
            to_s: said[last].1.end_s,
            kind,
        });
    }
    marks
}

fn position(said: &[(String, &Word)], wanted: &[String]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    said.windows(wanted.len()).position(|window| {
        window
            .iter()
            .zip(wanted)
            .all(|((text, _), wanted)| text == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use callpipe_core::analysis::{Sentiment, SentimentSegment};
    use callpipe_core::recording::{ArchiveKey, Role};
    use callpipe_core::transcript::{Speaker, Turn};

    #[test]
    fn sentiment_is_marked_where_its_words_were_said() {
        let words = [
            "Thanks.", "My", "parcel", "is", "late.", "Thanks", "a", "lot!",
        ];
        let word = |(place, text): (usize, &&str)| Word {
            text: (*text).into(),
            start_s: place as f64,
            end_s: place as f64 + 0.9,
            confidence: 1.0,
        };
        let part = RecordingTranscript {
            recording: ArchiveKey::file("test"),
            duration_s: 20.0,
            channels: 1,
            language: None,
            turns: vec![Turn {
                speaker: Speaker::Side(Role::Customer),
                channel: 0,
                words: words.iter().enumerate().map(word).collect(),
            }],
        };
        let segment = |text: &str, sentiment: &str| SentimentSegment {
            text: text.into(),
            sentiment: sentiment.into(),
            sentiment_score: 0.0,
        };
        let analysis = Analysis {
            sentiment: Some(Sentiment {
                average: None,
                segments: vec![
                    segment("my parcel is late", "negative"),
                    segment("not said", "negative"),
                    segment("", "positive"),
                    segment("Thanks", "positive"),
                ],
            }),
            ..Analysis::default()
        };
        let marks = marks(&part, &analysis);
        let found: Vec<(f64, f64, MarkKind)> = marks
            .iter()
            .map(|mark| (mark.from_s, mark.to_s, mark.kind))
            .collect();
        let expected = [
            (7.9, 20.0, MarkKind::Silence),
            (1.0, 4.9, MarkKind::Negative),
            (5.0, 5.9, MarkKind::Positive),
        ];
        assert_eq!(found, expected);
    }
}
