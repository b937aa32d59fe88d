//! The browser's own index of the calls: narrow columns in memory, words in a file.
//!
//! Every count, filter and sort walks the columns of all calls, which takes milliseconds for a million
//! of them and is exact; no page needs an index of its own in the tables. The words are searched by
//! SQLite's FTS5. Both are kept in a file beside the tables that follows them by `updated_at` and can
//! be removed at any time: it is made again.
//!
//! ```text
//!   tables ──► follow ──► entry ──► file ──► columns ──► snapshot ──► chosen ──► tally, list
//!                                    └────► search ───────────────────┘
//! ```

mod chosen;
mod columns;
mod dictionary;
mod entry;
mod fields;
mod file;
mod follow;
mod list;
mod pairs;
mod search;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use chosen::Chosen;
#[cfg(test)]
pub(crate) use columns::empty_snapshot;
pub(crate) use columns::{Snapshot, Values};
pub(crate) use entry::{confidence_scores, is_overall};
pub(crate) use fields::{Field, Fields, LabelField, values_of};
pub(crate) use follow::{FOUND_MAX, Found, Index};
pub(crate) use list::{Listed, Place, Sort, SortBy};
pub(crate) use search::{Words, words_of};
pub(crate) use tally::{Cross, GroupTally, Tally};
