//! Where lists of calls come from.

pub mod bigquery;
pub mod csv;
pub mod nice_cxone;
