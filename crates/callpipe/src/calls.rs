//! What people ask of calls, whichever way they ask: at the command line or in the browser.

use std::sync::Arc;

use callpipe_core::contracts::warehouse::{CallFilter, Change, Outcome, Warehouse};
use callpipe_core::failure::Outside;
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;
use callpipe_core::transition::{Circumstances, Event, advance};
use chrono::{DateTime, Utc};

/// So many calls are saved at once.
const BATCH_CALLS: usize = 500;

/// Sets calls back: to a stage, or to the beginning of the one that they are at. Says how many.
pub async fn set_back(
    warehouse: &dyn Warehouse,
    filter: &CallFilter,
    from: Option<Stage>,
    policy: RetryPolicy,
    now: DateTime<Utc>,
) -> Outside<u64> {
    let calls = warehouse.progress(filter).await?;
    let outcomes: Vec<Arc<Outcome>> = calls
        .into_iter()
        .map(|call| {
            let event = Event::RedoAsked {
                from: from.unwrap_or(call.progress.stage),
            };
            let circumstances = Circumstances {
                policy,
                now,
                call_started_at: call.contact.started_at_utc(),
                chance: 0.0,
            };
            let progress = advance(&call.progress, &event, &circumstances);
            Arc::new(Outcome {
                contact: call.contact,
                progress,
                change: Change::None,
                at: now,
            })
        })
        .collect();
    for batch in outcomes.chunks(BATCH_CALLS) {
        warehouse.save(batch).await?;
    }
    Ok(outcomes.len() as u64)
}
