//! One file a page: from what is known to HTML.

pub(crate) mod address;
mod agents;
mod call;
mod calls;
pub(crate) mod error;
mod keys;
mod labels;
pub(crate) mod layout;
mod name;
mod overview;
pub(crate) mod plain;
mod review;
mod runs;
pub(crate) mod selection_bar;
mod sign_in;
#[cfg(test)]
mod tests;
mod theme;
mod view;

use std::sync::Arc;

use axum::Router;

pub(crate) use calls::CallList;
pub(crate) use runs::RunsFigures;

use crate::server::App;

/// The addresses of all pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(agents::routes())
        .merge(call::routes())
        .merge(calls::routes())
        .merge(overview::routes())
        .merge(review::routes())
        .merge(runs::routes())
        .merge(sign_in::routes())
        .merge(theme::routes())
}
