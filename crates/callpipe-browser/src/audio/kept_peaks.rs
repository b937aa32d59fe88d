//! Peaks that were measured, kept in a file beside the index: it can be removed at any time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use callpipe_core::recording::Sha256Hex;
use rusqlite::{Connection, OptionalExtension};

use super::peaks::{CHANNELS_MAX, COLUMNS_MAX, Peaks};

/// Peaks of so many recordings are kept, 160 MB with two channels each; the oldest make room.
const KEPT_MAX: i64 = 10_000;

/// For how long another browser's lock is waited for.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(500);

/// A recording's peaks are kept at the end of the table; taking away is at its beginning.
const TABLES: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;
    CREATE TABLE IF NOT EXISTS peaks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 TEXT NOT NULL UNIQUE,
        peaks BLOB NOT NULL
    )";

/// The file. Where it cannot be used, peaks are measured each time, and the log says so once.
#[derive(Debug, Clone)]
pub(super) struct KeptPeaks(Option<Arc<Mutex<Connection>>>);

impl KeptPeaks {
    pub(super) fn open(index_path: &Path) -> Self {
        let stem = index_path.file_stem().unwrap_or_default().to_string_lossy();
        let path = index_path.with_file_name(format!("{stem}-peaks.db"));
        let opened = Connection::open(&path).and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => Self(Some(Arc::new(Mutex::new(connection)))),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "waveforms are not kept");
                Self(None)
            }
        }
    }

    pub(super) async fn get(&self, sha256: &Sha256Hex) -> Option<Peaks> {
        let sha256 = sha256.as_str().to_owned();
        let found = self.with(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT peaks FROM peaks WHERE sha256 = ?")?;
            let blob = statement.query_row([sha256], |row| row.get::<_, Vec<u8>>(0));
            blob.optional()
        });
        unpacked(&found.await??)
    }

    pub(super) async fn put(&self, sha256: &Sha256Hex, peaks: &Peaks) {
        let (sha256, blob) = (sha256.as_str().to_owned(), packed(peaks));
        let put = self.with(move |connection| {
            let sql = "INSERT OR REPLACE INTO peaks (sha256, peaks) VALUES (?, ?)";
            connection.prepare_cached(sql)?.execute((sha256, blob))?;
            make_room(connection, KEPT_MAX)
        });
        put.await;
    }

    /// Does something with the file; nothing where that is not possible.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let connection = Arc::clone(self.0.as_ref()?);
        let done = tokio::task::spawn_blocking(move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await.ok()? {
            Ok(done) => Some(done),
            Err(error) => {
                tracing::debug!(%error, "kept waveforms cannot be used");
                None
            }
        }
    }
}

fn make_room(connection: &Connection, kept_max: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM peaks WHERE number <= (SELECT max(number) FROM peaks) - ?";
    connection.prepare_cached(sql)?.execute([kept_max])?;
    Ok(())
}

/// The length, how many channels there are, then the columns of each.
fn packed(peaks: &Peaks) -> Vec<u8> {
    let mut blob = peaks.duration_s.to_le_bytes().to_vec();
    // There are few, so that no number is cut.
    blob.push(peaks.channels.len() as u8);
    for columns in &peaks.channels {
        blob.extend_from_slice(columns);
    }
    blob
}

fn unpacked(blob: &[u8]) -> Option<Peaks> {
    let (duration_s, rest) = blob.split_first_chunk()?;
    let (channels, columns) = rest.split_first()?;
    let duration_s = f64::from_le_bytes(*duration_s);
    let channels = usize::from(*channels);
    let is_ours = columns.len() == channels * COLUMNS_MAX
        && (1..=CHANNELS_MAX).contains(&channels)
        && duration_s.is_finite()
        && duration_s > 0.0;
    is_ours.then(|| Peaks {
        duration_s,
        channels: columns.chunks(COLUMNS_MAX).map(<[u8]>::to_vec).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(level: u8) -> Peaks {
        Peaks {
            duration_s: 12.5,
            channels: vec![vec![level; COLUMNS_MAX], vec![0; COLUMNS_MAX]],
        }
    }

    #[tokio::test]
    async fn peaks_outlive_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let index_path = folder.path().join("callpipe-browser.db");
        let hash = Sha256Hex::of(b"sound");
        let kept = KeptPeaks::open(&index_path);
        assert_eq!(kept.get(&hash).await, None);
        kept.put(&hash, &peaks(1)).await;
        kept.put(&hash, &peaks(2)).await;
        drop(kept);
        assert_eq!(
            KeptPeaks::open(&index_path).get(&hash).await,
            Some(peaks(2))
        );
        assert!(folder.path().join("callpipe-browser-peaks.db").exists());
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptPeaks::open(&folder.path().join("x.db"));
        for number in 0..5_u8 {
            kept.put(&Sha256Hex::of(&[number]), &peaks(number)).await;
        }
        kept.with(|connection| make_room(connection, 2))
            .await
            .unwrap();
        let mut left = Vec::new();
        for number in 0..5_u8 {
            if kept.get(&Sha256Hex::of(&[number])).await.is_some() {
                left.push(number);
            }
        }
        assert_eq!(left, [3, 4]);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x-peaks.db"), "no database".repeat(100)).unwrap();
        for name in ["x.db", "gone/x.db"] {
            let kept = KeptPeaks::open(&folder.path().join(name));
            kept.put(&Sha256Hex::of(b""), &peaks(1)).await;
            assert_eq!(kept.get(&Sha256Hex::of(b"")).await, None);
        }
    }

    #[test]
    fn a_damaged_blob_is_none() {
        let blob = packed(&peaks(1));
        assert_eq!(unpacked(&blob), Some(peaks(1)));
        let not_a_number = [&f64::NAN.to_le_bytes()[..], &[1], &[0; COLUMNS_MAX]].concat();
        let many = [&1.0_f64.to_le_bytes()[..], &[9], &[0; 9 * COLUMNS_MAX]].concat();
        // As many columns as one channel has, by another count of them.
        let coarse = [&1.0_f64.to_le_bytes()[..], &[1; COLUMNS_MAX]].concat();
        for damaged in [
            &blob[..blob.len() - 1],
            &blob[..9],
            &blob[..8],
            &blob[..3],
            &[],
            &not_a_number[..],
            &many,
            &coarse,
        ] {
            assert_eq!(unpacked(damaged), None);
        }
    }
}
