//! The identity of a document: the same for the same call.
//!
//! The draft recommends a UUID of version 8 that is made like one of version 7: time first, then
//! what tells documents of one moment and of different makers apart. There it is chance and the hash
//! of a domain; here both are the hash of the call's id, so that a second export has the same ids.

use callpipe_core::call::Contact;
use sha2::{Digest, Sha256};

/// The UUID of a call's document.
pub(super) fn of(contact: &Contact) -> String {
    let started_at = contact.started_at_utc();
    let millis = started_at.map_or(0, |at| at.timestamp_millis().max(0));
    let hash = Sha256::digest(contact.id.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&hash[..10]);
    // RFC 9562: version 8, variant 10.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use callpipe_core::call::{ContactId, parse_start};

    use super::*;

    fn of(id: &str, start: &str) -> String {
        super::of(&Contact::new(
            ContactId::parse(id).unwrap(),
            parse_start(start),
        ))
    }

    #[test]
    fn a_call_has_one_identity_and_no_other_has_it() {
        let uuid = of("700123", "2026-05-01T08:00:00+11:00");
        assert_eq!(uuid, of("700123", "2026-04-30T21:00:00Z"));
        assert_ne!(uuid, of("700124", "2026-05-01T08:00:00+11:00"));
        assert_ne!(uuid, of("700123", "2026-05-01T08:00:00Z"));
        assert_ne!(of("1", ""), of("2", ""));
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "8", "the version");
        assert!("89ab".contains(&uuid[19..20]), "the variant");
        assert!(uuid.starts_with("019d"), "{uuid} begins with the time");
    }
}
