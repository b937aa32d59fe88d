//! The server: what it is made of, which addresses there are, and how it runs and stops.
//!
//! ```text
//!   connection ─► log, figures ─► headers ─► compression ─► place, deadline ─► guard ─► page
//! ```

mod connections;
mod kept;
mod limits;
mod request_log;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{DefaultBodyLimit, Path};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use callpipe_connectors::archive::Archive;
use callpipe_connectors::warehouses::sqlite::SqliteWarehouse;
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::CallFilter;
use callpipe_core::failure::Outside;
use callpipe_core::progress::Stage;
use callpipe_core::taxonomy::Taxonomy;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use maud::Markup;
use tokio::net::TcpListener;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

use crate::audio::{self, Sounds};
use crate::design;
use crate::index::{Found, Index};
use crate::metrics::{self, Metrics};
use crate::pages;
use crate::pages::error::PageError;
use crate::progress::{LOOK_EVERY, Progress, Reached};
use crate::safety::{self, Access, FORM_BYTES_MAX, Safety};
use kept::Kept;
use limits::Places;

/// Less than that is as large when it is compressed, in bytes.
const COMPRESSED_BYTES_MIN: u16 = 256;

/// So many parts of pages of a kind are kept. The largest have about 130 KB.
const PARTS_MAX: usize = 48;

/// So many results of searches are kept, of 400 KB at most.
const SEARCHES_MAX: usize = 12;

/// Has calls done again.
#[async_trait]
pub trait Again: Send + Sync {
    /// Sets calls back to a stage, or to the beginning of the one that they are at. Says how many.
    async fn again(&self, filter: &CallFilter, from: Option<Stage>) -> Outside<u64>;
}

/// What the browser is put together from.
pub struct Parts {
    /// The two tables.
    pub warehouse: Arc<SqliteWarehouse>,
    /// Audio and transcripts.
    pub archive: Archive,
    /// Which labels there are.
    pub taxonomy: Arc<Taxonomy>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The file of the index; what else is kept lies beside it.
    pub index_path: PathBuf,
    /// Has calls done again.
    pub again: Arc<dyn Again>,
    /// Who may look.
    pub access: Access,
}

/// What every page has at hand.
pub(crate) struct App {
    pub(crate) warehouse: Arc<SqliteWarehouse>,
    pub(crate) archive: Archive,
    pub(crate) index: Index,
    pub(crate) progress: Progress,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) again: Arc<dyn Again>,
    pub(crate) safety: Safety,
    pub(crate) sounds: Sounds,
    pub(crate) metrics: Metrics,
    pub(crate) kept_parts: Kept<Markup>,
    pub(crate) kept_lists: Kept<pages::CallList>,
    pub(crate) kept_runs: Kept<pages::RunsFigures>,
    pub(crate) kept_searches: Kept<Found>,
}

impl App {
    async fn new(parts: Parts) -> Outside<Self> {
        let warehouse = Arc::clone(&parts.warehouse);
        Ok(Self {
            index: Index::open(&parts.index_path, &parts.taxonomy, warehouse).await?,
            progress: Progress::default(),
            safety: Safety::new(parts.access, &parts.index_path),
            sounds: Sounds::new(parts.archive.clone(), &parts.index_path)?,
            warehouse: parts.warehouse,
            archive: parts.archive,
            clock: parts.clock,
            again: parts.again,
            metrics: Metrics::default(),
            kept_parts: Kept::new(PARTS_MAX),
            kept_lists: Kept::new(PARTS_MAX),
            kept_runs: Kept::new(PARTS_MAX),
            kept_searches: Kept::new(SEARCHES_MAX),
        })
    }
}

/// Serves the pages to who connects, until `stop`. What is under way then has two seconds to end.
pub async fn serve(
    parts: Parts,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> Outside<()> {
    let app = Arc::new(App::new(parts).await?);
    let pages = connections::serve(router(&app), listener, stop);
    tokio::select! {
        () = pages => {}
        () = app.index.follow() => {}
        () = watch(&app) => {}
    }
    Ok(())
}

/// Looks how the work goes, for ever.
async fn watch(app: &App) {
    loop {
        let snapshot = app.index.snapshot();
        app.progress.look(Reached::of(&snapshot), app.clock.now());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// All addresses, behind all that requests must pass.
fn router(app: &Arc<App>) -> Router {
    // Higher levels take several times as long and save a tenth.
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let worth_compressing = SizeAbove::new(COMPRESSED_BYTES_MIN).and(is_worth_compressing);
    let routes = Router::new()
        .merge(pages::routes())
        .merge(audio::routes())
        .merge(metrics::routes())
        .route("/assets/{name}", get(asset))
        .fallback(async || PageError::NotFound);
    routes
        .method_not_allowed_fallback(async || PageError::NotAllowed)
        .layer(from_fn_with_state(Arc::clone(app), safety::guard))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn(limits::within_limits))
        .layer(Extension(Places::default()))
        .layer(CatchPanicLayer::custom(PageError::of_panic))
        .layer(compression.compress_when(worth_compressing))
        .layer(from_fn(safety::set_headers))
        .layer(from_fn_with_state(Arc::clone(app), request_log::log))
        .with_state(Arc::clone(app))
}

/// A file of the design. Its name has a hash of its content in it, so that it may be kept for ever.
async fn asset(Path(name): Path<String>) -> Result<Response, PageError> {
    let (content_type, bytes) = design::asset(&name).ok_or(PageError::NotFound)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// Text is; sound is not, and its parts are counted in bytes.
fn is_worth_compressing(
    _: http::StatusCode,
    _: http::Version,
    headers: &http::HeaderMap,
    _: &http::Extensions,
) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/") || value.starts_with("image/svg"))
}
