//! Who said what, when: the conversation of a call in words, turns and speakers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::recording::{ArchiveKey, Role};

/// A pause that ends an utterance, in seconds.
const UTTERANCE_PAUSE_S: f64 = 0.8;

/// One spoken word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// As it is written in a sentence, with its punctuation.
    pub text: String,
    /// Seconds from the beginning of the recording.
    pub start_s: f64,
    /// Seconds from the beginning of the recording; never before `start_s`.
    pub end_s: f64,
    /// How sure the transcriber is, 0.0 to 1.0.
    pub confidence: f64,
}

/// Whom a voice belongs to, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The side is known, because the side has a channel of its own.
    Side(Role),
    /// A voice told apart by its sound, counted from one.
    Numbered(u32),
}

impl fmt::Display for Speaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Side(Role::Agent) => formatter.write_str("Agent"),
            Self::Side(Role::Customer) => formatter.write_str("Customer"),
            Self::Numbered(number) => write!(formatter, "Speaker {number}"),
        }
    }
}

/// What one speaker says until somebody else does. Never without words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub speaker: Speaker,
    /// The audio channel, counted from zero.
    pub channel: u32,
    /// The words in the order of time.
    pub words: Vec<Word>,
}

impl Turn {
    /// When the first word begins, in seconds.
    pub fn start_s(&self) -> f64 {
        self.words.first().map_or(0.0, |word| word.start_s)
    }

    /// When the last word ends, in seconds.
    pub fn end_s(&self) -> f64 {
        self.words.iter().map(|word| word.end_s).fold(0.0, f64::max)
    }

    /// The words as a line of text.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// One word as a transcriber reports it, before the turns are made.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenWord {
    /// Who speaks.
    pub speaker: Speaker,
    /// The audio channel, counted from zero.
    pub channel: u32,
    /// What is said.
    pub word: Word,
}

/// What was said in one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingTranscript {
    /// The recording, so that a player can find it.
    pub recording: ArchiveKey,
    /// Its length in seconds.
    pub duration_s: f64,
    /// How many channels it has.
    pub channels: u32,
    /// The language that was spoken, where the transcriber says so (`en`).
    pub language: Option<String>,
    /// The turns in the order of time, over all channels.
    pub turns: Vec<Turn>,
}

/// What was said in a call: one part for each of its recordings, in their order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Transcript {
    /// Each recording's part.
    pub recordings: Vec<RecordingTranscript>,
}

impl Transcript {
    /// All turns of all recordings.
    pub fn turns(&self) -> impl Iterator<Item = &Turn> {
        self.recordings
            .iter()
            .flat_map(|recording| &recording.turns)
    }

    /// Whether anybody said anything.
    pub fn is_empty(&self) -> bool {
        self.turns().next().is_none()
    }

    /// How many words were said.
    pub fn word_count(&self) -> usize {
        self.turns().map(|turn| turn.words.len()).sum()
    }

    /// The conversation as people read it: one line a turn, `Agent: …`.
    pub fn conversation(&self) -> String {
        let lines: Vec<String> = self
            .turns()
            .map(|turn| format!("{}: {}", turn.speaker, turn.text()))
            .collect();
        lines.join("\n")
    }

    /// The words alone, all channels, one line a turn.
    pub fn plain_text(&self) -> String {
        let lines: Vec<String> = self.turns().map(Turn::text).collect();
        lines.join("\n")
    }
}

/// Makes turns of words: words become utterances at pauses and changes of speaker, utterances of
/// all channels are put in the order of time, and neighbours of one speaker become one turn.
///
/// Ordering whole utterances instead of words keeps a sentence together when the other side says
/// "yes" in the middle of it.
pub fn turns_from_words(words: Vec<SpokenWord>) -> Vec<Turn> {
    let mut utterances = utterances_from_words(words);
    utterances.sort_by(|left, right| {
        left.start_s()
            .total_cmp(&right.start_s())
            .then(left.channel.cmp(&right.channel))
    });
    let mut turns: Vec<Turn> = Vec::new();
    for utterance in utterances {
        match turns.last_mut() {
            Some(last)
                if last.speaker == utterance.speaker && last.channel == utterance.channel =>
            {
                last.words.extend(utterance.words);
            }
            _ => turns.push(utterance),
        }
    }
    turns
}

fn utterances_from_words(mut words: Vec<SpokenWord>) -> Vec<Turn> {
    words.sort_by(|left, right| {
        left.channel
            .cmp(&right.channel)
            .then(left.word.start_s.total_cmp(&right.word.start_s))
    });
    let mut utterances: Vec<Turn> = Vec::new();
    // Not asked of the utterance for each of its words: hours of speech without a pause would
    // take hours.
    let mut last_end_s = 0.0_f64;
    for SpokenWord {
        speaker,
        channel,
        word,
    } in words
    {
        match utterances.last_mut() {
            Some(last)
                if last.speaker == speaker
                    && last.channel == channel
                    && word.start_s - last_end_s < UTTERANCE_PAUSE_S =>
            {
                last_end_s = last_end_s.max(word.end_s);
                last.words.push(word);
            }
            _ => {
                last_end_s = word.end_s;
                utterances.push(Turn {
                    speaker,
                    channel,
                    words: vec![word],
                });
            }
        }
    }
    utterances
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(speaker: Speaker, channel: u32, text: &str, start_s: f64) -> SpokenWord {
        let word = Word {
            text: text.into(),
            start_s,
            end_s: start_s + 0.3,
            confidence: 0.9,
        };
        SpokenWord {
            speaker,
            channel,
            word,
        }
    }

    fn conversation(words: Vec<SpokenWord>) -> String {
        let part = RecordingTranscript {
            recording: ArchiveKey::file("test"),
            duration_s: 60.0,
            channels: 2,
            language: None,
            turns: turns_from_words(words),
        };
        Transcript {
            recordings: vec![part],
        }
        .conversation()
    }

    const AGENT: Speaker = Speaker::Side(Role::Agent);
    const CUSTOMER: Speaker = Speaker::Side(Role::Customer);

    #[test]
    fn turns_of_all_channels_are_in_the_order_of_time() {
        let words = vec![
            spoken(AGENT, 0, "Hello.", 0.0),
            spoken(AGENT, 0, "Sure.", 5.0),
            spoken(CUSTOMER, 1, "A", 2.0),
            spoken(CUSTOMER, 1, "chain.", 2.4),
        ];
        assert_eq!(
            conversation(words),
            "Agent: Hello.\nCustomer: A chain.\nAgent: Sure."
        );
    }

    #[test]
    fn a_word_in_between_does_not_tear_a_sentence() {
        let words = vec![
            spoken(AGENT, 0, "It", 0.0),
            spoken(CUSTOMER, 1, "Yes.", 0.2),
            spoken(AGENT, 0, "fits.", 0.5),
        ];
        assert_eq!(conversation(words), "Agent: It fits.\nCustomer: Yes.");
    }

    #[test]
    fn a_speaker_goes_on_after_a_pause_in_the_same_turn() {
        let words = vec![
            spoken(Speaker::Numbered(1), 0, "One.", 0.0),
            spoken(Speaker::Numbered(1), 0, "Two.", 9.0),
            spoken(Speaker::Numbered(2), 0, "Three.", 10.0),
        ];
        assert_eq!(
            conversation(words),
            "Speaker 1: One. Two.\nSpeaker 2: Three."
        );
    }

    #[test]
    fn silence_is_a_transcript_without_turns() {
        let transcript = Transcript::default();
        assert!(transcript.is_empty());
        assert_eq!(
            (transcript.conversation(), transcript.word_count()),
            (String::new(), 0)
        );
    }
}
