//! The frame of a page: what is above, below and around what the page is about.

use maud::{DOCTYPE, Markup, html};

use super::keys;
use crate::charts::{patterns, words};
use crate::design::Asset;
use crate::selection::Selection;

/// The parts of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// What the calls were about.
    Overview,
    /// How the work goes.
    Runs,
    /// Every call.
    Calls,
    /// The people who answer.
    Agents,
    /// Labels that a person should look at.
    Review,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Overview,
        Self::Runs,
        Self::Calls,
        Self::Agents,
        Self::Review,
    ];

    /// For people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Runs => "Runs",
            Self::Calls => "Calls",
            Self::Agents => "Agents",
            Self::Review => "Review",
        }
    }

    /// Where it begins.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Runs => "/runs",
            Self::Calls => "/calls",
            Self::Agents => "/agents",
            Self::Review => "/review",
        }
    }
}

/// What the frame of a page says.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The page's title.
    pub(crate) title: &'a str,
    /// The part that it belongs to.
    pub(crate) section: Section,
    /// The calls that other parts show, too, when one goes there.
    pub(crate) selection: &'a Selection,
    /// Path and query of the page, to come back to.
    pub(crate) address: &'a str,
    /// Who looks.
    pub(crate) visitor_name: &'a str,
    /// Whether there is a session to sign out of.
    pub(crate) is_signed_in: bool,
    /// Goes into every form that changes something.
    pub(crate) form_token: &'a str,
    /// The colours' word: `auto`, `light` or `dark`.
    pub(crate) theme: &'a str,
    /// What just happened, above everything else.
    pub(crate) notice: Option<Markup>,
}

/// A page. Its body begins with an `h1`.
pub(crate) fn page(frame: &Frame<'_>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(frame.theme) {
            head {
                (head_of_all())
                title { (words::plain(frame.title)) " · callpipe" }
                script type="module" src=(Asset::Script.href()) {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                (site_head(frame))
                main id="content" tabindex="-1" {
                    @if let Some(notice) = &frame.notice { div.notice role="status" { (notice) } }
                    (body)
                }
                (site_foot(frame))
                (keys::help())
                (patterns())
            }
        }
    }
}

/// What the head of every page has, of those outside of the frame, too.
pub(crate) fn head_of_all() -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="robots" content="noindex";
        link rel="icon" type="image/svg+xml" href=(Asset::Icon.href());
        link rel="stylesheet" href=(Asset::Style.href());
    }
}

/// The mark of the program.
pub(crate) fn brand() -> Markup {
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            rect.brand-back width="32" height="32" rx="8" {}
            path.brand-wave d="M6 13v6M11 9v14M16 12v8M21 7v18M26 14v4" fill="none"
                stroke-width="2.6" stroke-linecap="round" {}
        }
        "callpipe"
    }
}

fn site_head(frame: &Frame<'_>) -> Markup {
    html! {
        header.site-head {
            a.brand href="/" { (brand()) }
            nav.site-nav aria-label="Parts" {
                ul {
                    @for section in Section::ALL {
                        li {
                            a href=(frame.selection.href(section.path()))
                                aria-current=[(section == frame.section).then_some("page")] { (section.title()) }
                        }
                    }
                }
            }
            (search(frame.selection))
        }
    }
}

/// The search for words that were said, among the calls selected.
fn search(selection: &Selection) -> Markup {
    let pairs = selection.pairs();
    html! {
        form.site-search action=(Section::Calls.path()) role="search" {
            @for (key, value) in pairs.iter().filter(|(key, _)| key != "q") {
                input type="hidden" name=(key) value=(value);
            }
            input type="search" name="q" value=[selection.words.as_deref()] maxlength="300"
                placeholder="Words that were said" aria-label="Search for words that were said";
            button type="submit" { "Search" }
        }
    }
}

fn site_foot(frame: &Frame<'_>) -> Markup {
    let themes = [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")];
    html! {
        footer.site-foot {
            form action="/theme" method="post" {
                (post_fields(frame))
                span id="theme-label" { "Colours" }
                div.segmented role="group" aria-labelledby="theme-label" {
                    @for (word, title) in themes {
                        button type="submit" name="theme" value=(word)
                            aria-pressed=(if word == frame.theme { "true" } else { "false" }) { (title) }
                    }
                }
            }
            button.quiet type="button" popovertarget="keys" { "Keys " kbd { "?" } }
            span.end { "Seen as " bdi { (words::short(frame.visitor_name)) } }
            @if frame.is_signed_in {
                form action="/sign-out" method="post" {
                    (post_fields(frame))
                    button type="submit" { "Sign out" }
                }
            }
        }
    }
}

fn post_fields(frame: &Frame<'_>) -> Markup {
    html! {
        input type="hidden" name="token" value=(frame.form_token);
        input type="hidden" name="next" value=(frame.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str, title: &str) -> String {
        let selection = Selection::parse(query);
        let frame = Frame {
            title,
            section: Section::Agents,
            selection: &selection,
            address: "/agents?x=\"'><script>",
            visitor_name: title,
            is_signed_in: true,
            form_token: "the-token",
            theme: "dark",
            notice: Some(html! { "Done." }),
        };
        page(&frame, html! { h1 { "Agents" } }).into_string()
    }

    #[test]
    fn parts_keep_the_selection_and_the_current_one_is_named() {
        let html = shown("is.call_type=complaint&q=parcel", "Agents");
        let query = "q=parcel&amp;is.call_type=complaint";
        assert!(html.contains(&format!(
            "<a href=\"/agents?{query}\" aria-current=\"page\">Agents"
        )));
        assert!(html.contains(&format!("<a href=\"/?{query}\">Overview")));
        assert_eq!(html.matches("aria-current").count(), 1);
        let hidden = "<input type=\"hidden\" name=\"is.call_type\" value=\"complaint\">";
        assert!(html.contains(hidden) && html.contains("name=\"q\" value=\"parcel\""));
        assert!(!html.contains("type=\"hidden\" name=\"q\""));
    }

    #[test]
    fn forms_that_change_something_have_the_token_and_the_way_back() {
        let html = shown("", "Agents");
        assert_eq!(html.matches("value=\"the-token\"").count(), 2);
        assert!(html.contains("value=\"/agents?x=&quot;'&gt;&lt;script&gt;\""));
        assert!(
            html.contains("data-theme=\"dark\"")
                && html.contains("value=\"dark\" aria-pressed=\"true\"")
        );
    }

    #[test]
    fn nothing_of_a_page_needs_an_exception_from_the_policy() {
        let hostile = format!(
            "</title><script>alert(1)</script>\u{202e}{}",
            "x".repeat(10_000)
        );
        let html = shown("q=%22%3E%3Cscript%3E", &hostile);
        assert_eq!(html.matches("<script").count(), 1, "our own");
        assert!(!html.contains("style=") && !html.contains("onload") && !html.contains("http"));
        assert!(html.contains("<title>&lt;/title&gt;&lt;script&gt;"));
        assert!(html.len() < 12_000, "{}", html.len());
    }
}
