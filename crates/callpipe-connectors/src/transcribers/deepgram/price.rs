//! What Deepgram charges: each second of each channel, and the tokens of what it understood.
//!
//! Multichannel audio is charged for each channel, by the second (Deepgram's staff, discussion 932).
//! Whether telling speakers apart is charged for each channel too is not documented; it is counted so,
//! since a bill that is lower than expected harms nobody.

use std::time::Duration;

use callpipe_core::money::Usd;
use callpipe_core::triage::Heard;

use super::client;
use super::config::{DeepgramConfig, LANGUAGE_MULTI};
use super::wire::{self, Metadata};

/// No recording of speech has fewer bytes a second, all channels together: the codecs of telephony
/// begin at 4.75 kbit/s (AMR), and a container adds to that.
const BYTES_PER_SECOND_MIN: u64 = 500;

/// By so much, and a second, Deepgram may find a recording longer than its container says: decoders do
/// not agree on what lies before the first sample and behind the last.
const LENGTH_SLACK: f64 = 1.1;

/// As many channels as recordings of calls have.
const CHANNELS_MAX: u32 = 2;

/// Two people who talk as fast as they can.
const TOKENS_PER_SECOND_MAX: f64 = 8.0;

/// What people say in a second of a call.
const TOKENS_PER_SECOND_USUAL: f64 = 3.0;

/// Summary, topics, intents and sentiment each read the whole transcript.
const FEATURES: f64 = 4.0;

/// Of what they read, so much do they write: sentiment as much as it reads, the others little.
const WRITTEN_SHARE_USUAL: f64 = 0.35;

/// The most channels that a figure of a reply is believed of.
const CHANNELS_BELIEVED_MAX: u32 = 64;

/// The most tokens of one feature that are believed: Deepgram refuses texts of more than 150,000. A
/// figure that cannot be is no price: it would use up the whole budget at once.
const TOKENS_BELIEVED_MAX: u64 = 1_000_000;

/// The price of a reply by its own figures.
pub(super) fn of_reply(reply: &[u8], config: &DeepgramConfig) -> Usd {
    let metadata = wire::metadata(reply);
    let duration_s = metadata.believed_duration_s().unwrap_or(0.0);
    let channels = metadata.channels.unwrap_or(1).min(CHANNELS_BELIEVED_MAX);
    let (input_tokens, output_tokens) = tokens(&metadata);
    audio(duration_s, channels, config) + understanding(input_tokens, output_tokens, config)
}

/// More than a recording of so many bytes can cost: by its own length and channels where it was
/// listened to, else by the narrowest codec.
pub(super) fn max(size_bytes: u64, heard: Option<&Heard>, config: &DeepgramConfig) -> Usd {
    let longest_s = size_bytes.div_ceil(BYTES_PER_SECOND_MIN) as f64;
    let duration_s = heard.and_then(|heard| heard.duration_s);
    let duration_s = duration_s.map_or(longest_s, |duration_s| {
        (duration_s * LENGTH_SLACK + 1.0).min(longest_s)
    });
    let channels = heard.map_or(0, |heard| heard.channels.len());
    let channels = match u32::try_from(channels) {
        Ok(channels) if channels > 0 => channels,
        _ => CHANNELS_MAX,
    };
    let tokens = duration_s * TOKENS_PER_SECOND_MAX * FEATURES;
    audio(duration_s, channels, config) + understanding(tokens, tokens, config)
}

/// What a recording usually costs.
pub(super) fn usual(duration_s: f64, channels: u32, config: &DeepgramConfig) -> Usd {
    let input = duration_s * TOKENS_PER_SECOND_USUAL * FEATURES;
    audio(duration_s, channels, config) + understanding(input, input * WRITTEN_SHARE_USUAL, config)
}

/// How long a request takes. Not documented: an assumption, of half a minute for an hour of audio.
pub(super) fn usual_delay(duration_s: f64) -> Duration {
    Duration::from_secs(2) + Duration::from_secs_f64((duration_s / 120.0).clamp(0.0, 600.0))
}

fn audio(duration_s: f64, channels: u32, config: &DeepgramConfig) -> Usd {
    let prices = &config.prices;
    let speech = match config.language == LANGUAGE_MULTI {
        true => prices.multilingual_minute_usd,
        false => prices.minute_usd,
    };
    let redaction = match config.redact.is_empty() {
        true => 0.0,
        false => prices.redaction_minute_usd,
    };
    let minute_usd = speech + prices.diarization_minute_usd + redaction;
    Usd::from_dollars(duration_s / 60.0 * f64::from(channels) * minute_usd)
}

fn understanding(input_tokens: f64, output_tokens: f64, config: &DeepgramConfig) -> Usd {
    if !client::asks_for_understanding(config) {
        return Usd::ZERO;
    }
    let prices = &config.prices;
    Usd::from_dollars(
        input_tokens / 1e3 * prices.input_tokens_1000_usd
            + output_tokens / 1e3 * prices.output_tokens_1000_usd,
    )
}

/// The tokens that all features together read and wrote.
fn tokens(metadata: &Metadata) -> (f64, f64) {
    let features = [
        &metadata.summary_info,
        &metadata.topics_info,
        &metadata.intents_info,
        &metadata.sentiment_info,
    ];
    let features = features.into_iter().flatten();
    features.fold((0.0, 0.0), |(input, output), info| {
        let believed = |tokens: &u64| *tokens <= TOKENS_BELIEVED_MAX;
        let count = |tokens: Option<u64>| tokens.filter(believed).unwrap_or(0) as f64;
        (
            input + count(info.input_tokens),
            output + count(info.output_tokens),
        )
    })
}
