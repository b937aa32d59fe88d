//! A browser over made-up calls, asked by requests that come over no socket.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use callpipe_connectors::archive::Archive;
use callpipe_connectors::secret::Secret;
use callpipe_connectors::warehouses::sqlite::{SqliteConfig, SqliteWarehouse};
use callpipe_core::call::{Contact, ContactId};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::{CallFilter, Change, Outcome, Warehouse};
use callpipe_core::failure::Outside;
use callpipe_core::progress::{CallProgress, Stage};
use callpipe_core::recording::{ArchiveKey, Recording};
use callpipe_core::taxonomy::Taxonomy;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use http::{HeaderMap, Request, StatusCode};
use tempfile::TempDir;
use tower::ServiceExt;

use super::{Again, App, Parts, router};
use crate::safety::{Access, AccessConfig};

/// The token of a browser that asks for one.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }
}

struct Nobody;

#[async_trait]
impl Again for Nobody {
    async fn again(&self, _: &CallFilter, _: Option<Stage>) -> Outside<u64> {
        Ok(0)
    }
}

/// A browser and the folder with its files.
pub(crate) struct Bench {
    pub(crate) app: Arc<App>,
    pub(crate) folder: TempDir,
    router: Router,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that it sets, as a browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        let (cookie, _) = self.header("set-cookie").split_once(';').unwrap();
        cookie.to_owned()
    }
}

/// The parts of a browser on a directory.
pub(crate) async fn parts(folder: &TempDir, access: Access) -> Parts {
    let config = SqliteConfig {
        path: folder.path().join("callpipe.db"),
        ..SqliteConfig::default()
    };
    let archive = Archive::directory(&folder.path().join("archive")).unwrap();
    let warehouse = SqliteWarehouse::open(config, archive.base_uri().to_owned()).unwrap();
    let taxonomy = Arc::new(Taxonomy::built_in());
    warehouse.prepare(&taxonomy).await.unwrap();
    Parts {
        warehouse: Arc::new(warehouse),
        archive,
        taxonomy,
        clock: Arc::new(NoTime),
        index_path: folder.path().join("callpipe-browser.db"),
        again: Arc::new(Nobody),
        access,
    }
}

/// On this machine, for whoever is there.
pub(crate) fn open_access() -> Access {
    let config = AccessConfig {
        local_name: "ada".into(),
        ..AccessConfig::default()
    };
    Access::decide("127.0.0.1".parse().unwrap(), config).unwrap()
}

/// For who knows [`TOKEN`].
pub(crate) fn closed_access(is_behind_proxy: bool) -> Access {
    let config = AccessConfig {
        token: Some(Secret::new(TOKEN)),
        is_behind_proxy,
        ..AccessConfig::default()
    };
    Access::decide("10.0.0.1".parse().unwrap(), config).unwrap()
}

impl Bench {
    pub(crate) async fn new(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = Arc::new(App::new(parts(&folder, access).await).await.unwrap());
        let router = router(&app);
        Self {
            app,
            folder,
            router,
        }
    }

    /// Answers a request from an address.
    pub(crate) async fn send_from(&self, peer: &str, mut request: Request<Body>) -> Answer {
        let peer = format!("{peer}:5000")
            .parse::<std::net::SocketAddr>()
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, 100_000_000).await.unwrap().to_vec(),
        }
    }

    /// Answers a request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("10.0.0.9", request).await
    }

    /// Answers a GET with some headers.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, "")).await
    }

    /// Answers a form.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let headers = [headers, &[form_type]].concat();
        self.send(request("POST", path, &headers, form)).await
    }

    /// A call with a recording of these bytes.
    pub(crate) async fn add_call(&self, id: &str, bytes: &[u8], name: &str) -> Recording {
        let id = ContactId::parse(id).unwrap();
        let (media_type, extension) = name.rsplit_once('.').unwrap();
        let key = ArchiveKey::recording(&id, media_type, 1, extension);
        let chunks = stream::iter([Ok(bytes.to_vec().into())]).boxed();
        let stored = self.app.archive.put_recording(&key, chunks).await.unwrap();
        let recording = Recording {
            key: stored.key,
            media_type: media_type.to_owned(),
            content_type: "text/html".to_owned(),
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
            started_at: None,
            participants: Vec::new(),
        };
        let (warehouse, now) = (&self.app.warehouse, self.app.clock.now());
        let contact = Contact::new(id, None);
        let contacts = std::slice::from_ref(&contact);
        warehouse.add_contacts(contacts, now).await.unwrap();
        let progress = CallProgress {
            stage: Stage::Transcribe,
            ..CallProgress::new(contact.id.clone())
        };
        let outcome = Outcome {
            contact,
            progress,
            change: Change::Fetched {
                recordings: vec![recording.clone()],
                raw_metadata: None,
            },
            at: now,
        };
        warehouse.save(&[Arc::new(outcome)]).await.unwrap();
        recording
    }
}

/// A request; for this machine unless a header says otherwise.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:8377");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The value of a page's hidden field of this name.
pub(crate) fn field(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}
