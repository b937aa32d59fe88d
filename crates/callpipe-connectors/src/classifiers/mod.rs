//! Who labels conversations.

mod answer;
pub mod gemini;
mod models;
pub mod openai_compatible;
mod task;
#[cfg(test)]
mod testing;
mod text;
mod token_prices;

pub use token_prices::TokenPrices;
