//! The index file: a SQLite database of our own, with a narrow row for each call and its words.
//!
//! Losing it costs the time to make it again, so writes need not survive a power cut. One program
//! writes it; a second browser over the same file reads what the first one wrote.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};

use super::columns::{Row, Snapshot};
use super::dictionary::Dictionary;
use super::entry::{Entry, FIGURES, Said};
use super::fields::Fields;
use super::search::Words;

/// Raised when the layout changes: a file of another number is made again.
const LAYOUT: &str = "1";

/// Reads that can go on at once.
const READERS: usize = 4;

/// Memory for pages, for each connection: the system keeps the file in memory, too.
const CACHE_KIB: i64 = 2 * 1024;

/// So many calls are read at once into the columns.
const LOADED_CALLS: usize = 15 * 1024;

/// Numbers for calls that begin within the same second: the lower bits of a call's id.
const SAME_SECOND_BITS: u32 = 24;

const TABLES: &str = "
    CREATE TABLE notes (name TEXT PRIMARY KEY, note TEXT NOT NULL);
    CREATE TABLE sets (field INTEGER, number INTEGER, words TEXT NOT NULL, PRIMARY KEY (field, number));
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY, contact_id TEXT NOT NULL UNIQUE, caller TEXT, said INTEGER, packed BLOB
    );
    CREATE INDEX calls_of_a_caller ON calls (caller, id) WHERE caller IS NOT NULL;
    CREATE VIRTUAL TABLE said USING fts5(
        agent, customer, others, summary,
        content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
    );";

/// The index file.
pub(super) struct File {
    writer: Mutex<Connection>,
    readers: [Mutex<Connection>; READERS],
}

/// What writing a call changed among the columns.
pub(super) struct Written {
    /// The place that the call had, if it has another one now.
    pub(super) removed: Option<i64>,
    pub(super) row: Row,
}

/// A call as the file has it.
struct Known {
    id: i64,
    said: Option<i64>,
    packed: Vec<u8>,
}

impl File {
    /// Opens the file. One that was made for other fields, or that is damaged, is made again.
    pub(super) fn open(path: &Path, fields: &Fields) -> rusqlite::Result<Self> {
        let wanted = format!("{LAYOUT} {}", fields.digest());
        let writer = match opened(path, &wanted) {
            Ok(Some(writer)) => writer,
            Err(error) if !is_damage(&error) => return Err(error),
            Ok(None) | Err(_) => {
                remove(path);
                let writer = connect(path)?;
                writer.execute_batch(TABLES)?;
                set_note(&writer, "made_for", &wanted)?;
                writer
            }
        };
        let reader = || {
            let reader = connect(path)?;
            reader.execute_batch("PRAGMA query_only = ON")?;
            Ok::<_, rusqlite::Error>(Mutex::new(reader))
        };
        Ok(Self {
            writer: Mutex::new(writer),
            readers: [reader()?, reader()?, reader()?, reader()?],
        })
    }

    /// Everything but the words, as it was left.
    pub(super) fn load(&self, fields: &Arc<Fields>) -> rusqlite::Result<Snapshot> {
        let reader = self.reader();
        let mut dictionaries = vec![Dictionary::default(); fields.all().len()];
        let mut statement =
            reader.prepare("SELECT field, words FROM sets ORDER BY field, number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (field, words): (usize, String) = (row.get(0)?, row.get(1)?);
            let words: Vec<Arc<str>> = serde_json::from_str::<Vec<String>>(&words)
                .unwrap_or_default()
                .into_iter()
                .map(Arc::from)
                .collect();
            if let Some(dictionary) = dictionaries.get_mut(field) {
                dictionary.number(&words);
            }
        }
        let dictionaries = dictionaries.into_iter().map(Arc::new).collect();
        let mut snapshot = Snapshot::empty(Arc::clone(fields), dictionaries);
        let mut statement = reader.prepare("SELECT id, packed FROM calls ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut some = Vec::new();
        while let Some(row) = rows.next()? {
            let packed = row.get_ref(1)?.as_blob()?;
            let unpacked = unpack(row.get(0)?, packed, fields.all().len());
            some.extend(unpacked.map(|row| snapshot.with_known_sets(row)));
            if some.len() >= LOADED_CALLS {
                snapshot.append(&some);
                some.clear();
            }
        }
        snapshot.append(&some);
        Ok(snapshot)
    }

    /// Up to where the tables were followed.
    pub(super) fn position(&self, name: &str) -> rusqlite::Result<Option<String>> {
        note(&self.reader(), name)
    }

    /// Writes calls and how far the tables were followed, all or nothing. Gives new sets of values
    /// their numbers.
    pub(super) fn write(
        &self,
        entries: &[Entry],
        dictionaries: &mut [Arc<Dictionary>],
        positions: &[(&str, &str)],
    ) -> rusqlite::Result<Vec<Written>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction()?;
        let mut numbered = dictionaries.to_vec();
        let mut written = Vec::with_capacity(entries.len());
        for entry in entries {
            written.extend(write_one(&transaction, entry, &mut numbered)?);
        }
        for (name, note) in positions {
            set_note(&transaction, name, note)?;
        }
        transaction.commit()?;
        // Numbers count only once they are kept.
        dictionaries.clone_from_slice(&numbered);
        Ok(written)
    }

    /// The calls in which words were said, newest first: those before an id, at most so many.
    pub(super) fn search(
        &self,
        words: &Words,
        before: i64,
        calls_max: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT rowid FROM said WHERE said MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3",
        )?;
        statement
            .query_map(params![words.expression(), before, calls_max], |row| {
                row.get(0)
            })?
            .collect()
    }

    /// The ids by which contact lists know some calls.
    pub(super) fn contact_ids(&self, ids: &[i64]) -> rusqlite::Result<HashMap<i64, String>> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT contact_id FROM calls WHERE id = ?1")?;
        let mut contact_ids = HashMap::with_capacity(ids.len());
        for id in ids {
            let contact_id = statement.query_row([id], |row| row.get(0)).optional()?;
            contact_ids.extend(contact_id.map(|contact_id| (*id, contact_id)));
        }
        Ok(contact_ids)
    }

    /// The place of a call, and its caller.
    pub(super) fn find(&self, contact_id: &str) -> rusqlite::Result<Option<(i64, Option<String>)>> {
        self.reader()
            .prepare_cached("SELECT id, caller FROM calls WHERE contact_id = ?1")?
            .query_row([contact_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    /// The newest calls of a caller.
    pub(super) fn of_caller(&self, caller: &str, calls_max: usize) -> rusqlite::Result<Vec<i64>> {
        self.reader()
            .prepare_cached("SELECT id FROM calls WHERE caller = ?1 ORDER BY id DESC LIMIT ?2")?
            .query_map(params![caller, calls_max], |row| row.get(0))?
            .collect()
    }

    /// One that nobody uses, else the first one when it is free.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let free = self
            .readers
            .iter()
            .find_map(|reader| reader.try_lock().ok());
        free.unwrap_or_else(|| {
            self.readers[0]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
    }
}

/// Nothing where the file is new, or was made for something else.
fn opened(path: &Path, wanted: &str) -> rusqlite::Result<Option<Connection>> {
    let writer = connect(path)?;
    let is_made: bool = writer.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'notes')",
        [],
        |row| row.get(0),
    )?;
    let is_ours = is_made && note(&writer, "made_for")?.as_deref() == Some(wanted);
    Ok(is_ours.then_some(writer))
}

/// Whether it is the file that is wrong, and not the place where it lies.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    )
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

/// Removes the file with what SQLite keeps beside it.
fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        if let Err(error) = std::fs::remove_file(&name)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the browser's index cannot be removed");
        }
    }
}

fn note(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT note FROM notes WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
}

fn set_note(connection: &Connection, name: &str, note: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO notes (name, note) VALUES (?1, ?2)")?
        .execute([name, note])?;
    Ok(())
}

/// Nothing where the file has the call just so.
fn write_one(
    transaction: &Transaction<'_>,
    entry: &Entry,
    dictionaries: &mut [Arc<Dictionary>],
) -> rusqlite::Result<Option<Written>> {
    let known = known(transaction, &entry.contact_id)?;
    let first = first_id(entry);
    let (stays, moved) = match known {
        Some(known) if known.id >> SAME_SECOND_BITS == first >> SAME_SECOND_BITS => {
            (Some(known), None)
        }
        known => (None, known.map(|known| known.id)),
    };
    let id = match &stays {
        Some(known) => known.id,
        None => free_id(transaction, first)?,
    };
    let row = numbered(transaction, id, entry, dictionaries)?;
    let packed = pack(&row);
    let digest = (!entry.said.is_empty()).then(|| entry.said.digest());
    let said_before = stays.as_ref().and_then(|known| known.said);
    if digest == said_before && stays.is_some_and(|known| known.packed == packed) {
        return Ok(None);
    }
    if let Some(id) = moved {
        for statement in [
            "DELETE FROM said WHERE rowid = ?1",
            "DELETE FROM calls WHERE id = ?1",
        ] {
            transaction.prepare_cached(statement)?.execute([id])?;
        }
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO calls (id, contact_id, caller, said, packed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id, entry.contact_id, entry.caller, digest, packed])?;
    // Most changes of a call leave its words as they are.
    if digest != said_before {
        write_said(transaction, id, &entry.said, said_before.is_some())?;
    }
    Ok(Some(Written {
        removed: moved,
        row,
    }))
}

fn known(transaction: &Transaction<'_>, contact_id: &str) -> rusqlite::Result<Option<Known>> {
    transaction
        .prepare_cached("SELECT id, said, packed FROM calls WHERE contact_id = ?1")?
        .query_row([contact_id], |row| {
            Ok(Known {
                id: row.get(0)?,
                said: row.get(1)?,
                packed: row.get(2)?,
            })
        })
        .optional()
}

fn write_said(
    transaction: &Transaction<'_>,
    id: i64,
    said: &Said,
    is_known: bool,
) -> rusqlite::Result<()> {
    if is_known {
        transaction
            .prepare_cached("DELETE FROM said WHERE rowid = ?1")?
            .execute([id])?;
    }
    if !said.is_empty() {
        transaction
            .prepare_cached(
                "INSERT INTO said (rowid, agent, customer, others, summary) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![id, said.agent, said.customer, said.others, said.summary])?;
    }
    Ok(())
}

/// The first id of a call's second, so that the order of ids is that of starts. Calls without a start
/// come before all others.
fn first_id(entry: &Entry) -> i64 {
    let started_s = entry.started_at.map_or(0, |start| start.timestamp());
    started_s.clamp(0, i64::MAX >> (SAME_SECOND_BITS + 1)) << SAME_SECOND_BITS
}

fn free_id(transaction: &Transaction<'_>, first: i64) -> rusqlite::Result<i64> {
    let last: Option<i64> = transaction
        .prepare_cached("SELECT MAX(id) FROM calls WHERE id BETWEEN ?1 AND ?2")?
        .query_row([first, first + (1 << SAME_SECOND_BITS) - 1], |row| {
            row.get(0)
        })?;
    Ok(last.map_or(first, |last| last + 1))
}

fn numbered(
    transaction: &Transaction<'_>,
    id: i64,
    entry: &Entry,
    dictionaries: &mut [Arc<Dictionary>],
) -> rusqlite::Result<Row> {
    let mut sets = Vec::with_capacity(entry.values.len());
    for (field, (values, dictionary)) in entry.values.iter().zip(dictionaries).enumerate() {
        let number = match dictionary.known(values) {
            Some(number) => number,
            None => {
                let number = Arc::make_mut(dictionary).number(values);
                let words: Vec<&str> = values.iter().map(|value| &**value).collect();
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO sets (field, number, words) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![field, number, serde_json::json!(words).to_string()])?;
                number
            }
        };
        sets.push(number);
    }
    Ok(Row {
        id,
        day: entry.day,
        sets,
        figures: entry.figures,
    })
}

fn pack(row: &Row) -> Vec<u8> {
    let mut packed = Vec::with_capacity(4 + 2 * row.sets.len() + 4 * FIGURES);
    packed.extend(row.day.to_le_bytes());
    packed.extend(row.sets.iter().flat_map(|set| set.to_le_bytes()));
    packed.extend(row.figures.iter().flat_map(|figure| figure.to_le_bytes()));
    packed
}

/// Nothing where the bytes are none of ours.
fn unpack(id: i64, packed: &[u8], fields: usize) -> Option<Row> {
    let (day, rest) = packed.split_first_chunk()?;
    let (sets, figures) = rest.split_at_checked(2 * fields)?;
    let sets = sets
        .chunks_exact(2)
        .map(|set| u16::from_le_bytes([set[0], set[1]]));
    let mut row = Row {
        id,
        day: i32::from_le_bytes(*day),
        sets: sets.collect(),
        figures: [f32::NAN; FIGURES],
    };
    if figures.len() != 4 * FIGURES {
        return None;
    }
    for (figure, bytes) in row.figures.iter_mut().zip(figures.chunks_exact(4)) {
        *figure = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    Some(row)
}
