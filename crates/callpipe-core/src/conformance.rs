//! The test suite of each contract, called by every implementation.
//!
//! A suite panics with a message at the first breach. It needs no runtime of its own: it is awaited
//! in the implementation's test. `chance` is for suites that draw what happens.

pub mod chance;
pub mod classifier;
pub mod contact_source;
pub mod recording_source;
pub mod transcriber;
pub mod warehouse;

use crate::failure::Outside;

/// The value, or the end of the suite with what went wrong.
fn good<T>(result: Outside<T>, doing: &str) -> T {
    match result {
        Ok(value) => value,
        Err(failure) => panic!("{doing} failed: {}: {}", failure.kind, failure.chain()),
    }
}

/// Names go into logs, tables and keys of the archive, and are compared there.
fn assert_name(name: &str) {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    assert!(
        plain && !name.is_empty(),
        "`{name}` is not lower_snake_case"
    );
}
