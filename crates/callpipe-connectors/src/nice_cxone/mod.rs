//! What both CXone connectors share: the account, discovery, tokens and authorised requests.
//!
//! Signing in takes three steps: the issuer's discovery document names the token endpoint, an
//! access key buys a token there, and the token's tenant leads to the address of its API. All of
//! it happens at the first request and is kept.

mod client;
mod config;
mod map;
mod sign_in;
mod wire;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use config::{AccountConfig, ClientAuthentication};

pub(crate) use client::{Api, ApiRequest};
pub(crate) use config::default_issuer;
pub(crate) use map::{Refusal, is_foreign_404, of_the_setup, refused, unreadable};
pub(crate) use wire::{id, tolerant};
