//! Chance that replays: every draw is a function of the seed and of what it is drawn for.

use sha2::{Digest, Sha256};

/// A number from the seed and the words that name the draw.
pub(crate) fn draw(seed: u64, names: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    for name in names {
        hasher.update(name.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The same as a fraction of at least 0 and less than 1.
pub(crate) fn fraction(seed: u64, names: &[&str]) -> f64 {
    // 53 bits are what a double holds exactly.
    (draw(seed, names) >> 11) as f64 / (1u64 << 53) as f64
}

/// The same in the form of a UUID.
pub(crate) fn uuid(seed: u64, names: &[&str]) -> String {
    let mut second = names.to_vec();
    second.push("second half");
    let text = format!("{:016x}{:016x}", draw(seed, names), draw(seed, &second));
    format!(
        "{}-{}-4{}-8{}-{}",
        &text[..8],
        &text[8..12],
        &text[13..16],
        &text[17..20],
        &text[20..32]
    )
}

/// SHA-256 in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
