//! callpipe: turns a contact centre's call recordings into transcribed, classified, searchable
//! calls.
//!
//! Reading order: `cli` (what people type) → `assemble` (configuration to pipeline) → `engine` (the
//! work) → `callpipe_core::transition` (what happens to a call next).

pub mod assemble;
pub mod calls;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod cloud_run;
pub mod config;
pub mod engine;
pub mod exit;
pub mod export;
pub mod pull;
pub mod report;
pub mod telemetry;
