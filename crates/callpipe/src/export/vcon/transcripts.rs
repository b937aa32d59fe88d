//! A transcript in the World Transcription Format, `draft-howe-vcon-wtf-extension-02`: one for each
//! recording.

use callpipe_core::exported::ExportedTranscript;
use callpipe_core::recording::Recording;
use callpipe_core::transcript::{RecordingTranscript, Turn, Word};
use serde_json::{Value, json};

use super::moment;

/// The extension's name, and the type of its entries.
pub(super) const NAME: &str = "wtf_transcription";

/// A segment ends after it begins, in seconds.
const SEGMENT_S_MIN: f64 = 0.001;

/// What was said in a recording. `created_at` is the document's, for transcripts without a moment.
pub(super) fn body(
    part: &RecordingTranscript,
    known: &ExportedTranscript,
    recording: Option<&Recording>,
    created_at: &str,
) -> Value {
    let (mut segments, mut words) = (Vec::new(), Vec::new());
    for turn in &part.turns {
        let first = words.len();
        words.extend(
            (first..)
                .zip(&turn.words)
                .map(|(id, word)| self::word(id, word, turn)),
        );
        segments.push(segment(segments.len(), turn, first));
    }
    let at = known.at.map_or_else(|| created_at.to_owned(), moment);
    let text: Vec<String> = part.turns.iter().map(Turn::text).collect();
    let all = part.turns.iter().flat_map(|turn| &turn.words);
    let duration_s = part.duration_s.max(0.0);
    json!({
        "transcript": {
            "text": text.join("\n"),
            "language": part.language.as_deref().unwrap_or("und"),
            "duration": duration_s,
            "confidence": mean_confidence(all),
        },
        "segments": segments,
        "words": words,
        "metadata": {
            "created_at": at,
            "processed_at": at,
            "provider": known.provider.as_deref().unwrap_or("unknown").to_lowercase(),
            "model": known.model.as_deref().unwrap_or("unknown"),
            "audio": {
                "duration": duration_s,
                "channels": part.channels,
                "format": recording.map(|recording| recording.content_type.as_str()),
            },
        },
    })
}

fn segment(id: usize, turn: &Turn, first_word: usize) -> Value {
    let start_s = turn.start_s().max(0.0);
    json!({
        "id": id,
        "start": start_s,
        "end": turn.end_s().max(start_s + SEGMENT_S_MIN),
        "text": turn.text().trim(),
        "confidence": mean_confidence(turn.words.iter()),
        "speaker": turn.speaker.to_string(),
        "words": (first_word..first_word + turn.words.len()).collect::<Vec<_>>(),
    })
}

fn word(id: usize, word: &Word, turn: &Turn) -> Value {
    json!({
        "id": id,
        "start": word.start_s,
        "end": word.end_s,
        "text": word.text,
        "confidence": word.confidence.clamp(0.0, 1.0),
        "speaker": turn.speaker.to_string(),
    })
}

/// 0 where nothing was said.
fn mean_confidence<'a>(words: impl Iterator<Item = &'a Word>) -> f64 {
    let (sum, count) = words.fold((0.0, 0_u32), |(sum, count), word| {
        (sum + word.confidence.clamp(0.0, 1.0), count + 1)
    });
    let mean = if count > 0 {
        sum / f64::from(count)
    } else {
        0.0
    };
    (mean * 10_000.0).round() / 10_000.0
}
