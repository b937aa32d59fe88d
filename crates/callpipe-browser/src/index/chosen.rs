//! The calls of a selection: its conditions as tables and bounds, and the walk over the columns.

use std::ops::{ControlFlow, RangeInclusive};

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
    /// Visits the pieces with chosen calls, newest first, each with its calls' places in it, newest
    /// first, until the visitor has enough.
    pub(super) fn visit_pieces(&self, mut visit: impl FnMut(&'a Piece, &[u16]) -> ControlFlow<()>) {
        let mut places = Vec::new();
        for piece in self.snapshot.pieces.iter().rev() {
            self.select(piece, &mut places);
            if !places.is_empty() && visit(piece, &places).is_break() {
                return;
            }
        }
    }

    /// Visits all pieces with chosen calls, in the same way.
    pub(super) fn visit_all_pieces(&self, mut visit: impl FnMut(&'a Piece, &[u16])) {
        self.visit_pieces(|piece, places| {
            visit(piece, places);
            ControlFlow::Continue(())
        });
    }

    /// Visits all calls, newest first.
    pub(super) fn visit(&self, mut visit: impl FnMut(&'a Piece, usize)) {
        self.visit_all_pieces(|piece, places| {
            let places = places.iter().copied();
            places.for_each(|place| visit(piece, usize::from(place)));
        });
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        let mut count = 0;
        self.visit_all_pieces(|_, places| count += places.len() as u64);
        count
    }

    /// Finds the places of a piece's calls that are chosen, newest first. Conditions are tried column
    /// by column: memory is then read from one end to the other.
    pub(super) fn select(&self, piece: &Piece, places: &mut Vec<u16>) {
        places.clear();
        let (first_day, last_day) = piece.day_range;
        let is_outside =
            |days: &RangeInclusive<i32>| last_day < *days.start() || first_day > *days.end();
        if self.days.as_ref().is_some_and(is_outside) {
            return;
        }
        match self.found {
            None => places.extend(piece.places().rev()),
            Some(found) => places.extend(places_of(found, piece)),
        }
        let is_partly =
            |days: &&RangeInclusive<i32>| !(days.contains(&first_day) && days.contains(&last_day));
        if let Some(days) = self.days.as_ref().filter(is_partly) {
            places.retain(|place| days.contains(&piece.days[usize::from(*place)]));
        }
        for (field, matching) in &self.sets {
            let column = &piece.sets[*field];
            places.retain(|place| matching[usize::from(column[usize::from(*place)])]);
        }
        for (figure, bounds) in &self.bounds {
            let column = &piece.figures[*figure];
            places.retain(|place| bounds.contains(&column[usize::from(*place)]));
        }
    }
}

/// The places of a piece's calls that are among others, all of them newest first.
fn places_of<'a>(found: &'a [i64], piece: &'a Piece) -> impl Iterator<Item = u16> + 'a {
    let first = piece.ids.first().copied().unwrap_or(i64::MAX);
    let last = piece.ids.last().copied().unwrap_or(i64::MIN);
    let newer = found.partition_point(|id| *id > last);
    let ids = found[newer..].iter().take_while(move |id| **id >= first);
    // A place fits by how pieces are cut.
    ids.filter_map(|id| piece.ids.binary_search(id).ok())
        .map(|place| place as u16)
}
