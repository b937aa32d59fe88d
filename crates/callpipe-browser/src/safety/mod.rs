//! Who may see what, and what a page may do.
//!
//! ```text
//!   request ──► guard: own host? same site? who is it? did a page of ours make the form? ──► page
//!   response ◄── headers: what browsers may do with it
//! ```
//!
//! Every request passes [`guard::guard`]: no page can forget to ask.

mod access;
mod attempts;
mod cookies;
mod form_token;
mod guard;
mod headers;
mod listened;
mod origin;
mod sessions;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use callpipe_core::failure::Outside;
use chrono::{DateTime, Utc};
use http::HeaderMap;

pub use access::{Access, AccessConfig, hash_password, new_token};
pub(crate) use cookies::{Theme, theme_cookie};
pub(crate) use guard::{FORM_BYTES_MAX, Visitor, guard};
pub(crate) use headers::set_headers;

use attempts::Attempts;
use cookies::{no_session_cookie, session_cookie, session_id};
use form_token::FormKey;
use listened::Listened;
use sessions::{SessionKey, Sessions};

/// What is remembered of who is who.
pub(crate) struct Safety {
    access: Access,
    sessions: Sessions,
    attempts: Attempts,
    form_key: FormKey,
    listened: Listened,
}

/// How an attempt to sign in ended.
pub(crate) enum SignIn {
    /// Signed in: the cookie to set.
    Done(String),
    /// Neither the password nor the token.
    Wrong,
    /// Too many attempts: none for so long.
    Wait(Duration),
}

impl Safety {
    pub(crate) fn new(access: Access, index_path: &Path) -> Self {
        Self {
            access,
            sessions: Sessions::default(),
            attempts: Attempts::new(),
            form_key: FormKey::new(),
            listened: Listened::new(index_path),
        }
    }

    /// Whether people must sign in.
    pub(crate) fn asks_for_sign_in(&self) -> bool {
        self.access.asks_for_sign_in()
    }

    /// Whose request it is: behind a proxy, the last one that it names.
    pub(crate) fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.access.is_behind_proxy() {
            return peer;
        }
        let named = last_of(headers, "x-forwarded-for");
        named.and_then(|text| text.parse().ok()).unwrap_or(peer)
    }

    /// Whether the visitor came by HTTPS, as a proxy says.
    pub(crate) fn is_https(&self, headers: &HeaderMap) -> bool {
        let is_https = last_of(headers, "x-forwarded-proto").is_some_and(|word| word == "https");
        self.access.is_behind_proxy() && is_https
    }

    /// An attempt to sign in with a password or a token.
    pub(crate) async fn sign_in(
        &self,
        address: IpAddr,
        is_https: bool,
        name: &str,
        secret: &str,
        now: DateTime<Utc>,
    ) -> Outside<SignIn> {
        let Some(keys) = self.access.keys() else {
            return Ok(SignIn::Wrong);
        };
        if let Err(wait) = self.attempts.take(address, now) {
            tracing::warn!(%address, "an attempt to sign in was refused: there were too many");
            return Ok(SignIn::Wait(wait));
        }
        if !keys.opens(secret).await? {
            tracing::warn!(%address, "an attempt to sign in failed");
            return Ok(SignIn::Wrong);
        }
        self.attempts.give_back(address);
        tracing::info!(%address, visitor = name, "signed in");
        let id = self.sessions.begin(name, now);
        Ok(SignIn::Done(session_cookie(&id, is_https)))
    }

    /// Ends a visitor's session; gives the cookie that takes theirs away.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) -> String {
        let is_https = self.is_https(headers);
        if let Some(key) = self.session_key(headers) {
            self.sessions.end(key);
        }
        no_session_cookie(is_https)
    }

    /// Whether a request may read the metrics: it has the token, or comes from who is signed in. On
    /// this machine everybody may.
    pub(crate) fn may_read_metrics(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(keys) = self.access.keys() else {
            return true;
        };
        let session = self.session_key(headers);
        if session.is_some_and(|key| self.sessions.name(key, now).is_some()) {
            return true;
        }
        let authorization = headers.get(http::header::AUTHORIZATION);
        let bearer = authorization
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = bearer else {
            return false;
        };
        if self.attempts.take(address, now).is_err() {
            return false;
        }
        let is_token = keys.is_token(token.trim());
        if is_token {
            self.attempts.give_back(address);
        }
        is_token
    }

    /// Writes down who listens to which recording of which call. What cannot be written down is not
    /// listened to.
    pub(crate) async fn note_listened(
        &self,
        visitor: &Visitor,
        contact_id: &str,
        number: usize,
        now: DateTime<Utc>,
    ) -> Outside<()> {
        self.listened
            .note(&visitor.name, contact_id, number, now)
            .await
    }

    fn session_key(&self, headers: &HeaderMap) -> Option<SessionKey> {
        let id = session_id(headers, self.is_https(headers))?;
        SessionKey::of(id)
    }
}

/// The last value of a header that proxies add to: the one that our own proxy wrote.
fn last_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    Some(last.rsplit(',').next().unwrap_or(last).trim())
}
