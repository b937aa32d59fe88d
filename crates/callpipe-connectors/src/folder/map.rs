//! Files to calls: by their paths, and by what is written beside them. Pure.

use std::collections::BTreeMap;

use callpipe_core::call::{Contact, ContactId, parse_start};
use callpipe_core::contracts::contact_source::ContactProblem;
use callpipe_core::recording::{Participant, Role};
use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::pattern::{Pattern, Told, without_ending};

/// Under this name a contact's metadata holds its recordings.
const RECORDINGS: &str = "recordings";

/// Endings of files that lie beside recordings and are none.
const COMPANIONS: [&str; 14] = [
    "json", "csv", "xml", "txt", "md", "log", "pdf", "ini", "db", "md5", "sha1", "sha256", "yaml",
    "xlsx",
];

/// Endings of files that are still on their way.
const PARTIAL: [&str; 8] = [
    "part",
    "partial",
    "tmp",
    "temp",
    "crdownload",
    "filepart",
    "download",
    "lock",
];

/// What a file's name says about taking it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidate {
    /// It may be a recording.
    Recording,
    /// It is something beside recordings.
    Companion,
    /// It is still being written.
    Partial,
}

pub(super) fn candidate(path: &str) -> Candidate {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = ending.to_ascii_lowercase();
    if PARTIAL.contains(&ending.as_str()) || name.starts_with('~') || name.ends_with('~') {
        Candidate::Partial
    } else if COMPANIONS.contains(&ending.as_str()) {
        Candidate::Companion
    } else {
        Candidate::Recording
    }
}

/// One of a contact's recordings, as its metadata holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The path of its file.
    pub(crate) file: String,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<DateTime<FixedOffset>>,
    /// Who is heard on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) participants: Vec<Participant>,
}

impl Part {
    /// A recording of which only the file is known.
    pub(crate) fn of_file(file: String) -> Self {
        Self {
            file,
            started_at: None,
            participants: Vec::new(),
        }
    }
}

/// The recordings that a contact's metadata names, if it is one of this source's.
pub(crate) fn parts_of(contact: &Contact) -> Option<Vec<Part>> {
    let value = contact.metadata.get(RECORDINGS)?.clone();
    serde_json::from_value(value)
        .ok()
        .filter(|parts: &Vec<Part>| !parts.is_empty())
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) contact_id: ContactId,
    pub(super) master_id: Option<ContactId>,
    pub(super) part: Part,
    pub(super) metadata: Map<String, Value>,
}

/// What the path of a file and the description beside it tell; or what is wrong with them.
pub(super) fn described(
    path: &str,
    pattern: Option<&Pattern>,
    offset: FixedOffset,
    sidecar: Option<&[u8]>,
) -> Result<Described, String> {
    let beside = sidecar.map(read_sidecar).transpose()?.unwrap_or_default();
    let told = match pattern {
        Some(pattern) => match pattern.read(path, offset) {
            Some(told) => told,
            None if beside.contact_id.is_some() => Told::default(),
            None => return Err("its name does not fit `pattern`".into()),
        },
        None => Told {
            contact_id: without_ending(path).to_owned(),
            ..Told::default()
        },
    };
    let id = beside.contact_id.unwrap_or(told.contact_id);
    let contact_id = ContactId::parse(&id).map_err(|error| error.to_string())?;
    let master_id = beside.master_contact_id.or(told.master_contact_id);
    let mut metadata: Map<String, Value> = told
        .others
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    metadata.extend(beside.others);
    metadata.remove(RECORDINGS);
    Ok(Described {
        contact_id,
        master_id: master_id.and_then(|id| ContactId::parse(&id).ok()),
        part: Part {
            file: path.to_owned(),
            started_at: beside.started_at.or(told.started_at),
            participants: beside.participants,
        },
        metadata,
    })
}

/// What the file beside a recording tells.
#[derive(Debug, Default)]
struct Beside {
    contact_id: Option<String>,
    master_contact_id: Option<String>,
    started_at: Option<DateTime<FixedOffset>>,
    participants: Vec<Participant>,
    others: Map<String, Value>,
}

fn read_sidecar(bytes: &[u8]) -> Result<Beside, String> {
    let no_object = "the file beside it is no JSON object";
    let values: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|_| no_object.to_owned())?;
    let mut beside = Beside::default();
    for (name, value) in values {
        let plain = name.replace(['_', '-', ' '], "").to_ascii_lowercase();
        match plain.as_str() {
            "contactid" | "id" if text(&value).is_some() => beside.contact_id = text(&value),
            "mastercontactid" | "masterid" => beside.master_contact_id = text(&value),
            "start" | "startdate" | "starttime" | "startedat" => {
                beside.started_at = value.as_str().and_then(parse_start);
                if beside.started_at.is_none() {
                    beside.others.insert(name, value);
                }
            }
            "participants" => beside.participants = participants(&value),
            _ => {
                beside.others.insert(name, value);
            }
        }
    }
    Ok(beside)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// Those who are described as `{channel, role, name}`; whose side is not told is left out.
fn participants(value: &Value) -> Vec<Participant> {
    let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let participant = |entry: &Value| {
        let role = entry.get("role")?.as_str()?.to_ascii_lowercase();
        Some(Participant {
            channel: entry
                .get("channel")
                .and_then(Value::as_u64)
                .map(|channel| channel as u32),
            role: match role.as_str() {
                "agent" => Role::Agent,
                "customer" | "caller" | "client" => Role::Customer,
                _ => return None,
            },
            name: entry.get("name").and_then(Value::as_str).map(str::to_owned),
        })
    };
    entries.iter().filter_map(participant).collect()
}

/// The calls of a folder's files, by id: files of one id are recordings of one call.
pub(super) fn calls(files: Vec<Described>) -> BTreeMap<ContactId, Contact> {
    let mut grouped: BTreeMap<ContactId, Vec<Described>> = BTreeMap::new();
    for file in files {
        grouped
            .entry(file.contact_id.clone())
            .or_default()
            .push(file);
    }
    let contact = |(id, files): (ContactId, Vec<Described>)| (id.clone(), contact(id, files));
    grouped.into_iter().map(contact).collect()
}

fn contact(id: ContactId, mut files: Vec<Described>) -> Contact {
    files.sort_by(|one, other| {
        let order = |part: &Part| (part.started_at, part.file.clone());
        order(&one.part).cmp(&order(&other.part))
    });
    let mut contact = Contact::new(
        id,
        files.iter().filter_map(|file| file.part.started_at).min(),
    );
    contact.master_id = files.iter().find_map(|file| file.master_id.clone());
    for file in files.iter().rev() {
        // What several say differently is as the first says it.
        contact.metadata.extend(file.metadata.clone());
    }
    let parts: Vec<Part> = files.into_iter().map(|file| file.part).collect();
    contact.metadata.insert(RECORDINGS.into(), json!(parts));
    contact
}

/// A file that became no call. Digits are not shown: names hold numbers of telephones.
pub(super) fn problem(path: &str, problem: String) -> ContactProblem {
    let hidden = |character: char| match character {
        character if character.is_numeric() => '#',
        character if character.is_control() => '?',
        character => character,
    };
    ContactProblem {
        place: format!(
            "folder file {}",
            path.chars().map(hidden).collect::<String>()
        ),
        problem,
    }
}
