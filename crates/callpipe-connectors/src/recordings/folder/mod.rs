//! Recordings from a folder: a directory, or a bucket's prefix, as exports arrive there.
//!
//! What a file is, its first bytes tell. A file that is empty or something else under a recording's
//! name is refused here, and never archived. Where nothing is found, the folder must be there and hold
//! something else: that a disk is not mounted says nothing about a call.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use callpipe_audio::{AudioFormat, AudioProblem, SNIFF_BYTES, sniff};
use callpipe_core::call::Contact;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::recording_source::{
    Found, Locator, OpenRecording, RecordingReference, RecordingSource,
};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::SkipReason;
use futures::{StreamExt, TryStreamExt, stream};

use crate::archive::split;
use crate::folder::{Folder, Part, parts_of};

/// The word for what the recordings are.
const MEDIA_TYPE: &str = "voice-only";

/// So many files are looked into for a report.
const SAMPLE_FILES: usize = 100;

/// So many of them at once.
const SAMPLES_AT_ONCE: usize = 8;

/// Recordings from a folder.
pub struct FolderRecordings {
    folder: Folder,
}

impl FolderRecordings {
    /// The recordings of a folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder }
    }

    /// How many calls are to be fetched at once.
    pub fn in_flight_max(&self) -> usize {
        self.folder.in_flight_max()
    }

    /// The recordings of a call: as the folder's own list named them, as another list names a file,
    /// or as the files' paths tell.
    async fn parts(&self, contact: &Contact) -> Outside<Vec<Part>> {
        if let Some(parts) = parts_of(contact) {
            return Ok(parts);
        }
        if let Some(name) = self.named_file(contact) {
            let path = self.folder.path_of(&name).await?;
            return Ok(path.into_iter().map(Part::of_file).collect());
        }
        for id in [Some(&contact.id), contact.master_id.as_ref()]
            .into_iter()
            .flatten()
        {
            if let Some(call) = self.folder.call(id).await? {
                return Ok(parts_of(&call).unwrap_or_default());
            }
        }
        Ok(Vec::new())
    }

    /// The file's name in the column of the list that is another's.
    fn named_file(&self, contact: &Contact) -> Option<String> {
        let plain = |name: &str| name.replace(['_', '-', ' '], "").to_lowercase();
        let wanted = plain(self.folder.file_column());
        let value = contact
            .metadata
            .iter()
            .find(|(name, _)| plain(name) == wanted)?;
        value
            .1
            .as_str()
            .map(str::to_owned)
            .filter(|name| !name.trim().is_empty())
    }

    /// That there is nothing, if the folder is there and holds something.
    async fn nothing(&self, reason: SkipReason) -> Outside<Found> {
        self.folder.expect_filled().await?;
        Ok(Found {
            recordings: Err(reason),
            raw_metadata: None,
        })
    }

    async fn format(&self, path: &str) -> Outside<Result<AudioFormat, AudioProblem>> {
        let (_, bytes) = self.folder.read(path).await?;
        let (head, _) = split(bytes, SNIFF_BYTES).await?;
        Ok(sniff(&head, path))
    }

    /// How many of some files are of which format.
    async fn formats(&self, paths: &[String]) -> Outside<BTreeMap<String, usize>> {
        let formats: Vec<_> = stream::iter(paths.to_vec())
            .map(|path| async move { self.format(&path).await })
            .buffered(SAMPLES_AT_ONCE)
            .try_collect()
            .await?;
        let mut counts = BTreeMap::new();
        for format in formats {
            let told =
                format.map_or_else(|problem| problem.to_string(), |format| format.to_string());
            *counts.entry(told).or_default() += 1;
        }
        Ok(counts)
    }
}

#[async_trait]
impl RecordingSource for FolderRecordings {
    fn name(&self) -> &'static str {
        "folder"
    }

    async fn check(&self) -> Outside<CheckReport> {
        // As where a call is looked for: a check that is good lets calls be tried again.
        self.folder.expect_filled().await?;
        let listing = self.folder.last_look().await?;
        let mut report = format!(
            "{}: {} recordings",
            self.folder.describe(),
            listing.recordings.len()
        );
        let sample: Vec<String> = evenly(&listing.recordings, SAMPLE_FILES);
        let formats = self.formats(&sample).await?;
        if sample.len() < listing.recordings.len() {
            report.push_str(&format!("; of {} looked into", sample.len()));
        }
        let formats: Vec<String> = formats
            .iter()
            .map(|(format, count)| format!("{count} {format}"))
            .collect();
        if !formats.is_empty() {
            report.push_str(&format!(": {}", formats.join(", ")));
        }
        for (count, what) in [
            (
                listing.unsettled,
                "may still be being written and wait for the next run",
            ),
            (listing.left_out, "are no recordings by their names"),
        ] {
            if count > 0 {
                report.push_str(&format!("; {count} {what}"));
            }
        }
        if let Some(call) = listing.calls.values().next() {
            let file = parts_of(call).and_then(|parts| parts.into_iter().next());
            let file = file.map(|part| part.file).unwrap_or_default();
            let start = call.started_at.map_or_else(
                || "no start".to_owned(),
                |start| format!("start {}", start.to_rfc3339()),
            );
            report.push_str(&format!("; `{file}` is call {}, {start}", call.id));
        }
        Ok(report)
    }

    async fn find(&self, contact: &Contact) -> Outside<Found> {
        let parts = self.parts(contact).await?;
        if parts.is_empty() {
            return self.nothing(SkipReason::NotFound).await;
        }
        let mut recordings = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(file) = self.folder.stat(&part.file).await? else {
                continue;
            };
            if let Some(left) = self.folder.settles_in(&file) {
                return Err(Failure::new(
                    FailureKind::Unavailable,
                    "the recording was written a moment ago and may not be whole yet",
                )
                .with_retry_after(Some(left)));
            }
            recordings.push(RecordingReference {
                locator: Locator(part.file),
                media_type: MEDIA_TYPE.into(),
                started_at: part.started_at.map(|start| start.to_utc()),
                participants: part.participants,
            });
        }
        match recordings.is_empty() {
            true => self.nothing(SkipReason::NoRecording).await,
            false => Ok(Found {
                recordings: Ok(recordings),
                raw_metadata: None,
            }),
        }
    }

    async fn open(&self, reference: &RecordingReference) -> Outside<OpenRecording> {
        let path = &reference.locator.0;
        let (_, bytes) = self.folder.read(path).await?;
        let (head, rest) = split(bytes, SNIFF_BYTES).await?;
        let format = sniff(&head, path)
            .map_err(|problem| problem.into_failure("reading a recording of the folder"))?;
        let extension = match format.extension() {
            Some(extension) => extension.to_owned(),
            None => own_extension(path),
        };
        Ok(OpenRecording {
            content_type: format.content_type().to_owned(),
            extension,
            bytes: stream::iter([Ok(head)]).chain(rest).boxed(),
        })
    }
}

/// The ending of a raw stream's name, which alone tells what it is.
fn own_extension(path: &str) -> String {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// So many of a list, spread over it.
fn evenly(paths: &[String], count: usize) -> Vec<String> {
    let step = paths.len().div_ceil(count.max(1)).max(1);
    paths.iter().step_by(step).cloned().collect()
}
