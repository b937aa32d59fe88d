//! Words, with times that can be calculated with and speakers that have a side.

use std::borrow::Cow;
use std::collections::BTreeMap;

use callpipe_core::recording::Participant;
use callpipe_core::transcript::{Speaker, SpokenWord, Word};

use super::super::wire::{self, Results};
use crate::transcribers::sides::role;

/// The longest recording that words are placed in when its length is not known, in seconds.
const TIME_S_MAX: f64 = 24.0 * 3600.0;

/// How far behind the stated end of the recording a word may lie: containers and decoders do not
/// agree to the second.
const SLACK_S: f64 = 60.0;

/// The longest word that is believed, in seconds.
const WORD_S_MAX: f64 = 60.0;

/// All words of all channels.
pub(super) fn words(
    results: &Results,
    duration_s: Option<f64>,
    participants: &[Participant],
) -> Vec<SpokenWord> {
    let channels = by_channel(results, duration_s);
    let count = channels.len();
    let time_s_max = duration_s.map_or(TIME_S_MAX, |duration_s| duration_s + SLACK_S);
    let mut spoken = Vec::new();
    for (channel, words) in (0..).zip(channels) {
        let side = (count > 1).then(|| Speaker::Side(role(channel, count, participants)));
        let mut previous_end_s = 0.0;
        for wire_word in words.iter() {
            let Some(word) = word(wire_word, previous_end_s, time_s_max) else {
                continue;
            };
            previous_end_s = word.end_s;
            let speaker = side.unwrap_or_else(|| {
                Speaker::Numbered(wire_word.speaker.unwrap_or(0).saturating_add(1))
            });
            spoken.push(SpokenWord {
                speaker,
                channel,
                word,
            });
        }
    }
    spoken
}

/// The words of each channel: its own, else those of its utterances, else its bare text.
fn by_channel<'a>(
    results: &'a Results<'_>,
    duration_s: Option<f64>,
) -> Vec<Cow<'a, [wire::Word<'a>]>> {
    // Without any channel, whatever the utterances hold is taken for one.
    let count = results.channels.len().max(1);
    let mut uttered_by_channel: BTreeMap<usize, Vec<&wire::Utterance>> = BTreeMap::new();
    for utterance in &results.utterances {
        let channel = if count == 1 {
            0
        } else {
            utterance.channel as usize
        };
        uttered_by_channel
            .entry(channel)
            .or_default()
            .push(utterance);
    }
    (0..count)
        .map(|number| {
            let alternative = results
                .channels
                .get(number)
                .and_then(|channel| channel.alternatives.first());
            if let Some(alternative) = alternative
                && !alternative.words.is_empty()
            {
                return Cow::Borrowed(alternative.words.as_slice());
            }
            let uttered = uttered_by_channel.remove(&number).unwrap_or_default();
            let uttered: Vec<wire::Word<'_>> = uttered
                .iter()
                .flat_map(|utterance| utterance.words.iter().cloned())
                .collect();
            Cow::Owned(match alternative {
                Some(alternative) if uttered.is_empty() => spread(alternative, duration_s),
                _ => uttered,
            })
        })
        .collect()
}

/// Text without times, spread evenly over the recording: wrong by seconds, and far better than to
/// take the call for silent.
fn spread<'a>(
    alternative: &'a wire::Alternative<'_>,
    duration_s: Option<f64>,
) -> Vec<wire::Word<'a>> {
    let texts: Vec<&str> = alternative.transcript.split_whitespace().collect();
    let step_s = duration_s.unwrap_or(0.0) / texts.len().max(1) as f64;
    texts
        .iter()
        .enumerate()
        .map(|(position, text)| wire::Word {
            word: Cow::Borrowed(text),
            start: Some(position as f64 * step_s),
            end: Some((position + 1) as f64 * step_s),
            confidence: alternative.confidence,
            ..wire::Word::default()
        })
        .collect()
}

/// A word, in its sentence's spelling where there is one. A time that cannot be is replaced by the
/// nearest that can: the text is worth more than its place.
fn word(word: &wire::Word, previous_end_s: f64, time_s_max: f64) -> Option<Word> {
    let text = word
        .punctuated_word
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .unwrap_or(word.word.trim());
    let possible = |time_s: &f64| (0.0..=time_s_max).contains(time_s);
    let start_s = word.start.filter(possible).unwrap_or(previous_end_s);
    let end_s = word
        .end
        .filter(possible)
        .filter(|end_s| (start_s..=start_s + WORD_S_MAX).contains(end_s))
        .unwrap_or(start_s);
    (!text.is_empty()).then(|| Word {
        text: text.to_owned(),
        start_s,
        end_s,
        confidence: word.confidence.unwrap_or(0.0).clamp(0.0, 1.0),
    })
}
