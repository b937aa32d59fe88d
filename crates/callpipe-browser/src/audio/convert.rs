//! Recordings that browsers do not play, as WAV files: made when somebody listens, and kept while there
//! is room.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use callpipe_audio::{AudioProblem, Decoder, Input, WavWriter};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::{Recording, Sha256Hex};
use tempfile::{NamedTempFile, TempPath};

use super::Sounds;
use super::fetch::{fetched, of_a_file};

/// All WAV files together are at most so large, and so is each, in bytes.
const KEPT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A WAV file that was made of a recording. It stays as long as somebody reads it.
#[derive(Debug)]
pub(super) struct Wav {
    path: TempPath,
    pub(super) size_bytes: u64,
}

impl Wav {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The WAV files that were made.
#[derive(Debug, Default)]
pub(super) struct Converted(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Sha256Hex, (Arc<Wav>, u64)>,
    size_bytes: u64,
    /// Counts uses: what was used longest ago has the lowest number.
    uses: u64,
}

impl Converted {
    fn get(&self, sha256: &Sha256Hex) -> Option<Arc<Wav>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (wav, used) = kept.files.get_mut(sha256)?;
        *used = uses;
        Some(Arc::clone(wav))
    }

    /// Keeps a file, and lets go of others until there is room.
    fn keep(&self, sha256: &Sha256Hex, wav: &Arc<Wav>, bytes_max: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        kept.size_bytes += wav.size_bytes;
        while kept.size_bytes > bytes_max {
            let longest_ago = kept.files.iter().min_by_key(|(_, (_, used))| *used);
            let Some(sha256) = longest_ago.map(|(sha256, _)| sha256.clone()) else {
                break;
            };
            if let Some((wav, _)) = kept.files.remove(&sha256) {
                kept.size_bytes -= wav.size_bytes;
            }
        }
        let used = kept.uses;
        kept.files.insert(sha256.clone(), (Arc::clone(wav), used));
    }
}

impl Sounds {
    /// The WAV file of a recording; none where the recording is not in the archive or has no sound
    /// that can be decoded here.
    pub(super) async fn converted(&self, recording: &Recording) -> Outside<Option<Arc<Wav>>> {
        let alone = self.alone_with(&recording.sha256).await;
        if let Some(wav) = self.converted.get(&recording.sha256) {
            return Ok(Some(wav));
        }
        let permit = self.decoding().await?;
        let (archive, recording) = (self.archive.clone(), recording.clone());
        let (folder, kept) = (self.folder.path().to_owned(), Arc::clone(&self.converted));
        // On its own: whoever is tired of waiting finds it done when asking again.
        let work = tokio::spawn(async move {
            let _held = (alone, permit);
            let Some(file) = fetched(&archive, &recording, &folder).await? else {
                return Ok(None);
            };
            let name = recording.key.file_name().to_owned();
            let converting = tokio::task::spawn_blocking(move || wav_of(&file, &name, &folder));
            let wav = converting.await.map_err(broke_off)??;
            let wav = wav.map(Arc::new);
            if let Some(wav) = &wav {
                kept.keep(&recording.sha256, wav, KEPT_BYTES_MAX);
            }
            Ok(wav)
        });
        work.await.map_err(broke_off)?
    }
}

pub(super) fn broke_off(error: tokio::task::JoinError) -> Failure {
    Failure::bug("decoding a recording broke off").with_source(error)
}

/// What cannot be decoded is told of in the log, and is no sound.
pub(super) fn undecodable(problem: AudioProblem, name: &str) -> Outside<()> {
    let failure = problem.into_failure(&format!("decoding {name}"));
    match failure.kind {
        FailureKind::Rejected | FailureKind::Unsupported => {
            tracing::warn!(hint = failure.hint, "{}", failure.chain());
            Ok(())
        }
        _ => Err(failure),
    }
}

fn wav_of(file: &NamedTempFile, name: &str, folder: &Path) -> Outside<Option<Wav>> {
    let output = NamedTempFile::new_in(folder).map_err(|error| of_a_file(&error))?;
    match decoded_into(file, name, &output) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(problem) => return undecodable(problem, name).map(|()| None),
    }
    let metadata = output.as_file().metadata();
    let size_bytes = metadata.map_err(|error| of_a_file(&error))?.len();
    Ok(Some(Wav {
        path: output.into_temp_path(),
        size_bytes,
    }))
}

/// Whether there was any sound.
fn decoded_into(
    file: &NamedTempFile,
    name: &str,
    output: &NamedTempFile,
) -> Result<bool, AudioProblem> {
    let input = Input::File(file.path().to_owned());
    let mut decoder = Decoder::open(&input, name)?;
    let output = BufWriter::new(output.reopen()?);
    let Some(first) = decoder.next_block()? else {
        return Ok(false);
    };
    let mut wav = WavWriter::begin(output, &first)?;
    wav.add(&first)?;
    let mut size_bytes = 0;
    while let Some(block) = decoder.next_block()? {
        size_bytes += block.frames() as u64 * block.channels.len() as u64 * 2;
        if size_bytes > KEPT_BYTES_MAX {
            return Err(AudioProblem::Unsupported {
                format: decoder.facts().format.clone(),
                problem: "it is too long to be converted for browsers".into(),
            });
        }
        wav.add(&block)?;
    }
    wav.end()?.flush()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let converted = Converted::default();
        let hash = |text: &str| Sha256Hex::of(text.as_bytes());
        let keep = |text: &str| {
            let file = NamedTempFile::new().unwrap();
            let wav = Wav {
                path: file.into_temp_path(),
                size_bytes: 40,
            };
            converted.keep(&hash(text), &Arc::new(wav), 100);
        };
        keep("a");
        keep("b");
        let a = converted.get(&hash("a")).unwrap();
        let b_path = converted.get(&hash("b")).unwrap().path().to_owned();
        assert!(converted.get(&hash("a")).is_some());
        keep("c");
        assert!(converted.get(&hash("b")).is_none());
        assert!(!b_path.exists());
        keep("d");
        keep("e");
        assert!(converted.get(&hash("a")).is_none());
        assert!(a.path().exists(), "somebody reads it");
        assert_eq!(converted.0.lock().unwrap().size_bytes, 80);
    }
}
