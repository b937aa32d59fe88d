//! How many requests are at work at once, and for how long one may be.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::pages::error::PageError;

/// So many requests are at work at once: each has calls' texts in memory, and more of them on a machine's
/// few processors end no sooner.
pub(super) const AT_WORK_MAX: usize = 12;

/// Others wait so long for a place.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A page is there after so long, or never. Sound may flow for longer.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Who watches wants an answer while others wait for theirs.
const FREE: [&str; 3] = ["/healthz", "/metrics", "/assets/{name}"];

/// The places of requests at work.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_WORK_MAX)))
    }
}

/// Works on a request when there is a place for it, and not for too long.
pub(super) async fn within_limits(
    Extension(Places(places)): Extension<Places>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    if path.is_some_and(|path| FREE.contains(&path.as_str())) {
        return next.run(request).await;
    }
    let Ok(Ok(_place)) = timeout(WAIT_MAX, places.acquire()).await else {
        return PageError::Busy.into_response();
    };
    match timeout(TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => PageError::TooSlow.into_response(),
    }
}
