//! Where state and results are kept.

pub mod bigquery;
pub mod copied;
pub mod sqlite;
mod stored;
