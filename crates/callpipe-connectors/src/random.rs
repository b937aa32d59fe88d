//! Names that nobody else uses.

use std::hash::{BuildHasher, RandomState};

/// 32 hexadecimal digits that no other process has: each hasher has random keys.
pub(crate) fn name() -> String {
    let number = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", number(), number())
}
