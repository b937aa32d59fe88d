//! The raw replies that were bought for a call, as the vendors sent them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::Warehouse;
use callpipe_core::recording::ArchiveKey;
use serde_json::Value;

use super::super::error::PageError;
use crate::server::App;

/// The keys of a call's replies, in the order in which they are shown: those of the tables, so that no
/// address names an object of the archive.
pub(super) async fn keys(app: &App, id: &ContactId) -> Result<Vec<ArchiveKey>, PageError> {
    let Some(details) = app.warehouse.find(id).await? else {
        return Err(PageError::NotFound);
    };
    let listed = details.tracking.get("reply_keys").and_then(Value::as_array);
    let of_labels = details
        .classification
        .as_ref()
        .and_then(|labels| labels.get("reply_key"));
    let all = listed.into_iter().flatten().chain(of_labels);
    Ok(all
        .filter_map(|key| serde_json::from_value(key.clone()).ok())
        .collect())
}

/// A reply as text that no browser runs.
pub(super) async fn reply(
    State(app): State<Arc<App>>,
    Path((contact_id, number)): Path<(String, usize)>,
) -> Result<Response, PageError> {
    let id = ContactId::parse(contact_id.trim()).map_err(|_| PageError::NotFound)?;
    let keys = keys(&app, &id).await?;
    let key = keys
        .get(number.wrapping_sub(1))
        .ok_or(PageError::NotFound)?;
    let reply = app.archive.reply(key).await?.ok_or(PageError::NotFound)?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "inline; filename=\"reply.json\""),
    ];
    Ok((headers, reply.bytes).into_response())
}
