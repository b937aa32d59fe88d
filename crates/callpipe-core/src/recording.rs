//! The audio of a call: where the vendor offers it, and what we keep once it is ours.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::call::ContactId;

/// The longest stem of an object's name, in bytes: well below what file systems allow (255).
const STEM_BYTES_MAX: usize = 160;

/// The name of an object in the archive. Made only from checked parts, so it can never leave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchiveKey(String);

impl ArchiveKey {
    /// `recordings/{contact}_{media type}.{extension}`, and `…_2.{extension}` for the second
    /// recording of a contact, and so on. `number` counts from one.
    pub fn recording(
        contact_id: &ContactId,
        media_type: &str,
        number: usize,
        extension: &str,
    ) -> Self {
        let suffix = if number > 1 {
            format!("_{number}")
        } else {
            String::new()
        };
        let stem = bounded(format!(
            "{}_{}{suffix}",
            escaped(contact_id.as_str()),
            escaped(media_type)
        ));
        Self(format!("recordings/{stem}.{}", escaped(extension)))
    }

    /// The name for a recording whose own name is taken by other bytes:
    /// `recordings/{contact}_{media type}-{hash}.{extension}`.
    #[must_use]
    pub fn beside(&self, sha256: &Sha256Hex) -> Self {
        let hash = sha256.as_str().get(..32).unwrap_or(sha256.as_str());
        match self.0.rsplit_once('.') {
            Some((stem, extension)) => Self(format!("{stem}-{hash}.{extension}")),
            None => Self(format!("{}-{hash}", self.0)),
        }
    }

    /// `transcripts/{contact}.json`.
    pub fn transcript(contact_id: &ContactId) -> Self {
        Self(format!(
            "transcripts/{}.json",
            bounded(escaped(contact_id.as_str()))
        ))
    }

    /// `replies/{provider}/{two digits}/{fingerprint}-{number}.json.gz`: the `number`th reply that
    /// was bought for one request. By the fingerprint's first two digits there are 256 folders, so
    /// that no folder grows too large to be listed, and not one for each reply.
    pub fn reply(provider: &str, fingerprint: &Fingerprint, number: u32) -> Self {
        let fingerprint = fingerprint.as_str();
        let folder = fingerprint.get(..2).unwrap_or(fingerprint);
        Self(format!(
            "replies/{}/{folder}/{fingerprint}-{number}.json.gz",
            escaped(provider),
        ))
    }

    /// `leases/{name}/{number}.json`: the `number`th holder of a lease.
    pub fn lease(name: &str, number: u64) -> Self {
        Self(format!("leases/{}/{number:012}.json", escaped(name)))
    }

    /// `quota/{account}-{part}.json`: what one part of a limit has used, such as `1-of-4`.
    pub fn quota(account: &str, part: &str) -> Self {
        Self(format!("quota/{}-{}.json", escaped(account), escaped(part)))
    }

    /// The key of an object in the folder of quotas, by its name there.
    pub fn quota_of(name: &str) -> Option<Self> {
        let file = name.strip_prefix("quota/")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-=.".contains(&byte);
        let like_ours = !file.starts_with('.') && file.bytes().all(plain);
        like_ours.then(|| Self(name.to_owned()))
    }

    /// An object that a check writes, reads and removes, in a folder of unfinished things.
    pub fn probe(folder: &str, name: &str) -> Self {
        Self(format!("{folder}/{}", escaped(name)))
    }

    /// `files/{name}`: stands for a file that is in no archive.
    pub fn file(name: &str) -> Self {
        Self(format!("files/{}", escaped(name)))
    }

    /// The name of a recording that others put into the archive: `recordings/` and one segment
    /// that could be ours.
    pub fn adopted(path: &str) -> Option<Self> {
        let name = path.strip_prefix("recordings/")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        let like_ours = !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
        like_ours.then(|| Self(path.to_owned()))
    }

    /// The key of an address below an archive's own, if it is one that could be ours.
    pub fn adopted_from(uri: &str, archive_base_uri: &str) -> Option<Self> {
        let path = uri.strip_prefix(archive_base_uri)?.strip_prefix('/')?;
        Self::adopted(path)
    }

    /// The key as a path with forward slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose reply it is, if it is one: `deepgram` of `replies/deepgram/…`.
    pub fn provider(&self) -> Option<&str> {
        let (provider, _) = self.0.strip_prefix("replies/")?.split_once('/')?;
        Some(provider)
    }

    /// The part after the last slash.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ArchiveKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Letters, digits, `-`, `_` and inner dots stay; every other byte becomes `=XX`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (position, byte) in text.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || byte == b'-'
            || byte == b'_'
            || (byte == b'.' && position > 0);
        if plain {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    escaped
}

/// A stem that file systems take: a longer one keeps its beginning and ends in its hash.
fn bounded(stem: String) -> String {
    if stem.len() <= STEM_BYTES_MAX {
        return stem;
    }
    let hash = hex::encode(Sha256::digest(stem.as_bytes()));
    format!("{}-{}", &stem[..STEM_BYTES_MAX - 33], &hash[..32])
}

/// The SHA-256 of some bytes, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// The hash of bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// Takes a digest that was computed while streaming.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(hex::encode(digest))
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What makes two paid requests the same: equal fingerprints buy the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hash of the parts, each with its length, so that no two lists of parts collide.
    pub fn of(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hex::encode(hasher.finalize()))
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose voice a channel or speaker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Somebody of the contact centre.
    Agent,
    /// The other side.
    Customer,
}

/// Somebody who took part in a call, where the recording's source says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Participant {
    /// The audio channel of this person, counted from zero.
    pub channel: Option<u32>,
    /// On which side.
    pub role: Role,
    /// The person's name.
    pub name: Option<String>,
}

/// A recording that is in the archive, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Where it lies.
    pub key: ArchiveKey,
    /// The vendor's word for what it is (`voice-only`).
    pub media_type: String,
    /// The MIME type to tell to who reads it.
    pub content_type: String,
    /// The hash of its bytes.
    pub sha256: Sha256Hex,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it begins, where the source says so.
    pub started_at: Option<DateTime<Utc>>,
    /// Who is heard on it.
    pub participants: Vec<Participant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ContactId {
        ContactId::parse(text).unwrap()
    }

    #[test]
    fn recordings_are_named_as_the_baseline_names_them() {
        let key = ArchiveKey::recording(&id("700123"), "voice-only", 1, "mp4");
        assert_eq!(key.as_str(), "recordings/700123_voice-only.mp4");
        assert_eq!(key.file_name(), "700123_voice-only.mp4");
        let second = ArchiveKey::recording(&id("700123"), "voice-only", 2, "mp4");
        assert_eq!(second.as_str(), "recordings/700123_voice-only_2.mp4");
    }

    #[test]
    fn a_reply_tells_whose_it_is() {
        let reply = ArchiveKey::reply("deepgram", &Fingerprint::of(&["audio"]), 1);
        assert_eq!(reply.provider(), Some("deepgram"));
        assert_eq!(ArchiveKey::transcript(&id("1")).provider(), None);
    }

    #[test]
    fn the_name_beside_another_ends_in_the_hash() {
        let key = ArchiveKey::recording(&id("700123"), "voice-only", 1, "mp4");
        assert_eq!(
            key.beside(&Sha256Hex::of(b"")).as_str(),
            "recordings/700123_voice-only-e3b0c44298fc1c149afbf4c8996fb924.mp4"
        );
    }

    #[test]
    fn only_names_like_ours_are_adopted() {
        let key = ArchiveKey::recording(&id("700123"), "voice-only", 1, "mp4");
        assert_eq!(ArchiveKey::adopted(key.as_str()), Some(key));
        for hostile in [
            "recordings/",
            "recordings/../x",
            "recordings/.x",
            "recordings/a/b",
            "recordings/a\\b",
            "recordings/a%2Fb",
            "leases/fetch",
            "/recordings/a",
        ] {
            assert_eq!(ArchiveKey::adopted(hostile), None, "{hostile}");
        }
        let from = |uri| ArchiveKey::adopted_from(uri, "gs://calls/archive");
        let path = "recordings/700123_voice-only.mp4";
        let ours = from("gs://calls/archive/recordings/700123_voice-only.mp4");
        assert_eq!(ours.unwrap().as_str(), path);
        for elsewhere in [
            "gs://calls/archive-2/recordings/700123_voice-only.mp4",
            "gs://calls/recordings/700123_voice-only.mp4",
            "gs://calls/archive/recordings/../700123_voice-only.mp4",
            path,
        ] {
            assert_eq!(from(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_hostile_name_stays_one_segment_below_its_folder() {
        for hostile in [
            "../../etc/passwd",
            "..",
            ".",
            "/abs",
            "a\\..\\b",
            "C:evil",
            "nul\u{202e}x",
            "%2e%2e/",
            "~root",
        ] {
            for key in [
                ArchiveKey::recording(&id(hostile), hostile, 1, hostile),
                ArchiveKey::transcript(&id(hostile)),
            ] {
                let segments: Vec<&str> = key.as_str().split('/').collect();
                assert_eq!(segments.len(), 2, "{key}");
                assert!(!segments[1].starts_with('.'), "{key}");
                assert!(
                    key.as_str()
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"/=._-".contains(&byte)),
                    "{key}"
                );
            }
        }
    }

    #[test]
    fn different_ids_have_different_names_however_long() {
        let long = "é".repeat(200);
        let longer_by_one = format!("{}x", "é".repeat(199));
        let (first, second) = (
            ArchiveKey::transcript(&id(&long)),
            ArchiveKey::transcript(&id(&longer_by_one)),
        );
        assert_ne!(first, second);
        assert!(first.file_name().len() < 255);
        assert_ne!(
            ArchiveKey::transcript(&id("a=2Fb")),
            ArchiveKey::transcript(&id("a/b"))
        );
    }

    #[test]
    fn replies_share_256_folders() {
        let fingerprint = Fingerprint::of(&["audio"]);
        let digits = fingerprint.as_str();
        assert_eq!(
            ArchiveKey::reply("deep/gram", &fingerprint, 2).as_str(),
            format!("replies/deep=2Fgram/{}/{digits}-2.json.gz", &digits[..2])
        );
    }

    #[test]
    fn fingerprints_do_not_run_parts_together() {
        assert_ne!(Fingerprint::of(&["ab", "c"]), Fingerprint::of(&["a", "bc"]));
        assert_eq!(Fingerprint::of(&["ab"]), Fingerprint::of(&["ab"]));
    }
}
