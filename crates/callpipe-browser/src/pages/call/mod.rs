//! A call: to hear, to read, and what was understood of it.

pub(crate) mod player;
pub(crate) mod transcript;
