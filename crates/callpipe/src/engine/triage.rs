//! Listens to a recording before its transcript is bought: whether it is whole, whether anybody
//! speaks, and in which form it is sent.
//!
//! Only what is clearly of no use is left out. What cannot be decoded here is bought unheard; what is
//! damaged is refused, since nobody could transcribe it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use callpipe_audio::{
    AudioProblem, Decoder, Facts, Input, SNIFF_BYTES, SpeechMeter, WavWriter, sniff,
};
use callpipe_connectors::archive::{AudioStream, split};
use callpipe_connectors::threads::Threads;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::recording::Recording;
use callpipe_core::triage::{ChannelHeard, Heard, Thresholds};
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::NamedTempFile;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Nearly all recordings are smaller, and are listened to in memory. Larger ones go through a file.
const MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Large recordings that are copied into files at once: one for each that can be listened to, and one that
/// arrives meanwhile. All that are in flight might be more than the disk, or the memory that stands for one,
/// has room for.
static COPIES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(processors() + 1));

/// A recording that is no larger is kept in memory until it is sent, instead of being read twice.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// What is written to see whether there is room: a disk that has room for less has none for recordings.
const TRIED_BYTES: usize = 1024 * 1024;

/// What is read of a converted recording at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// How recordings are listened to.
#[derive(Debug, Clone, Copy)]
pub struct Triage {
    /// From when on a transcript is bought; none where nobody listens.
    pub thresholds: Option<Thresholds>,
}

/// A recording that was listened to; or not, as it is by default.
#[derive(Debug, Default)]
pub struct Listened {
    /// What was heard; nothing where nobody listened.
    pub heard: Option<Heard>,
    /// What is sent instead of what is archived.
    pub instead: Option<Converted>,
    /// What is archived, where it is small.
    pub kept: Option<Bytes>,
}

/// A recording in a form that every transcriber takes: a plain WAV.
#[derive(Debug)]
pub struct Converted {
    file: Arc<NamedTempFile>,
    size_bytes: u64,
}

impl Triage {
    /// Nobody listens: recordings are sent unheard.
    pub const OFF: Self = Self { thresholds: None };

    /// Whether a copy of a recording can be kept while it is listened to: where it cannot, no call is to
    /// blame.
    pub(super) async fn check(&self) -> Outside<()> {
        match self.thresholds {
            Some(_) => try_to_keep(std::env::temp_dir()).await,
            None => Ok(()),
        }
    }

    /// Whether a recording is sent as it is without a look at it: nobody listens, and what it is said
    /// to be every transcriber takes.
    pub(super) fn looks_away(&self, recording: &Recording) -> bool {
        const TAKEN: [&str; 7] = [
            "audio/mp4",
            "video/mp4",
            "audio/mpeg",
            "audio/ogg",
            "audio/webm",
            "audio/flac",
            "audio/aac",
        ];
        self.thresholds.is_none() && TAKEN.contains(&recording.content_type.as_str())
    }

    /// Looks whether a recording is whole, and converts what not every transcriber takes, without
    /// listening to it. Fails as listening does.
    pub async fn look(recording: &Recording, whole: Bytes) -> Outside<Listened> {
        let held = Held {
            input: Input::Memory(whole),
            _file: None,
        };
        let name = recording.key.file_name().to_owned();
        let doing = format!("looking at {name}");
        heard_in(held, name, None, &doing).await
    }

    /// Listens to a recording when it is its turn. `Rejected` where it is damaged or no audio,
    /// `Unsupported` where it would have to be converted and cannot be.
    pub(super) async fn listen(
        &self,
        _turn: Turn,
        recording: &Recording,
        bytes: AudioStream,
    ) -> Outside<Listened> {
        let doing = format!("listening to {}", recording.key);
        let name = recording.key.file_name().to_owned();
        let thresholds = self.thresholds;
        let (head, bytes) = match thresholds {
            Some(_) => (None, bytes),
            None => {
                let (head, bytes) = split(bytes, SNIFF_BYTES).await?;
                // Of what nobody can tell, nobody knows better here.
                let needs_conversion =
                    sniff(&head, &name).is_ok_and(|format| !format.is_widely_understood());
                if !needs_conversion {
                    return Ok(Listened::default());
                }
                (Some(head), bytes)
            }
        };
        let bytes = stream::iter(head.map(Ok)).chain(bytes).boxed();
        let held = Held::take(bytes, recording.size_bytes)
            .await
            .map_err(|failure| failure.context(&doing))?;
        heard_in(held, name, thresholds, &doing).await
    }
}

/// A recording may be listened to, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _copy: Option<SemaphorePermit<'static>>,
}

impl Turn {
    /// Waits for a recording's turn: before it is opened, since nobody leaves a stream open for long.
    pub(super) async fn of(recording: &Recording) -> Self {
        let copy = match recording.size_bytes > MEMORY_BYTES_MAX {
            // Nobody closes it.
            true => COPIES.acquire().await.ok(),
            false => None,
        };
        Self { _copy: copy }
    }
}

impl Converted {
    /// The recording as it is sent.
    pub fn recording(&self, original: &Recording) -> Recording {
        Recording {
            content_type: "audio/wav".into(),
            size_bytes: self.size_bytes,
            ..original.clone()
        }
    }

    /// Its bytes.
    pub fn stream(&self) -> AudioStream {
        let kept = Arc::clone(&self.file);
        let chunks = stream::try_unfold((kept, None::<File>), |(kept, file)| async move {
            let read = tokio::task::spawn_blocking(move || -> io::Result<_> {
                let mut file = match file {
                    Some(file) => file,
                    None => kept.reopen()?,
                };
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                (&mut file)
                    .take(CHUNK_BYTES as u64)
                    .read_to_end(&mut chunk)?;
                Ok((chunk, kept, file))
            });
            let read = read.await.map_err(io::Error::other).flatten();
            let (chunk, kept, file) = read.map_err(|error| temporary(&error))?;
            Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), (kept, Some(file)))))
        });
        chunks.boxed()
    }
}

/// A recording at hand, in memory or in a file of ours.
struct Held {
    input: Input,
    _file: Option<NamedTempFile>,
}

impl Held {
    async fn take(mut bytes: AudioStream, size_bytes: u64) -> Outside<Self> {
        if size_bytes <= MEMORY_BYTES_MAX {
            let chunks: Vec<Bytes> = bytes.try_collect().await?;
            let whole = match <[Bytes; 1]>::try_from(chunks) {
                Ok([whole]) => whole,
                Err(chunks) => chunks.concat().into(),
            };
            return Ok(Self {
                input: Input::Memory(whole),
                _file: None,
            });
        }
        let mut file = NamedTempFile::new().map_err(|error| temporary(&error))?;
        while let Some(chunk) = bytes.try_next().await? {
            let written =
                tokio::task::spawn_blocking(move || file.write_all(&chunk).map(|()| file));
            let written = written.await.map_err(io::Error::other).flatten();
            file = written.map_err(|error| temporary(&error))?;
        }
        Ok(Self {
            input: Input::File(file.path().to_owned()),
            _file: Some(file),
        })
    }

    fn small(&self) -> Option<Bytes> {
        match &self.input {
            Input::Memory(whole) if whole.len() <= KEPT_BYTES_MAX => Some(whole.clone()),
            _ => None,
        }
    }
}

async fn try_to_keep(folder: PathBuf) -> Outside<()> {
    let tried = tokio::task::spawn_blocking(move || {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&vec![0; TRIED_BYTES])?;
        file.as_file().sync_all()
    });
    let tried = tried.await.map_err(io::Error::other).flatten();
    tried.map_err(|error| temporary(&error))
}

fn temporary(error: &io::Error) -> Failure {
    Failure::new(
        FailureKind::StoreFailed,
        "keeping a copy of a recording while it is listened to",
    )
    .with_source(error.to_string())
    .with_hint("make room where temporary files lie (TMPDIR)")
}

/// Listening computes: a thread for each processor.
static LISTENERS: Threads = Threads::new("listening", processors);

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The same off the runtime's threads. A decoder that panics has met no sound recording.
async fn heard_in(
    held: Held,
    name: String,
    thresholds: Option<Thresholds>,
    doing: &str,
) -> Outside<Listened> {
    let listened = LISTENERS.run(move || listen(&held, &name, thresholds));
    let listened = listened.await.map_err(|error| {
        let message = format!("{doing}: it cannot be decoded");
        Failure::new(FailureKind::Rejected, message)
            .with_source(error)
            .found_out_here()
    })?;
    listened.map_err(|problem| problem.into_failure(doing))
}

fn listen(
    held: &Held,
    name: &str,
    thresholds: Option<Thresholds>,
) -> Result<Listened, AudioProblem> {
    let facts = callpipe_audio::inspect(&held.input, name)?;
    let is_sent_as_it_is = facts.format.is_widely_understood();
    let heard = match thresholds.map(|thresholds| heard(&held.input, &facts, &thresholds)) {
        Some(Ok(heard)) => Some(heard),
        Some(Err(AudioProblem::Io(error))) => return Err(error.into()),
        // Who is asked to transcribe it may know better.
        Some(Err(_)) if is_sent_as_it_is => Some(unheard(&facts)),
        Some(Err(problem)) => return Err(problem),
        None => None,
    };
    let speaks = |heard: &Heard| {
        thresholds.is_none_or(|thresholds| callpipe_core::triage::decide(heard, &thresholds).buys())
    };
    let instead = match !is_sent_as_it_is && heard.as_ref().is_none_or(speaks) {
        true => Some(converted(&held.input, facts)?),
        false => None,
    };
    let kept = held.small();
    Ok(Listened {
        heard,
        instead,
        kept,
    })
}

/// Listens until it is clear whether anybody speaks.
fn heard(input: &Input, facts: &Facts, thresholds: &Thresholds) -> Result<Heard, AudioProblem> {
    let mut meter = SpeechMeter::new(thresholds.level_dbfs_min);
    let mut decoder = Decoder::of(input, facts.clone())?;
    let mut is_whole = true;
    while let Some(block) = decoder.next_block()? {
        meter.add(&block);
        let long_enough = facts.duration_s.unwrap_or(0.0).max(meter.listened_s());
        if meter.speech_s() >= thresholds.speech_s_min && long_enough >= thresholds.duration_s_min {
            is_whole = false;
            break;
        }
    }
    let listened_s = meter.listened_s();
    let channel = |heard: callpipe_audio::Heard| ChannelHeard {
        speech_s: rounded(heard.speech_s),
        peak_dbfs: rounded(heard.peak_dbfs),
    };
    Ok(Heard {
        format: facts.format.to_string(),
        duration_s: facts
            .duration_s
            .or(is_whole.then_some(listened_s))
            .map(rounded),
        listened_s: rounded(listened_s),
        channels: meter.heard().into_iter().map(channel).collect(),
    })
}

fn unheard(facts: &Facts) -> Heard {
    Heard {
        format: facts.format.to_string(),
        duration_s: facts.duration_s.map(rounded),
        ..Heard::default()
    }
}

/// To thousandths: what is stored is read by people.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn converted(input: &Input, facts: Facts) -> Result<Converted, AudioProblem> {
    let file = NamedTempFile::new()?;
    let mut decoder = Decoder::of(input, facts)?;
    let mut writer = None;
    while let Some(block) = decoder.next_block()? {
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(WavWriter::begin(
                io::BufWriter::new(file.reopen()?),
                &block,
            )?),
        };
        writer.add(&block)?;
    }
    writer.ok_or(AudioProblem::Empty)?.end()?.flush()?;
    let size_bytes = file.as_file().metadata()?.len();
    Ok(Converted {
        file: Arc::new(file),
        size_bytes,
    })
}

#[cfg(test)]
mod tests {
    use callpipe_core::call::ContactId;
    use callpipe_core::recording::{ArchiveKey, Sha256Hex};
    use futures::FutureExt;

    use super::*;

    fn recording(size_bytes: u64) -> Recording {
        let whose = ContactId::parse("1").unwrap();
        Recording {
            key: ArchiveKey::recording(&whose, "voice-only", 1, "wav"),
            media_type: "voice-only".into(),
            content_type: "audio/wav".into(),
            sha256: Sha256Hex::of(b""),
            size_bytes,
            started_at: None,
            participants: Vec::new(),
        }
    }

    /// There need not be room for all that are in flight.
    #[tokio::test]
    async fn large_recordings_wait_for_their_turn() {
        let (small, large) = (recording(MEMORY_BYTES_MAX), recording(MEMORY_BYTES_MAX + 1));
        let turns = (0..=processors()).map(|_| Turn::of(&large));
        let mut turns = futures::future::join_all(turns).await;
        assert!(Turn::of(&large).now_or_never().is_none());
        assert!(Turn::of(&small).now_or_never().is_some());
        turns.pop();
        assert!(Turn::of(&large).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_check_tells_where_no_copy_can_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        try_to_keep(folder.path().to_owned()).await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = folder.path().join("missing");
        let failure = try_to_keep(missing).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::StoreFailed);
        assert!(failure.hint.unwrap().contains("TMPDIR"));
    }
}
