//! A directory as a store: nothing is seen before it is whole, what was written is on the disk before
//! a verb returns, and whatever a killed program left unfinished lies below `staging/`, where it is
//! found and swept.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};

use crate::random;

/// Files below a root. Small objects are written here; everything else is `object_store`'s own.
#[derive(Debug)]
pub(super) struct DirectoryStore {
    files: LocalFileSystem,
    root: PathBuf,
    /// The folder for what is unfinished, with `/` between its parts.
    staging: String,
}

impl DirectoryStore {
    /// A store in a directory that exists, which leaves unfinished things in a folder of it.
    pub(super) fn new(root: &Path, staging: &str) -> Result<Self> {
        Ok(Self {
            files: LocalFileSystem::new_with_prefix(root)?.with_fsync(true),
            root: root.to_owned(),
            staging: staging.to_owned(),
        })
    }
}

/// Removes those folders of unfinished things that `is_left` says may be removed.
pub(super) fn sweep(root: &Path, is_left: &dyn Fn(&str) -> bool) -> io::Result<usize> {
    let folders = match fs::read_dir(root.join(super::STAGING)) {
        Ok(folders) => folders,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut swept = 0;
    for folder in folders {
        let folder = folder?;
        if !is_left(&folder.file_name().to_string_lossy()) || !folder.file_type()?.is_dir() {
            continue;
        }
        let objects = fs::read_dir(folder.path()).map_or(0, Iterator::count);
        match fs::remove_dir_all(folder.path()) {
            Ok(()) => swept += objects,
            // Somebody writes there at this moment, or sweeps as well.
            Err(error) if is_in_use(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}

fn is_in_use(error: &io::Error) -> bool {
    let kinds = [ErrorKind::DirectoryNotEmpty, ErrorKind::NotFound];
    kinds.contains(&error.kind())
}

/// So much is read from a file at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The bytes of a file, in chunks that are worth a change of threads.
pub(super) fn chunks(file: File) -> BoxStream<'static, Result<Bytes>> {
    let chunks = stream::try_unfold(file, |mut file| async {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::new();
            let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
            read.map(|_| (Bytes::from(chunk), file))
        });
        match read.await? {
            Ok((chunk, _)) if chunk.is_empty() => Ok(None),
            Ok(chunk_and_file) => Ok(Some(chunk_and_file)),
            Err(error) => Err(of_the_directory(error)),
        }
    });
    chunks.boxed()
}

fn of_the_directory(source: io::Error) -> Error {
    Error::Generic {
        store: "directory",
        source: source.into(),
    }
}

/// How often a write is begun: a run that begins sweeps once, and shards begin together.
const WRITES_MAX: usize = 5;

/// Writes a file under another name in a folder and gives it its own when it is whole. If somebody
/// sweeps the folder meanwhile, it is written again.
fn write(folder: &Path, path: &Path, payload: &PutPayload, mode: &PutMode) -> io::Result<()> {
    let mut writes = 1;
    loop {
        let staged = folder.join(random::name());
        match write_once(&staged, path, payload, mode) {
            Err(error) if error.kind() == ErrorKind::NotFound && writes < WRITES_MAX => writes += 1,
            written => return written,
        }
    }
}

fn write_once(staged: &Path, path: &Path, payload: &PutPayload, mode: &PutMode) -> io::Result<()> {
    let written = in_folder(staged, || {
        let mut file = File::create_new(staged)?;
        for chunk in payload {
            file.write_all(chunk)?;
        }
        file.sync_all()
    });
    let named = written.and_then(|()| {
        in_folder(path, || match mode {
            PutMode::Overwrite => fs::rename(staged, path),
            _ => fs::hard_link(staged, path),
        })
    });
    if named.is_err() || !matches!(mode, PutMode::Overwrite) {
        // The outcome that matters is the other one.
        let _ = fs::remove_file(staged);
    }
    named?;
    sync_folder(path)
}

/// Does something with a file, and makes its folder first where that is missing.
fn in_folder<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (work(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
            make_folder(folder)?;
            work()
        }
        (worked, _) => worked,
    }
}

/// Makes a folder and those above it that are missing. What is synced in a folder is lost in a power
/// cut if the folder's own entry is not on the disk, so each is synced before anything is put in it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let made = match (fs::create_dir(folder), folder.parent()) {
        (Err(error), Some(above)) if error.kind() == ErrorKind::NotFound => {
            make_folder(above)?;
            fs::create_dir(folder)
        }
        (made, _) => made,
    };
    match made {
        // Whoever made it may not have synced it yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(folder)
}

/// Has the entry of a file in its folder written to the disk, where folders can be.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[async_trait]
impl ObjectStore for DirectoryStore {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) || !options.attributes.is_empty() {
            return self.files.put_opts(location, payload, options).await;
        }
        let path = self.files.path_to_filesystem(location)?;
        let folder = self.root.join(&self.staging);
        let location = location.to_string();
        let written =
            tokio::task::spawn_blocking(move || write(&folder, &path, &payload, &options.mode));
        match written.await? {
            Ok(()) => Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            }),
            Err(source) if source.kind() == ErrorKind::AlreadyExists => Err(Error::AlreadyExists {
                path: location,
                source: source.into(),
            }),
            Err(error) => Err(of_the_directory(error)),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: RenameOptions,
    ) -> Result<()> {
        self.files.rename_opts(from, to, options).await
    }
}

impl fmt::Display for DirectoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(formatter)
    }
}
