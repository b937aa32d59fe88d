//! Who is heard saying which word, as the query's options let it be heard.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::listen_query::ListenQuery;
use crate::corpus::{CorpusCall, Speaker, Word};

/// A word with its place in the answer.
#[derive(Debug, Clone)]
pub(super) struct Spoken<'a> {
    word: &'a Word,
    /// The text if the word is redacted.
    redacted: Option<String>,
    /// The channel of the answer, which is 0 unless channels are told apart.
    pub(super) channel: usize,
    /// The number of the speaker, if speakers are told apart.
    pub(super) speaker: Option<usize>,
    confidence: f64,
    /// Counts turns; a passage never goes beyond one.
    turn: usize,
}

/// All words of a call, one list for each channel of the answer, each in order of time.
pub(super) fn channels<'a>(
    call: Option<&'a CorpusCall>,
    query: &ListenQuery,
    channel_count: usize,
) -> Vec<Vec<Spoken<'a>>> {
    let mut channels = vec![Vec::new(); channel_count];
    let mut speakers = Speakers::default();
    let turns = call.map_or(&[][..], |call| &call.turns);
    let mut redactions = 0;
    for (turn_number, turn) in turns.iter().enumerate() {
        let channel = if query.multichannel {
            turn.channel.min(channel_count - 1)
        } else {
            0
        };
        let speaker = query
            .diarize
            .then(|| speakers.number(channel, turn.speaker));
        for (number, word) in turn.words.iter().enumerate() {
            let is_secret = query.redact && word.word.contains(|sign: char| sign.is_ascii_digit());
            redactions += usize::from(is_secret);
            let names = [
                word.word.as_str(),
                &turn_number.to_string(),
                &number.to_string(),
            ];
            channels[channel].push(Spoken {
                word,
                redacted: is_secret.then(|| format!("[NUMBER_{redactions}]")),
                channel,
                speaker,
                confidence: 0.9 + 0.0999 * crate::chance::fraction(query.seed, &names),
                turn: turn_number,
            });
        }
    }
    for words in &mut channels {
        words.sort_by(|one, other| one.word.start_s.total_cmp(&other.word.start_s));
    }
    channels
}

/// Numbers speakers from 0 on each channel, in the order in which they first speak.
#[derive(Debug, Default)]
struct Speakers {
    numbers: HashMap<(usize, Speaker), usize>,
}

impl Speakers {
    fn number(&mut self, channel: usize, speaker: Speaker) -> usize {
        let next = self
            .numbers
            .keys()
            .filter(|(known, _)| *known == channel)
            .count();
        *self.numbers.entry((channel, speaker)).or_insert(next)
    }
}

impl Spoken<'_> {
    /// As it stands in a transcript.
    pub(super) fn text(&self, query: &ListenQuery) -> &str {
        let plain = if query.formatted {
            &self.word.punctuated_word
        } else {
            &self.word.word
        };
        self.redacted.as_deref().unwrap_or(plain)
    }

    fn value(&self, query: &ListenQuery) -> Value {
        let bare = self.redacted.as_deref().unwrap_or(&self.word.word);
        let mut value = json!({
            "word": bare, "start": self.word.start_s, "end": self.word.end_s,
            "confidence": self.confidence,
        });
        if let Some(speaker) = self.speaker {
            value["speaker"] = json!(speaker);
            value["speaker_confidence"] = json!(self.confidence - 0.3);
        }
        if query.formatted {
            value["punctuated_word"] = json!(self.text(query));
        }
        if query.language == "multi" {
            value["language"] = json!("en");
        }
        value
    }
}

/// The words as one text.
pub(super) fn transcript(words: &[Spoken<'_>], query: &ListenQuery) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text(query)).collect();
    texts.join(" ")
}

/// One entry of `results.channels`.
pub(super) fn channel(words: &[Spoken<'_>], query: &ListenQuery) -> Value {
    let mut alternative = json!({
        "transcript": transcript(words, query),
        "confidence": mean_confidence(words),
        "words": words.iter().map(|word| word.value(query)).collect::<Vec<Value>>(),
    });
    if query.paragraphs && !words.is_empty() {
        alternative["paragraphs"] = paragraphs(words, query);
    }
    if query.language == "multi" && !words.is_empty() {
        alternative["languages"] = json!(["en"]);
    }
    let mut channel = json!({ "alternatives": [alternative] });
    if query.detect_language && !words.is_empty() {
        channel["detected_language"] = json!("en");
        channel["language_confidence"] = json!(0.99);
    }
    channel
}

/// Passages without a pause, channel after channel as the vendor orders them.
pub(super) fn utterances(channels: &[Vec<Spoken<'_>>], query: &ListenQuery) -> Vec<Value> {
    let mut utterances = Vec::new();
    for words in channels {
        for part in words.chunk_by(|one, next| goes_on(one, next, query)) {
            let mut utterance = json!({
                "start": part[0].word.start_s,
                "end": part[part.len() - 1].word.end_s,
                "confidence": mean_confidence(part),
                "channel": part[0].channel,
                "transcript": transcript(part, query),
                "words": part.iter().map(|word| word.value(query)).collect::<Vec<Value>>(),
                "id": crate::chance::uuid(query.seed, &["utterance", &utterances.len().to_string()]),
            });
            if let Some(speaker) = part[0].speaker {
                utterance["speaker"] = json!(speaker);
            }
            utterances.push(utterance);
        }
    }
    utterances
}

fn goes_on(one: &Spoken<'_>, next: &Spoken<'_>, query: &ListenQuery) -> bool {
    let pause_s = next.word.start_s - one.word.end_s;
    pause_s <= query.utterance_split_s && one.speaker == next.speaker && one.turn == next.turn
}

fn paragraphs(words: &[Spoken<'_>], query: &ListenQuery) -> Value {
    let mut text = String::new();
    let mut list = Vec::new();
    for part in words.chunk_by(|one, next| one.turn == next.turn) {
        let mut paragraph = json!({
            "sentences": sentences(part, query),
            "start": part[0].word.start_s,
            "end": part[part.len() - 1].word.end_s,
            "num_words": part.len(),
        });
        text.push('\n');
        if let Some(speaker) = part[0].speaker {
            paragraph["speaker"] = json!(speaker);
            text.push_str(&format!("Speaker {speaker}: "));
        }
        text.push_str(&transcript(part, query));
        text.push('\n');
        list.push(paragraph);
    }
    json!({ "transcript": text.trim_end_matches('\n'), "paragraphs": list })
}

fn sentences(words: &[Spoken<'_>], query: &ListenQuery) -> Vec<Value> {
    let ends = |word: &Spoken<'_>| word.word.punctuated_word.ends_with(['.', '?', '!']);
    let parts = words.chunk_by(|one, _| !ends(one));
    parts
        .map(|part| {
            json!({
                "text": transcript(part, query),
                "start": part[0].word.start_s,
                "end": part[part.len() - 1].word.end_s,
            })
        })
        .collect()
}

fn mean_confidence(words: &[Spoken<'_>]) -> f64 {
    if words.is_empty() {
        return 0.0;
    }
    words.iter().map(|word| word.confidence).sum::<f64>() / words.len() as f64
}
