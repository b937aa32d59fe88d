//! A look at the warehouse: which calls a stage can do now, and when the next ones.

use callpipe_core::contracts::warehouse::{PendingCall, PendingQuery};
use callpipe_core::failure::Outside;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::Engine;
use super::patience::ask_the_warehouse;

/// What a look at the warehouse showed.
pub(super) struct Looked {
    pub(super) query: PendingQuery,
    /// When the look began.
    pub(super) at: Instant,
    pub(super) pending: Vec<PendingCall>,
    /// When the first call can be done of those that cannot be done yet; asked where all others are
    /// among the pending ones.
    pub(super) next_ready_at: Option<DateTime<Utc>>,
}

/// Looks for pending calls.
pub(super) async fn look(engine: &Engine, query: PendingQuery) -> Outside<Looked> {
    let warehouse = engine.warehouse.as_ref();
    let at = Instant::now();
    let pending = ask_the_warehouse(engine, || warehouse.pending(&query)).await?;
    let next_ready_at = match pending.len() < query.limit {
        true => ask_the_warehouse(engine, || warehouse.next_ready_at(&query.scope)).await?,
        false => None,
    };
    Ok(Looked {
        query,
        at,
        pending,
        next_ready_at,
    })
}
