//! Where in the list we are: a period, and how much of it was read.
//!
//! The list is read from its newest period to its oldest. Both ends of the whole stay as they were
//! when the list was begun, so that calls that end meanwhile do not shift it.

use callpipe_core::contracts::contact_source::{ContactQuery, Cursor};
use callpipe_core::failure::{Failure, Outside};
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::config::ContactsConfig;

/// How far back a list goes that nobody has bounded, in days.
const DAYS_BACK: u64 = 30;

/// The part of the list that is asked for next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Where the whole list ends, at its oldest calls.
    pub(super) oldest: DateTime<Utc>,
    /// The end of the present period. Belongs to it.
    pub(super) end: DateTime<Utc>,
    /// The length of periods, in days.
    pub(super) days: u32,
    /// How many contacts of the period were read.
    pub(super) skip: u64,
    /// Whether the vendor is asked to sort.
    pub(super) sorted: bool,
}

impl Position {
    /// The beginning of the list, if there is anything to list.
    pub(super) fn first(
        config: &ContactsConfig,
        query: &ContactQuery,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        let last_moment = config
            .to
            .and_then(|to| to.checked_add_days(Days::new(1)))
            .map(|after| midnight(after) - TimeDelta::milliseconds(1));
        let end = last_moment.map_or(now, |moment| moment.min(now));
        let unbounded = now.date_naive().checked_sub_days(Days::new(DAYS_BACK));
        let oldest = midnight(config.from.max(query.since).or(unbounded)?);
        (oldest <= end).then_some(Self {
            oldest,
            end,
            days: config.window_days.max(1),
            skip: 0,
            sorted: true,
        })
    }

    /// Where a page said that the list goes on.
    pub(super) fn resume(cursor: &Cursor) -> Outside<Self> {
        serde_json::from_str(&cursor.0)
            .map_err(|_| Failure::bug("the list of CXone contacts cannot go on: not our cursor"))
    }

    /// For the next page.
    pub(super) fn cursor(&self) -> Outside<Cursor> {
        let text = serde_json::to_string(self)
            .map_err(|_| Failure::bug("the position in the list of CXone contacts has no text"))?;
        Ok(Cursor(text))
    }

    /// The beginning of the present period.
    pub(super) fn start(&self) -> DateTime<Utc> {
        let start = self
            .end
            .checked_sub_signed(TimeDelta::days(i64::from(self.days)));
        start.map_or(self.oldest, |start| start.max(self.oldest))
    }

    /// The same period after some more of its contacts.
    pub(super) fn further(&self, contacts: u64) -> Self {
        Self {
            skip: self.skip.saturating_add(contacts),
            ..self.clone()
        }
    }

    /// The period before this one. They share a moment: whether the vendor counts a period's last
    /// moment to it is not documented, and a contact that comes twice does no harm.
    pub(super) fn older(&self) -> Option<Self> {
        let start = self.start();
        (start > self.oldest).then(|| Self {
            end: start,
            skip: 0,
            ..self.clone()
        })
    }

    /// A shorter period with the same end, from its beginning.
    pub(super) fn shorter(&self) -> Option<Self> {
        let days = u32::try_from((self.end - self.start()).num_days()).unwrap_or(self.days);
        let days = days.min(self.days);
        (days > 1).then(|| Self {
            days: days / 2,
            skip: 0,
            ..self.clone()
        })
    }

    /// The same without asking the vendor to sort.
    pub(super) fn unsorted(&self) -> Option<Self> {
        self.sorted.then(|| Self {
            sorted: false,
            skip: 0,
            ..self.clone()
        })
    }
}
