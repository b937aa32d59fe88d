//! The form in the footer that chooses colours.

use std::sync::Arc;

use axum::routing::post;
use axum::{Form, Router};
use http::header::{LOCATION, SET_COOKIE};
use http::{StatusCode, header::HeaderName};
use serde::Deserialize;

use super::error::PageError;
use super::sign_in::own_address;
use crate::safety::{Theme, theme_cookie};
use crate::server::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/theme", post(choose))
}

#[derive(Debug, Deserialize)]
struct Chosen {
    theme: String,
    #[serde(default)]
    next: String,
}

async fn choose(
    Form(chosen): Form<Chosen>,
) -> Result<(StatusCode, [(HeaderName, String); 2]), PageError> {
    let theme = Theme::parse(&chosen.theme);
    let theme = theme.ok_or_else(|| PageError::BadForm("there is no such theme".into()))?;
    let headers = [
        (SET_COOKIE, theme_cookie(theme)),
        (LOCATION, own_address(&chosen.next).to_owned()),
    ];
    Ok((StatusCode::SEE_OTHER, headers))
}
