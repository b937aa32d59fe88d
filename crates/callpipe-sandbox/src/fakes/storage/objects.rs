//! The objects of the one bucket, and uploads that are not complete.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// The least size of a part that is not the last one, in bytes.
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

/// An object as it was stored.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
    /// As the `x-goog-hash` header writes it.
    pub(crate) crc32c: String,
    pub(crate) generation: u64,
    pub(crate) stored_at: DateTime<Utc>,
    /// Of how many parts it was made, if it came in parts.
    pub(crate) parts: Option<usize>,
}

/// What becomes an object.
pub(super) struct NewObject {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
    pub(super) parts: Option<usize>,
}

/// What must hold for something to be done.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    Whatever,
    Missing,
    Generation(u64),
}

impl Condition {
    fn holds(self, object: Option<&Object>) -> bool {
        match self {
            Condition::Whatever => true,
            Condition::Missing => object.is_none(),
            Condition::Generation(wanted) => {
                object.is_some_and(|object| object.generation == wanted)
            }
        }
    }
}

/// Why an upload cannot be completed.
pub(super) enum PartError {
    NoUpload,
    Unknown,
    TooSmall,
}

/// Some names in their order, and whether there are more.
pub(super) struct Page {
    pub(super) objects: Vec<(String, Object)>,
    pub(super) is_truncated: bool,
}

/// What the bucket holds.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: HashMap<String, Upload>,
    generation: u64,
}

#[derive(Debug)]
struct Upload {
    name: String,
    content_type: String,
    parts: BTreeMap<usize, Bytes>,
}

impl State {
    fn put(
        &mut self,
        name: &str,
        new: NewObject,
        condition: Condition,
        now: DateTime<Utc>,
    ) -> Option<Object> {
        if !condition.holds(self.objects.get(name)) {
            return None;
        }
        self.generation += 1;
        let object = Object {
            content_type: new.content_type,
            crc32c: crc32c_text(&new.bytes),
            bytes: new.bytes,
            generation: 1_790_000_000_000_000 + self.generation,
            stored_at: now,
            parts: new.parts,
        };
        self.objects.insert(name.to_owned(), object.clone());
        Some(object)
    }
}

impl Objects {
    /// Every name, staged ones included.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Object> {
        self.lock().objects.get(name).cloned()
    }

    /// How many uploads were begun and neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    pub(super) fn put(
        &self,
        name: &str,
        new: NewObject,
        condition: Condition,
        now: DateTime<Utc>,
    ) -> Option<Object> {
        self.lock().put(name, new, condition, now)
    }

    /// None if there is nothing, false if the condition does not hold.
    pub(super) fn delete(&self, name: &str, condition: Condition) -> Option<bool> {
        let mut state = self.lock();
        let holds = condition.holds(Some(state.objects.get(name)?));
        if holds {
            state.objects.remove(name);
        }
        Some(holds)
    }

    pub(super) fn list(&self, prefix: &str, after: &str, page_max: usize) -> Page {
        let state = self.lock();
        let found = state.objects.iter();
        let mut found = found
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after)
            .map(|(name, object)| (name.clone(), object.clone()));
        let objects = found.by_ref().take(page_max).collect();
        Page {
            objects,
            is_truncated: found.next().is_some(),
        }
    }

    pub(super) fn begin_upload(&self, id: &str, name: &str, content_type: String) {
        let upload = Upload {
            name: name.to_owned(),
            content_type,
            parts: BTreeMap::new(),
        };
        self.lock().uploads.insert(id.to_owned(), upload);
    }

    pub(super) fn put_part(&self, upload: &str, number: usize, bytes: Bytes) -> bool {
        match self.lock().uploads.get_mut(upload) {
            Some(upload) => {
                upload.parts.insert(number, bytes);
                true
            }
            None => false,
        }
    }

    pub(super) fn abort_upload(&self, upload: &str) -> bool {
        self.lock().uploads.remove(upload).is_some()
    }

    /// Joins the listed parts, each given by number and tag. None if the condition does not hold.
    pub(super) fn complete_upload(
        &self,
        id: &str,
        name: &str,
        listed: &[(usize, String)],
        condition: Condition,
        now: DateTime<Utc>,
    ) -> Result<Option<Object>, PartError> {
        let mut state = self.lock();
        let upload = state.uploads.get(id).filter(|upload| upload.name == name);
        let upload = upload.ok_or(PartError::NoUpload)?;
        let mut bytes = Vec::new();
        for (index, (number, tag)) in listed.iter().enumerate() {
            let part = upload.parts.get(number).ok_or(PartError::Unknown)?;
            let in_order = index == 0 || listed[index - 1].0 < *number;
            if !in_order || part_tag(part) != *tag {
                return Err(PartError::Unknown);
            }
            if index + 1 < listed.len() && part.len() < PART_BYTES_MIN {
                return Err(PartError::TooSmall);
            }
            bytes.extend_from_slice(part);
        }
        if listed.is_empty() {
            return Err(PartError::Unknown);
        }
        let new = NewObject {
            content_type: upload.content_type.clone(),
            bytes: bytes.into(),
            parts: Some(listed.len()),
        };
        let object = state.put(name, new, condition, now);
        state.uploads.remove(id);
        Ok(object)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entity tag of a part, quoted.
pub(super) fn part_tag(bytes: &[u8]) -> String {
    format!("\"{}\"", &crate::chance::sha256_hex(bytes)[..32])
}

/// The entity tag of an object, quoted.
pub(super) fn tag(object: &Object) -> String {
    let hash = part_tag(&object.bytes);
    match object.parts {
        None => hash,
        Some(parts) => format!("{}-{parts}\"", hash.trim_end_matches('"')),
    }
}

/// CRC32C as the `x-goog-hash` header writes it: big-endian, in Base64.
pub(super) fn crc32c_text(bytes: &[u8]) -> String {
    let mut crc = u32::MAX;
    for byte in bytes {
        let index = (crc ^ u32::from(*byte)) & 0xff;
        crc = (crc >> 8) ^ CRC32C_TABLE[index as usize];
    }
    BASE64_STANDARD.encode((!crc).to_be_bytes())
}

/// The remainders of all bytes, by Castagnoli's polynomial with its bits reversed.
const CRC32C_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value that catalogues of CRCs give for "123456789".
        let check = BASE64_STANDARD.encode(0xe306_9283_u32.to_be_bytes());
        assert_eq!(crc32c_text(b"123456789"), check);
        assert_eq!(crc32c_text(b""), "AAAAAA==");
    }
}
