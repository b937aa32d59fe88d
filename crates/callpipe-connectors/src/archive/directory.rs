//! A directory as a store: nothing is seen before it is whole, what was written is on the disk before
//! a verb returns, and whatever a killed program left unfinished lies below `staging/`, where it is
//! found and swept.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result,
};

use crate::random;
use crate::root::Root;
use crate::threads::Threads;

/// So many files are read and written at once; others wait for their turn.
const FILES_AT_ONCE_MAX: usize = 8;

static THREADS: Threads = Threads::new("files", || FILES_AT_ONCE_MAX);

/// What reads or writes files runs here, beside the runtime.
async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let worked = THREADS.run(work).await;
    worked.map_err(|broke_off| Error::Generic {
        store: "directory",
        source: broke_off.into(),
    })
}

/// Files below a root. Small objects are written here; everything else is `object_store`'s own.
#[derive(Debug)]
pub(super) struct DirectoryStore {
    files: LocalFileSystem,
    root: Arc<Root>,
    /// The folder for what is unfinished, with `/` between its parts.
    staging: String,
}

impl DirectoryStore {
    /// A store in a directory that exists, which leaves unfinished things in a folder of it.
    pub(super) fn new(root: &Path, staging: &str) -> Result<Self> {
        Ok(Self {
            files: LocalFileSystem::new_with_prefix(root)?.with_fsync(true),
            root: Arc::new(Root::at(root).map_err(of_the_directory)?),
            staging: staging.to_owned(),
        })
    }

    /// Where an object lies. `object_store` finds that by way of a URL, which costs more than opening
    /// the file, and which only escaped names need.
    fn path_of(&self, location: &ObjectPath) -> Result<PathBuf> {
        match cfg!(unix) && !location.as_ref().contains(['%', '#']) {
            true => Ok(self.root.path().join(location.as_ref())),
            false => self.files.path_to_filesystem(location),
        }
    }

    /// Fails where another directory stands in the place of this one, or none.
    async fn expect_there(&self) -> Result<()> {
        let root = Arc::clone(&self.root);
        let there = in_a_thread(move || root.expect_there()).await?;
        there.map_err(of_the_directory)
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

/// Whether what is staged can be named in each of these folders, as far as they are there: one of them
/// may be a disk of its own, or may not be written to.
pub(super) fn try_folders(root: &Path, staging: &str, folders: &[&str]) -> io::Result<()> {
    let root = Root::at(root)?;
    for folder in folders.iter().map(|folder| root.path().join(folder)) {
        if folder.is_dir() {
            let staging = root.path().join(staging);
            let probe = folder.join(format!(".{}", random::name()));
            let nothing = PutPayload::default();
            write(&root, &staging, &probe, &nothing, &PutMode::Create)?;
            fs::remove_file(&probe)?;
        }
    }
    Ok(())
}

fn is_in_use(error: &io::Error) -> bool {
    let kinds = [ErrorKind::DirectoryNotEmpty, ErrorKind::NotFound];
    kinds.contains(&error.kind())
}

/// So much is read from a file at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Whether something else is wanted than the whole of an object, as it is now.
fn asks_for_more_than_all(options: &GetOptions) -> bool {
    let conditions = [&options.if_match, &options.if_none_match];
    let moments = [&options.if_modified_since, &options.if_unmodified_since];
    options.range.is_some()
        || options.head
        || options.version.is_some()
        || conditions.iter().any(|condition| condition.is_some())
        || moments.iter().any(|moment| moment.is_some())
}

/// Opens a file. Of one that is no longer than a chunk the bytes come with it: changes of threads
/// are most of what reading small files costs.
fn open(root: &Root, path: PathBuf, location: ObjectPath) -> Result<GetResult> {
    let opened = File::open(&path).and_then(|file| {
        let metadata = file.metadata()?;
        match metadata.is_dir() {
            true => Err(ErrorKind::NotFound.into()),
            false => Ok((file, metadata)),
        }
    });
    let (file, metadata) = opened.map_err(|source| match source.kind() {
        ErrorKind::NotFound => not_found(root, &location, source),
        _ => of_the_directory(source),
    })?;
    let size_bytes = metadata.len();
    let meta = ObjectMeta {
        location,
        last_modified: metadata.modified().map_err(of_the_directory)?.into(),
        size: size_bytes,
        e_tag: None,
        version: None,
    };
    let payload = match size_bytes <= CHUNK_BYTES as u64 {
        true => GetResultPayload::Stream(small(file, size_bytes)?),
        false => GetResultPayload::File(file, path),
    };
    Ok(GetResult {
        payload,
        meta,
        range: 0..size_bytes,
        attributes: Default::default(),
        extensions: Default::default(),
    })
}

/// Nothing is missing in a directory that is not there itself.
fn not_found(root: &Root, location: &ObjectPath, source: io::Error) -> Error {
    match root.expect_there() {
        Ok(()) => Error::NotFound {
            path: location.to_string(),
            source: source.into(),
        },
        Err(error) => of_the_directory(error),
    }
}

/// The bytes of a file that has grown meanwhile are more than its entry says: readers notice.
fn small(file: File, size_bytes: u64) -> Result<BoxStream<'static, Result<Bytes>>> {
    let mut bytes = Vec::with_capacity(size_bytes as usize + 1);
    file.take(size_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(of_the_directory)?;
    Ok(stream::iter((!bytes.is_empty()).then(|| Ok(bytes.into()))).boxed())
}

/// The bytes of a file, in chunks that are worth a change of threads.
pub(super) fn chunks(file: File) -> BoxStream<'static, Result<Bytes>> {
    // To its end, wherever that is by then: readers notice a file that has grown.
    chunks_of(file, 0..u64::MAX)
}

/// A part of the bytes of a file.
pub(super) fn chunks_of(file: File, part: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let chunks = stream::try_unfold((file, part), |(mut file, part)| async move {
        let read = in_a_thread(move || {
            let size_bytes = part.end.saturating_sub(part.start).min(CHUNK_BYTES as u64);
            let mut chunk = Vec::new();
            file.seek(SeekFrom::Start(part.start))?;
            (&mut file).take(size_bytes).read_to_end(&mut chunk)?;
            let rest = part.start + chunk.len() as u64..part.end;
            Ok((Bytes::from(chunk), (file, rest)))
        });
        match read.await? {
            Ok((chunk, _)) if chunk.is_empty() => Ok(None),
            Ok(chunk_and_rest) => Ok(Some(chunk_and_rest)),
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
fn write(
    root: &Root,
    folder: &Path,
    path: &Path,
    payload: &PutPayload,
    mode: &PutMode,
) -> io::Result<()> {
    let mut writes = 1;
    loop {
        let staged = folder.join(random::name());
        match write_once(root, &staged, path, payload, mode) {
            Err(error) if error.kind() == ErrorKind::NotFound && writes < WRITES_MAX => writes += 1,
            written => return written,
        }
    }
}

fn write_once(
    root: &Root,
    staged: &Path,
    path: &Path,
    payload: &PutPayload,
    mode: &PutMode,
) -> io::Result<()> {
    let written = in_folder(root, staged, || {
        let mut file = File::create_new(staged)?;
        for chunk in payload {
            file.write_all(chunk)?;
        }
        file.sync_all()
    });
    let named = written.and_then(|()| {
        in_folder(root, path, || match mode {
            PutMode::Overwrite => fs::rename(staged, path),
            _ => rename_to_new(staged, path),
        })
    });
    if named.is_err() {
        // The outcome that matters is the other one.
        let _ = fs::remove_file(staged);
    }
    named?;
    sync_folder(path)
}

/// Gives a file another name that is free. Linux does that at once, where the file system can.
#[cfg(target_os = "linux")]
fn rename_to_new(staged: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, staged, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_to_new(staged, path),
        renamed => Ok(renamed?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_to_new(staged: &Path, path: &Path) -> io::Result<()> {
    link_to_new(staged, path)
}

/// Gives a file a second name that is free, and takes away the first.
fn link_to_new(staged: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(staged, path)?;
    // A name too many is swept one day.
    let _ = fs::remove_file(staged);
    Ok(())
}

/// Does something with a file, and makes its folder first where that is missing.
fn in_folder<T>(root: &Root, path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (work(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
            root.expect_there()?;
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
        let path = self.path_of(location)?;
        let folder = self.root.path().join(&self.staging);
        let root = Arc::clone(&self.root);
        let location = location.to_string();
        let written = in_a_thread(move || write(&root, &folder, &path, &payload, &options.mode));
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
        self.expect_there().await?;
        self.files.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        if asks_for_more_than_all(&options) {
            let found = self.files.get_opts(location, options).await;
            if matches!(found, Err(Error::NotFound { .. })) {
                // Nothing is missing in a directory that is not there itself.
                self.expect_there().await?;
            }
            return found;
        }
        let path = self.path_of(location)?;
        let (root, location) = (Arc::clone(&self.root), location.clone());
        in_a_thread(move || open(&root, path, location)).await?
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
        self.expect_there().await?;
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
