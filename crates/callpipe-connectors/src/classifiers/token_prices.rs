//! What language models cost: tokens read and tokens written.

use std::collections::BTreeMap;

use callpipe_core::contracts::classifier::ModelName;
use callpipe_core::money::Usd;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a label of a call usually takes to write, in tokens.
const OUTPUT_TOKENS_USUAL: f64 = 400.0;

/// Bytes of a token of plain English.
const BYTES_PER_TOKEN_USUAL: f64 = 4.0;

/// The most tokens that a figure of a reply is believed of: no model reads more at once. A figure
/// that cannot be is no price: it would use up the whole budget at once.
const TOKENS_BELIEVED_MAX: u64 = 10_000_000;

/// A model's prices: US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPrices {
    /// Of what the model reads.
    pub input_usd: f64,
    /// Of what it writes, thoughts included.
    pub output_usd: f64,
    /// Of what it read before and has kept; what the vendor's own share of `input_usd` is unless said.
    pub cached_usd: Option<f64>,
}

/// The tokens of one reply.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct TokenCounts {
    /// Read, those that were kept from before included.
    pub(super) read: u64,
    /// Of these, kept from before.
    pub(super) cached: u64,
    /// Written, thoughts included.
    pub(super) written: u64,
}

/// A figure of a reply, as far as it is believed. Some servers write whole numbers as `7.0`; what is no
/// number at all says nothing about the other figures.
pub(super) fn believed(tokens: &Value) -> u64 {
    let float = || tokens.as_f64().filter(|float| *float >= 0.0);
    // What a float loses on its way is beyond what is believed.
    let tokens = tokens
        .as_u64()
        .or_else(|| float().map(|float| float as u64));
    tokens
        .filter(|tokens| *tokens <= TOKENS_BELIEVED_MAX)
        .unwrap_or(0)
}

/// The operator's prices of a model: those of the longest beginning of its name.
pub(super) fn of_model(
    model: &ModelName,
    own: &BTreeMap<String, TokenPrices>,
) -> Option<TokenPrices> {
    let own = own.iter().filter(|(name, _)| model.0.starts_with(*name));
    let (_, prices) = own.max_by_key(|(name, _)| name.len())?;
    Some(*prices)
}

impl TokenPrices {
    /// The price of tokens. What was kept from before costs `cached_share` of the rest, unless it has
    /// a price of its own.
    pub(super) fn of_counts(&self, counts: &TokenCounts, cached_share: f64) -> Usd {
        let cached = counts.cached.min(counts.read);
        let cached_usd = self.cached_usd.unwrap_or(self.input_usd * cached_share);
        self.of_tokens((counts.read - cached) as f64, counts.written as f64)
            + Usd::from_dollars(cached as f64 * cached_usd / 1e6)
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
