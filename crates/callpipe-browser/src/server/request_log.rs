//! A line of the log for each request. Never its query, which holds what people search for.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use super::App;

/// More of a path is not logged, in characters.
const PATH_CHARS_MAX: usize = 300;

/// What is asked for by pages and machines, not by people.
const QUIET: [&str; 3] = ["/healthz", "/metrics", "/assets/{name}"];

/// Logs and counts a request.
pub(super) async fn log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let path: String = request.uri().path().chars().take(PATH_CHARS_MAX).collect();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.metrics.count(route, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match QUIET.contains(&route) {
        true => tracing::debug!(%method, path, status, ms, "answered"),
        false => tracing::info!(%method, path, status, ms, "answered"),
    }
    response
}
