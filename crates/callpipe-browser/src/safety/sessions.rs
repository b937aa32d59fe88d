//! Who is signed in: kept in memory, so that a restart signs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// A session ends after so long.
const LIFETIME: TimeDelta = TimeDelta::hours(12);

/// So many are kept; the oldest make room.
const SESSIONS_MAX: usize = 1_000;

/// An id has so many bytes by chance.
const ID_BYTES: usize = 32;

/// A session by the hash of its id: how long a look takes says nothing about ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey([u8; 32]);

impl SessionKey {
    /// The one of all who need not sign in.
    pub(super) const LOCAL: Self = Self([0; 32]);

    /// The key of an id as a cookie has it.
    pub(super) fn of(id: &str) -> Option<Self> {
        let is_like_ours =
            id.len() == 2 * ID_BYTES && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_like_ours.then(|| Self(Sha256::digest(id.as_bytes()).into()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Debug)]
struct Session {
    name: String,
    ends_at: DateTime<Utc>,
}

/// The sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<SessionKey, Session>>);

impl Sessions {
    /// Begins one, and gives the id for the cookie: nobody else knows it.
    pub(super) fn begin(&self, name: &str, now: DateTime<Utc>) -> String {
        let id = hex::encode(rand::random::<[u8; ID_BYTES]>());
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.ends_at > now);
        if sessions.len() >= SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.ends_at);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                sessions.remove(&key);
            }
        }
        let session = Session {
            name: name.to_owned(),
            ends_at: now + LIFETIME,
        };
        sessions.insert(SessionKey(Sha256::digest(id.as_bytes()).into()), session);
        id
    }

    /// Whose it is, if it has not ended.
    pub(super) fn name(&self, key: SessionKey, now: DateTime<Utc>) -> Option<String> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&key)?;
        (session.ends_at > now).then(|| session.name.clone())
    }

    /// Ends one.
    pub(super) fn end(&self, key: SessionKey) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    #[test]
    fn a_session_is_found_by_its_id_until_it_ends() {
        let sessions = Sessions::default();
        let id = sessions.begin("Ada", moment(0));
        let key = SessionKey::of(&id).unwrap();
        assert_eq!(sessions.name(key, moment(11)).as_deref(), Some("Ada"));
        assert_eq!(sessions.name(key, moment(12)), None);
        sessions.end(key);
        assert_eq!(sessions.name(key, moment(1)), None);
        assert_ne!(id, sessions.begin("Ada", moment(0)));
    }

    #[test]
    fn what_is_no_id_is_no_session() {
        let sessions = Sessions::default();
        let id = sessions.begin("Ada", moment(0));
        let longer = format!("{id}00");
        for text in ["", "x", &id[1..], &longer, &"é".repeat(32)] {
            assert_eq!(SessionKey::of(text), None, "{text}");
        }
        let other = SessionKey::of(&"0".repeat(64)).unwrap();
        assert_eq!(sessions.name(other, moment(0)), None);
        assert_eq!(sessions.name(SessionKey::LOCAL, moment(0)), None);
    }

    #[test]
    fn the_oldest_make_room() {
        let sessions = Sessions::default();
        let first = sessions.begin("first", moment(0));
        for _ in 0..SESSIONS_MAX {
            sessions.begin("more", moment(1));
        }
        assert_eq!(sessions.0.lock().unwrap().len(), SESSIONS_MAX);
        let key = SessionKey::of(&first).unwrap();
        assert_eq!(sessions.name(key, moment(1)), None);
    }
}
