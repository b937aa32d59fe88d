//! One folder per outside system, each behind a contract of `callpipe-core`.
//!
//! Every connector folder has the same files: `config.rs` (what the operator fills), `wire.rs`
//! (the vendor's JSON, field for field), `map.rs` (wire to core, pure: vendor quirks live here),
//! `client.rs` (requests), `mod.rs` (the contract: client and map put together), `tests.rs`.

pub mod files;
pub mod google;
pub mod http;
pub mod secret;
pub mod secret_manager;

pub mod archive;
pub mod bigquery;
pub mod classifiers;
pub mod contacts;
#[cfg(test)]
mod damage;
pub mod folder;
pub mod nice_cxone;
mod random;
pub mod recordings;
mod root;
pub mod threads;
pub mod transcribers;
pub mod warehouses;
