//! Who labels conversations.

pub mod gemini;
pub mod openai_compatible;
mod text;
mod token_prices;

pub use token_prices::TokenPrices;
