//! Connections: how many there are, what their requests may be like before anybody reads them, and
//! how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// So many at once; others wait until one ends.
const CONNECTIONS_MAX: usize = 1_024;

/// A request's head must be there after so long, also the next one of a connection that is kept.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// A request's head is at most so large, and so much of a request is read ahead, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// A request has at most so many headers.
const HEADERS_MAX: usize = 100;

/// What is under way when the server is asked to stop may take so long.
const GRACE: Duration = Duration::from_millis(1_500);

/// How long nobody is let in when the machine has no more files to open.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers connections by a router, until `stop`.
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) {
    let (graceful, places) = (GracefulShutdown::new(), Semaphore::new(CONNECTIONS_MAX));
    let places = Arc::new(places);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let answered = answer(router.clone(), stream, peer);
        let answered = graceful.watch(answered);
        connections.spawn(async move {
            let _place = place;
            // A visitor who goes away is no news.
            let _ = answered.await;
        });
    }
    drop(listener);
    // What is not at its end by then is cut off by dropping the connections.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Without it small answers wait for their predecessors to be confirmed.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::debug!(%error, "a connection could not be taken");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

fn answer(
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl hyper_util::server::graceful::GracefulConnection + Send {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
