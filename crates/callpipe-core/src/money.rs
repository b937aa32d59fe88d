//! What replies cost: amounts, and the purchases that a call was charged with.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::progress::Stage;
use crate::recording::ArchiveKey;

/// An amount in US dollars, kept in millionths: a label of a call costs about a thousand of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount by its millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// An amount by its dollars, rounded to a millionth. What is no amount, such as a negative
    /// number or none at all, counts as nothing.
    pub fn from_dollars(dollars: f64) -> Self {
        // A cast of a float stays within the bounds of the integer and makes NaN 0.
        Self((dollars * 1e6).round() as u64)
    }

    /// In dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In millionths of a dollar.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// What is left after taking another amount away; nothing where that is more.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<Amounts: Iterator<Item = Self>>(amounts: Amounts) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Cents for amounts that are worth it, else enough places to see something.
impl fmt::Display for Usd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = match self.0 {
            0 | 1_000_000.. => 2,
            10_000.. => 4,
            _ => 6,
        };
        write!(formatter, "${:.places$}", self.dollars())
    }
}

/// As a number of dollars, so that tables and reports can be added up by anybody.
impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_dollars)
    }
}

/// A reply that was paid for on behalf of a call. A reply that several calls use is the purchase of
/// the one that asked first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The stage that needed it.
    pub stage: Stage,
    /// The reply.
    pub reply: ArchiveKey,
    /// Its price by the vendor's own figures in the reply.
    pub usd: Usd,
}

/// What was spent on a call at a stage: nothing at all where nothing was bought.
pub fn spent(purchases: &[Purchase], stage: Stage) -> Option<Usd> {
    let mut amounts = purchases
        .iter()
        .filter(|purchase| purchase.stage == stage)
        .map(|purchase| purchase.usd)
        .peekable();
    amounts.peek()?;
    Some(amounts.sum())
}

/// Adds purchases to those that are known. One that is known already is not counted twice: after a
/// crash the same reply is found again.
pub fn add_purchases(known: &mut Vec<Purchase>, made: impl IntoIterator<Item = Purchase>) {
    for purchase in made {
        if !known.iter().any(|known| known.reply == purchase.reply) {
            known.push(purchase);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Fingerprint;

    fn purchase(number: u32, micros: u64) -> Purchase {
        Purchase {
            stage: Stage::Transcribe,
            reply: ArchiveKey::reply("deepgram", &Fingerprint::of(&["audio"]), number),
            usd: Usd::from_micros(micros),
        }
    }

    #[test]
    fn an_amount_is_never_nonsense() {
        assert_eq!(Usd::from_dollars(0.0043).micros(), 4_300);
        assert_eq!(Usd::from_dollars(-1.0), Usd::ZERO);
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
        let most = Usd::from_dollars(f64::INFINITY);
        assert_eq!(most + most, most);
    }

    #[test]
    fn amounts_are_shown_with_the_places_that_matter() {
        let shown = |micros| Usd::from_micros(micros).to_string();
        assert_eq!(shown(0), "$0.00");
        assert_eq!(shown(1_234), "$0.001234");
        assert_eq!(shown(51_600), "$0.0516");
        assert_eq!(shown(12_345_678), "$12.35");
    }

    #[test]
    fn a_purchase_that_is_found_again_is_one() {
        let mut known = vec![purchase(1, 500)];
        add_purchases(&mut known, [purchase(1, 500), purchase(2, 700)]);
        assert_eq!(
            spent(&known, Stage::Transcribe),
            Some(Usd::from_micros(1_200))
        );
        assert_eq!(spent(&known, Stage::Classify), None);
    }

    #[test]
    fn purchases_are_stored_in_dollars() {
        let text = serde_json::to_string(&purchase(1, 51_600)).unwrap();
        assert!(text.ends_with(r#""usd":0.0516}"#), "{text}");
        assert_eq!(
            serde_json::from_str::<Purchase>(&text).unwrap(),
            purchase(1, 51_600)
        );
    }
}
