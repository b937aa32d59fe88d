//! What a server charges: nothing near by, elsewhere what the operator says.

use callpipe_core::contracts::classifier::ModelName;
use callpipe_core::money::Usd;

use super::config::OpenAiCompatibleConfig;
use super::wire::{PricedReply, Usage};
use crate::classifiers::token_prices::{self, TokenCounts, TokenPrices, believed};

/// Vendors sell what they have kept at different shares of its price. Unless the operator says,
/// nothing is taken off: a bill that is lower than expected harms nobody.
const CACHED_SHARE: f64 = 1.0;

const NOTHING: TokenPrices = TokenPrices {
    input_usd: 0.0,
    output_usd: 0.0,
    cached_usd: None,
};

/// The prices of a model, where they are known.
pub(super) fn of_model(
    model: &ModelName,
    config: &OpenAiCompatibleConfig,
    is_near: bool,
) -> Option<TokenPrices> {
    token_prices::of_model(model, &config.prices).or(is_near.then_some(NOTHING))
}

/// The price of a reply by its own figures.
pub(super) fn of_reply(prices: &TokenPrices, reply: &[u8]) -> Usd {
    let PricedReply { usage } = serde_json::from_slice(reply).unwrap_or_default();
    let Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        prompt_tokens_details,
    } = usage.unwrap_or_default();
    let read = believed(&prompt_tokens);
    // Thoughts are paid for as well, also where they are counted in the total alone.
    let beside_the_prompt = believed(&total_tokens).saturating_sub(read);
    let counts = TokenCounts {
        read,
        cached: believed(&prompt_tokens_details["cached_tokens"]),
        written: believed(&completion_tokens).max(beside_the_prompt),
    };
    prices.of_counts(&counts, CACHED_SHARE)
}
