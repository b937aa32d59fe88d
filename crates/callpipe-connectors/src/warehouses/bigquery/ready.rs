//! Which calls are ready: read from the tables once in a while, and from the mirror in between.

use std::collections::{HashMap, HashSet};

use callpipe_core::call::Contact;
use callpipe_core::contracts::warehouse::Scope;
use callpipe_core::failure::{Failure, Outside};
use callpipe_core::progress::Stage;
use chrono::{DateTime, Utc};

use super::BigQueryWarehouse;
use super::mirror::{CALLS_MAX, Mirror, MirroredCall};
use crate::bigquery::{Row, Statement};
use crate::warehouses::stored::pending_call;

/// So many conversations that stand in the table only are read at once, some kilobytes each.
const CONVERSATIONS_MAX: usize = 500;

/// The first day that BigQuery knows.
const DATE_MIN: &str = "0001-01-01";

impl BigQueryWarehouse {
    /// Those of some contacts that are new, and those whose start was not known.
    pub(super) async fn unknown<'a>(
        &self,
        contacts: &'a [Contact],
    ) -> Outside<(Vec<&'a Contact>, Vec<&'a Contact>)> {
        let ids = contacts.iter().map(|contact| contact.id.to_string());
        let statement = Statement::new(self.sql.known()).bind_texts("ids", ids.collect());
        let rows = self
            .bigquery
            .rows(&statement, "looking for known contacts")
            .await?;
        let known: HashMap<String, bool> = rows
            .iter()
            .filter_map(|row| {
                let has_start = row.text("has_start").is_some_and(|word| word == "true");
                Some((row.text("contactId")?, has_start))
            })
            .collect();
        let mut listed = HashSet::new();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for contact in contacts {
            let first = listed.insert(contact.id.as_str());
            match known.get(contact.id.as_str()) {
                None if first => new.push(contact),
                Some(false) if first && contact.started_at.is_some() => changed.push(contact),
                _ => {}
            }
        }
        Ok((new, changed))
    }

    /// Does something with a mirror that covers a scope, which is read if need be.
    pub(super) async fn with_mirror<T>(
        &self,
        scope: &Scope,
        is_enough: impl Fn(&Mirror) -> bool,
        read: impl FnOnce(&mut Mirror) -> T,
    ) -> Outside<T> {
        let mut mirror = self.mirror.lock().await;
        let usable = mirror
            .as_ref()
            .is_some_and(|mirror| mirror.covers(scope) && is_enough(mirror));
        if !usable {
            *mirror = Some(self.read_mirror(scope).await?);
        }
        match mirror.as_mut() {
            Some(mirror) => Ok(read(mirror)),
            None => Err(Failure::bug("there is no mirror of the calls")),
        }
    }

    async fn read_mirror(&self, scope: &Scope) -> Outside<Mirror> {
        let read_at = self.clock.now();
        let mut rows = self.ready_rows(scope, read_at).await?;
        if rows.iter().any(|row| row.text("stage").is_none()) {
            self.adopt().await?;
            rows = self.ready_rows(scope, read_at).await?;
        }
        let mut left_out: HashMap<Stage, u64> = HashMap::new();
        for row in &rows {
            let stage = row.text("stage").and_then(|word| Stage::parse(&word));
            if let (Some(stage), Some(ready)) = (stage, row.number("ready_calls")) {
                let left_out = left_out.entry(stage).or_insert(ready);
                *left_out = left_out.saturating_sub(1);
            }
        }
        let call = |row: &Row| {
            let call = pending_call(row, &self.archive_base_uri)?;
            Some(MirroredCall {
                conversation_unread: call.progress.stage == Stage::Classify
                    && row.text("transcript_key").is_none(),
                call,
            })
        };
        let calls = rows.iter().filter_map(call).collect();
        Ok(Mirror::new(scope, read_at, calls, left_out))
    }

    async fn ready_rows(&self, scope: &Scope, now: DateTime<Utc>) -> Outside<Vec<Row>> {
        let since = scope.since.map(|since| since.to_string());
        let statement = Statement::new(self.sql.ready(scope.shard))
            .bind_moment("now", now)
            .bind("since", "DATE", since.unwrap_or_else(|| DATE_MIN.into()))
            .bind("rows_max", "INT64", CALLS_MAX.to_string());
        self.bigquery
            .rows(&statement, "looking for pending calls")
            .await
    }

    /// Reads conversations that stand in the table only, for the next calls that need one.
    pub(super) async fn read_conversations(&self, scope: &Scope) -> Outside<()> {
        let ids = self
            .with_mirror(
                scope,
                |_| true,
                |mirror| mirror.unread(scope.stage, CONVERSATIONS_MAX),
            )
            .await?;
        // A row that is gone by now has no conversation, and must not be asked for again.
        let mut told: HashMap<String, Option<String>> =
            ids.iter().map(|id| (id.clone(), None)).collect();
        let statement = Statement::new(self.sql.conversations()).bind_texts("ids", ids);
        let rows = self
            .bigquery
            .rows(&statement, "reading conversations")
            .await?;
        told.extend(
            rows.iter()
                .filter_map(|row| Some((row.text("contactId")?, row.text("transcription")))),
        );
        self.with_mirror(scope, |_| true, |mirror| mirror.tell(scope.stage, told))
            .await
    }
}
