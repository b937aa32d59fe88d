//! Which part of the calls a worker is responsible for, when several workers share them.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::call::ContactId;

/// One of `count` equal parts of all calls, counted from zero. A call's part follows from its id
/// alone, so that workers need not talk to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shard {
    index: u32,
    count: NonZeroU32,
}

impl Shard {
    /// All calls.
    pub const WHOLE: Self = Self {
        index: 0,
        count: NonZeroU32::MIN,
    };

    /// Part `index` of `count`, if there is such a part.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        (index < count.get()).then_some(Self { index, count })
    }

    /// Which part, counted from zero.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// Whether it is all of them.
    pub fn is_whole(self) -> bool {
        self.count == NonZeroU32::MIN
    }

    /// Whether a call belongs to this part: the first four bytes of its id's SHA-256, as a
    /// big-endian number, leave `index` when divided by `count`. SQL can say the same.
    pub fn contains(self, contact_id: &ContactId) -> bool {
        let [first, second, third, fourth, ..] =
            <[u8; 32]>::from(Sha256::digest(contact_id.as_str()));
        u32::from_be_bytes([first, second, third, fourth]) % self.count == self.index
    }

    /// This part's share of a limit that all parts have together. The shares add up to the limit;
    /// none where the limit is too small for so many parts.
    pub fn share_of(self, limit: usize) -> Option<usize> {
        let (index, count) = (self.index as usize, self.count.get() as usize);
        let extra = usize::from(index < limit % count);
        Some(limit / count + extra).filter(|share| *share > 0)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    /// As people count: `2 of 4` is the second.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl Iterator<Item = ContactId> {
        (0..2_000).map(|number| ContactId::parse(&format!("6000{number}")).unwrap())
    }

    #[test]
    fn each_call_belongs_to_exactly_one_part_of_about_equal_size() {
        let shards: Vec<Shard> = (0..4).map(|index| Shard::new(index, 4).unwrap()).collect();
        let mut sizes = [0; 4];
        for id in ids() {
            let owners: Vec<&Shard> = shards.iter().filter(|shard| shard.contains(&id)).collect();
            assert_eq!(owners.len(), 1, "{id}");
            sizes[owners[0].index() as usize] += 1;
        }
        assert!(
            sizes.iter().all(|size| (400..600).contains(size)),
            "{sizes:?}"
        );
        assert!(ids().all(|id| Shard::WHOLE.contains(&id)));
    }

    #[test]
    fn the_part_is_the_one_that_sql_computes() {
        // SELECT MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(SHA256('abc')), 1, 8)) AS INT64), 7)
        let expected = 0xba78_16bf_u32 % 7;
        let id = ContactId::parse("abc").unwrap();
        assert!(Shard::new(expected, 7).unwrap().contains(&id));
    }

    #[test]
    fn shares_add_up_to_the_limit() {
        let shares = |limit, count| -> Vec<Option<usize>> {
            (0..count)
                .map(|index| Shard::new(index, count).unwrap().share_of(limit))
                .collect()
        };
        assert_eq!(shares(150, 1), [Some(150)]);
        assert_eq!(shares(10, 4), [Some(3), Some(3), Some(2), Some(2)]);
        assert_eq!(shares(2, 3), [Some(1), Some(1), None]);
    }

    #[test]
    fn there_is_no_part_beyond_the_last() {
        assert_eq!(Shard::new(4, 4), None);
        assert_eq!(Shard::new(0, 0), None);
        assert_eq!(Shard::new(3, 4).unwrap().to_string(), "4 of 4");
    }
}
