//! What the outside world must do for us: one trait for each role, few methods each.
//!
//! Whoever adds an outside system implements one of these and runs its suite of
//! [`crate::conformance`]. A contract knows no vendor: names of vendors appear in no signature.

pub mod analyst;
pub mod chance;
pub mod classifier;
pub mod clock;
pub mod contact_source;
pub mod pace;
pub mod recording_source;
pub mod transcriber;
pub mod warehouse;

/// What a check found out when it went well: a line for people, such as the account it reached.
pub type CheckReport = String;
