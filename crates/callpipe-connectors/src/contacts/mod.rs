//! Where lists of calls come from.

pub mod bigquery;
pub mod csv;
pub mod folder;
pub mod nice_cxone;
