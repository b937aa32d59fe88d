//! From Deepgram's JSON to ours. Pure: Deepgram's quirks live here and are tested on recorded bytes.

mod analysis;
mod failure;
mod speech;

use callpipe_core::contracts::transcriber::TranscribedRecording;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Recording;
use callpipe_core::transcript::{RecordingTranscript, Turn, turns_from_words};
use serde::Deserialize;
use serde_json::Value;

use super::wire::{Metadata, Reply, Results, Warning};

pub(super) use failure::{Refusal, refusal};

/// The most characters of a text of Deepgram's that go into a message or a warning.
const SHOWN_CHARS_MAX: usize = 200;

/// The most values of a reply that is read. A word has 8 in 130 bytes, so that these are enough for
/// half a day of two channels; each takes up to 140 bytes of memory, however short it is written.
const VALUES_MAX: usize = 10_000_000;

/// The most warnings that are handed on.
const WARNINGS_MAX: usize = 20;

/// Reads a reply. Only bytes that are no reply at all are a failure.
pub(super) fn transcribed(
    reply: &[u8],
    recording: &Recording,
    model_asked: &str,
) -> Outside<TranscribedRecording> {
    let unusable = |what: &str| {
        Failure::new(
            FailureKind::UnusableReply,
            format!("reading Deepgram's reply: {what}"),
        )
    };
    if values_at_most(reply) > VALUES_MAX {
        return Err(unusable("it has more values than any recording has words"));
    }
    // A struct would be made of a list as well.
    if reply.trim_ascii_start().first() == Some(&b'[') {
        return Err(unusable("it is not a JSON object"));
    }
    // Once for the whole, instead of once for each text in it.
    let reply = str::from_utf8(reply).map_err(|_| unusable("it is not JSON"))?;
    let Reply { metadata, results } = match serde_json::from_str(reply) {
        Ok(reply) => reply,
        // A `Value` takes a key that stands there twice, as a struct does not.
        Err(_) => {
            let reply: Value =
                serde_json::from_str(reply).map_err(|_| unusable("it is not JSON"))?;
            Reply::deserialize(reply).map_err(|_| unusable("it is not a JSON object"))?
        }
    };
    let results = results.ok_or_else(|| unusable("it has no results"))?;
    let duration_s = metadata.believed_duration_s();
    let turns = turns_from_words(speech::words(&results, duration_s, &recording.participants));
    // A recording without a word has its channels all the same.
    if results.channels.is_empty() && turns.is_empty() {
        return Err(unusable("it has no channels"));
    }
    let analysis = analysis::analysis(&results, &metadata, &turns);
    let transcript = RecordingTranscript {
        recording: recording.key.clone(),
        duration_s: duration_s.unwrap_or_else(|| turns.iter().map(Turn::end_s).fold(0.0, f64::max)),
        channels: channel_count(&results, &metadata),
        language: language(&results),
        turns,
    };
    Ok(TranscribedRecording {
        transcript,
        analysis,
        model: model(&metadata).unwrap_or_else(|| model_asked.to_owned()),
        warnings: metadata
            .warnings
            .iter()
            .filter_map(warning)
            .take(WARNINGS_MAX)
            .collect(),
        request_id: metadata.request_id,
    })
}

/// As many values as a text has, or more: each but the first follows one of these.
fn values_at_most(json: &[u8]) -> usize {
    // Without a branch, and counted in bytes, so that many of them are compared at once.
    let begins = |byte: &u8| u8::from((*byte == b'[') | (*byte == b'{') | (*byte == b','));
    let of_chunk = |chunk: &[u8]| usize::from(chunk.iter().map(begins).sum::<u8>());
    json.chunks(u8::MAX.into()).map(of_chunk).sum::<usize>() + 1
}

/// The channels that were answered; where none was, as many as the audio is said to have.
fn channel_count(results: &Results, metadata: &Metadata) -> u32 {
    match u32::try_from(results.channels.len()) {
        Ok(count) if count > 0 => count,
        _ => metadata.channels.unwrap_or(1).clamp(1, 64),
    }
}

/// The language of the first channel that has one, as Deepgram found it out.
fn language(results: &Results) -> Option<String> {
    results.channels.iter().find_map(|channel| {
        let mixed = channel
            .alternatives
            .first()
            .and_then(|alternative| alternative.languages.first());
        channel
            .detected_language
            .as_ref()
            .or(mixed)
            .filter(|language| !language.trim().is_empty())
            .cloned()
    })
}

/// The name and version of the model that listened: `general-nova-3 2025-07-31.0`.
fn model(metadata: &Metadata) -> Option<String> {
    let info = metadata
        .models
        .iter()
        .find_map(|id| metadata.model_info.get(id))
        .or_else(|| metadata.model_info.values().next())?;
    let name = info
        .name
        .as_deref()
        .filter(|name| !name.trim().is_empty())?;
    Some(match &info.version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

fn warning(warning: &Warning) -> Option<String> {
    let parts: Vec<&str> = [&warning.parameter, &warning.kind, &warning.message]
        .into_iter()
        .filter_map(|part| part.as_deref())
        .collect();
    shown(&parts.join(": "), &[])
}

/// A text of Deepgram's as it may stand in a log: one short line, without addresses, and without
/// anything of `hidden`, in whatever case.
fn shown(text: &str, hidden: &[&str]) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = line.to_lowercase();
    let is_fit = !line.is_empty()
        && line.chars().count() <= SHOWN_CHARS_MAX
        && !line.chars().any(char::is_control)
        && !line.contains("://")
        && line.starts_with(char::is_alphanumeric)
        && !hidden
            .iter()
            .any(|hidden| !hidden.is_empty() && lower.contains(&hidden.to_lowercase()));
    is_fit.then_some(line)
}
