//! Recordings of every format that contact centres have, whole and damaged, as others made them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![allow(clippy::print_stdout, reason = "a test says what it leaves out")]

mod damaged;
mod formats;
mod hearing;
mod support;
