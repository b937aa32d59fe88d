//! What people see when a page cannot be made: what they can do, and a reference by which whoever runs
//! the program finds the rest in the log.

use std::any::Any;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callpipe_core::failure::{Blame, Failure, FailureKind};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use maud::html;

use super::plain;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// There is no such page, call or recording.
    NotFound,
    /// The page is not for this method.
    NotAllowed,
    /// A form or an address makes no sense: what is wrong, for people.
    BadForm(String),
    /// A form that was made for nobody, for another session or before a restart.
    StaleForm,
    /// A form that is too large.
    TooLarge,
    /// The request is for another host than this machine.
    ForeignHost,
    /// A page of another site sent the request.
    ForeignSite,
    /// Nobody is signed in, and it is no page that could lead there.
    SignedOut,
    /// Too many requests are at work.
    Busy,
    /// It took too long.
    TooSlow,
    /// Something failed.
    Failed(Box<Failure>),
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// What is shown.
struct Shown {
    status: StatusCode,
    title: &'static str,
    text: String,
}

impl PageError {
    /// What a panic is to who asked for the page. Its message is in the log already.
    pub(crate) fn of_panic(_: Box<dyn Any + Send>) -> Response<Body> {
        Self::from(Failure::bug("making a page broke off")).into_response()
    }

    fn shown(&self) -> Shown {
        let (status, title, text) = match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing at this address.",
            ),
            Self::NotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "Not possible",
                "This address does not take such a request.",
            ),
            Self::BadForm(problem) => {
                let (status, title) = (StatusCode::BAD_REQUEST, "Not understood");
                let text = format!("This cannot be understood: {problem}.");
                return Shown {
                    status,
                    title,
                    text,
                };
            }
            Self::StaleForm => (
                StatusCode::FORBIDDEN,
                "Please try again",
                "The form is from before a restart or of another session. Go back, load the page \
                 again, and repeat what you did; nothing was changed.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                "The form holds more than can be taken.",
            ),
            Self::ForeignHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "Another host",
                "Without a password or a token, pages are only for this machine, by an address such \
                 as http://127.0.0.1 or http://localhost.",
            ),
            Self::ForeignSite => (
                StatusCode::FORBIDDEN,
                "From another site",
                "A page of another site asked for this; it was not done.",
            ),
            Self::SignedOut => (
                StatusCode::UNAUTHORIZED,
                "Signed out",
                "Your session has ended. Sign in again.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Busy",
                "Too many pages are being made at this moment. Try again in a few seconds.",
            ),
            Self::TooSlow => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too slow",
                "This took too long and was given up. Try again, or ask for fewer calls.",
            ),
            Self::Failed(failure) => of_failure(failure),
        };
        Shown {
            status,
            title,
            text: text.to_owned(),
        }
    }
}

fn of_failure(failure: &Failure) -> (StatusCode, &'static str, &'static str) {
    match (failure.kind, failure.kind.blame()) {
        (_, Blame::Moment) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Not at the moment",
            "The store of recordings and transcripts does not answer as it should. Try again.",
        ),
        (FailureKind::StoreFailed | FailureKind::Denied, _) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "A store cannot be read",
            "The tables or the archive cannot be read or written. Tell whoever runs callpipe.",
        ),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "This should not have happened. Tell whoever runs callpipe.",
        ),
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let Shown {
            status,
            title,
            text,
        } = self.shown();
        let reference = match &self {
            Self::Failed(failure) => Some(logged(failure)),
            _ => None,
        };
        let body = plain::page(
            title,
            &html! {
                p { (text) }
                @if let Some(reference) = &reference {
                    p { "Reference: " code { (reference) } }
                }
                p {
                    @match self {
                        Self::SignedOut => a href="/sign-in" { "Sign in" },
                        _ => a href="/" { "To the first page" },
                    }
                }
            },
        );
        let mut response = (status, body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// Logs a failure, and gives the reference under which it stands in the log.
fn logged(failure: &Failure) -> String {
    let reference = hex::encode(rand::random::<[u8; 4]>());
    let hint = failure.hint.as_deref();
    tracing::error!(reference, kind = %failure.kind, hint, "{}", failure.chain());
    reference
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn text_of(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_failure_shows_a_reference_and_nothing_of_itself() {
        let failure = Failure::new(FailureKind::StoreFailed, "reading /srv/calls.db")
            .with_source(std::io::Error::other("disk on fire"))
            .with_hint("buy another disk");
        let response = PageError::from(failure).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = text_of(response).await;
        assert!(text.contains("Reference: <code>"), "{text}");
        for internal in ["calls.db", "fire", "another disk", "store_failed"] {
            assert!(!text.contains(internal), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_shown_as_text() {
        let error = PageError::BadForm("<script>alert(1)</script>".into());
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = text_of(response).await;
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"));
        assert_eq!(text.matches("<script").count(), 1, "our own");
        assert!(!text.contains("Reference"));
    }
}
