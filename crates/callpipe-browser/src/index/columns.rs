//! The narrow columns of all calls, in the order of their starts.
//!
//! They are cut into pieces that are shared: who reads a snapshot keeps it while newer ones are made,
//! and making one copies only the pieces that change.

use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use super::dictionary::{Dictionary, NOTHING};
use super::entry::{FIGURES, NO_DAY};
use super::fields::Fields;
use crate::figure::Figure;

/// A piece with more calls than this is cut in two. A place in a piece so fits into 16 bits.
const PIECE_CALLS_MAX: usize = 16_384;

/// A call among the columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Its place in the order of starts, and in the file.
    pub(super) id: i64,
    pub(super) day: i32,
    /// The number of its set of values, field by field.
    pub(super) sets: Vec<u16>,
    pub(super) figures: [f32; FIGURES],
}

/// Some calls that follow each other, column by column.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) ids: Vec<i64>,
    pub(super) days: Vec<i32>,
    /// No call's day is before the first or after the last.
    pub(super) day_range: (i32, i32),
    /// By field, then by call.
    pub(super) sets: Vec<Vec<u16>>,
    /// By figure, then by call.
    pub(super) figures: [Vec<f32>; FIGURES],
}

/// The range of no days.
const NO_DAYS: (i32, i32) = (i32::MAX, i32::MIN);

fn day_range(days: &[i32]) -> (i32, i32) {
    let range = |(first, last): (i32, i32), day: &i32| (first.min(*day), last.max(*day));
    days.iter().fold(NO_DAYS, range)
}

impl Piece {
    fn new(fields: usize) -> Self {
        Self {
            ids: Vec::new(),
            days: Vec::new(),
            day_range: NO_DAYS,
            sets: vec![Vec::new(); fields],
            figures: Default::default(),
        }
    }

    /// A piece of calls in the order of ids. It takes no more room than they need: most pieces never
    /// change again.
    fn of(rows: &[Row], fields: usize) -> Self {
        let set = |field: usize| rows.iter().map(|row| row.sets[field]).collect();
        let days: Vec<i32> = rows.iter().map(|row| row.day).collect();
        Self {
            ids: rows.iter().map(|row| row.id).collect(),
            day_range: day_range(&days),
            days,
            sets: (0..fields).map(set).collect(),
            figures: std::array::from_fn(|figure| {
                rows.iter().map(|row| row.figures[figure]).collect()
            }),
        }
    }

    /// The places of all its calls, oldest first.
    pub(super) fn places(&self) -> Range<u16> {
        // So many fit by how pieces are cut.
        0..self.ids.len() as u16
    }

    fn insert(&mut self, at: usize, row: &Row) {
        self.ids.insert(at, row.id);
        self.days.insert(at, row.day);
        self.widen(row.day);
        for (column, set) in self.sets.iter_mut().zip(&row.sets) {
            column.insert(at, *set);
        }
        for (column, figure) in self.figures.iter_mut().zip(row.figures) {
            column.insert(at, figure);
        }
    }

    fn replace(&mut self, at: usize, row: &Row) {
        self.days[at] = row.day;
        self.widen(row.day);
        for (column, set) in self.sets.iter_mut().zip(&row.sets) {
            column[at] = *set;
        }
        for (column, figure) in self.figures.iter_mut().zip(row.figures) {
            column[at] = figure;
        }
    }

    fn widen(&mut self, day: i32) {
        let (first, last) = self.day_range;
        self.day_range = (first.min(day), last.max(day));
    }

    fn remove(&mut self, at: usize) {
        self.ids.remove(at);
        self.days.remove(at);
        for column in &mut self.sets {
            column.remove(at);
        }
        for column in &mut self.figures {
            column.remove(at);
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        let days = self.days.split_off(at);
        self.day_range = day_range(&self.days);
        Self {
            ids: self.ids.split_off(at),
            day_range: day_range(&days),
            days,
            sets: self
                .sets
                .iter_mut()
                .map(|column| column.split_off(at))
                .collect(),
            figures: self.figures.each_mut().map(|column| column.split_off(at)),
        }
    }

    /// Takes no more room than there are calls: most pieces never change again.
    fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.days.shrink_to_fit();
        self.sets.iter_mut().for_each(Vec::shrink_to_fit);
        self.figures.iter_mut().for_each(Vec::shrink_to_fit);
    }
}

/// A call's values and figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Values {
    /// By field.
    values: Vec<Vec<Arc<str>>>,
    figures: [f32; FIGURES],
}

impl Values {
    /// The values of a field.
    pub(crate) fn of(&self, fields: &Fields, name: &str) -> &[Arc<str>] {
        let position = fields.position(name);
        position
            .and_then(|position| self.values.get(position))
            .map_or(&[], Vec::as_slice)
    }

    /// A figure, where it is known.
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        let position = Figure::ALL.iter().position(|other| *other == figure)?;
        Some(f64::from(self.figures[position])).filter(|value| !value.is_nan())
    }
}

/// All calls as they are known at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(super) fields: Arc<Fields>,
    /// By field.
    pub(super) dictionaries: Vec<Arc<Dictionary>>,
    /// In the order of ids; none of them empty.
    pub(super) pieces: Vec<Arc<Piece>>,
    calls: usize,
    newest_day: i32,
    /// Another number after each change.
    pub(crate) version: u64,
    /// Whether calls are still being taken up, so that the counts are too small.
    pub(crate) is_behind: bool,
}

impl Snapshot {
    /// Without calls.
    pub(super) fn empty(fields: Arc<Fields>, dictionaries: Vec<Arc<Dictionary>>) -> Self {
        Self {
            fields,
            dictionaries,
            pieces: Vec::new(),
            calls: 0,
            newest_day: NO_DAY,
            version: 0,
            is_behind: true,
        }
    }

    /// The fields that calls have.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// How many calls there are.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// The date of the newest call whose start is known.
    pub(crate) fn newest_date(&self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(self.newest_day)
    }

    /// What is known of a call; nothing where it is none of these.
    pub(crate) fn values(&self, id: i64) -> Option<Values> {
        let piece = self.pieces.get(self.piece_of(id))?;
        let at = piece.ids.binary_search(&id).ok()?;
        let sets = self.dictionaries.iter().zip(&piece.sets);
        Some(Values {
            values: sets
                .map(|(dictionary, column)| dictionary.values(column[at]).to_vec())
                .collect(),
            figures: piece.figures.each_ref().map(|column| column[at]),
        })
    }

    /// A call of a file, in which sets may be missing: they are taken for the one without values.
    pub(super) fn with_known_sets(&self, mut row: Row) -> Row {
        for (set, dictionary) in row.sets.iter_mut().zip(&self.dictionaries) {
            if usize::from(*set) >= dictionary.numbers() {
                *set = NOTHING;
            }
        }
        row
    }

    /// Puts calls behind all others, at most as many as fit into a piece. They are in the order of ids.
    pub(super) fn append(&mut self, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        self.version += 1;
        self.calls += rows.len();
        let newest_day = rows.iter().map(|row| row.day).max();
        self.newest_day = self.newest_day.max(newest_day.unwrap_or(NO_DAY));
        self.pieces
            .push(Arc::new(Piece::of(rows, self.fields.all().len())));
    }

    /// Puts calls in, or in the place of what was known of them.
    pub(super) fn put(&mut self, rows: &[Row]) {
        self.version += 1;
        for row in rows {
            self.put_one(row);
        }
        for piece in &mut self.pieces {
            if let Some(piece) = Arc::get_mut(piece) {
                piece.shrink();
            }
        }
    }

    fn put_one(&mut self, row: &Row) {
        self.newest_day = self.newest_day.max(row.day);
        let fields = self.fields.all().len();
        if self.pieces.is_empty() {
            self.pieces.push(Arc::new(Piece::new(fields)));
        }
        let at = self.piece_of(row.id);
        let piece = Arc::make_mut(&mut self.pieces[at]);
        match piece.ids.binary_search(&row.id) {
            Ok(position) => piece.replace(position, row),
            Err(position) => {
                piece.insert(position, row);
                self.calls += 1;
            }
        }
        if piece.ids.len() > PIECE_CALLS_MAX {
            // The newest piece grows at its end: it is left nearly full.
            let is_last = at + 1 == self.pieces.len();
            let piece = Arc::make_mut(&mut self.pieces[at]);
            let cut = if is_last {
                PIECE_CALLS_MAX * 15 / 16
            } else {
                PIECE_CALLS_MAX / 2
            };
            let rest = piece.split_off(cut);
            self.pieces.insert(at + 1, Arc::new(rest));
        }
    }

    /// Takes a call out.
    pub(super) fn remove(&mut self, id: i64) {
        if self.pieces.is_empty() {
            return;
        }
        let at = self.piece_of(id);
        let piece = Arc::make_mut(&mut self.pieces[at]);
        if let Ok(position) = piece.ids.binary_search(&id) {
            piece.remove(position);
            self.calls -= 1;
            self.version += 1;
        }
        if self.pieces[at].ids.is_empty() {
            self.pieces.remove(at);
        }
    }

    /// The piece that an id belongs into.
    fn piece_of(&self, id: i64) -> usize {
        let after = self
            .pieces
            .partition_point(|piece| piece.ids.first() <= Some(&id));
        after.saturating_sub(1)
    }
}

/// All of no calls.
#[cfg(test)]
pub(crate) fn empty_snapshot(taxonomy: &callpipe_core::taxonomy::Taxonomy) -> Snapshot {
    let fields = Arc::new(Fields::of(taxonomy));
    let dictionaries = vec![Arc::default(); fields.all().len()];
    Snapshot::empty(fields, dictionaries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callpipe_core::taxonomy::Taxonomy;

    fn row(id: i64, figure: f32) -> Row {
        let fields = Fields::of(&Taxonomy::built_in()).all().len();
        Row {
            id,
            day: (id / 1_000) as i32,
            sets: vec![1; fields],
            figures: [figure; FIGURES],
        }
    }

    fn empty() -> Snapshot {
        empty_snapshot(&Taxonomy::built_in())
    }

    #[test]
    fn calls_stay_in_order_however_they_come() {
        let mut snapshot = empty();
        let ids = (0..40_000).map(|n| (n * 7_919) % 40_009);
        let rows: Vec<Row> = ids.map(|id| row(id, 0.0)).collect();
        for rows in rows.chunks(1_000) {
            snapshot.put(rows);
        }
        let ids: Vec<i64> = snapshot
            .pieces
            .iter()
            .flat_map(|piece| piece.ids.clone())
            .collect();
        assert!(ids.is_sorted_by(|left, right| left < right));
        for piece in &snapshot.pieces {
            assert_eq!(piece.day_range, day_range(&piece.days));
        }
        assert_eq!((ids.len(), snapshot.calls()), (40_000, 40_000));
        assert!(
            snapshot
                .pieces
                .iter()
                .all(|piece| piece.ids.len() <= PIECE_CALLS_MAX)
        );
        snapshot.remove(ids[77]);
        snapshot.remove(ids[77]);
        assert_eq!(snapshot.calls(), 39_999);
    }

    #[test]
    fn sets_that_a_damaged_file_lacks_are_the_one_without_values() {
        let snapshot = empty();
        let known = snapshot.with_known_sets(row(1, 0.0));
        assert!(known.sets.iter().all(|set| *set == NOTHING));
        assert_eq!(snapshot.with_known_sets(known.clone()), known);
    }

    #[test]
    fn calls_that_are_appended_are_as_calls_that_were_put() {
        let rows: Vec<Row> = (0..20_000).map(|id| row(id, id as f32)).collect();
        let (mut appended, mut put) = (empty(), empty());
        rows.chunks(15_000).for_each(|rows| appended.append(rows));
        appended.append(&[]);
        put.put(&rows);
        let columns = |snapshot: &Snapshot| {
            let pieces = snapshot.pieces.iter();
            pieces
                .flat_map(|piece| piece.ids.iter().zip(&piece.figures[0]).zip(&piece.days))
                .map(|((id, figure), day)| (*id, *figure, *day))
                .collect::<Vec<_>>()
        };
        assert_eq!(columns(&appended), columns(&put));
        assert_eq!((appended.calls(), appended.newest_day), (20_000, 19));
        appended.put(&[row(7, 0.5), row(30_000, 0.5)]);
        assert_eq!(
            (appended.calls(), appended.pieces[0].figures[0][7]),
            (20_001, 0.5)
        );
    }

    #[test]
    fn who_reads_keeps_what_was_there() {
        let mut snapshot = empty();
        snapshot.put(&[row(1, 0.0), row(2, 0.0)]);
        let before = snapshot.clone();
        snapshot.put(&[row(2, 1.0), row(3, 1.0)]);
        assert_eq!(before.pieces[0].figures[0], [0.0, 0.0]);
        assert_eq!(snapshot.pieces[0].figures[0], [0.0, 1.0, 1.0]);
        assert_ne!(before.version, snapshot.version);
        snapshot.remove(1);
        snapshot.remove(2);
        snapshot.remove(3);
        assert!(snapshot.pieces.is_empty());
        snapshot.remove(3);
    }
}
