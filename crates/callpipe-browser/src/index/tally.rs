//! Counts over chosen calls: by field, by two fields, by day, by group.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::chosen::Chosen;
use super::dictionary::Dictionary;
use super::entry::{FIGURES, NO_DAY};
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
    counts: BTreeMap<(Arc<str>, Arc<str>), u64>,
}

impl Cross {
    /// How many calls have a value of the first and a value of the second field.
    pub(crate) fn count(&self, row: &str, column: &str) -> u64 {
        let key = (Arc::from(row), Arc::from(column));
        self.counts.get(&key).copied().unwrap_or(0)
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

/// Counts by number of a set, for one field.
struct Counter<'a> {
    field: usize,
    dictionary: &'a Dictionary,
    counts: Vec<u64>,
}

impl Chosen<'_> {
    fn counter(&self, name: &str) -> Option<Counter<'_>> {
        let field = self.snapshot.fields.position(name)?;
        Some(Counter {
            field,
            dictionary: &self.snapshot.dictionaries[field],
            counts: vec![0; usize::from(u16::MAX) + 1],
        })
    }

    /// Counts calls by some fields, by figure and by day.
    pub(crate) fn tally(&self, fields: &[&str]) -> Tally {
        let mut counters: Vec<Counter<'_>> = fields
            .iter()
            .filter_map(|name| self.counter(name))
            .collect();
        let sentiment = position(Figure::SentimentScore);
        let mut tally = Tally::default();
        let mut days: BTreeMap<i32, DayTally> = BTreeMap::new();
        // Calls come in the order of time: most belong to the day of the one before.
        let (mut day, mut of_day) = (NO_DAY, DayTally::default());
        self.visit(|piece, at| {
            tally.calls += 1;
            for counter in &mut counters {
                counter.counts[usize::from(piece.sets[counter.field][at])] += 1;
            }
            for (sum, column) in tally.figures.iter_mut().zip(&piece.figures) {
                sum.add(column[at]);
            }
            if piece.days[at] != day {
                merge(&mut days, day, of_day);
                (day, of_day) = (piece.days[at], DayTally::default());
            }
            of_day.calls += 1;
            of_day.sentiment.add(piece.figures[sentiment][at]);
        });
        merge(&mut days, day, of_day);
        let date = |(day, tally)| Some((NaiveDate::from_num_days_from_ce_opt(day)?, tally));
        tally.days = days.into_iter().filter_map(date).collect();
        tally.fields = counters
            .into_iter()
            .map(|counter| {
                let name = self.snapshot.fields.all()[counter.field].name.clone();
                (name, counter.dictionary.by_value(&counter.counts))
            })
            .collect();
        tally
    }

    /// Counts calls by two fields at once.
    pub(crate) fn cross(&self, row: &str, column: &str) -> Cross {
        let (Some(row), Some(column)) = (self.counter(row), self.counter(column)) else {
            return Cross::default();
        };
        let width = column.dictionary.len();
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        let mut dense = vec![0_u64; DENSE_MAX.min(width * row.dictionary.len())];
        self.visit(|piece, at| {
            let pair = usize::from(piece.sets[row.field][at]) * width
                + usize::from(piece.sets[column.field][at]);
            match dense.get_mut(pair) {
                Some(count) => *count += 1,
                None => *counts.entry(pair).or_default() += 1,
            }
        });
        let dense = dense
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count > 0);
        let mut cross = Cross::default();
        for (pair, count) in dense.chain(counts) {
            // Sets are far fewer than their numbers allow, so that the casts lose nothing.
            let rows = row.dictionary.values((pair / width) as u16);
            let columns = column.dictionary.values((pair % width) as u16);
            for row in rows {
                for column in columns {
                    let key = (Arc::clone(row), Arc::clone(column));
                    *cross.counts.entry(key).or_default() += count;
                }
            }
        }
        let (mut rows, mut columns) = (BTreeMap::new(), BTreeMap::new());
        for ((row, column), count) in &cross.counts {
            *rows.entry(Arc::clone(row)).or_default() += count;
            *columns.entry(Arc::clone(column)).or_default() += count;
        }
        (cross.rows, cross.columns) = (by_count(rows), by_count(columns));
        cross
    }

    /// Counts calls by date and two fields that have one value each.
    pub(crate) fn by_day(&self, first: &str, second: &str) -> BTreeMap<NaiveDate, PairCounts> {
        let (Some(first), Some(second)) = (self.counter(first), self.counter(second)) else {
            return BTreeMap::new();
        };
        let mut days: BTreeMap<i32, BTreeMap<(u16, u16), u64>> = BTreeMap::new();
        let (mut day, mut of_day) = (NO_DAY, BTreeMap::new());
        self.visit(|piece, at| {
            if piece.days[at] != day {
                add_pairs(days.entry(day).or_default(), &std::mem::take(&mut of_day));
                day = piece.days[at];
            }
            let pair = (piece.sets[first.field][at], piece.sets[second.field][at]);
            *of_day.entry(pair).or_default() += 1;
        });
        add_pairs(days.entry(day).or_default(), &of_day);
        let value = |counter: &Counter<'_>, set| {
            let value = counter.dictionary.values(set).first();
            value.map_or_else(|| Arc::from(""), Arc::clone)
        };
        let named = |counts: BTreeMap<(u16, u16), u64>| {
            let named = counts.into_iter();
            named
                .map(|((a, b), count)| ((value(&first, a), value(&second, b)), count))
                .collect()
        };
        days.into_iter()
            .filter_map(|(day, counts)| {
                Some((NaiveDate::from_num_days_from_ce_opt(day)?, named(counts)))
            })
            .collect()
    }

    /// Counts calls by the values of a field, each value's calls by other fields.
    pub(crate) fn groups(&self, by: &str, fields: &[&str]) -> Vec<GroupTally> {
        let Some(by) = self.counter(by) else {
            return Vec::new();
        };
        let others: Vec<Counter<'_>> = fields
            .iter()
            .filter_map(|name| self.counter(name))
            .collect();
        let mut groups: BTreeMap<u16, Group> = BTreeMap::new();
        self.visit(|piece, at| {
            let group = groups
                .entry(piece.sets[by.field][at])
                .or_insert_with(|| Group {
                    calls: 0,
                    figures: [Sum::default(); FIGURES],
                    sets: vec![BTreeMap::new(); others.len()],
                });
            group.calls += 1;
            for (sum, column) in group.figures.iter_mut().zip(&piece.figures) {
                sum.add(column[at]);
            }
            for (counts, other) in group.sets.iter_mut().zip(&others) {
                *counts.entry(piece.sets[other.field][at]).or_default() += 1;
            }
        });
        by_group(groups, &by, &others)
    }
}

/// A table of more pairs than this is not laid out in full.
const DENSE_MAX: usize = 1 << 20;

#[derive(Clone)]
struct Group {
    calls: u64,
    figures: [Sum; FIGURES],
    sets: Vec<BTreeMap<u16, u64>>,
}

/// Groups of sets of values as groups of values, largest first.
fn by_group(
    groups: BTreeMap<u16, Group>,
    by: &Counter<'_>,
    others: &[Counter<'_>],
) -> Vec<GroupTally> {
    let mut of_value: BTreeMap<Arc<str>, Group> = BTreeMap::new();
    for (set, group) in groups {
        for value in by.dictionary.values(set) {
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
                .map(|(counts, other)| by_set(counts, other))
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

fn by_set(counts: &BTreeMap<u16, u64>, counter: &Counter<'_>) -> Vec<(Arc<str>, u64)> {
    let mut by_value = BTreeMap::new();
    for (set, count) in counts {
        for value in counter.dictionary.values(*set) {
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

fn add_pairs(pairs: &mut BTreeMap<(u16, u16), u64>, more: &BTreeMap<(u16, u16), u64>) {
    for (pair, count) in more {
        *pairs.entry(*pair).or_default() += count;
    }
}

fn merge(days: &mut BTreeMap<i32, DayTally>, day: i32, of_day: DayTally) {
    if of_day.calls > 0 {
        let known = days.entry(day).or_default();
        known.calls += of_day.calls;
        known.sentiment.sum += of_day.sentiment.sum;
        known.sentiment.count += of_day.sentiment.count;
    }
}
