//! Where recordings come from.

pub mod folder;
pub mod nice_cxone;
