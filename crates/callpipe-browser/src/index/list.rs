//! Pages of chosen calls in any order, by keyset: a page begins behind the last call of the one before,
//! so that it costs the same however far one has gone, and calls that come meanwhile move nothing.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::chosen::Chosen;
use super::columns::{Piece, Snapshot};
use crate::figure::Figure;

/// What calls are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SortBy {
    /// Their starts.
    Start,
    /// A figure.
    Figure(Figure),
    /// The first value of a field.
    Field(String),
}

/// In which order calls are listed. Those of which it is not known come last in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) is_descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self {
            by: SortBy::Start,
            is_descending: true,
        }
    }
}

impl Sort {
    /// Reads a word such as `-duration_s` or `agent`; newest first where it makes no sense.
    pub(crate) fn parse(word: &str) -> Self {
        let (name, is_descending) = match word.strip_prefix('-') {
            Some(name) => (name, true),
            None => (word, false),
        };
        let by = match name {
            "start" => SortBy::Start,
            "" => return Self::default(),
            name => match Figure::parse(name) {
                Some(figure) => SortBy::Figure(figure),
                None => SortBy::Field(name.to_owned()),
            },
        };
        Self { by, is_descending }
    }

    /// Its word in addresses.
    pub(crate) fn word(&self) -> String {
        let name = match &self.by {
            SortBy::Start => "start",
            SortBy::Figure(figure) => figure.as_str(),
            SortBy::Field(name) => name,
        };
        match self.is_descending {
            true => format!("-{name}"),
            false => name.to_owned(),
        }
    }
}

/// A call's place in an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// What it is sorted by, larger is later; infinite where that is not known.
    key: f32,
    /// Its number in the index.
    pub(crate) id: i64,
}

impl Place {
    /// Reads a place of an address.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let (key, id) = word.split_once('_')?;
        let key = u32::from_str_radix(key, 16).ok().map(f32::from_bits)?;
        let id = id.parse().ok()?;
        (!key.is_nan()).then_some(Self { key, id })
    }

    /// Its word in addresses.
    pub(crate) fn word(&self) -> String {
        format!("{:x}_{}", self.key.to_bits(), self.id)
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By key; among equals the newest first.
impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.total_cmp(&other.key).then(other.id.cmp(&self.id))
    }
}

/// A page of calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Listed {
    /// In their order.
    pub(crate) places: Vec<Place>,
    /// Whether others follow.
    pub(crate) has_more: bool,
}

/// What a call is sorted by.
type Key<'a> = Box<dyn Fn(&Piece, usize) -> f32 + 'a>;

/// How much each set of values of some fields weighs: a call is as light as its lightest field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights(Vec<(usize, Vec<f32>)>);

impl Weights {
    fn of(&self, piece: &Piece, at: usize) -> f32 {
        let weights = self.0.iter();
        let weights = weights.map(|(field, weights)| weights[usize::from(piece.sets[*field][at])]);
        weights.fold(f32::INFINITY, f32::min)
    }
}

impl Snapshot {
    /// Weights that follow from a label's values: its field's name and a value to a weight, where the
    /// value weighs anything. A set is as light as its lightest value.
    pub(crate) fn weights(&self, weight: impl Fn(&str, &str) -> Option<f32>) -> Weights {
        let fields = self.fields.labels().filter_map(|(field, _)| {
            let position = self.fields.position(&field.name)?;
            let dictionary = &self.dictionaries[position];
            let mut weights = vec![f32::INFINITY; dictionary.numbers()];
            for (number, set) in weights.iter_mut().enumerate().take(dictionary.len()) {
                // Numbers of sets fit by their making.
                let values = dictionary.values(number as u16).iter();
                let values = values.filter_map(|value| weight(&field.name, value));
                *set = values.fold(f32::INFINITY, f32::min);
            }
            Some((position, weights))
        });
        Weights(fields.collect())
    }
}

impl Chosen<'_> {
    /// The lightest calls behind a place, at most so many.
    pub(crate) fn lightest(
        &self,
        weights: &Weights,
        after: Option<Place>,
        calls_max: usize,
    ) -> Listed {
        let mut places = self.smallest(|piece, at| weights.of(piece, at), after, calls_max + 1);
        let has_more = places.len() > calls_max;
        places.truncate(calls_max);
        Listed { places, has_more }
    }

    /// At most so many calls behind a place, in an order.
    pub(crate) fn list(&self, sort: &Sort, after: Option<Place>, calls_max: usize) -> Listed {
        let wanted = calls_max + 1;
        let mut places = match (&sort.by, sort.is_descending) {
            (SortBy::Start, true) => self.newest(after, wanted),
            (SortBy::Start, false) => self.oldest(after, wanted),
            _ => self.first_by(sort, after, wanted),
        };
        let has_more = places.len() > calls_max;
        places.truncate(calls_max);
        Listed { places, has_more }
    }

    /// As they come, until there are enough.
    fn newest(&self, after: Option<Place>, wanted: usize) -> Vec<Place> {
        let mut listed = Vec::new();
        self.visit_pieces(|piece, places| {
            let ids = places.iter().map(|place| piece.ids[usize::from(*place)]);
            let behind = ids.filter(|id| after.is_none_or(|after| *id < after.id));
            let behind = behind.map(|id| Place { key: 0.0, id });
            listed.extend(behind.take(wanted - listed.len()));
            match listed.len() < wanted {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        listed
    }

    /// Piece by piece from the other end.
    fn oldest(&self, after: Option<Place>, wanted: usize) -> Vec<Place> {
        let (mut listed, mut places) = (Vec::new(), Vec::new());
        for piece in &self.snapshot.pieces {
            self.select(piece, &mut places);
            let ids = places
                .iter()
                .rev()
                .map(|place| piece.ids[usize::from(*place)]);
            let behind = ids.filter(|id| after.is_none_or(|after| *id > after.id));
            let behind = behind.map(|id| Place { key: 0.0, id });
            listed.extend(behind.take(wanted - listed.len()));
            if listed.len() == wanted {
                break;
            }
        }
        listed
    }

    /// The smallest ones of all behind a place.
    fn first_by(&self, sort: &Sort, after: Option<Place>, wanted: usize) -> Vec<Place> {
        self.smallest(self.key(sort), after, wanted)
    }

    fn smallest(
        &self,
        key: impl Fn(&Piece, usize) -> f32,
        after: Option<Place>,
        wanted: usize,
    ) -> Vec<Place> {
        let mut first: BinaryHeap<Place> = BinaryHeap::with_capacity(wanted + 1);
        self.visit(|piece, at| {
            let place = Place {
                key: key(piece, at),
                id: piece.ids[at],
            };
            let is_small = first.len() < wanted || first.peek().is_some_and(|last| place < *last);
            if is_small && after.is_none_or(|after| place > after) {
                first.push(place);
                if first.len() > wanted {
                    first.pop();
                }
            }
        });
        first.into_sorted_vec()
    }

    /// What to sort a call by, so that smaller comes first.
    fn key(&self, sort: &Sort) -> Key<'_> {
        let sign = if sort.is_descending { -1.0 } else { 1.0 };
        match &sort.by {
            SortBy::Start => Box::new(|_, _| 0.0),
            SortBy::Figure(figure) => {
                let position = Figure::ALL.iter().position(|other| other == figure);
                let position = position.unwrap_or_default();
                Box::new(move |piece, at| match piece.figures[position][at] {
                    figure if figure.is_nan() => f32::INFINITY,
                    figure => sign * figure,
                })
            }
            SortBy::Field(name) => {
                let Some(field) = self.snapshot.fields.position(name) else {
                    return Box::new(|_, _| f32::INFINITY);
                };
                let ranks = self.snapshot.dictionaries[field].ranks();
                Box::new(
                    move |piece, at| match ranks[usize::from(piece.sets[field][at])] {
                        u16::MAX => f32::INFINITY,
                        rank => sign * f32::from(rank),
                    },
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_places_are_read_and_written() {
        for word in ["-start", "start", "-duration_s", "agent", "-call_type"] {
            assert_eq!(Sort::parse(word).word(), word);
        }
        assert_eq!(Sort::parse(""), Sort::default());
        let place = Place { key: -12.5, id: 77 };
        assert_eq!(Place::parse(&place.word()), Some(place));
        for nonsense in [
            "",
            "_",
            "x_1",
            "7fc00000_1",
            "1_",
            "1_9999999999999999999999",
        ] {
            assert_eq!(Place::parse(nonsense), None, "{nonsense}");
        }
    }
}
