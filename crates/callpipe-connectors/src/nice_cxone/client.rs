//! Requests of a tenant's API, with a token that is renewed in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callpipe_core::contracts::clock::Clock;
use callpipe_core::failure::{Failure, Outside};
use chrono::{DateTime, Utc};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::Mutex;

use super::config::AccountConfig;
use super::map::{self, Refusal};
use super::sign_in::{Session, SignIn};
use crate::http;
use crate::http::pacing::WindowLimit;

/// How long the vendor may say nothing while a request is open.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A tenant's API, with a token that is renewed in time.
pub(crate) struct Api {
    http: Client,
    clock: Arc<dyn Clock>,
    /// Locked while signing in, so that only one request does it and the others wait for it.
    state: Mutex<State>,
    /// How often signing in has ended, well or not.
    attempts: AtomicU64,
}

struct State {
    sign_in: SignIn,
    session: Option<Arc<Session>>,
    /// How the last attempt failed, for those who waited for it.
    failure: Option<Failure>,
}

/// A `GET` of the API.
pub(crate) struct ApiRequest<'a> {
    /// What it is for, for messages.
    pub(crate) doing: &'a str,
    /// Below the API's endpoint.
    pub(crate) path: &'a [&'a str],
    /// Escaped when it is sent.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Each attempt waits for its place in this.
    pub(crate) limit: Option<&'a WindowLimit>,
}

impl Api {
    pub(crate) fn new(account: AccountConfig, clock: Arc<dyn Clock>) -> Outside<Self> {
        let http = http::client(&account.issuer, SILENCE_MAX)?;
        Ok(Self {
            state: Mutex::new(State {
                sign_in: SignIn::new(http.clone(), account, Arc::clone(&clock))?,
                session: None,
                failure: None,
            }),
            http,
            clock,
            attempts: AtomicU64::new(0),
        })
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sends a request. A token that is refused although it should be good is renewed once: the
    /// vendor may have ended it early.
    pub(crate) async fn get(&self, request: &ApiRequest<'_>) -> Outside<Result<Response, Refusal>> {
        let session = self.session().await?;
        let mut response = self.send(request, &session).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            tracing::debug!(doing = request.doing, "a CXone token was refused early");
            self.forget(&session).await;
            let session = self.session().await?;
            response = self.send(request, &session).await?;
        }
        let description = response
            .headers()
            .get("icStatusDescription")
            .and_then(|words| Some(words.to_str().ok()?.to_owned()));
        match http::success(response, request.doing, self.now()).await {
            Ok(response) => Ok(Ok(response)),
            Err(answer) => Ok(Err(Refusal {
                failure: answer.failure,
                status: answer.status,
                body: answer.body,
                description,
            })),
        }
    }

    async fn send(&self, request: &ApiRequest<'_>, session: &Session) -> Outside<Response> {
        let mut url = session.place.api.join(request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        // The place is held until the answer begins.
        let _slot = match request.limit {
            Some(limit) => Some(limit.slot().await?),
            None => None,
        };
        let builder = self.http.get(url).bearer_auth(session.token.expose());
        http::send(builder, request.doing).await
    }

    /// The present session, or a new one where there is none or it nears its end.
    ///
    /// Who waited while somebody else failed to sign in fails in the same way: many calls at once
    /// are no reason to try a wrong key many times, or to wait for a silent vendor in a queue.
    pub(crate) async fn session(&self) -> Outside<Arc<Session>> {
        let attempts_before = self.attempts.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && self.clock.now() < session.renew_at
        {
            return Ok(Arc::clone(session));
        }
        if let Some(failure) = &state.failure
            && self.attempts.load(Ordering::SeqCst) != attempts_before
        {
            return Err(same(failure));
        }
        let signed_in = state.sign_in.session().await.map_err(map::of_the_setup);
        self.attempts.fetch_add(1, Ordering::SeqCst);
        state.failure = signed_in.as_ref().err().map(same);
        let session = Arc::new(signed_in?);
        state.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Gives up a session, unless somebody else has replaced it already.
    async fn forget(&self, refused: &Arc<Session>) {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && Arc::ptr_eq(session, refused)
        {
            state.session = None;
        }
    }
}

/// The same failure for somebody else; its causes become part of its message.
fn same(failure: &Failure) -> Failure {
    let mut same =
        Failure::new(failure.kind, failure.chain()).with_retry_after(failure.retry_after);
    same.hint = failure.hint.clone();
    same
}
