//! What Google charges for Gemini: tokens read and tokens written, thoughts included.

use std::collections::BTreeMap;

use callpipe_core::contracts::classifier::ModelName;
use callpipe_core::money::Usd;

use super::wire::{PricedReply, Usage};
use crate::classifiers::token_prices::{self, TokenCounts, TokenPrices, believed};

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

/// The prices of a model: of the longest beginning of its name that is known, the operator's own
/// first.
pub(super) fn of_model(
    model: &ModelName,
    own: &BTreeMap<String, TokenPrices>,
) -> Option<TokenPrices> {
    if let Some(prices) = token_prices::of_model(model, own) {
        return Some(prices);
    }
    let listed = LIST.iter().filter(|(name, ..)| model.0.starts_with(name));
    let (_, input_usd, output_usd) = listed.max_by_key(|(name, ..)| name.len())?;
    Some(TokenPrices {
        input_usd: *input_usd,
        output_usd: *output_usd,
        cached_usd: None,
    })
}

/// The price of a reply by its own figures.
pub(super) fn of_reply(prices: &TokenPrices, reply: &[u8]) -> Usd {
    let PricedReply { usage_metadata } = serde_json::from_slice(reply).unwrap_or_default();
    let Usage {
        prompt_token_count,
        cached_content_token_count,
        candidates_token_count,
        thoughts_token_count,
    } = usage_metadata;
    let counts = TokenCounts {
        read: believed(&prompt_token_count),
        cached: believed(&cached_content_token_count),
        written: believed(&candidates_token_count) + believed(&thoughts_token_count),
    };
    prices.of_counts(&counts, CACHED_SHARE)
}
