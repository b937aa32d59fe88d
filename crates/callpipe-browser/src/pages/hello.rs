//! The first page, until there is one.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use maud::{Markup, html};

use super::plain;
use crate::safety::Visitor;
use crate::server::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(hello))
}

async fn hello(visitor: Visitor) -> Markup {
    plain::page("Calls", &html! { p { "Hello " (visitor.name) "." } })
}
