//! What is told while a test runs.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

/// What a log has said so far.
pub(super) struct Told {
    lines: Lines,
    /// With one log alone, what other tests' threads do first is never told by anybody's.
    _other: Dispatch,
}

impl Told {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log of warnings and errors, and what it says.
pub(super) fn log() -> (impl tracing::Subscriber + Send + Sync, Told) {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let told = Told {
        lines,
        _other: Dispatch::new(NoSubscriber::default()),
    };
    (log, told)
}
