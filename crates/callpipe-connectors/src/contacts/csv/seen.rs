//! Which ids came on the lines before.

use std::collections::HashMap;
use std::mem;

use callpipe_core::call::ContactId;
use sha2::{Digest, Sha256};

/// At least so many ids are remembered, and at most twice as many: of a list of millions, too, memory
/// holds no more. A hash table of 8,192 places has room for so many.
const REMEMBERED_MIN: usize = 7_168;

/// What an id is remembered by: the beginning of its hash. Of millions of ids no two have the same, and
/// it takes a third of an id's memory.
type Mark = [u8; 12];

/// The ids of the last lines, each with the line on which it came first.
#[derive(Default)]
pub(super) struct Seen {
    recent: HashMap<Mark, u64>,
    earlier: HashMap<Mark, u64>,
}

impl Seen {
    /// The line on which an id came before. One that did not, or too long ago, is remembered with this
    /// line.
    pub(super) fn line_before(&mut self, id: &ContactId, line: u64) -> Option<u64> {
        let mark = mark(id);
        let before = self.recent.get(&mark).or_else(|| self.earlier.get(&mark));
        if let Some(before) = before {
            return Some(*before);
        }
        if self.recent.len() >= REMEMBERED_MIN {
            mem::swap(&mut self.recent, &mut self.earlier);
            self.recent.clear();
        }
        self.recent.insert(mark, line);
        None
    }
}

fn mark(id: &ContactId) -> Mark {
    let hash: [u8; 32] = Sha256::digest(id.as_str()).into();
    std::array::from_fn(|place| hash[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_long_ago_is_forgotten_and_nothing_else() {
        let id = |number: u64| ContactId::parse(&number.to_string()).unwrap();
        let mut seen = Seen::default();
        let count = 5 * REMEMBERED_MIN as u64;
        for line in 0..count {
            assert_eq!(seen.line_before(&id(line), line), None);
            let near = line.saturating_sub(REMEMBERED_MIN as u64);
            assert_eq!(seen.line_before(&id(near), line), Some(near), "line {line}");
        }
        assert!(seen.recent.len() + seen.earlier.len() <= 2 * REMEMBERED_MIN);
        assert_eq!(seen.line_before(&id(0), count), None);
        assert_eq!(seen.line_before(&id(0), count + 1), Some(count));
    }
}
