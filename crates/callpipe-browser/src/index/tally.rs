//! Counts over chosen calls: by field, by two fields, by day, by group.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::chosen::Chosen;
use super::columns::Piece;
use super::entry::FIGURES;
use super::pairs::{Column, Pairs};
use crate::figure::Figure;

/// A sum with how many values it has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Sum {
    fn add(&mut self, value: f32) {
        if !value.is_nan() {
            self.sum += f64::from(value);
            self.count += 1;
        }
    }

    /// Adds some values of a column.
    fn add_all(&mut self, column: &[f32], places: &[u16]) {
        let values = places.iter().map(|place| column[usize::from(*place)]);
        values.for_each(|value| self.add(value));
    }

    /// The mean; none where there is no value.
    pub(crate) fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// What was counted of calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) calls: u64,
    /// By the name of a field: its values with how many calls have them, most frequent first.
    pub(crate) fields: BTreeMap<String, Vec<(Arc<str>, u64)>>,
    /// In the order of [`Figure::ALL`].
    figures: [Sum; FIGURES],
    /// By date, calls without one left out.
    pub(crate) days: BTreeMap<NaiveDate, DayTally>,
}

/// What was counted of a day's calls.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct DayTally {
    pub(crate) calls: u64,
    pub(crate) sentiment: Sum,
}

impl Tally {
    /// The sum of a figure.
    pub(crate) fn figure(&self, figure: Figure) -> Sum {
        self.figures[position(figure)]
    }

    /// How many calls have a value.
    pub(crate) fn count_of(&self, field: &str, value: &str) -> u64 {
        let values = self.fields.get(field);
        let found = values.and_then(|values| values.iter().find(|(other, _)| &**other == value));
        found.map_or(0, |(_, count)| *count)
    }
}

/// By the values of two fields, how many calls have both.
pub(crate) type PairCounts = BTreeMap<(Arc<str>, Arc<str>), u64>;

/// How many calls have both of two values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cross {
    /// The values of the first field, most frequent first.
    pub(crate) rows: Vec<(Arc<str>, u64)>,
    /// The values of the second field, most frequent first.
    pub(crate) columns: Vec<(Arc<str>, u64)>,
    /// By row, then by column.
    counts: BTreeMap<Arc<str>, BTreeMap<Arc<str>, u64>>,
}

impl Cross {
    /// How many calls have a value of the first and a value of the second field.
    pub(crate) fn count(&self, row: &str, column: &str) -> u64 {
        let columns = self.counts.get(row);
        let count = columns.and_then(|columns| columns.get(column));
        count.copied().unwrap_or(0)
    }
}

/// What was counted of the calls that have a value.
#[derive(Debug, Clone)]
pub(crate) struct GroupTally {
    /// The value.
    pub(crate) value: Arc<str>,
    pub(crate) calls: u64,
    figures: [Sum; FIGURES],
    /// In the order of the fields that were asked for: their values with their counts.
    pub(crate) fields: Vec<Vec<(Arc<str>, u64)>>,
}

impl GroupTally {
    /// The sum of a figure.
    pub(crate) fn figure(&self, figure: Figure) -> Sum {
        self.figures[position(figure)]
    }
}

fn position(figure: Figure) -> usize {
    let position = Figure::ALL.iter().position(|other| *other == figure);
    position.unwrap_or_default()
}

impl<'a> Chosen<'a> {
    fn column(&self, name: &str) -> Option<Column<'a>> {
        let field = self.snapshot.fields.position(name)?;
        Some(Column {
            field,
            dictionary: &self.snapshot.dictionaries[field],
        })
    }

    /// Counts calls by some fields, by figure and by day.
    pub(crate) fn tally(&self, fields: &[&str]) -> Tally {
        let columns = fields.iter().filter_map(|name| self.column(name));
        let mut counts: Vec<(Column<'_>, Vec<u64>)> = columns
            .map(|column| (column, vec![0; column.dictionary.numbers()]))
            .collect();
        let mut tally = Tally::default();
        let mut days: BTreeMap<i32, DayTally> = BTreeMap::new();
        self.visit_all_pieces(|piece, places| {
            tally.calls += places.len() as u64;
            for (column, counts) in &mut counts {
                column.sets(piece, places).for_each(|set| counts[set] += 1);
            }
            for (sum, column) in tally.figures.iter_mut().zip(&piece.figures) {
                sum.add_all(column, places);
            }
            add_days(&mut days, piece, places);
        });
        let date = |(day, tally)| Some((NaiveDate::from_num_days_from_ce_opt(day)?, tally));
        tally.days = days.into_iter().filter_map(date).collect();
        tally.fields = counts
            .into_iter()
            .map(|(column, counts)| {
                let name = self.snapshot.fields.all()[column.field].name.clone();
                (name, column.dictionary.by_value(&counts))
            })
            .collect();
        tally
    }

    /// Counts calls by two fields at once.
    pub(crate) fn cross(&self, row: &str, column: &str) -> Cross {
        let (Some(row), Some(column)) = (self.column(row), self.column(column)) else {
            return Cross::default();
        };
        let mut pairs = Pairs::new(row, column);
        self.visit_all_pieces(|piece, places| {
            let both = row.sets(piece, places).zip(column.sets(piece, places));
            both.for_each(|(row, column)| pairs.add(row, column));
        });
        let mut cross = Cross::default();
        for (row_set, column_set, count) in pairs.counts() {
            for row in row.values(row_set) {
                for column in column.values(column_set) {
                    let columns = cross.counts.entry(Arc::clone(row)).or_default();
                    *columns.entry(Arc::clone(column)).or_default() += count;
                }
            }
        }
        let (mut rows, mut columns) = (BTreeMap::new(), BTreeMap::new());
        for (row, counts) in &cross.counts {
            for (column, count) in counts {
                *rows.entry(Arc::clone(row)).or_default() += count;
                *columns.entry(Arc::clone(column)).or_default() += count;
            }
        }
        (cross.rows, cross.columns) = (by_count(rows), by_count(columns));
        cross
    }

    /// Counts calls by date and two fields that have one value each.
    pub(crate) fn by_day(&self, first: &str, second: &str) -> BTreeMap<NaiveDate, PairCounts> {
        let (Some(first), Some(second)) = (self.column(first), self.column(second)) else {
            return BTreeMap::new();
        };
        let mut counts: BTreeMap<(i32, usize, usize), u64> = BTreeMap::new();
        self.visit_all_pieces(|piece, places| {
            let days = places.iter().map(|place| piece.days[usize::from(*place)]);
            let both = first.sets(piece, places).zip(second.sets(piece, places));
            // Most calls are in the state of the one before.
            for_each_run(days.zip(both), |(day, (first, second)), calls| {
                *counts.entry((day, first, second)).or_default() += calls;
            });
        });
        let value = |column: Column<'_>, set| {
            let value = column.values(set).first();
            value.map_or_else(|| Arc::from(""), Arc::clone)
        };
        let mut days: BTreeMap<NaiveDate, PairCounts> = BTreeMap::new();
        for ((day, first_set, second_set), calls) in counts {
            if let Some(date) = NaiveDate::from_num_days_from_ce_opt(day) {
                let both = (value(first, first_set), value(second, second_set));
                *days.entry(date).or_default().entry(both).or_default() += calls;
            }
        }
        days
    }

    /// Counts calls by the values of a field, each value's calls by other fields.
    pub(crate) fn groups(&self, by: &str, fields: &[&str]) -> Vec<GroupTally> {
        let Some(by) = self.column(by) else {
            return Vec::new();
        };
        let columns: Vec<Column<'_>> = fields.iter().filter_map(|name| self.column(name)).collect();
        let mut pairs: Vec<Pairs> = columns
            .iter()
            .map(|column| Pairs::new(by, *column))
            .collect();
        let mut groups = vec![Group::of(columns.len()); by.dictionary.numbers()];
        self.visit_all_pieces(|piece, places| {
            by.sets(piece, places)
                .for_each(|set| groups[set].calls += 1);
            for (position, figures) in piece.figures.iter().enumerate() {
                let values = places.iter().map(|place| figures[usize::from(*place)]);
                let of_sets = by.sets(piece, places).zip(values);
                of_sets.for_each(|(set, value)| groups[set].figures[position].add(value));
            }
            for (pairs, column) in pairs.iter_mut().zip(&columns) {
                let both = by.sets(piece, places).zip(column.sets(piece, places));
                both.for_each(|(by, set)| pairs.add(by, set));
            }
        });
        for (position, pairs) in pairs.iter().enumerate() {
            for (by, set, count) in pairs.counts() {
                groups[by].sets[position].insert(set, count);
            }
        }
        by_group(groups, by, &columns)
    }
}

/// Adds the calls of a piece to those of their days.
fn add_days(days: &mut BTreeMap<i32, DayTally>, piece: &Piece, places: &[u16]) {
    let sentiment = &piece.figures[position(Figure::SentimentScore)];
    let same_day =
        |left: &u16, right: &u16| piece.days[usize::from(*left)] == piece.days[usize::from(*right)];
    for places in places.chunk_by(same_day) {
        let day = piece.days[usize::from(places[0])];
        let of_day = days.entry(day).or_default();
        of_day.calls += places.len() as u64;
        of_day.sentiment.add_all(sentiment, places);
    }
}

/// Visits equal items that follow each other once, with how many they are.
fn for_each_run<T: PartialEq>(items: impl Iterator<Item = T>, mut visit: impl FnMut(T, u64)) {
    let mut run: Option<(T, u64)> = None;
    for item in items {
        match &mut run {
            Some((same, length)) if *same == item => *length += 1,
            _ => {
                if let Some((item, length)) = run.replace((item, 1)) {
                    visit(item, length);
                }
            }
        }
    }
    if let Some((item, length)) = run {
        visit(item, length);
    }
}

#[derive(Clone)]
struct Group {
    calls: u64,
    figures: [Sum; FIGURES],
    /// For each other field, how many calls have a set of it.
    sets: Vec<BTreeMap<usize, u64>>,
}

/// Groups of sets of values as groups of values, largest first.
fn by_group(groups: Vec<Group>, by: Column<'_>, others: &[Column<'_>]) -> Vec<GroupTally> {
    let mut of_value: BTreeMap<Arc<str>, Group> = BTreeMap::new();
    let groups = groups.into_iter().enumerate();
    for (set, group) in groups.filter(|(_, group)| group.calls > 0) {
        for value in by.values(set) {
            match of_value.get_mut(value) {
                Some(known) => known.merge(&group),
                None => {
                    of_value.insert(Arc::clone(value), group.clone());
                }
            }
        }
    }
    let mut tallies: Vec<GroupTally> = of_value
        .into_iter()
        .map(|(value, group)| GroupTally {
            value,
            calls: group.calls,
            figures: group.figures,
            fields: group
                .sets
                .iter()
                .zip(others)
                .map(|(counts, other)| by_set(counts, *other))
                .collect(),
        })
        .collect();
    tallies.sort_by(|left, right| {
        right
            .calls
            .cmp(&left.calls)
            .then(left.value.cmp(&right.value))
    });
    tallies
}

impl Group {
    fn of(fields: usize) -> Self {
        Self {
            calls: 0,
            figures: [Sum::default(); FIGURES],
            sets: vec![BTreeMap::new(); fields],
        }
    }

    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        for (sum, other) in self.figures.iter_mut().zip(&other.figures) {
            sum.sum += other.sum;
            sum.count += other.count;
        }
        for (counts, others) in self.sets.iter_mut().zip(&other.sets) {
            for (set, count) in others {
                *counts.entry(*set).or_default() += count;
            }
        }
    }
}

fn by_set(counts: &BTreeMap<usize, u64>, column: Column<'_>) -> Vec<(Arc<str>, u64)> {
    let mut by_value = BTreeMap::new();
    for (set, count) in counts {
        for value in column.values(*set) {
            *by_value.entry(Arc::clone(value)).or_default() += count;
        }
    }
    self::by_count(by_value)
}

fn by_count(counts: BTreeMap<Arc<str>, u64>) -> Vec<(Arc<str>, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(&right.0)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_that_follow_each_other_are_one_run() {
        let mut runs = Vec::new();
        for_each_run([1, 1, 2, 1].into_iter(), |item, length| {
            runs.push((item, length))
        });
        assert_eq!(runs, [(1, 2), (2, 1), (1, 1)]);
        for_each_run([0; 0].into_iter(), |_, _| panic!("there is none"));
    }
}
