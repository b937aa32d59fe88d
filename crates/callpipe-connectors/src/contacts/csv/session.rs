//! A list that is being read, from its first line to its last.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use callpipe_core::contracts::contact_source::{ContactPage, ContactProblem, Cursor};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use serde_json::{Map, Value};

use super::Reader;
use super::client::Lines;
use super::config::{CsvConfig, Format};
use super::map;
use super::seen::Seen;
use super::wire::{Item, Records};
use crate::http::redact::line;

/// The longest part of a header that is repeated, in characters.
const COLUMNS_CHARS_MAX: usize = 300;

/// The longest problem that is told of a line, in characters: it may repeat a value.
const PROBLEM_CHARS_MAX: usize = 500;

const BUFFER_BYTES: usize = 64 * 1024;

/// A list that is being read.
pub(super) struct Session {
    config: CsvConfig,
    name: String,
    records: Records,
    seen: Seen,
    any_record: bool,
}

impl Session {
    /// The list in the file that the configuration names.
    pub(super) fn open(config: CsvConfig) -> Outside<Self> {
        let name = config.path.display().to_string();
        let reader = open(&config.path).map_err(|error| unreadable(&name, &error))?;
        Self::new(config, name, reader)
    }

    pub(super) fn new(config: CsvConfig, name: String, reader: Reader) -> Outside<Self> {
        Ok(Self {
            records: records(&config, &name, reader)?,
            config,
            name,
            seen: Seen::default(),
            any_record: false,
        })
    }

    /// How many lines were read.
    pub(super) fn position(&self) -> u64 {
        self.records.lines.position()
    }

    /// Reads as far as a cursor of an earlier reading, remembering the ids.
    pub(super) fn skip_to(&mut self, position: u64) -> Outside<()> {
        let mut passed_over = ContactPage::default();
        while self.position() < position && self.read_next(&mut passed_over)? {
            passed_over = ContactPage::default();
        }
        Ok(())
    }

    /// The next part of the list: at most so many contacts and problems, whichever come first.
    pub(super) fn page(&mut self, page_max: usize) -> Outside<ContactPage> {
        let mut page = ContactPage::default();
        while page.contacts.len() < page_max && page.problems.len() < page_max {
            if !self.read_next(&mut page)? {
                return Ok(page);
            }
        }
        page.next = Some(Cursor(self.position().to_string()));
        Ok(page)
    }

    /// What a check says about the first page.
    pub(super) fn report(&self, page: &ContactPage) -> Outside<String> {
        if let (true, Some(problem)) = (page.contacts.is_empty(), page.problems.first()) {
            return Err(unusable(format!(
                "{} has no usable contact: {} {}",
                self.name, problem.place, problem.problem
            )));
        }
        let columns = match self.records.columns() {
            Some(columns) => format!("CSV with the columns {}", columns.join(", ")),
            None => "JSON lines".to_owned(),
        };
        let more = if page.next.is_some() { " and more" } else { "" };
        Ok(format!(
            "{}: {columns}; {} contacts{more}",
            self.name,
            page.contacts.len()
        ))
    }

    /// Puts the next record into the page. False at the end of the list.
    fn read_next(&mut self, page: &mut ContactPage) -> Outside<bool> {
        let next = self.records.next();
        let Some((line, item)) = next.map_err(|error| unreadable(&self.name, &error))? else {
            return Ok(false);
        };
        let record = match item {
            Item::Record(record) => record,
            Item::Problem(problem) => {
                page.problems.push(self.problem(line, problem));
                return Ok(true);
            }
        };
        self.check_first(&record)?;
        match map::contact(&self.config, record) {
            Ok(read) => {
                for problem in read.problems {
                    page.problems.push(self.problem(line, problem));
                }
                match self.seen.line_before(&read.contact.id, line) {
                    None => page.contacts.push(read.contact),
                    Some(before) => {
                        let problem = format!("{} is already on line {before}", read.contact.id);
                        page.problems.push(self.problem(line, problem));
                    }
                }
            }
            Err(problem) => page.problems.push(self.problem(line, problem)),
        }
        Ok(true)
    }

    /// JSON has no header: the first object shows whether this is a list of contacts at all.
    fn check_first(&mut self, record: &Map<String, Value>) -> Outside<()> {
        if self.any_record || self.records.columns().is_some() {
            return Ok(());
        }
        self.any_record = true;
        let columns: Vec<&str> = record.keys().map(String::as_str).collect();
        check_columns(&self.config, &self.name, &columns)
    }

    fn problem(&self, number: u64, problem: String) -> ContactProblem {
        ContactProblem {
            place: format!("{} line {number}", self.name),
            problem: line(&problem, PROBLEM_CHARS_MAX),
        }
    }
}

fn open(path: &Path) -> io::Result<Reader> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
}

fn records(config: &CsvConfig, name: &str, mut reader: Reader) -> Outside<Records> {
    let beginning = reader
        .fill_buf()
        .map_err(|error| unreadable(name, &error))?;
    if beginning.starts_with(b"\xFF\xFE") || beginning.starts_with(b"\xFE\xFF") {
        return Err(unusable(format!("{name} is written in UTF-16")).with_hint("save it as UTF-8"));
    }
    let mut lines = Lines::new(reader);
    let first = loop {
        match lines.next().map_err(|error| unreadable(name, &error))? {
            Some(line) if line.is_blank() => {}
            other => break other,
        }
    };
    let text = first
        .as_ref()
        .and_then(|line| std::str::from_utf8(line.bytes.as_ref()?).ok())
        .unwrap_or_default()
        .to_owned();
    if is_json(config, &text) {
        if text.trim_start().starts_with('[') {
            return Err(unusable(format!("{name} is a JSON array"))
                .with_hint("write one object on each line: jq -c '.[]' FILE > FILE.jsonl"));
        }
        lines.give_back(first.into_iter().collect());
        return Ok(Records::jsonl(lines));
    }
    if text.is_empty() {
        return Err(unusable(format!("{name} has no header that can be read"))
            .with_hint("the first line names the columns, in UTF-8: contactId,startDate"));
    }
    let is_id = |column: &str| map::is_called(column, &config.contact_id_column);
    let records = Records::csv(lines, &text, is_id);
    let columns = records.columns().unwrap_or_default();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    check_columns(config, name, &columns)?;
    Ok(records)
}

fn is_json(config: &CsvConfig, first_line: &str) -> bool {
    let extension = config.path.extension().unwrap_or_default();
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    match (config.format, extension.as_str()) {
        (Format::Jsonl, _) | (Format::Auto, "jsonl" | "ndjson" | "json") => true,
        (Format::Csv, _) | (Format::Auto, "csv") => false,
        (Format::Auto, _) => first_line.trim_start().starts_with(['{', '[']),
    }
}

fn check_columns(config: &CsvConfig, name: &str, columns: &[&str]) -> Outside<()> {
    let wanted = &config.contact_id_column;
    if columns.iter().any(|column| map::is_called(column, wanted)) {
        return Ok(());
    }
    let columns = line(&columns.join(", "), COLUMNS_CHARS_MAX);
    Err(
        unusable(format!("{name} has no column {wanted}, but {columns}"))
            .with_hint("name the column with the ids: `contact_id_column` under [contacts.csv]"),
    )
}

/// A list that cannot be read at all. The setup is to blame, so that nobody tries again for nothing.
pub(super) fn unusable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Denied, message).context("reading the list of contacts")
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "name the file: `path` under [contacts.csv], or `-` for standard input"
        }
        io::ErrorKind::IsADirectory => "name a file in the directory: `path` under [contacts.csv]",
        io::ErrorKind::PermissionDenied => "let the user that runs callpipe read the file",
        _ => "look whether the file can be read by other programs",
    };
    unusable(format!("{name} cannot be read"))
        .with_source(error.to_string())
        .with_hint(hint)
}
