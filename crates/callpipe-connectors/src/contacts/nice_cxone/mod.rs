//! Calls from the completed contacts of CXone's reporting API, newest first.

mod client;
mod config;
mod map;
mod position;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::failure::{Failure, FailureKind, Outside};

use client::{Answer, ContactsClient};
pub use config::ContactsConfig;
use map::Rows;
use position::Position;

/// Calls from CXone's completed contacts.
pub struct NiceCxoneContacts {
    client: ContactsClient,
    config: ContactsConfig,
}

impl NiceCxoneContacts {
    /// A source as configured. Nothing is asked yet.
    pub fn new(config: ContactsConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        if config
            .from
            .zip(config.to)
            .is_some_and(|(from, to)| from > to)
        {
            return Err(Failure::new(
                FailureKind::Denied,
                "`from` in `contacts.nice_cxone` is after `to`",
            ));
        }
        Ok(Self {
            client: ContactsClient::new(&config, clock)?,
            config,
        })
    }

    fn first(&self, query: &ContactQuery) -> Option<Position> {
        Position::first(&self.config, query, self.client.api.now())
    }

    /// The rows at a position, and the position at which they were given in the end: the vendor
    /// may refuse to sort, or to list so long a period.
    async fn rows(&self, position: Position, top: u32) -> Outside<(Position, Rows)> {
        let mut position = position;
        loop {
            let (instead, failure) = match self.client.completed(&position, top).await? {
                Answer::Rows(rows) => return Ok((position, rows)),
                Answer::SortingRefused(failure) => (position.unsorted(), failure),
                Answer::PeriodRefused(failure) => (position.shorter(), failure),
            };
            tracing::debug!(%failure, "asking CXone for less");
            position = instead.ok_or(failure)?;
        }
    }
}

#[async_trait]
impl ContactSource for NiceCxoneContacts {
    fn name(&self) -> &'static str {
        "nice_cxone"
    }

    async fn check(&self) -> Outside<CheckReport> {
        let place = self.client.api.session().await?.place.clone();
        let Some(first) = self.first(&ContactQuery::default()) else {
            return Ok(format!("{place}: nothing to list before `from`"));
        };
        let (position, rows) = self.rows(first, 1).await?;
        let total = rows.total.unwrap_or(rows.count);
        Ok(format!(
            "{place}: {total} completed contacts from {} to {}",
            position.start().date_naive(),
            position.end.date_naive()
        ))
    }

    async fn list(&self, query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage> {
        let position = match &after {
            Some(cursor) => Some(Position::resume(cursor)?),
            None => self.first(query),
        };
        let Some(position) = position else {
            return Ok(ContactPage::default());
        };
        let page_size = self.client.page_size();
        let (position, rows) = self.rows(position, page_size).await?;
        let next = if rows.has_more(&position, u64::from(page_size)) {
            Some(position.further(rows.count))
        } else {
            position.older()
        };
        Ok(ContactPage {
            next: next.map(|next| next.cursor()).transpose()?,
            contacts: rows.contacts,
            problems: rows.problems,
        })
    }
}
