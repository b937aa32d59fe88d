//! Where state and results are kept.

pub mod sqlite;
mod stored;
