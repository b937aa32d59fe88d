//! Fetching, from a server that cuts off, lies, and does not know ranges.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use callpipe_core::failure::FailureKind;
use futures::{StreamExt, stream};

use super::*;
use crate::http::Endpoint;

const PATH: &str = "/ggerganov/whisper.cpp/resolve/main/ggml-tiny.en.bin";

/// A file of 200,000 bytes that is no model; fetching does not look into it.
fn content() -> Vec<u8> {
    (0..200_000_u32)
        .flat_map(|at| at.to_le_bytes())
        .take(200_000)
        .collect()
}

fn model() -> KnownModel {
    let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &content());
    known("tiny.en", "200 kB", String::leak(hex::encode(sha1)))
}

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Good,
    /// Breaks off after so many bytes of an answer.
    CutsAfter(usize),
    NoRanges,
    /// The right length and other bytes.
    Wrong,
    Gone,
    /// Sends the client on.
    LeadsTo(&'static str),
}

struct Server {
    endpoint: Endpoint,
    mood: Arc<Mutex<Mood>>,
    /// The ranges that were asked for.
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

#[derive(Clone)]
struct Shared {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

async fn serve(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let range = headers
        .get(header::RANGE)
        .map(|range| range.to_str().unwrap().to_owned());
    shared.asked.lock().unwrap().push(range.clone());
    let mood = *shared.mood.lock().unwrap();
    let from: usize = match (&range, mood) {
        (None, _) | (_, Mood::NoRanges) => 0,
        (Some(range), _) => range["bytes=".len()..]
            .trim_end_matches('-')
            .parse()
            .unwrap(),
    };
    let mut content = content();
    let total = content.len();
    match mood {
        Mood::Gone => return StatusCode::NOT_FOUND.into_response(),
        Mood::LeadsTo(location) => {
            return (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
        }
        Mood::Wrong => content[150_000] ^= 1,
        _ => {}
    }
    if from >= total {
        let past = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, past).into_response();
    }
    let body = content.split_off(from);
    let length = [(header::CONTENT_LENGTH, body.len().to_string())];
    let status = if from > 0 {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let range = [(
        header::CONTENT_RANGE,
        format!("bytes {from}-{}/{total}", total - 1),
    )];
    let body = match mood {
        Mood::CutsAfter(bytes) => {
            let first = Ok(Bytes::copy_from_slice(&body[..bytes]));
            let then = async {
                // What came before goes out only when nothing else is ready.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            };
            Body::from_stream(stream::iter([first]).chain(stream::once(then)))
        }
        _ => Body::from(body),
    };
    (status, length, range, body).into_response()
}

impl Server {
    async fn start(mood: Mood) -> Self {
        let shared = Shared {
            mood: Arc::new(Mutex::new(mood)),
            asked: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route(PATH, axum::routing::get(serve))
            .route(
                "/elsewhere",
                axum::routing::get(|state: State<Shared>, headers| async move {
                    *state.mood.lock().unwrap() = Mood::Good;
                    serve(state, headers).await
                }),
            )
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            endpoint: Endpoint::parse(&endpoint).unwrap(),
            mood: shared.mood,
            asked: shared.asked,
        }
    }

    fn now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }

    async fn pull(&self, directory: &Path) -> callpipe_core::failure::Outside<Pulled> {
        pull(&model(), &self.endpoint, directory, &|_| {}).await
    }
}

#[tokio::test]
async fn a_model_is_fetched_once_with_progress() {
    let server = Server::start(Mood::Good).await;
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("made/anew");
    let seen = Mutex::new(Vec::new());
    let note = |progress| seen.lock().unwrap().push(progress);
    let pulled = pull(&model(), &server.endpoint, &directory, &note).await;
    let path = directory.join("ggml-tiny.en.bin");
    assert_eq!(pulled.unwrap(), Pulled::Fetched(path.clone()));
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert!(!directory.join("ggml-tiny.en.bin.part").exists());
    let whole = Progress {
        done_bytes: 200_000,
        total_bytes: Some(200_000),
    };
    assert_eq!(seen.lock().unwrap().last(), Some(&whole));
    assert_eq!(
        server.pull(&directory).await.unwrap(),
        Pulled::AlreadyThere(path)
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_is_continued() {
    let server = Server::start(Mood::CutsAfter(60_000)).await;
    let folder = tempfile::tempdir().unwrap();
    let cut = server.pull(folder.path()).await.unwrap_err();
    assert_eq!(cut.kind, FailureKind::Unavailable);
    assert!(cut.hint.unwrap().contains("again"));
    assert!(!folder.path().join("ggml-tiny.en.bin").exists());
    server.now(Mood::Good);
    assert!(matches!(
        server.pull(folder.path()).await.unwrap(),
        Pulled::Fetched(_)
    ));
    assert_eq!(server.asked(), [None, Some("bytes=60000-".to_owned())]);
}

#[tokio::test]
async fn without_ranges_it_begins_again() {
    let server = Server::start(Mood::CutsAfter(60_000)).await;
    let folder = tempfile::tempdir().unwrap();
    server.pull(folder.path()).await.unwrap_err();
    server.now(Mood::NoRanges);
    server.pull(folder.path()).await.unwrap();
    let fetched = std::fs::read(folder.path().join("ggml-tiny.en.bin")).unwrap();
    assert_eq!(fetched, content());
}

#[tokio::test]
async fn a_wrong_checksum_leaves_nothing_that_could_be_used() {
    let server = Server::start(Mood::Wrong).await;
    let folder = tempfile::tempdir().unwrap();
    let wrong = server.pull(folder.path()).await.unwrap_err();
    assert_eq!(wrong.kind, FailureKind::CorruptTransfer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // A part that was damaged on the disk is found out, too.
    std::fs::write(folder.path().join("ggml-tiny.en.bin.part"), vec![7; 100]).unwrap();
    server.now(Mood::Good);
    server.pull(folder.path()).await.unwrap_err();
    assert!(matches!(
        server.pull(folder.path()).await.unwrap(),
        Pulled::Fetched(_)
    ));
}

#[tokio::test]
async fn a_whole_part_is_only_checked_and_a_damaged_model_is_replaced() {
    let server = Server::start(Mood::Good).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ggml-tiny.en.bin");
    std::fs::write(folder.path().join("ggml-tiny.en.bin.part"), content()).unwrap();
    server.pull(folder.path()).await.unwrap();
    std::fs::write(&path, b"damaged").unwrap();
    assert!(matches!(
        server.pull(folder.path()).await.unwrap(),
        Pulled::Fetched(_)
    ));
    assert_eq!(std::fs::read(&path).unwrap(), content());
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let server = Server::start(Mood::Gone).await;
    let folder = tempfile::tempdir().unwrap();
    let gone = server.pull(folder.path()).await.unwrap_err();
    assert_eq!(gone.chain(), "fetching the model tiny.en: HTTP 404");
    assert!(gone.hint.unwrap().contains("--endpoint"));
}

#[tokio::test]
async fn redirects_are_followed_and_never_into_the_open() {
    let server = Server::start(Mood::LeadsTo("/elsewhere")).await;
    let folder = tempfile::tempdir().unwrap();
    server.pull(folder.path()).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    server.now(Mood::LeadsTo(
        "http://example.com/ggml.bin?signature=secret",
    ));
    let open = server.pull(other.path()).await.unwrap_err();
    assert_eq!(open.kind, FailureKind::Rejected);
    assert!(open.chain().contains("not https") && !open.told().contains("secret"));
    server.now(Mood::LeadsTo(PATH));
    let round = server.pull(other.path()).await.unwrap_err();
    assert!(
        round.chain().contains("from one address to the next"),
        "{round}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_and_another_process_is_not_disturbed() {
    let server = Server::start(Mood::Good).await;
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("ggml-tiny.en.bin.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let full = server.pull(folder.path()).await.unwrap_err();
    assert_eq!(full.kind, FailureKind::StoreFailed);
    assert!(full.hint.unwrap().contains("make room"));
    std::fs::remove_file(&part).unwrap();
    let other = std::fs::File::create(&part).unwrap();
    other.lock().unwrap();
    let busy = server.pull(folder.path()).await.unwrap_err();
    assert!(busy.chain().contains("another process"), "{busy}");
}

#[test]
fn models_are_kept_with_the_users_data() {
    let directory = |variables: &[(&str, &str)]| {
        directory_in(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(PathBuf::from(found.1))
        })
    };
    assert_eq!(
        directory(&[("HOME", "/h")]),
        Path::new("/h/.local/share/callpipe/models")
    );
    let both = [("HOME", "/h"), ("XDG_DATA_HOME", "/d")];
    assert_eq!(directory(&both), Path::new("/d/callpipe/models"));
    let relative = [("HOME", "/h"), ("XDG_DATA_HOME", "d")];
    assert_eq!(
        directory(&relative),
        Path::new("/h/.local/share/callpipe/models")
    );
    assert_eq!(directory(&[]), Path::new("callpipe/models"));
}

#[test]
fn names_and_files_belong_together() {
    for known in KNOWN {
        assert_eq!(name_of(Path::new(&file_name(known.name))), known.name);
        assert_eq!((known.sha1.len(), find(known.name)), (40, Some(known)));
    }
    assert_eq!(name_of(Path::new("/models/mine.bin")), "mine");
}
