//! Who labels conversations.

pub mod gemini;
