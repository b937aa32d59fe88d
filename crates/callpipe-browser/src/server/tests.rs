//! The server over real sockets: what it bears, and how it stops.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::testing::{Bench, open_access, parts};
use super::*;

struct Running {
    port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Outside<()>>,
    _folder: tempfile::TempDir,
}

async fn running() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let parts = parts(&folder, open_access()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(parts, listener, async {
        let _ = stopped.await;
    }));
    Running {
        port,
        stop,
        task,
        _folder: folder,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// What is answered to some bytes, until the connection is closed.
    async fn answer(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may be closed before all is sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
        let _ = read.await.expect("it is answered or closed");
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn is_alive(&self) -> bool {
        let get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        self.answer(get).await.starts_with("HTTP/1.1 200")
    }
}

#[tokio::test]
async fn nonsense_is_refused_and_hurts_nobody() {
    let server = running().await;
    let long = "x".repeat(200_000);
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    for (request, statuses) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), &["414", "431"][..]),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nx: {long}\r\n\r\n"), &["431"]),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), &["431"]),
        ("\0\u{1}\u{2}\r\n\r\n".to_owned(), &["400"]),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), &["400", "505"]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &["400", "505"]),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), &["421"]),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), &["421"]),
        ("POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n".to_owned(), &["400"]),
        ("GET /calls/..%2f..%2fetc%2fpasswd/audio/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), &["404"]),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), &["404"]),
    ] {
        let answer = server.answer(request.as_bytes()).await;
        let status = answer.get(9..12).unwrap_or("closed");
        assert!(
            statuses.contains(&status) || answer.is_empty(),
            "{status} for {:.60}",
            request
        );
        assert!(!answer.contains("root:"));
    }
    assert!(server.is_alive().await);
}

#[tokio::test]
async fn it_stops_at_once_although_connections_are_open() {
    let server = running().await;
    let mut idle = server.connect().await;
    let mut begun = server.connect().await;
    begun
        .write_all(b"GET / HTTP/1.1\r\nHost: loc")
        .await
        .unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    idle.write_all(get).await.unwrap();
    let mut head = [0; 12];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let asked = Instant::now();
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2));
    let refused = TcpStream::connect(("127.0.0.1", server.port)).await;
    assert!(refused.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn pages_are_compressed_and_sound_is_not() {
    let bench = Bench::new(open_access()).await;
    let gzip = ("accept-encoding", "gzip, br");
    let page = bench.get("/", &[gzip]).await;
    assert_eq!(page.header("content-encoding"), "gzip");
    assert_eq!(page.body[..2], [0x1f, 0x8b]);
    let flac = [&b"fLaC\0\0\0\x22"[..], &[0; 4_000]].concat();
    bench.add_call("1", &flac, "voice-only.flac").await;
    let sound = bench.get("/calls/1/audio/1", &[gzip]).await;
    assert_eq!(sound.header("content-type"), "audio/flac");
    assert_eq!(sound.header("content-encoding"), "");
}

#[tokio::test]
async fn what_is_not_there_is_a_page() {
    let bench = Bench::new(open_access()).await;
    for path in [
        "/nothing",
        "/assets/style.css",
        "/assets/..%2fserver.rs",
        "/calls/%ff/audio/1",
    ] {
        let page = bench.get(path, &[]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text().contains("<!DOCTYPE html>"), "{path}");
    }
    let page = bench.get("/theme", &[]).await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_places_wait_and_are_then_told_to_come_back() {
    let places = Places::default();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel::<()>();
    let slow = move || {
        let begun = begun.clone();
        async move {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    };
    let router: Router = Router::new()
        .route("/", get(slow))
        .layer(from_fn(limits::within_limits))
        .layer(Extension(places));
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..limits::AT_WORK_MAX + 8 {
        let request = testing::request("GET", "/", &[], "");
        answers.spawn(tower::ServiceExt::oneshot(router.clone(), request));
    }
    for _ in 0..limits::AT_WORK_MAX {
        begins.recv().await.unwrap();
    }
    assert!(begins.try_recv().is_err());
    let begun = Instant::now();
    for _ in 0..8 {
        let answer = answers.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(begun.elapsed().as_secs(), 10, "no place was free");
    }
    for _ in 0..limits::AT_WORK_MAX {
        let answer = answers.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(begun.elapsed().as_secs(), 30, "given up");
    }
}
