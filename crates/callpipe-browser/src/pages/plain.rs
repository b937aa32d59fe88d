//! The frame of pages that are about no calls: the sign-in, and what went wrong.

use maud::{DOCTYPE, Markup, html};

use super::layout::{brand, head_of_all};

/// A page with nothing but a title and its content.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head_of_all())
                title { (title) " · callpipe" }
            }
            body.plain {
                header.site-head { a.brand href="/" { (brand()) } }
                main id="content" { h1 { (title) } (body) }
            }
        }
    }
}
