//! What Google charges for Gemini: tokens read and tokens written, thoughts included.

use std::collections::BTreeMap;

use callpipe_core::contracts::classifier::ModelName;
use callpipe_core::money::Usd;

use super::config::GeminiPrices;
use super::wire::{PricedReply, Usage};

/// List prices for a million tokens read and written, by the beginning of a model's name, as of
/// 2026-11-01. For models whose price is announced to change, the higher one.
const LIST: [(&str, f64, f64); 10] = [
    ("gemini-2.5-flash", 0.30, 2.50),
    ("gemini-2.5-flash-lite", 0.10, 0.40),
    ("gemini-3-flash", 0.50, 3.00),
    ("gemini-3.1-flash-lite", 0.25, 1.50),
    ("gemini-3.5-flash", 1.50, 9.00),
    ("gemini-3.5-flash-lite", 0.30, 2.50),
    ("gemini-3.6-flash", 1.50, 7.50),
    ("gemini-3.7-flash", 1.50, 7.50),
    ("gemini-3.8-flash", 1.50, 7.50),
    ("gemini-4-argon", 4.00, 20.00),
];

/// What was read before costs so much of what it costs at first.
const CACHED_SHARE: f64 = 0.1;

/// What a label of a call usually takes to write, in tokens.
const OUTPUT_TOKENS_USUAL: f64 = 400.0;

/// Bytes of a token of plain English.
const BYTES_PER_TOKEN_USUAL: f64 = 4.0;

/// The most tokens that a figure of a reply is believed of: no model reads more at once. A figure
/// that cannot be is no price: it would use up the whole budget at once.
const TOKENS_BELIEVED_MAX: u64 = 10_000_000;

/// The prices of a model: of the longest beginning of its name that is known, the operator's own
/// first.
pub(super) fn of_model(
    model: &ModelName,
    own: &BTreeMap<String, GeminiPrices>,
) -> Option<GeminiPrices> {
    let begins = |name: &str| model.0.starts_with(name);
    let own = own.iter().filter(|(name, _)| begins(name));
    if let Some((_, prices)) = own.max_by_key(|(name, _)| name.len()) {
        return Some(*prices);
    }
    let listed = LIST.iter().filter(|(name, ..)| begins(name));
    let (_, input_usd, output_usd) = listed.max_by_key(|(name, ..)| name.len())?;
    Some(GeminiPrices {
        input_usd: *input_usd,
        output_usd: *output_usd,
        cached_usd: None,
    })
}

impl GeminiPrices {
    /// The price of a reply by its own figures.
    pub(super) fn of_reply(&self, reply: &[u8]) -> Usd {
        let PricedReply { usage_metadata } = serde_json::from_slice(reply).unwrap_or_default();
        let Usage {
            prompt_token_count,
            cached_content_token_count,
            candidates_token_count,
            thoughts_token_count,
        } = usage_metadata;
        let believed = |tokens: &u64| *tokens <= TOKENS_BELIEVED_MAX;
        let count = |tokens: Option<u64>| tokens.filter(believed).unwrap_or(0) as f64;
        let read = count(prompt_token_count);
        let cached = count(cached_content_token_count).min(read);
        let written = count(candidates_token_count) + count(thoughts_token_count);
        let cached_usd = self.cached_usd.unwrap_or(self.input_usd * CACHED_SHARE);
        self.of_tokens(read - cached, written) + Usd::from_dollars(cached * cached_usd / 1e6)
    }

    /// More than can be asked for a request of so many bytes: no token is shorter than a byte.
    pub(super) fn max(&self, request_bytes: usize, output_tokens_max: u32) -> Usd {
        self.of_tokens(request_bytes as f64, f64::from(output_tokens_max))
    }

    /// What a request of so many bytes usually costs.
    pub(super) fn usual(&self, request_bytes: usize) -> Usd {
        let read = request_bytes as f64 / BYTES_PER_TOKEN_USUAL;
        self.of_tokens(read, OUTPUT_TOKENS_USUAL)
    }

    fn of_tokens(&self, read: f64, written: f64) -> Usd {
        Usd::from_dollars((read * self.input_usd + written * self.output_usd) / 1e6)
    }
}
