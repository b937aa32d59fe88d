//! Fields of a snapshot by the numbers of their sets of values, and pairs of such numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::Piece;
use super::dictionary::Dictionary;

/// A table of more pairs than this is not laid out in full.
const DENSE_MAX: usize = 1 << 18;

/// A field of the snapshot.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub(super) field: usize,
    pub(super) dictionary: &'a Dictionary,
}

impl Column<'_> {
    /// The numbers of the sets that some calls of a piece have.
    pub(super) fn sets(self, piece: &Piece, places: &[u16]) -> impl Iterator<Item = usize> {
        let column = &piece.sets[self.field];
        let sets = places.iter().map(|place| column[usize::from(*place)]);
        sets.map(usize::from)
    }

    /// The values of a set, of which numbers are 16 bits wide.
    pub(super) fn values(&self, set: usize) -> &[Arc<str>] {
        self.dictionary.values(set as u16)
    }
}

/// How many calls have both of two sets, by their numbers.
pub(super) struct Pairs {
    width: usize,
    /// Laid out in full where that is small.
    dense: Vec<u32>,
    others: BTreeMap<usize, u32>,
}

impl Pairs {
    pub(super) fn new(row: Column<'_>, column: Column<'_>) -> Self {
        let width = column.dictionary.numbers();
        let pairs = width * row.dictionary.numbers();
        Self {
            width,
            dense: vec![0; if pairs <= DENSE_MAX { pairs } else { 0 }],
            others: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, row: usize, column: usize) {
        let pair = row * self.width + column;
        match self.dense.get_mut(pair) {
            Some(count) => *count += 1,
            None => *self.others.entry(pair).or_default() += 1,
        }
    }

    /// Each pair that occurs, with how many calls have it.
    pub(super) fn counts(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let dense = self
            .dense
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        let others = self.others.iter().map(|(pair, count)| (*pair, count));
        let pairs = dense.chain(others);
        pairs.map(|(pair, count)| (pair / self.width, pair % self.width, u64::from(*count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_whether_they_are_few_or_many() {
        let mut many = Dictionary::default();
        for number in 0..600 {
            many.number(&[Arc::from(number.to_string())]);
        }
        let few = Dictionary::default();
        for (dictionary, is_dense) in [(&few, true), (&many, false)] {
            let column = Column {
                field: 0,
                dictionary,
            };
            let mut pairs = Pairs::new(column, column);
            assert_eq!(pairs.dense.is_empty(), !is_dense);
            let last = dictionary.numbers() - 1;
            pairs.add(last, 0);
            pairs.add(last, 0);
            assert_eq!(pairs.counts().collect::<Vec<_>>(), [(last, 0, 2)]);
        }
    }
}
