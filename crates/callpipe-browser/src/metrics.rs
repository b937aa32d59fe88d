//! Figures for machines that watch: `/healthz`, and `/metrics` in Prometheus' text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use crate::server::App;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the histogram, in seconds: around what pages are to take.
const BOUNDS_S: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 1.0, 5.0];

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct IndexState {
    /// Calls in it.
    calls: u64,
    /// Whether calls are still being taken up for the first time.
    is_behind: bool,
}

/// What is known of requests so far. Routes and not paths: there are few of them.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    seconds: Mutex<BTreeMap<String, Histogram>>,
    audio_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Histogram {
    within: [u64; BOUNDS_S.len()],
    count: u64,
    sum_s: f64,
}

impl Metrics {
    /// Counts a request.
    pub(crate) fn count(&self, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
        drop(requests);
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = seconds.entry(route.to_owned()).or_default();
        let took_s = took.as_secs_f64();
        histogram.count += 1;
        histogram.sum_s += took_s;
        for (within, bound_s) in histogram.within.iter_mut().zip(BOUNDS_S) {
            *within += u64::from(took_s <= bound_s);
        }
    }

    /// Counts audio on its way to a visitor.
    pub(crate) fn count_audio(&self, size_bytes: usize) {
        self.audio_bytes
            .fetch_add(size_bytes as u64, Ordering::Relaxed);
    }

    /// All of it as Prometheus reads it.
    fn text(&self, index: IndexState) -> String {
        let mut text = String::new();
        self.write(&mut text, index);
        text
    }

    fn write(&self, text: &mut String, index: IndexState) {
        let name = "callpipe_browser_requests_total";
        head(text, name, "counter", "Requests that were answered.");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), count) in requests.iter() {
            line(
                text,
                &format!("{name}{{route=\"{route}\",status=\"{status}\"}} {count}"),
            );
        }
        let name = "callpipe_browser_request_seconds";
        head(text, name, "histogram", "Time until an answer begins.");
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, histogram) in seconds.iter() {
            for (within, bound_s) in histogram.within.iter().zip(BOUNDS_S) {
                let labels = format!("route=\"{route}\",le=\"{bound_s}\"");
                line(text, &format!("{name}_bucket{{{labels}}} {within}"));
            }
            let Histogram { count, sum_s, .. } = histogram;
            let labels = format!("route=\"{route}\"");
            line(
                text,
                &format!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"),
            );
            line(text, &format!("{name}_sum{{{labels}}} {sum_s}"));
            line(text, &format!("{name}_count{{{labels}}} {count}"));
        }
        let name = "callpipe_browser_audio_bytes_total";
        head(text, name, "counter", "Bytes of audio that were served.");
        let audio_bytes = self.audio_bytes.load(Ordering::Relaxed);
        line(text, &format!("{name} {audio_bytes}"));
        let name = "callpipe_browser_index_calls";
        head(text, name, "gauge", "Calls in the index.");
        line(text, &format!("{name} {}", index.calls));
        let name = "callpipe_browser_index_is_behind";
        let about = "1 while calls are still being taken up for the first time.";
        head(text, name, "gauge", about);
        line(text, &format!("{name} {}", u8::from(index.is_behind)));
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    line(text, &format!("# HELP {name} {about}"));
    line(text, &format!("# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: &str) {
    // A text takes all that is written.
    let _ = writeln!(text, "{line}");
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(metrics))
}

async fn metrics(
    State(app): State<Arc<App>>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let address = app.safety.address(peer_address(peer), &headers);
    let now = app.clock.now();
    if !app.safety.may_read_metrics(address, &headers, now) {
        let challenge = [(WWW_AUTHENTICATE, "Bearer realm=\"callpipe\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "the token is needed\n").into_response();
    }
    let text = app.metrics.text(index_state(&app));
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}

/// The address of who is connected; of requests that come by no connection, none that means anything.
pub(crate) fn peer_address(
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
) -> std::net::IpAddr {
    let peer = peer.map(|axum::Extension(ConnectInfo(peer))| peer.ip());
    peer.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into())
}

fn index_state(app: &App) -> IndexState {
    let snapshot = app.index.snapshot();
    IndexState {
        calls: snapshot.calls() as u64,
        is_behind: snapshot.is_behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.count("/calls/{contact_id}", 200, Duration::from_millis(20));
        metrics.count("/calls/{contact_id}", 200, Duration::from_millis(400));
        metrics.count("/calls/{contact_id}", 404, Duration::from_millis(1));
        metrics.count_audio(1_000);
        let text = metrics.text(IndexState {
            calls: 7,
            is_behind: true,
        });
        for line in [
            "# TYPE callpipe_browser_requests_total counter",
            "callpipe_browser_requests_total{route=\"/calls/{contact_id}\",status=\"200\"} 2",
            "callpipe_browser_request_seconds_bucket{route=\"/calls/{contact_id}\",le=\"0.005\"} 1",
            "callpipe_browser_request_seconds_bucket{route=\"/calls/{contact_id}\",le=\"0.3\"} 2",
            "callpipe_browser_request_seconds_bucket{route=\"/calls/{contact_id}\",le=\"+Inf\"} 3",
            "callpipe_browser_request_seconds_count{route=\"/calls/{contact_id}\"} 3",
            "callpipe_browser_audio_bytes_total 1000",
            "callpipe_browser_index_calls 7",
            "callpipe_browser_index_is_behind 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
