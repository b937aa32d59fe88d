//! Which calls a page is about: the part of an address that stays while one browses.
//!
//! ```text
//!   period=30d                          the last so many days of calls; also 7d, 90d, all
//!   from=2026-10-01&until=2026-10-31    or dates, both included
//!   is.call_type=complaint              a field has this value; given twice: one of these
//!   min.duration_s=60                   bounds of a figure
//!   q=wrong parcel                      words that were said
//! ```
//!
//! What cannot be understood is left out, so that an address that was cut or mistyped shows more calls
//! than were asked for, and the page says which ones.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use url::form_urlencoded;

use crate::figure::Figure;

/// A field's name, a value, and the words searched for are at most so long, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// A selection has at most so many values of fields.
const VALUES_MAX: usize = 200;

/// Days before the newest call that are shown where nothing else is asked for.
const DAYS: u32 = 30;

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// The last so many days of calls.
    Days(u32),
    /// All calls.
    All,
    /// These dates, both included.
    Dates {
        /// The first date, if there is one.
        from: Option<NaiveDate>,
        /// The last date, if there is one.
        until: Option<NaiveDate>,
    },
}

/// A first and a last date, both included; open where there is none.
pub(crate) type Dates = (Option<NaiveDate>, Option<NaiveDate>);

impl Period {
    /// Its dates, where calls are known up to `newest`.
    pub(crate) fn dates(self, newest: NaiveDate) -> Dates {
        match self {
            Self::All => (None, None),
            Self::Dates { from, until } => (from, until),
            Self::Days(days) => {
                let back = Days::new(u64::from(days.saturating_sub(1)));
                (newest.checked_sub_days(back), Some(newest))
            }
        }
    }

    /// The dates before it, as many; none where it has no beginning or no end.
    pub(crate) fn dates_before(self, newest: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let (from, until) = self.dates(newest);
        let (from, until) = (from?, until.unwrap_or(newest));
        let days = u64::try_from((until - from).num_days()).ok()?;
        let last = from.pred_opt()?;
        Some((last.checked_sub_days(Days::new(days))?, last))
    }

    fn parse(word: &str) -> Option<Self> {
        if word == "all" {
            return Some(Self::All);
        }
        let days: u32 = word.strip_suffix('d')?.parse().ok()?;
        (1..=36_500).contains(&days).then_some(Self::Days(days))
    }
}

/// The bounds of a figure, both included; open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// Which calls a page is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection {
    /// When they began.
    pub(crate) period: Period,
    /// Fields that must have one of these values.
    pub(crate) fields: BTreeMap<String, BTreeSet<String>>,
    /// Figures that must lie within these bounds.
    pub(crate) figures: BTreeMap<Figure, Bounds>,
    /// Words that must have been said.
    pub(crate) words: Option<String>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            period: Period::Days(DAYS),
            fields: BTreeMap::new(),
            figures: BTreeMap::new(),
            words: None,
        }
    }
}

impl Selection {
    /// Reads the query of an address. Other keys are other parts' business.
    pub(crate) fn parse(query: &str) -> Self {
        let mut selection = Self::default();
        let (mut from, mut until) = (None, None);
        let mut values = 0;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() || value.chars().count() > TEXT_CHARS_MAX {
                continue;
            }
            match key.as_ref() {
                "period" => selection.period = Period::parse(value).unwrap_or(selection.period),
                "from" => from = value.parse().ok(),
                "until" => until = value.parse().ok(),
                "q" => selection.words = Some(value.to_owned()),
                key => {
                    if let Some(field) = key.strip_prefix("is.") {
                        values += 1;
                        if values <= VALUES_MAX && field.chars().count() <= TEXT_CHARS_MAX {
                            let field = selection.fields.entry(field.to_owned()).or_default();
                            field.insert(value.to_owned());
                        }
                    } else {
                        selection.read_bound(key, value);
                    }
                }
            }
        }
        if from.is_some() || until.is_some() {
            selection.period = Period::Dates { from, until };
        }
        selection
    }

    fn read_bound(&mut self, key: &str, value: &str) {
        let Some((side, figure)) = key.split_once('.') else {
            return;
        };
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        let (Some(figure), Some(number)) = (Figure::parse(figure), number) else {
            return;
        };
        match side {
            "min" => self.figures.entry(figure).or_default().min = Some(number),
            "max" => self.figures.entry(figure).or_default().max = Some(number),
            _ => {}
        }
    }

    /// The keys and values of its address, in an order that is always the same.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        match self.period {
            Period::Days(DAYS) => {}
            Period::Days(days) => add("period", format!("{days}d")),
            Period::All => add("period", "all".to_owned()),
            Period::Dates { from, until } => {
                if let Some(from) = from {
                    add("from", from.to_string());
                }
                if let Some(until) = until {
                    add("until", until.to_string());
                }
            }
        }
        if let Some(words) = &self.words {
            add("q", words.clone());
        }
        for (field, values) in &self.fields {
            for value in values {
                add(&format!("is.{field}"), value.clone());
            }
        }
        for (figure, bounds) in &self.figures {
            for (side, bound) in [("min", bounds.min), ("max", bounds.max)] {
                if let Some(bound) = bound {
                    add(&format!("{side}.{}", figure.as_str()), bound.to_string());
                }
            }
        }
        pairs
    }

    /// An address of these calls at a path, such as `/calls`.
    pub(crate) fn href(&self, path: &str) -> String {
        self.href_with(path, &[])
    }

    /// An address of these calls at a path, with further keys and values.
    pub(crate) fn href_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs());
        query.extend_pairs(more);
        let query = query.finish();
        match query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{query}"),
        }
    }

    /// Those of these calls of which a field has this value, and no other of its values.
    pub(crate) fn only(&self, field: &str, value: &str) -> Self {
        let mut selection = self.clone();
        let values = BTreeSet::from([value.to_owned()]);
        selection.fields.insert(field.to_owned(), values);
        selection
    }

    /// The same without a condition on a value of a field.
    pub(crate) fn without(&self, field: &str, value: &str) -> Self {
        let mut selection = self.clone();
        if let Some(values) = selection.fields.get_mut(field) {
            values.remove(value);
            if values.is_empty() {
                selection.fields.remove(field);
            }
        }
        selection
    }

    /// The same in another period.
    pub(crate) fn within(&self, period: Period) -> Self {
        Self {
            period,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_read_and_written() {
        let query = "from=2026-10-01&until=2026-10-31&q=wrong+parcel&is.call_type=complaint\
                     &is.call_type=order_support&min.duration_s=60";
        let selection = Selection::parse(query);
        assert_eq!(selection.href("/calls"), format!("/calls?{query}"));
        assert_eq!(selection.fields["call_type"].len(), 2);
        assert_eq!(
            selection.period.dates(date("2026-11-28")),
            (Some(date("2026-10-01")), Some(date("2026-10-31")))
        );
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let long = "x".repeat(301);
        let query = format!(
            "period=0d&from=tomorrow&is.a={long}&is.{long}=b&min.weight=3&max.duration_s=NaN\
             &q=&sort=x&is.agent_name=%00"
        );
        let selection = Selection::parse(&query);
        let agents = BTreeSet::from(["\0".to_owned()]);
        let fields = BTreeMap::from([("agent_name".to_owned(), agents)]);
        assert_eq!(
            selection,
            Selection {
                fields,
                ..Selection::default()
            }
        );
        assert_eq!(Selection::parse("").href("/"), "/");
    }

    #[test]
    fn a_period_has_one_before_it_of_the_same_length() {
        let newest = date("2026-11-28");
        let days = Period::Days(7);
        assert_eq!(days.dates(newest), (Some(date("2026-11-22")), Some(newest)));
        assert_eq!(
            days.dates_before(newest),
            Some((date("2026-11-15"), date("2026-11-21")))
        );
        assert_eq!(Period::All.dates_before(newest), None);
        let since = Period::Dates {
            from: Some(date("2026-11-27")),
            until: None,
        };
        assert_eq!(
            since.dates_before(newest),
            Some((date("2026-11-25"), date("2026-11-26")))
        );
    }

    #[test]
    fn a_value_is_chosen_and_taken_back() {
        let all = Selection::parse("is.call_type=a&is.call_type=b&period=all");
        let one = all.only("call_type", "c & d");
        assert_eq!(one.href("/calls"), "/calls?period=all&is.call_type=c+%26+d");
        assert_eq!(one.without("call_type", "c & d").fields, BTreeMap::new());
        assert_eq!(all.without("call_type", "a").fields["call_type"].len(), 1);
        assert_eq!(
            all.within(Period::Days(30)).period,
            Selection::default().period
        );
    }

    #[test]
    fn an_address_with_thousands_of_values_selects_by_some() {
        let query: Vec<String> = (0..5_000).map(|n| format!("is.x={n}")).collect();
        let selection = Selection::parse(&query.join("&"));
        assert_eq!(selection.fields["x"].len(), VALUES_MAX);
    }
}
