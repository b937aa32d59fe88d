//! Calls from the recordings of a folder: what `[recordings.folder]` names is listed, in the order of
//! the calls' ids.

#[cfg(test)]
mod tests;

use std::ops::Bound;

use async_trait::async_trait;
use callpipe_core::call::ContactId;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource, Cursor};
use callpipe_core::failure::{Failure, Outside};
use serde::{Deserialize, Serialize};

use crate::folder::Folder;

/// `[contacts.folder]`: there is nothing to say beyond `[recordings.folder]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderContactsConfig {}

/// Calls from the recordings of a folder.
pub struct FolderContacts {
    folder: Folder,
}

impl FolderContacts {
    /// The calls of a folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl ContactSource for FolderContacts {
    fn name(&self) -> &'static str {
        "folder"
    }

    async fn check(&self) -> Outside<CheckReport> {
        let listing = self.folder.look().await?;
        let dated = listing
            .calls
            .values()
            .filter(|call| call.started_at.is_some());
        let mut report = format!(
            "{}: {} calls, {} of them with a start",
            self.folder.describe(),
            listing.calls.len(),
            dated.count()
        );
        if let Some(problem) = listing.problems.first() {
            let (count, place) = (listing.problems.len(), &problem.place);
            report.push_str(&format!(
                "; {count} files are no call, such as {place}: {}",
                problem.problem
            ));
        }
        Ok(report)
    }

    async fn list(&self, query: &ContactQuery, after: Option<Cursor>) -> Outside<ContactPage> {
        let (listing, after) = match after {
            None => (self.folder.look().await?, None),
            Some(Cursor(id)) => {
                let id = ContactId::parse(&id)
                    .map_err(|error| Failure::bug("a cursor of another list").with_source(error))?;
                (self.folder.last_look().await?, Some(id))
            }
        };
        let from = match &after {
            Some(id) => Bound::Excluded(id),
            None => Bound::Unbounded,
        };
        let mut calls = listing
            .calls
            .range::<ContactId, _>((from, Bound::Unbounded));
        let page: Vec<_> = calls.by_ref().take(query.page_max.max(1)).collect();
        let next = page.last().filter(|_| calls.next().is_some());
        Ok(ContactPage {
            next: next.map(|(id, _)| Cursor(id.as_str().to_owned())),
            contacts: page.iter().map(|(_, contact)| (*contact).clone()).collect(),
            problems: match after {
                None => listing.problems.clone(),
                Some(_) => Vec::new(),
            },
        })
    }
}
