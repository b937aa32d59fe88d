//! The codecs that nothing here decodes, by the program `ffmpeg` where it is installed.
//!
//! It is told which container to expect, so that a file cannot have it read something else; it gets
//! no network and no other files, one thread, bounded memory, and bounded time.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::format::{AudioFormat, Codec, Container};
use crate::input::Input;
use crate::problem::AudioProblem;
use crate::wav_file::read_header;

/// An hour of speech takes it a few seconds.
const TIME_MAX: Duration = Duration::from_secs(600);

/// The most that it may take in one piece, in bytes.
const ALLOCATION_BYTES_MAX: &str = "268435456";

/// What is read of its output at once.
const BLOCK_BYTES: usize = 32 * 1024;

/// The most of its complaints that is kept.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;

/// Whether the program is found where programs are.
pub fn is_installed() -> bool {
    program().is_some()
}

fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PROGRAM.get_or_init(|| {
        let name = format!("ffmpeg{}", std::env::consts::EXE_SUFFIX);
        let places = std::env::var_os("PATH")?;
        std::env::split_paths(&places)
            .map(|place| place.join(&name))
            .find(|path| path.is_absolute() && path.is_file())
    });
    found.as_deref()
}

/// A running `ffmpeg`. Dropping it ends it.
pub(crate) struct Ffmpeg {
    format: AudioFormat,
    child: Arc<Mutex<Child>>,
    output: ChildStdout,
    complaints: Option<JoinHandle<Vec<u8>>>,
    header: Option<(u32, usize)>,
    bytes: Vec<u8>,
    /// Closed when nobody needs to watch the time any more.
    _watch: mpsc::Sender<()>,
    /// A copy of what was in memory only.
    _file: Option<NamedTempFile>,
}

impl Ffmpeg {
    /// Starts it on a recording.
    pub(crate) fn start(input: &Input, format: &AudioFormat) -> Result<Self, AudioProblem> {
        let missing = || AudioProblem::FfmpegMissing {
            format: format.clone(),
        };
        let program = program().ok_or_else(missing)?;
        let demuxer = demuxer(format).ok_or_else(|| AudioProblem::Unsupported {
            format: format.clone(),
            problem: "nothing here reads it".into(),
        })?;
        let (path, file) = match input {
            Input::File(path) => (path.clone(), None),
            Input::Memory(bytes) => {
                let mut file = NamedTempFile::new()?;
                file.write_all(bytes)?;
                (file.path().to_owned(), Some(file))
            }
        };
        let mut child = command(program, demuxer, &path).spawn()?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no output"))?;
        let complaints = child.stderr.take().map(drained);
        let child = Arc::new(Mutex::new(child));
        Ok(Self {
            format: format.clone(),
            output,
            complaints,
            header: None,
            bytes: Vec::new(),
            _watch: watch(&child, TIME_MAX),
            child,
            _file: file,
        })
    }

    /// The next samples and their rate; none at the end.
    pub(crate) fn next(
        &mut self,
        channels: &mut Vec<Vec<f32>>,
        is_begun: bool,
    ) -> Result<Option<u32>, AudioProblem> {
        let (rate_hz, count) = match self.header {
            Some(header) => header,
            None => match read_header(&mut self.output) {
                Ok(header) => *self.header.insert(header),
                Err(_) => return Err(self.refused()),
            },
        };
        let wanted = BLOCK_BYTES - BLOCK_BYTES % (2 * count);
        self.bytes.clear();
        (&mut self.output)
            .take(wanted as u64)
            .read_to_end(&mut self.bytes)?;
        let frames = self.bytes.len() / (2 * count);
        if frames == 0 {
            return match is_begun {
                true => Ok(None),
                false => Err(self.refused()),
            };
        }
        channels.resize(count, Vec::new());
        for (number, channel) in channels.iter_mut().enumerate() {
            let samples = self.bytes.chunks_exact(2).skip(number).step_by(count);
            channel.clear();
            channel.extend(samples.take(frames).map(|bytes| {
                let sample = bytes.try_into().map_or(0, i16::from_le_bytes);
                f32::from(sample) / 32_768.0
            }));
        }
        Ok(Some(rate_hz))
    }

    /// What it complained about, when it gave nothing.
    fn refused(&mut self) -> AudioProblem {
        // It may have closed its output only, and goes on complaining.
        end(&self.child);
        let complaints = self.complaints.take().and_then(|reader| reader.join().ok());
        let text = complaints.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let format = self.format.clone();
        let is_unknown = [
            "Decoder not found",
            "Unknown input format",
            "no decoder",
            "not currently supported",
        ]
        .iter()
        .any(|phrase| text.contains(phrase));
        match is_unknown {
            true => AudioProblem::Unsupported {
                format,
                problem: "this ffmpeg does not know it".into(),
            },
            false => AudioProblem::Damaged {
                format,
                problem: "ffmpeg finds no sound in it".into(),
            },
        }
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn command(program: &Path, demuxer: &[&str], path: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "error",
            "-threads",
            "1",
        ])
        .args([
            "-max_alloc",
            ALLOCATION_BYTES_MAX,
            "-protocol_whitelist",
            "file",
        ])
        .args(demuxer)
        .arg("-i")
        .arg(file_address(path))
        .args(["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"])
        .args(["-c:a", "pcm_s16le", "-f", "wav", "-bitexact", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A path that begins with a dash or holds a colon is still a path.
fn file_address(path: &Path) -> std::ffi::OsString {
    let mut address = std::ffi::OsString::from("file:");
    address.push(path);
    address
}

/// Which reader it is to use, and what that must be told.
fn demuxer(format: &AudioFormat) -> Option<&'static [&'static str]> {
    Some(match (format.container, &format.codec) {
        (Container::Wav, _) => &["-f", "wav"],
        (Container::Mp4, _) => &["-f", "mov"],
        (Container::Mp3, _) => &["-f", "mp3"],
        (Container::Adts, _) => &["-f", "aac"],
        (Container::Ogg, _) => &["-f", "ogg"],
        (Container::WebM, _) => &["-f", "matroska"],
        (Container::Flac, _) => &["-f", "flac"],
        (Container::Amr, _) => &["-f", "amr"],
        (Container::Aiff, _) => &["-f", "aiff"],
        (Container::Caf, _) => &["-f", "caf"],
        (Container::Au, _) => &["-f", "au"],
        (Container::Asf, _) => &["-f", "asf"],
        (Container::Raw, Codec::Gsm610) => &["-f", "gsm"],
        (Container::Raw, Codec::MuLaw) => &["-f", "mulaw", "-ar", "8000", "-ac", "1"],
        (Container::Raw, Codec::ALaw) => &["-f", "alaw", "-ar", "8000", "-ac", "1"],
        (Container::Raw, Codec::G722) => &["-f", "g722"],
        (Container::Raw, Codec::G729) => &["-f", "g729"],
        (Container::Raw, _) => return None,
    })
}

/// Reads complaints to their end, and keeps the first of them. A program whose complaints nobody reads
/// stops at the first 64 KiB, and damaged files have one for each frame.
fn drained(mut complaints: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut first = Vec::new();
        // What cannot be read is not told.
        let _ = (&mut complaints)
            .take(COMPLAINT_BYTES_MAX)
            .read_to_end(&mut first);
        let _ = io::copy(&mut complaints, &mut io::sink());
        first
    })
}

/// Ends a child that takes too long. The channel that is given back ends the watch by being dropped.
fn watch(child: &Arc<Mutex<Child>>, time_max: Duration) -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    let child = Arc::clone(child);
    thread::spawn(move || {
        if receiver.recv_timeout(time_max) == Err(RecvTimeoutError::Timeout) {
            end(&child);
        }
    });
    sender
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may be gone already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_complains_without_end_is_not_held_up() {
        let script = "head -c 1000000 /dev/zero >&2; echo sound";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = drained(child.stderr.take().unwrap());
        let mut output = String::new();
        let mut stdout = child.stdout.take().unwrap();
        let child = Arc::new(Mutex::new(child));
        let _watch = watch(&child, Duration::from_secs(20));
        stdout.read_to_string(&mut output).unwrap();
        assert_eq!(output, "sound\n");
        assert_eq!(complaints.join().unwrap().len() as u64, COMPLAINT_BYTES_MAX);
    }
}
