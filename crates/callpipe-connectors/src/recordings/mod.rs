//! Where recordings come from.

pub mod nice_cxone;
