//! The connections to the file: one that writes, those that read, and what their errors mean.
//!
//! The file is in WAL mode, so that neither our reader nor other programs wait for the writer.
//! `synchronous` is `NORMAL`: a power cut may take the last commits, but never the file. What such
//! a commit recorded is done again for nothing, because audio and paid replies are on the disk of
//! the archive before their row is saved.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callpipe_core::failure::{Failure, FailureKind, Outside};
use rusqlite::config::DbConfig;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sql;

/// The tables and views that this program makes. Counted up when an older program would do harm
/// to them; columns that are merely new do not count.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT_MAX: usize = 64;

/// After so many pages of 4 KiB the log is taken over into the file, instead of after 1,000: a page that
/// changes often goes over once for all its changes.
const LOG_PAGES: i64 = 4_000;

/// How long another program takes about with a new file.
const NEW_FILE_WAIT: Duration = Duration::from_millis(5);

/// What may go wrong inside a piece of work on the database.
pub(super) enum Problem {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// We say so.
    Told(Failure),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Told(failure)
    }
}

/// The file with its connections.
pub(super) struct Database {
    path: PathBuf,
    writer: Arc<Pool>,
    readers: Arc<Pool>,
}

/// Connections of which each does one piece of work at a time. Whoever finds none waits for the
/// first that becomes free, so that a slow piece holds up others only when all are busy.
struct Pool {
    free: Mutex<Vec<Connection>>,
    /// One for each connection that is free. Who waits for it takes no thread meanwhile.
    places: Arc<Semaphore>,
}

/// A connection in use; it is free again when this is dropped.
struct Lent {
    pool: Arc<Pool>,
    /// Taken when this is dropped, and no sooner.
    connection: Option<Connection>,
    /// Given back after the connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl Lent {
    #[expect(
        clippy::expect_used,
        reason = "there are as many places as connections, and only `drop` takes it"
    )]
    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is not dropped yet")
    }
}

impl Pool {
    fn new(connections: Vec<Connection>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(connections.len())),
            free: Mutex::new(connections),
        }
    }

    /// Waits until a connection is free.
    async fn lend(self: &Arc<Self>) -> Lent {
        // Never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        Lent {
            pool: Arc::clone(self),
            // The one that was used last: what it has read is still in its memory.
            connection: self.free().pop(),
            _place: place,
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.free().extend(self.connection.take());
    }
}

/// What was asked of the file, counted where somebody wants to know.
#[derive(Debug, Default)]
struct Traffic {
    statements: AtomicU64,
    transactions: AtomicU64,
}

impl Traffic {
    fn count(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let traffic = Arc::clone(self);
        let counted = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                let count = match sql.starts_with("BEGIN") {
                    true => &traffic.transactions,
                    false => &traffic.statements,
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(counted))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        let [statements, transactions] =
            [&self.statements, &self.transactions].map(|count| count.load(Ordering::Relaxed));
        if statements > 0 {
            tracing::debug!(statements, transactions, "the database is closed");
        }
    }
}

impl Database {
    /// `readers` are how many reads may go on beside each other.
    pub(super) fn open(path: &Path, busy_timeout: Duration, readers: usize) -> Outside<Self> {
        let doing = format!("opening the database {}", path.display());
        let path = absolute(path)
            .and_then(|path| {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                Ok(path)
            })
            .map_err(|error| {
                Failure::new(FailureKind::StoreFailed, doing.as_str())
                    .with_source(error)
                    .with_hint("name another file: `path` under [warehouse.sqlite]")
            })?;
        let open = || -> Result<(Connection, Vec<Connection>), Problem> {
            let writer = open_writer(&path, busy_timeout)?;
            let readers = (0..readers.max(1)).map(|_| open_reader(&path, busy_timeout));
            Ok((writer, readers.collect::<Result<_, _>>()?))
        };
        let (mut writer, mut readers) = open().map_err(|problem| failure(problem, &doing))?;
        let traffic = Arc::new(Traffic::default());
        if tracing::enabled!(tracing::Level::DEBUG) {
            for connection in readers.iter_mut().chain([&mut writer]) {
                traffic
                    .count(connection)
                    .map_err(|error| failure(error.into(), &doing))?;
            }
        }
        Ok(Self {
            writer: Arc::new(Pool::new(vec![writer])),
            readers: Arc::new(Pool::new(readers)),
            path,
        })
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does some work in a transaction that may write: all of it or nothing.
    pub(super) async fn write<T, Work>(&self, doing: &'static str, work: Work) -> Outside<T>
    where
        T: Send + 'static,
        Work: FnOnce(&Transaction<'_>) -> Result<T, Problem> + Send + 'static,
    {
        // Taking the lock at the beginning instead of at the first write: a transaction that has
        // read cannot wait for the lock, it fails.
        off_the_runtime(&self.writer, TransactionBehavior::Immediate, doing, work).await
    }

    /// Does some work on one state of the database.
    pub(super) async fn read<T, Work>(&self, doing: &'static str, work: Work) -> Outside<T>
    where
        T: Send + 'static,
        Work: FnOnce(&Transaction<'_>) -> Result<T, Problem> + Send + 'static,
    {
        off_the_runtime(&self.readers, TransactionBehavior::Deferred, doing, work).await
    }

    /// Writes something and takes it back.
    pub(super) async fn probe(&self) -> Outside<()> {
        let mut lent = self.writer.lend().await;
        run_blocking("checking the database", move || {
            let transaction = lent
                .connection()
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(sql::PROBE)?;
            Ok(transaction.rollback()?)
        })
        .await
    }
}

/// SQLite gives `:memory:` and the like a meaning, but no absolute path.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, Problem> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, busy_timeout)?;
    let version = user_version(&connection)?;
    if version > SCHEMA_VERSION {
        return Err(Failure::new(
            FailureKind::StoreFailed,
            format!("its tables have version {version}, and this program knows {SCHEMA_VERSION}"),
        )
        .with_hint("use the newer callpipe that made it, or name another file")
        .into());
    }
    let mode = write_ahead(&connection, busy_timeout)?;
    if mode != "wal" {
        return Err(Failure::new(
            FailureKind::StoreFailed,
            format!("write-ahead logging is not possible here (journal mode {mode})"),
        )
        .with_hint("put the file on a local disk instead of a network drive")
        .into());
    }
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    Ok(connection)
}

/// Turns write-ahead logging on; gives the mode that the file then has.
///
/// Of several programs that do so at once with a new file, SQLite refuses all but one without letting
/// them wait, since they might wait for each other. So it is tried again for as long as they may wait.
fn write_ahead(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<String> {
    let mut waited = Duration::ZERO;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < busy_timeout =>
            {
                std::thread::sleep(NEW_FILE_WAIT);
                waited += NEW_FILE_WAIT;
            }
            mode => return mode,
        }
    }
}

fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection, Problem> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, busy_timeout)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, busy_timeout: Duration) -> Result<Connection, Problem> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    // Else a statement is prepared anew whenever one of its values might lead to a better plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
    Ok(connection)
}

pub(super) fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

async fn off_the_runtime<T, Work>(
    pool: &Arc<Pool>,
    behavior: TransactionBehavior,
    doing: &'static str,
    work: Work,
) -> Outside<T>
where
    T: Send + 'static,
    Work: FnOnce(&Transaction<'_>) -> Result<T, Problem> + Send + 'static,
{
    let mut lent = pool.lend().await;
    run_blocking(doing, move || {
        with_transaction(lent.connection(), behavior, work)
    })
    .await
}

async fn run_blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Outside<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::bug(format!("{doing} broke off")).with_source(error))?
        .map_err(|problem| failure(problem, doing))
}

fn with_transaction<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    // If one before panicked, its transaction was rolled back when it was dropped.
    let transaction = connection.transaction_with_behavior(behavior)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

/// What an error means to who runs the program. SQLite's texts name tables and columns, never
/// values, since all values are bound.
pub(super) fn failure(problem: Problem, doing: &str) -> Failure {
    let error = match problem {
        Problem::Told(failure) => return failure.context(doing),
        Problem::Sqlite(error) => error,
    };
    let hint = hint(&error);
    let failure = Failure::new(FailureKind::StoreFailed, doing).with_source(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn hint(error: &rusqlite::Error) -> Option<&'static str> {
    if error.to_string().contains("no such") {
        return Some("the tables are not prepared for this: begin with `callpipe run`");
    }
    Some(match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "another program holds a lock on the file: end it, or try again when it is done"
        }
        ErrorCode::NotADatabase => {
            "the file is no SQLite database: name another one, `path` under [warehouse.sqlite]"
        }
        ErrorCode::DatabaseCorrupt => {
            "the file is damaged: bring back a copy, or save what is left by `sqlite3 FILE .recover`"
        }
        ErrorCode::DiskFull => "the disk is full: make room where the database lies",
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => {
            "let the user that runs callpipe write to the file and to its directory"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_file_means_memory() {
        for name in [":memory:", "file::memory:", "x.db"] {
            assert!(absolute(Path::new(name)).unwrap().is_absolute());
        }
        assert!(absolute(Path::new("")).is_err());
    }

    #[tokio::test]
    async fn both_connections_are_set_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callpipe.db");
        let database = Database::open(&path, Duration::from_millis(1_234), 1).unwrap();
        let pragma = |name: &'static str| {
            move |transaction: &Transaction<'_>| -> Result<i64, Problem> {
                Ok(transaction.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
            }
        };
        assert_eq!(
            database
                .write("asking", pragma("busy_timeout"))
                .await
                .unwrap(),
            1_234
        );
        assert_eq!(
            database
                .read("asking", pragma("busy_timeout"))
                .await
                .unwrap(),
            1_234
        );
        assert_eq!(
            database.read("asking", pragma("query_only")).await.unwrap(),
            1
        );
        assert_eq!(
            database
                .write("asking", pragma("synchronous"))
                .await
                .unwrap(),
            1,
            "NORMAL"
        );
        assert_eq!(
            database
                .write("asking", pragma("wal_autocheckpoint"))
                .await
                .unwrap(),
            LOG_PAGES
        );
        assert_eq!(
            database
                .write("asking", pragma("foreign_keys"))
                .await
                .unwrap(),
            0
        );
    }

    /// Two reads that both must be at work at once to come to their ends.
    async fn meeting(database: &Database) -> Outside<bool> {
        let (left, right) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let read = |tell: std::sync::mpsc::Sender<()>, hear: std::sync::mpsc::Receiver<()>| {
            database.read("meeting", move |_| {
                let told = tell.send(()).is_ok();
                Ok(told && hear.recv_timeout(Duration::from_secs(20)).is_ok())
            })
        };
        let (one, other) = tokio::join!(read(left.0, right.1), read(right.0, left.1));
        Ok(one? && other?)
    }

    #[tokio::test]
    async fn reads_go_on_beside_each_other_and_one_that_panics_harms_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callpipe.db");
        let database = Database::open(&path, Duration::ZERO, 2).unwrap();
        assert!(meeting(&database).await.unwrap());
        for _ in 0..3 {
            let broken = database.read("breaking off", |_| -> Result<(), Problem> { panic!() });
            assert_eq!(broken.await.unwrap_err().kind, FailureKind::Bug);
        }
        assert!(meeting(&database).await.unwrap());
    }

    #[test]
    fn what_an_operator_can_do_is_said() {
        let hint_of = |code| {
            hint(&rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(code),
                None,
            ))
        };
        assert!(
            hint_of(rusqlite::ffi::SQLITE_FULL)
                .unwrap()
                .contains("full")
        );
        assert!(
            hint_of(rusqlite::ffi::SQLITE_READONLY)
                .unwrap()
                .contains("write")
        );
        assert!(
            hint_of(rusqlite::ffi::SQLITE_CANTOPEN)
                .unwrap()
                .contains("write")
        );
        assert!(
            hint_of(rusqlite::ffi::SQLITE_CORRUPT)
                .unwrap()
                .contains("damaged")
        );
        assert_eq!(hint_of(rusqlite::ffi::SQLITE_RANGE), None);
    }
}
