//! Signing in and out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::error::PageError;
use super::name::name;
use super::plain;
use crate::metrics::peer_address;
use crate::safety::SignIn;
use crate::server::App;

/// A name is at most so long, in characters.
const NAME_CHARS_MAX: usize = 80;

/// An address to go on to is at most so long, in bytes.
const ADDRESS_BYTES_MAX: usize = 4_000;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(form).post(sign_in))
        .route("/sign-out", post(sign_out))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Debug, Default, Deserialize)]
struct Attempt {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    next: String,
}

async fn form(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Response {
    if !app.safety.asks_for_sign_in() {
        return Redirect::to("/").into_response();
    }
    let attempt = Attempt {
        next: wanted.next,
        ..Attempt::default()
    };
    page(&attempt, None).into_response()
}

async fn sign_in(
    State(app): State<Arc<App>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(attempt): Form<Attempt>,
) -> Result<Response, PageError> {
    let again = |status: StatusCode, problem: &str| {
        Ok((status, page(&attempt, Some(problem))).into_response())
    };
    let Some(name) = name(&attempt.name, NAME_CHARS_MAX) else {
        return again(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Give your name: at most 80 characters in one line.",
        );
    };
    let (address, is_https) = (
        app.safety.address(peer_address(peer), &headers),
        app.safety.is_https(&headers),
    );
    let now = app.clock.now();
    let done = app
        .safety
        .sign_in(address, is_https, name, &attempt.secret, now);
    match done.await? {
        SignIn::Done(cookie) => {
            let next = own_address(&attempt.next).to_owned();
            let headers = [(SET_COOKIE, cookie), (LOCATION, next)];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
        SignIn::Wrong => again(
            StatusCode::FORBIDDEN,
            "That is neither the password nor the token.",
        ),
        SignIn::Wait(wait) => Ok(too_many(&attempt, wait)),
    }
}

fn too_many(attempt: &Attempt, wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let problem = format!("Too many attempts. Try again in {seconds} seconds.");
    let page = page(attempt, Some(&problem));
    let headers = [(RETRY_AFTER, seconds.to_string())];
    (StatusCode::TOO_MANY_REQUESTS, headers, page).into_response()
}

async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let headers = [
        (SET_COOKIE, app.safety.sign_out(&headers)),
        (LOCATION, "/sign-in".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// What was typed stays but for the secret. The script fills it in from the address' fragment, which
/// browsers send to nobody.
fn page(attempt: &Attempt, problem: Option<&str>) -> Markup {
    plain::page(
        "Sign in",
        &html! {
            @if let Some(problem) = problem {
                p.notice.bad role="alert" { (problem) }
            }
            form.stack method="post" action="/sign-in" {
                input type="hidden" name="next" value=(own_address(&attempt.next));
                label.field {
                    "Your name, for corrections and the record of who listened"
                    input name="name" value=(attempt.name) maxlength=(NAME_CHARS_MAX)
                        autocomplete="name" required autofocus;
                }
                label.field {
                    "Password or token"
                    input id="secret" name="secret" type="password" required
                        autocomplete="current-password";
                }
                button.primary type="submit" { "Sign in" }
            }
        },
    )
}

/// An address to go on to, if it is one of ours; the first page otherwise.
pub(super) fn own_address(text: &str) -> &str {
    let is_own = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= ADDRESS_BYTES_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !text.starts_with("/sign-");
    match is_own {
        true => text,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for own in ["/", "/calls?q=a+b&is.x=%22", "/calls/%2e%2e", "/runs#x"] {
            assert_eq!(own_address(own), own);
        }
        for foreign in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\r\nSet-Cookie: x=y",
            "/\t/evil.example",
            "/é",
            "/sign-out",
            "calls",
            &format!("/{}", "x".repeat(5_000)),
        ] {
            assert_eq!(own_address(foreign), "/", "{foreign}");
        }
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(
            name("  Ada Lovelace ", NAME_CHARS_MAX),
            Some("Ada Lovelace")
        );
        assert_eq!(name("李", NAME_CHARS_MAX), Some("李"));
        for no_name in ["", " \t", "a\nb", "\u{7}", &"x".repeat(81)] {
            assert_eq!(name(no_name, NAME_CHARS_MAX), None, "{no_name}");
        }
    }
}
