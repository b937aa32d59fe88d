//! A file for each call, several at once: transcripts, and audio if asked for, come from the archive.

use std::io::Write;
use std::path::{Path, PathBuf};

use callpipe_connectors::archive::Archive;
use callpipe_core::exported::ExportedCall;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::ArchiveKey;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};

use super::super::place::PartFile;
use super::super::table::write_failure;
use super::super::{Count, Pages, ReviewedCall};
use super::{Source, document};
use crate::engine::stop::Stop;

/// How many documents are made at once; each reads an object or two from the archive.
const DOCUMENTS_AT_ONCE: usize = 16;

/// The same with audio, which is held in memory.
const DOCUMENTS_WITH_AUDIO_AT_ONCE: usize = 2;

/// How documents are written.
#[derive(Debug, Clone)]
pub struct VconOptions {
    /// Where to.
    pub directory: PathBuf,
    /// With the audio in them.
    pub embed_audio: bool,
    /// For calls of which no moment is known.
    pub now: DateTime<Utc>,
}

/// Writes a document for each call. A stop leaves whole documents and no halves; the answer is
/// whether all were written.
pub async fn write_documents(
    mut pages: Pages,
    archive: &Archive,
    options: &VconOptions,
    count: &Count,
    stop: &Stop,
) -> Outside<bool> {
    let at_once = match options.embed_audio {
        true => DOCUMENTS_WITH_AUDIO_AT_ONCE,
        false => DOCUMENTS_AT_ONCE,
    };
    let all = async {
        while let Some(page) = pages.try_next().await? {
            let documents = stream::iter(page).map(|call| write_document(call, archive, options));
            let mut written = documents.buffer_unordered(at_once);
            while written.try_next().await?.is_some() {
                count.add(1);
            }
        }
        Ok(true)
    };
    tokio::select! {
        all = all => all,
        () = stop.asked() => Ok(false),
    }
}

async fn write_document(
    reviewed: ReviewedCall,
    archive: &Archive,
    options: &VconOptions,
) -> Outside<()> {
    let call = &reviewed.call;
    let transcript = match &call.transcript.key {
        Some(key) => archive.transcript(key).await?,
        None => None,
    };
    let mut audio = Vec::new();
    for recording in call.recordings.iter().filter(|_| options.embed_audio) {
        audio.push(read(archive, &recording.key).await?);
    }
    let path = options.directory.join(file_name(call));
    let (base_uri, now) = (archive.base_uri().to_owned(), options.now);
    let written = tokio::task::spawn_blocking(move || {
        let document = document(&Source {
            reviewed: &reviewed,
            transcript: transcript.as_ref(),
            audio: &audio,
            archive_base_uri: &base_uri,
            now,
        });
        write_file(&path, &document)
    });
    written
        .await
        .map_err(|error| Failure::bug("writing a document broke off").with_source(error))?
        .map_err(|error| {
            let doing = format!("writing into {}", options.directory.display());
            write_failure(&doing, error)
        })
}

/// A recording's bytes. One that is not in the archive must not hold up all others.
async fn read(archive: &Archive, key: &ArchiveKey) -> Outside<Option<Vec<u8>>> {
    let bytes = match archive.read_recording(key).await {
        Ok((_, bytes)) => bytes,
        Err(failure) if failure.kind == FailureKind::Rejected => {
            tracing::warn!(%key, "a recording is not in the archive: its document has no audio");
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    let all = bytes.try_fold(Vec::new(), |mut all, bytes| async move {
        all.extend_from_slice(&bytes);
        Ok(all)
    });
    all.await.map(Some)
}

/// `{contact}.vcon.json`, in the form in which the archive writes ids.
fn file_name(call: &ExportedCall) -> String {
    let key = ArchiveKey::transcript(&call.contact.id);
    let name = key.file_name();
    format!("{}.vcon.json", name.strip_suffix(".json").unwrap_or(name))
}

fn write_file(path: &Path, document: &serde_json::Value) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    let mut file = PartFile::new(path)?;
    file.file().write_all(&text)?;
    file.publish()
}
