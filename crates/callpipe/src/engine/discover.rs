//! Takes new contacts from their source into the warehouse, page by page.

use callpipe_core::contracts::contact_source::{ContactPage, ContactQuery, ContactSource};
use callpipe_core::failure::{Blame, Failure, Outside};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Engine;
use super::patience::ask_the_warehouse;

/// Attempts at one page before the source is given up, if they took as long as an outage may last.
const PAGE_ATTEMPTS_MAX: u32 = 6;

/// Lists all contacts and takes up the new ones, as many at once as suits the warehouse. `wake` is told
/// each time.
pub async fn discover(engine: &Engine, source: &dyn ContactSource, wake: &Notify) -> Outside<()> {
    let batch_max = engine.warehouse.batching().contacts_max.max(1);
    let query = ContactQuery {
        since: engine.settings.since,
        page_max: batch_max,
    };
    let mut cursor = None;
    loop {
        tokio::select! {
            biased;
            () = engine.stop.asked() => return Ok(()),
            () = engine.tenure.lasting(engine.clock.as_ref()) => {}
        }
        let page = page(engine, source, &query, cursor).await?;
        for problem in &page.problems {
            tracing::warn!(
                place = problem.place,
                problem = problem.problem,
                "a problem in the contact list"
            );
        }
        let problems = page.problems.len() as u64;
        let listed = page.contacts.len() as u64;
        engine.monitor.contacts_listed(listed, problems);
        let mut contacts = page.contacts;
        contacts.retain(|contact| engine.settings.is_responsible_for(contact));
        for batch in contacts.chunks(batch_max) {
            let added = ask_the_warehouse(engine, || {
                engine.warehouse.add_contacts(batch, engine.clock.now())
            })
            .await?;
            engine.monitor.contacts_added(added);
            wake.notify_one();
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// One page; what only the moment is to blame for is tried again.
pub(super) async fn page(
    engine: &Engine,
    source: &dyn ContactSource,
    query: &ContactQuery,
    cursor: Option<callpipe_core::contracts::contact_source::Cursor>,
) -> Outside<ContactPage> {
    let (mut attempt, began) = (0, Instant::now());
    loop {
        let failure: Failure = match source.list(query, cursor.clone()).await {
            Ok(page) => return Ok(page),
            Err(failure) => failure,
        };
        attempt += 1;
        let is_enough =
            attempt >= PAGE_ATTEMPTS_MAX && began.elapsed() >= engine.settings.outage_max;
        if failure.kind.blame() != Blame::Moment || is_enough {
            return Err(failure.context(format!("listing contacts from {}", source.name())));
        }
        let chance = engine.chance.next();
        let wait = engine.settings.retry.backoff(
            attempt.min(PAGE_ATTEMPTS_MAX),
            failure.retry_after,
            chance,
        );
        tracing::warn!(
            reason = failure.chain(),
            wait_ms = wait.as_millis() as u64,
            "contact list will be asked for again"
        );
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = engine.stop.asked() => return Ok(ContactPage::default()),
        }
    }
}
