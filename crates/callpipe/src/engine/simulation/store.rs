//! An object store in memory that fails as the weather has it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_connectors::archive::Archive;
use callpipe_core::failure::{Failure, FailureKind};
use callpipe_core::recording::ArchiveKey;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::paid::Sold;
use super::weather::System;
use super::world::World;

/// The store, which outlives every run.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) world: Arc<World>,
    objects: Arc<InMemory>,
    /// Leases and what is unfinished: a list in memory is as slow as there are objects.
    small: Arc<InMemory>,
}

impl Store {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            objects: Arc::default(),
            small: Arc::default(),
        }
    }

    fn at(&self, path: &Path) -> &InMemory {
        match path.parts().next().as_ref().map(|part| part.as_ref()) {
            Some("leases" | "quota" | "staging") => &self.small,
            _ => &self.objects,
        }
    }

    /// All objects below a folder, asked for by who looks on from outside.
    pub(super) fn look(&self, folder: &str) -> BTreeMap<String, Bytes> {
        at_once(async {
            let names: Vec<ObjectMeta> = self
                .objects
                .list(Some(&Path::from(folder)))
                .try_collect()
                .await
                .unwrap();
            let mut found = BTreeMap::new();
            for object in names {
                let bytes = self.objects.get(&object.location).await.unwrap();
                found.insert(object.location.to_string(), bytes.bytes().await.unwrap());
            }
            found
        })
    }

    /// What is written of the quota's use.
    pub(super) fn usage(&self) -> String {
        let path = Path::from("quota/made-up-1-of-1.json");
        let bytes = at_once(async { self.small.get(&path).await.unwrap().bytes().await });
        String::from_utf8(bytes.unwrap().into()).unwrap()
    }

    /// The names of all leases.
    pub(super) fn leases(&self) -> Vec<String> {
        let folder = Path::from("leases");
        let found = self.small.list(Some(&folder)).try_collect::<Vec<_>>();
        let names = at_once(found).unwrap().into_iter();
        let mut names: Vec<String> = names.map(|object| object.location.to_string()).collect();
        names.sort();
        names
    }

    /// The paid replies that are kept: the name of each by its serial number.
    pub(super) fn kept(&self) -> BTreeMap<u64, (String, Sold)> {
        let archive = Archive::over(self.objects.clone());
        let read = |name: String| {
            let key: ArchiveKey = serde_json::from_value(name.as_str().into()).unwrap();
            let reply = at_once(archive.reply(&key)).unwrap().unwrap();
            let sold: Sold = serde_json::from_slice(&reply.bytes).unwrap();
            (sold.serial, (name, sold))
        };
        self.look("replies").into_keys().map(read).collect()
    }

    async fn on_the_way<T>(
        &self,
        doing: &str,
        path: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        // Names by chance are left out of what is recorded.
        let shown = match path.starts_with("staging") {
            true => "staging",
            false => path,
        };
        let system = match path.starts_with("leases") {
            true => System::Leases,
            false => System::Archive,
        };
        let passage = self
            .world
            .request(system, doing, shown)
            .await
            .map_err(error)?;
        let done = work.await;
        passage.answer().await.map_err(error)?;
        done
    }
}

/// What memory answers without waiting.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().unwrap()
}

/// As it comes out of a cloud's store that cannot be reached, or of one that is broken.
fn error(failure: Failure) -> Error {
    let source: Box<dyn std::error::Error + Send + Sync> = match failure.kind {
        FailureKind::Unavailable => Box::new(HttpError::new(HttpErrorKind::Timeout, failure)),
        _ => Box::new(std::io::Error::other(failure.message)),
    };
    Error::Generic {
        store: "made up",
        source,
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}

impl fmt::Display for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("made up")
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = self.at(path).put_opts(path, payload, options);
        self.on_the_way("put", path.as_ref(), put).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.at(path).put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let get = self.at(path).get_opts(path, options);
        self.on_the_way("get", path.as_ref(), get).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.at(path).get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        paths
            .then(move |path| {
                let store = store.clone();
                async move {
                    let path = path?;
                    let delete = store.at(&path).delete(&path);
                    store.on_the_way("delete", path.as_ref(), delete).await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, folder: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, folder) = (self.clone(), folder.cloned().unwrap_or_default());
        stream::once(async move {
            let list = store
                .at(&folder)
                .list(Some(&folder))
                .try_collect::<Vec<_>>();
            let listed = store.on_the_way("list", folder.as_ref(), list).await;
            stream::iter(match listed {
                Ok(objects) => objects.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, folder: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(folder).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.at(from).copy_opts(from, to, options).await
    }
}
