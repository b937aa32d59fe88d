//! The frame of pages that are about no calls: the sign-in, and what went wrong.

use maud::{DOCTYPE, Markup, html};

use super::layout::{brand, head_of_all};
use crate::design::Asset;

/// A page with nothing but a title and its content.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme="auto" {
            head {
                (head_of_all())
                title { (title) " · callpipe" }
                script type="module" src=(Asset::Script.href()) {}
            }
            body {
                header.site-head { a.brand href="/" { (brand()) } }
                main id="content" tabindex="-1" {
                    div.card.stack.alone {
                        h1 { (title) }
                        (body)
                    }
                }
            }
        }
    }
}
