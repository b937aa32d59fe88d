//! The calls of a selection: its conditions as tables and bounds, and the walk over the columns.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};

use super::columns::{Piece, Snapshot};
use super::entry::NO_DAY;
use crate::figure::Figure;
use crate::selection::{Dates, Selection};

/// The calls of a snapshot that a selection chooses.
pub(crate) struct Chosen<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Nothing where a call of any date will do, also without one.
    days: Option<RangeInclusive<i32>>,
    /// Places of fields with the numbers of sets that will do.
    sets: Vec<(usize, Vec<bool>)>,
    /// Places of figures with their bounds.
    bounds: Vec<(usize, RangeInclusive<f32>)>,
    /// The calls in which the words were said, newest first; nothing where none are asked for.
    found: Option<&'a [i64]>,
}

impl Snapshot {
    /// The dates of a selection; a period of days ends with the newest call.
    pub(crate) fn dates(&self, selection: &Selection) -> Dates {
        match self.newest_date() {
            Some(newest) => selection.period.dates(newest),
            None => (None, None),
        }
    }

    /// The calls of a selection. `found` are the ids of those in which its words were said.
    pub(crate) fn choose<'a>(
        &'a self,
        selection: &Selection,
        found: Option<&'a [i64]>,
    ) -> Chosen<'a> {
        self.choose_dates(selection, self.dates(selection), found)
    }

    /// The calls of a selection in other dates than its own.
    pub(crate) fn choose_dates<'a>(
        &'a self,
        selection: &Selection,
        dates: Dates,
        found: Option<&'a [i64]>,
    ) -> Chosen<'a> {
        let days = match dates {
            (None, None) => None,
            (from, until) => {
                let day = |date: NaiveDate| date.num_days_from_ce();
                Some(from.map_or(NO_DAY + 1, day)..=until.map_or(i32::MAX, day))
            }
        };
        let sets = selection.fields.iter().filter_map(|(name, values)| {
            let field = self.fields.position(name)?;
            let dictionary = &self.dictionaries[field];
            Some((field, dictionary.matching(|value| values.contains(value))))
        });
        let bounds = selection.figures.iter().filter_map(|(figure, bounds)| {
            let position = Figure::ALL.iter().position(|other| other == figure)?;
            let min = bounds.min.map_or(f32::NEG_INFINITY, |min| min as f32);
            Some((
                position,
                min..=bounds.max.map_or(f32::INFINITY, |max| max as f32),
            ))
        });
        Chosen {
            snapshot: self,
            days,
            sets: sets.collect(),
            bounds: bounds.collect(),
            found,
        }
    }
}

impl<'a> Chosen<'a> {
    /// Visits the calls, newest first, until the visitor has enough.
    pub(super) fn visit_newest(&self, mut visit: impl FnMut(&'a Piece, usize) -> bool) {
        for piece in self.snapshot.pieces.iter().rev() {
            let mut go_on = true;
            self.visit_piece(piece, |at| {
                go_on = go_on && visit(piece, at);
                go_on
            });
            if !go_on {
                return;
            }
        }
    }

    /// Visits all calls, newest first.
    pub(super) fn visit(&self, mut visit: impl FnMut(&'a Piece, usize)) {
        self.visit_newest(|piece, at| {
            visit(piece, at);
            true
        });
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        let mut count = 0;
        self.visit(|_, _| count += 1);
        count
    }

    /// Visits the calls of a piece, newest first, until the visitor has enough.
    pub(super) fn visit_piece(&self, piece: &'a Piece, mut visit: impl FnMut(usize) -> bool) {
        let Some(found) = self.found else {
            for at in (0..piece.ids.len()).rev() {
                if self.holds(piece, at) && !visit(at) {
                    return;
                }
            }
            return;
        };
        let (Some(first), Some(last)) = (piece.ids.first(), piece.ids.last()) else {
            return;
        };
        let newer = found.partition_point(|id| id > last);
        for id in &found[newer..] {
            if id < first {
                return;
            }
            if let Ok(at) = piece.ids.binary_search(id)
                && self.holds(piece, at)
                && !visit(at)
            {
                return;
            }
        }
    }

    fn holds(&self, piece: &Piece, at: usize) -> bool {
        self.days
            .as_ref()
            .is_none_or(|days| days.contains(&piece.days[at]))
            && self
                .sets
                .iter()
                .all(|(field, matching)| matching[usize::from(piece.sets[*field][at])])
            && self
                .bounds
                .iter()
                .all(|(figure, bounds)| bounds.contains(&piece.figures[*figure][at]))
    }
}
