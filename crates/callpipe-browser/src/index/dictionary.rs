//! Values as small numbers: each field's values, and the sets of them that calls have.
//!
//! A call has one number for each field, that of its set of values. A condition on a field is then a
//! table lookup, however many values a call may have.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of the set without values.
pub(super) const NOTHING: u16 = 0;

/// The number of all sets that came when the numbers were used up, and the value that is shown for it.
const OTHERS: u16 = u16::MAX;
const OTHERS_VALUE: &str = "(others)";

/// The values of a field, and the sets of them that occur.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    /// By number: the values of the set, in the order in which calls have them.
    sets: Vec<Arc<[Arc<str>]>>,
    numbers: HashMap<Arc<[Arc<str>]>, u16>,
}

impl Default for Dictionary {
    fn default() -> Self {
        let nothing: Arc<[Arc<str>]> = Arc::from([]);
        Self {
            sets: vec![Arc::clone(&nothing)],
            numbers: HashMap::from([(nothing, NOTHING)]),
        }
    }
}

impl Dictionary {
    /// The number of a set, if it is known.
    pub(super) fn known(&self, values: &[Arc<str>]) -> Option<u16> {
        match self.numbers.get(values) {
            Some(number) => Some(*number),
            None => (self.sets.len() >= usize::from(OTHERS)).then_some(OTHERS),
        }
    }

    /// The number of a set, which is given one where it has none.
    pub(super) fn number(&mut self, values: &[Arc<str>]) -> u16 {
        if let Some(number) = self.known(values) {
            return number;
        }
        let number = u16::try_from(self.sets.len()).unwrap_or(OTHERS);
        let values: Arc<[Arc<str>]> = Arc::from(values);
        self.sets.push(Arc::clone(&values));
        self.numbers.insert(values, number);
        number
    }

    /// How many numbers are given.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Calls have numbers below this one.
    pub(super) fn numbers(&self) -> usize {
        match self.sets.len() >= usize::from(OTHERS) {
            true => usize::from(OTHERS) + 1,
            false => self.sets.len(),
        }
    }

    /// The values of a set.
    pub(crate) fn values(&self, number: u16) -> &[Arc<str>] {
        self.sets.get(usize::from(number)).map_or(&[], |set| set)
    }

    /// For each number, whether a condition holds of one of its values.
    pub(super) fn matching(&self, holds: impl Fn(&str) -> bool) -> Vec<bool> {
        let mut matching = vec![false; self.numbers()];
        for (number, set) in self.sets.iter().enumerate() {
            matching[number] = set.iter().any(|value| holds(value));
        }
        if self.sets.len() >= usize::from(OTHERS) {
            matching[usize::from(OTHERS)] = holds(OTHERS_VALUE);
        }
        matching
    }

    /// Counts by number as counts by value, largest first.
    pub(super) fn by_value(&self, counts: &[u64]) -> Vec<(Arc<str>, u64)> {
        let mut by_value: HashMap<Arc<str>, u64> = HashMap::new();
        for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if number == usize::from(OTHERS) {
                *by_value.entry(OTHERS_VALUE.into()).or_default() += count;
            }
            for value in self.sets.get(number).into_iter().flat_map(|set| set.iter()) {
                *by_value.entry(Arc::clone(value)).or_default() += count;
            }
        }
        let mut by_value: Vec<_> = by_value.into_iter().collect();
        by_value.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
        by_value
    }

    /// For each number its place in the order of first values; sets without values come last.
    pub(super) fn ranks(&self) -> Vec<u16> {
        let mut order: Vec<usize> = (1..self.sets.len()).collect();
        order.sort_by(|left, right| self.sets[*left].cmp(&self.sets[*right]));
        let mut ranks = vec![u16::MAX; self.numbers()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number] = u16::try_from(rank).unwrap_or(u16::MAX);
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[&str]) -> Vec<Arc<str>> {
        values.iter().map(|value| Arc::from(*value)).collect()
    }

    #[test]
    fn a_set_keeps_its_number() {
        let mut dictionary = Dictionary::default();
        let first = dictionary.number(&set(&["b", "a"]));
        let second = dictionary.number(&set(&["a"]));
        assert_eq!(dictionary.number(&set(&["b", "a"])), first);
        assert_ne!(first, second);
        assert_eq!(dictionary.number(&[]), NOTHING);
        assert_eq!(dictionary.values(first), set(&["b", "a"]));
        assert_eq!(dictionary.values(999), set(&[]));
        let matching = dictionary.matching(|value| value == "b");
        assert!(matching[usize::from(first)] && !matching[usize::from(second)]);
        let counts = dictionary.by_value(&[7, 2, 3]);
        assert_eq!(counts, [("a".into(), 5), ("b".into(), 2)]);
        let ranks = dictionary.ranks();
        assert!(ranks[usize::from(second)] < ranks[usize::from(first)]);
        assert_eq!(ranks[0], u16::MAX);
    }

    #[test]
    fn when_numbers_are_used_up_the_rest_share_one() {
        let mut dictionary = Dictionary::default();
        for number in 0..70_000 {
            dictionary.number(&set(&[&number.to_string()]));
        }
        let (late, known) = (set(&["69999"]), set(&["7"]));
        assert_eq!(dictionary.number(&late), OTHERS);
        assert_eq!(dictionary.number(&known), 8);
        let mut counts = vec![0; 65_536];
        counts[usize::from(OTHERS)] = 4;
        assert_eq!(dictionary.by_value(&counts), [(OTHERS_VALUE.into(), 4)]);
        assert!(dictionary.matching(|value| value == OTHERS_VALUE)[usize::from(OTHERS)]);
    }
}
