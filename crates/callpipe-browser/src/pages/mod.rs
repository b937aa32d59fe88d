//! One file a page: from what is known to HTML.

pub(crate) mod error;
mod hello;
pub(crate) mod plain;
mod sign_in;
mod theme;

use std::sync::Arc;

use axum::Router;

use crate::server::App;

/// The addresses of all pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(hello::routes())
        .merge(sign_in::routes())
        .merge(theme::routes())
}
