//! What a call is, what happens to it next, and what the outside world must do for us.
//!
//! This crate does no IO and never asks the time: there is no runtime, no HTTP client and no
//! clock in its manifest. Read it in the order of the modules below.

pub mod analysis;
pub mod call;
pub mod classification;
pub mod conformance;
pub mod contracts;
pub mod correction;
pub mod defuse;
pub mod exported;
pub mod failure;
pub mod measures;
pub mod money;
pub mod progress;
pub mod recording;
pub mod retry;
pub mod shard;
pub mod taxonomy;
pub mod transcript;
pub mod transition;
pub mod triage;
