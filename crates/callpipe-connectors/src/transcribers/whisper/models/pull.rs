//! Fetches a model: into a `.part` file that a later attempt continues, and to its own name only
//! when its checksum is right.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use reqwest::header::{CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Response, StatusCode};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use url::Url;

use super::{KnownModel, file_name};
use crate::http::{self, Endpoint};

/// A server that says nothing for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How many times an address may lead to another one.
const REDIRECTS_MAX: usize = 5;

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes are there, in this attempt and earlier ones.
    pub done_bytes: u64,
    /// How many there will be, where the server says so.
    pub total_bytes: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// It was there, and is as it should be.
    AlreadyThere(PathBuf),
    /// It was fetched.
    Fetched(PathBuf),
}

/// Fetches a model into a directory, which is made where it is missing. A part that an earlier
/// attempt left is continued. A file of the model's name that is damaged is replaced.
///
/// # Errors
///
/// `Unavailable` where the server cannot be reached or the connection breaks: what came is kept.
/// `CorruptTransfer` where the whole has another checksum: it is removed. `Rejected` where the
/// server does not have it. `StoreFailed` where the directory cannot be written.
pub async fn pull(
    model: &KnownModel,
    endpoint: &Endpoint,
    directory: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Outside<Pulled> {
    let target = directory.join(file_name(model.name));
    if target.exists() && checksum_of(&target).await? == model.sha1 {
        return Ok(Pulled::AlreadyThere(target));
    }
    std::fs::create_dir_all(directory).map_err(|error| store_failure(directory, error))?;
    let mut part = Part::open(directory.join(format!("{}.part", file_name(model.name)))).await?;
    let url = endpoint.join(&[
        "ggerganov",
        "whisper.cpp",
        "resolve",
        "main",
        &file_name(model.name),
    ]);
    download(&url, &mut part, progress)
        .await
        .map_err(|failure| about(model, failure))?;
    if part.checksum() != model.sha1 {
        part.remove()?;
        let message = "what was fetched has another checksum than whisper.cpp publishes";
        return Err(about(model, Failure::new(FailureKind::CorruptTransfer, message))
            .with_hint("it was removed; try again, and ask for the cause if it happens again: a proxy, or another file at that address"));
    }
    part.finish(&target)?;
    Ok(Pulled::Fetched(target))
}

fn about(model: &KnownModel, failure: Failure) -> Failure {
    failure.context(format!("fetching the model {}", model.name))
}

/// Fetches all that is missing from the part.
async fn download(
    url: &Url,
    part: &mut Part,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Outside<()> {
    let mut response = ask(url, part.size_bytes).await?;
    let is_refused = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
    if is_refused && total_of(&response) == Some(part.size_bytes) {
        // All of it came before; only the end of the last attempt is missing.
        return Ok(());
    }
    if is_refused {
        part.clear()?;
        response = ask(url, 0).await?;
    }
    if !response.status().is_success() {
        return Err(refused(response.status()));
    }
    if !continues_at(&response, part.size_bytes) {
        part.clear()?;
    }
    let total_bytes = response
        .content_length()
        .map(|more| part.size_bytes.saturating_add(more));
    let broken = |error| {
        http::transport_failure(error, "reading the file")
            .with_hint("what came is kept; run the same command again to go on from there")
    };
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        part.write(&chunk)?;
        progress(Progress {
            done_bytes: part.size_bytes,
            total_bytes,
        });
    }
    Ok(())
}

fn refused(status: StatusCode) -> Failure {
    let message = format!("HTTP {}", status.as_u16());
    let hint = match status {
        StatusCode::NOT_FOUND => {
            "the server does not have this file; `--endpoint` names another one"
        }
        _ => "try again later, or name another server by `--endpoint`",
    };
    Failure::new(http::status_kind(status), message).with_hint(hint)
}

/// Whether the answer goes on where the part ends.
fn continues_at(response: &Response, size_bytes: u64) -> bool {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return size_bytes == 0;
    }
    // bytes 100-199/200
    let header = response.headers().get(CONTENT_RANGE);
    let start = header
        .and_then(|value| value.to_str().ok()?.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next()?.parse().ok());
    start == Some(size_bytes)
}

/// The size of the whole, in the answer to a range that is past it: `bytes */200`.
fn total_of(response: &Response) -> Option<u64> {
    let header = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    header.strip_prefix("bytes */")?.trim().parse().ok()
}

/// Asks for what follows so many bytes, and goes where the answer leads: to hosts that are spoken to
/// by https, or on this machine.
async fn ask(url: &Url, from: u64) -> Outside<Response> {
    let doing = "asking for the file";
    let mut url = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        // The address of a store may be signed: only its host is checked, and nothing of it shown.
        let host = format!("{}/", &url[..url::Position::BeforePath]);
        let endpoint = Endpoint::parse(&host).map_err(|_| {
            let message = format!("{doing}: the server leads to an address that is not https");
            Failure::new(FailureKind::Rejected, message)
        })?;
        let mut request = http::client(&endpoint, SILENCE_MAX)?.get(url.clone());
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = http::send(request, doing).await.map_err(|failure| {
            failure
                .with_hint("the model can be fetched by other means, too: put its file at `model`")
        })?;
        if !response.status().is_redirection() {
            return Ok(response);
        }
        let location = response.headers().get(LOCATION);
        let next = location.and_then(|value| url.join(value.to_str().ok()?).ok());
        url = next.ok_or_else(|| {
            let message = format!("{doing}: the server leads nowhere");
            Failure::new(FailureKind::Rejected, message)
        })?;
    }
    let message = format!("{doing}: the server leads from one address to the next");
    Err(Failure::new(FailureKind::Rejected, message))
}

/// A file that is being filled, and the checksum of what it holds. Locked against another process
/// that fetches the same.
struct Part {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    sha1: Context,
}

impl Part {
    async fn open(path: PathBuf) -> Outside<Self> {
        let opened = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path);
        let file = opened.map_err(|error| store_failure(&path, error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is being filled by another process", path.display());
                return Err(Failure::new(FailureKind::Unavailable, message));
            }
            // A file system without locks is no reason to stop.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let metadata = file.metadata();
        let size_bytes = metadata.map_err(|error| store_failure(&path, error))?.len();
        let sha1 = match size_bytes {
            0 => Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
            _ => hashed(&path).await?,
        };
        Ok(Self {
            path,
            file,
            size_bytes,
            sha1,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Outside<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| store_failure(&self.path, error))?;
        self.size_bytes += bytes.len() as u64;
        self.sha1.update(bytes);
        Ok(())
    }

    /// Begins from nothing.
    fn clear(&mut self) -> Outside<()> {
        if self.size_bytes > 0 {
            let cleared = self.file.set_len(0);
            cleared.map_err(|error| store_failure(&self.path, error))?;
        }
        self.size_bytes = 0;
        self.sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        Ok(())
    }

    fn checksum(&self) -> String {
        hex::encode(self.sha1.clone().finish())
    }

    fn remove(self) -> Outside<()> {
        std::fs::remove_file(&self.path).map_err(|error| store_failure(&self.path, error))
    }

    fn finish(self, target: &Path) -> Outside<()> {
        let kept = self.file.sync_all();
        let moved = kept.and_then(|()| std::fs::rename(&self.path, target));
        moved.map_err(|error| store_failure(target, error))
    }
}

fn store_failure(path: &Path, error: std::io::Error) -> Failure {
    let message = format!("{} cannot be written", path.display());
    Failure::new(FailureKind::StoreFailed, message)
        .with_source(error)
        .with_hint("make room or choose another directory by `--to`; what came so far is kept")
}

async fn checksum_of(path: &Path) -> Outside<String> {
    Ok(hex::encode(hashed(path).await?.finish()))
}

/// The checksum of a file so far, computed where it holds nobody up.
async fn hashed(path: &Path) -> Outside<Context> {
    let path = path.to_owned();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let mut buffer = vec![0; 1 << 20];
        let read = File::open(&path).and_then(|mut file| {
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(()),
                    length => sha1.update(&buffer[..length]),
                }
            }
        });
        let unreadable = |error| {
            let message = format!("{} cannot be read", path.display());
            Failure::new(FailureKind::StoreFailed, message).with_source(error)
        };
        read.map(|()| sha1).map_err(unreadable)
    });
    match hashing.await {
        Ok(hashed) => hashed,
        Err(error) => Err(Failure::bug("hashing a model").with_source(error)),
    }
}
