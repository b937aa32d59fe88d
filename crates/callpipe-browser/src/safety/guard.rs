//! What every request passes before a page is made.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use callpipe_core::failure::Failure;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};
use url::form_urlencoded;

use super::sessions::SessionKey;
use super::{Safety, Theme, origin};
use crate::pages::error::PageError;
use crate::server::App;

/// A form is at most so long, in bytes.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024;

/// The hidden field of a form that changes something.
pub(crate) const FORM_TOKEN: &str = "token";

/// What is there without signing in: the page for that, what it looks like, and what checks by itself.
const OPEN: [&str; 4] = ["/sign-in", "/assets/{name}", "/healthz", "/metrics"];

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Who it is: for corrections, and for the record of who listened.
    pub(crate) name: String,
    /// Goes into every form that changes something, as the hidden field `token`.
    pub(crate) form_token: String,
    /// Which colours are wanted.
    pub(crate) theme: Theme,
    /// Whether there is a session to sign out of.
    pub(crate) is_signed_in: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| Failure::bug("a page asks who looks where nobody is known").into())
    }
}

/// Lets a request through, or answers it.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match admitted(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    }
}

async fn admitted(app: &App, mut request: Request) -> Result<Request, Response> {
    let safety = &app.safety;
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if !safety.asks_for_sign_in() && !origin::is_for_loopback(uri, headers) {
        return Err(PageError::ForeignHost.into_response());
    }
    if origin::is_of_another_site(method, uri, headers) {
        return Err(PageError::ForeignSite.into_response());
    }
    let is_open = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| OPEN.contains(&path.as_str()));
    let Some((session, visitor)) = safety.visitor(headers, app.clock.now()) else {
        return match is_open {
            true => Ok(request),
            false => Err(to_sign_in(&request)),
        };
    };
    if !origin::is_safe(method) && !is_open {
        request = with_own_form(request, safety, session)
            .await
            .map_err(IntoResponse::into_response)?;
    }
    request.extensions_mut().insert(visitor);
    Ok(request)
}

impl Safety {
    fn visitor(
        &self,
        headers: &HeaderMap,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Option<(SessionKey, Visitor)> {
        let is_signed_in = self.asks_for_sign_in();
        let (session, name) = match is_signed_in {
            false => (SessionKey::LOCAL, self.access.local_name().to_owned()),
            true => {
                let key = self.session_key(headers)?;
                (key, self.sessions.name(key, now)?)
            }
        };
        let visitor = Visitor {
            name,
            form_token: self.form_key.token(session),
            theme: Theme::of(headers),
            is_signed_in,
        };
        Some((session, visitor))
    }
}

/// Pages lead to the sign-in and from there back; sound, scripts' requests and forms are refused.
fn to_sign_in(request: &Request) -> Response {
    let destination = request.headers().get("sec-fetch-dest");
    let is_page = destination.is_none_or(|word| word == "document");
    if !matches!(*request.method(), Method::GET | Method::HEAD) || !is_page {
        return PageError::SignedOut.into_response();
    }
    let wanted = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", wanted)
        .finish();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

/// The request again, if its form was made by a page for this session.
async fn with_own_form(
    request: Request,
    safety: &Safety,
    session: SessionKey,
) -> Result<Request, PageError> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok()?.split(';').next())
        .is_some_and(|word| word.trim() == "application/x-www-form-urlencoded");
    if !is_form {
        return Err(PageError::BadForm("it is no form".into()));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, FORM_BYTES_MAX)
        .await
        .map_err(|_| PageError::TooLarge)?;
    let token = form_urlencoded::parse(&body).find(|(key, _)| key == FORM_TOKEN);
    match token.is_some_and(|(_, token)| safety.form_key.is_of(session, &token)) {
        true => Ok(Request::from_parts(parts, Body::from(body))),
        false => Err(PageError::StaleForm),
    }
}
