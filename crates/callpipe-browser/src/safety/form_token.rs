//! The token of forms that change something: only a page that we made for a session has one.
//!
//! It is another one on each page, so that the size of compressed pages tells nothing about it.

use ring::hmac;

use super::sessions::SessionKey;

const NONCE_BYTES: usize = 16;

/// Makes tokens and knows them again, as long as the program runs.
pub(super) struct FormKey(hmac::Key);

impl FormKey {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            &rand::random::<[u8; 32]>(),
        ))
    }

    /// A token for the pages of a session.
    pub(super) fn token(&self, session: SessionKey) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let tag = hmac::sign(&self.0, &message(&nonce, session));
        format!("{}{}", hex::encode(nonce), hex::encode(tag))
    }

    /// Whether it was made for this session.
    pub(super) fn is_of(&self, session: SessionKey, token: &str) -> bool {
        let Ok(bytes) = hex::decode(token) else {
            return false;
        };
        let Some((nonce, tag)) = bytes.split_at_checked(NONCE_BYTES) else {
            return false;
        };
        hmac::verify(&self.0, &message(nonce, session), tag).is_ok()
    }
}

fn message(nonce: &[u8], session: SessionKey) -> Vec<u8> {
    [nonce, session.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_session_and_one_start() {
        let (ours, key) = (FormKey::new(), SessionKey::LOCAL);
        let token = ours.token(key);
        assert!(ours.is_of(key, &token));
        assert_ne!(token, ours.token(key), "another page has another one");
        let other = SessionKey::of(&"0".repeat(64)).unwrap();
        assert!(!ours.is_of(other, &token));
        assert!(!FormKey::new().is_of(key, &token));
        let longer = format!("{token}00");
        let last = if token.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{last}", &token[..token.len() - 1]);
        for wrong in ["", "xyz", &token[2..], &token[..32], &longer, &changed] {
            assert!(!ours.is_of(key, wrong), "{wrong}");
        }
    }
}
