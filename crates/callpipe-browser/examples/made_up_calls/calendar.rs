//! When people ring: more on Mondays, in spring and every year, hardly on Sundays and holidays.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveTime, TimeDelta, Weekday};

use crate::chance::Chance;

/// The offset of the place where all of it happens.
const OFFSET_S: i32 = 10 * 3_600;

/// How many days of calls there are.
pub(crate) const DAYS: u64 = 730;

/// How busy each hour from 7 on is.
const HOURS: [f64; 11] = [0.25, 0.8, 1.25, 1.4, 1.2, 0.9, 0.95, 1.15, 1.1, 0.85, 0.35];

/// The days of the calls with how many there are on each; so many in all.
pub(crate) fn days(calls: usize, until: NaiveDate) -> Vec<(NaiveDate, usize)> {
    let dates: Vec<NaiveDate> = (0..DAYS)
        .rev()
        .filter_map(|back| until.checked_sub_days(Days::new(back)))
        .collect();
    let weights: Vec<f64> = dates.iter().map(|date| weight(*date, until)).collect();
    let total: f64 = weights.iter().sum();
    let (mut before, mut sum) = (0, 0.0);
    let counts = dates.into_iter().zip(weights).map(|(date, weight)| {
        sum += weight;
        let upto = (calls as f64 * sum / total).round() as usize;
        let count = upto.min(calls).saturating_sub(before);
        before += count;
        (date, count)
    });
    counts.collect()
}

fn weight(date: NaiveDate, until: NaiveDate) -> f64 {
    let weekday = match date.weekday() {
        Weekday::Mon => 1.3,
        Weekday::Tue => 1.12,
        Weekday::Wed | Weekday::Thu => 1.0,
        Weekday::Fri => 0.92,
        Weekday::Sat => 0.42,
        Weekday::Sun => 0.07,
    };
    let holiday = match (date.month(), date.day()) {
        (12, 25 | 26) | (1, 1) => 0.03,
        (12, 27..) | (1, 26) | (4, 25) => 0.3,
        _ => 1.0,
    };
    let spring =
        1.0 + 0.18 * (f64::from(date.ordinal()) / 365.0 * std::f64::consts::TAU + 1.2).cos();
    let growth = 1.0 - 0.25 * (until - date).num_days() as f64 / DAYS as f64;
    weekday * holiday * spring * growth
}

/// The starts of so many calls on a date, in their order.
pub(crate) fn starts(
    chance: &mut Chance,
    date: NaiveDate,
    count: usize,
) -> Vec<DateTime<FixedOffset>> {
    let hours: Vec<(usize, f64)> = HOURS.iter().copied().enumerate().collect();
    let mut millis: Vec<i64> = (0..count)
        .map(|_| {
            let hour = 7.0 + chance.weighted(&hours) as f64 + chance.fraction();
            (hour * 3.6e6) as i64
        })
        .collect();
    millis.sort_unstable();
    let midnight = midnight(date);
    let starts = millis
        .into_iter()
        .map(|millis| midnight + TimeDelta::milliseconds(millis));
    starts.collect()
}

/// The first moment of a date.
pub(crate) fn midnight(date: NaiveDate) -> DateTime<FixedOffset> {
    let offset = FixedOffset::east_opt(OFFSET_S).unwrap();
    date.and_time(NaiveTime::MIN)
        .and_local_timezone(offset)
        .unwrap()
}
