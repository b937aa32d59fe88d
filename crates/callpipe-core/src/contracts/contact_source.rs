//! Where the list of calls comes from.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::call::Contact;
use crate::contracts::CheckReport;
use crate::failure::Outside;

/// Where a list goes on. Opaque: only the source that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// Which contacts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactQuery {
    /// Calls that started before this date are left out. Sources may use it to list less; the
    /// engine checks it again.
    pub since: Option<NaiveDate>,
    /// At most so many contacts, or problems, a page. Sources whose pages are made elsewhere need not
    /// keep to it.
    pub page_max: usize,
}

impl ContactQuery {
    /// Calls since a date, or all of them, on pages of a usual size.
    pub fn since(since: Option<NaiveDate>) -> Self {
        Self {
            since,
            page_max: 1_000,
        }
    }
}

impl Default for ContactQuery {
    fn default() -> Self {
        Self::since(None)
    }
}

/// A line or item of a list that is no contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactProblem {
    /// Where, for people: `contacts.csv line 17`.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContactPage {
    /// In the source's order.
    pub contacts: Vec<Contact>,
    /// What could not be read; the rest goes on.
    pub problems: Vec<ContactProblem>,
    /// Where the list goes on; nothing at its end.
    pub next: Option<Cursor>,
}

/// A list of calls.
#[async_trait]
pub trait ContactSource: Send + Sync {
    /// Its name for logs and messages, such as `nice_cxone`.
    fn name(&self) -> &'static str;

    /// Does what listing does, once, and says what was reached.
    async fn check(&self) -> Outside<CheckReport>;

    /// The next part of the list. Pages are bounded in size.
    async fn list(&self, query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage>;
}
