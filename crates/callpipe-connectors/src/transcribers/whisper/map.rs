//! From what the model heard to a conversation. Pure; what the model imagines is taken out here, so
//! that a better rule needs no second listening.

mod doubt;

use callpipe_core::analysis::Analysis;
use callpipe_core::contracts::transcriber::TranscribedRecording;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Recording;
use callpipe_core::transcript::{RecordingTranscript, Speaker, SpokenWord, Word, turns_from_words};

use super::wire::{self, FORMAT, Reply};
use crate::transcribers::sides::role;

/// Told with every recording of one channel.
const ONE_CHANNEL: &str =
    "one channel: its words are given to one speaker, as voices are not told apart on this machine";

/// Reads a reply.
pub(super) fn transcribed(reply: &[u8], recording: &Recording) -> Outside<TranscribedRecording> {
    let unusable = |what: &str| {
        let message = format!("reading what whisper heard: {what}");
        Failure::new(FailureKind::UnusableReply, message)
    };
    let reply: Reply =
        serde_json::from_slice(reply).map_err(|_| unusable("it is not of the form we write"))?;
    if reply.format != FORMAT {
        return Err(unusable("another version of callpipe wrote it"));
    }
    let mut warnings = Vec::new();
    if reply.channels.len() == 1 {
        warnings.push(ONE_CHANNEL.to_owned());
    }
    let transcript = RecordingTranscript {
        recording: recording.key.clone(),
        duration_s: reply.duration_s,
        channels: u32::try_from(reply.channels.len()).unwrap_or(u32::MAX),
        language: language(&reply),
        turns: turns_from_words(words(&reply, recording)),
    };
    let digest = reply.model.sha256.get(..12).unwrap_or_default();
    Ok(TranscribedRecording {
        transcript,
        analysis: Analysis::default(),
        model: format!("whisper {} {digest}", reply.model.name),
        request_id: None,
        warnings,
    })
}

/// The language of the channel on which most was heard.
fn language(reply: &Reply) -> Option<String> {
    let by_heard = |channel: &&wire::Channel| channel.heard_s;
    let spoken = reply
        .channels
        .iter()
        .filter(|channel| channel.language.is_some())
        .max_by(|a, b| by_heard(a).total_cmp(&by_heard(b)));
    spoken.and_then(|channel| channel.language.clone())
}

fn words(reply: &Reply, recording: &Recording) -> Vec<SpokenWord> {
    let count = reply.channels.len();
    let mut spoken = Vec::new();
    for (number, channel) in (0..).zip(&reply.channels) {
        let speaker = match count {
            1 => Speaker::Numbered(1),
            _ => Speaker::Side(role(number, count, &recording.participants)),
        };
        for word in doubt::believed(&channel.segments) {
            let start_s = word.start_s.clamp(0.0, reply.duration_s.max(0.0));
            let word = Word {
                text: word.text.trim().to_owned(),
                start_s,
                end_s: word.end_s.clamp(start_s, reply.duration_s.max(start_s)),
                confidence: word.probability.clamp(0.0, 1.0),
            };
            if !word.text.is_empty() {
                spoken.push(SpokenWord {
                    speaker,
                    channel: number,
                    word,
                });
            }
        }
    }
    spoken
}

#[cfg(test)]
mod tests;
