//! The frame of pages that are about no calls: the sign-in, and what went wrong.

use maud::{DOCTYPE, Markup, html};

/// A page with nothing but a title and its content.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · callpipe" }
                @for href in STYLES {
                    link rel="stylesheet" href=(href);
                }
            }
            body.plain {
                main { h1 { (title) } (body) }
            }
        }
    }
}

const STYLES: [&str; 0] = [];

/// The content type and the content of a file of the design.
pub(crate) fn asset(_: &str) -> Option<(&'static str, &'static [u8])> {
    None
}
