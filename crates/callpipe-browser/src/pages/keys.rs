//! The keys that can be pressed, for people.

use maud::{Markup, html};

const EVERYWHERE: &[(&[&str], &str)] = &[
    (&["?"], "show or hide these keys"),
    (&["/"], "search"),
    (&["Tab", "Enter"], "go from link to link, follow one"),
];

const CALL: &[(&[&str], &str)] = &[
    (&["K", "Space"], "play or pause"),
    (&["J", "L"], "10 seconds back, 10 seconds on"),
    (&["←", "→"], "5 seconds back, 5 seconds on"),
    (&["[", "]"], "turn before, next turn"),
    (&["<", ">"], "slower, faster"),
    (&["S"], "skip silence, or do not"),
    (&["F"], "follow what is said, or do not"),
    (&["M"], "mute"),
    (&["+", "-"], "widen the waveform, narrow it"),
    (&["C"], "copy the address of this second"),
    (&["/"], "search inside the call"),
    (&["N", "Shift N"], "next place found, one before"),
];

const REVIEW: &[(&[&str], &str)] = &[(&["1", "…"], "the button that shows the key")];

/// The list of keys: hidden until it is asked for.
pub(super) fn help() -> Markup {
    html! {
        div id="keys" popover role="dialog" aria-labelledby="keys-title" {
            div.row {
                h2 id="keys-title" { "Keys" }
                button.quiet.end type="button" popovertarget="keys" popovertargetaction="hide" { "Close" }
            }
            @for (title, keys) in [("Everywhere", EVERYWHERE), ("In a call", CALL), ("In a review", REVIEW)] {
                h3 { (title) }
                dl.keys {
                    @for (keys, what) in keys {
                        dt { @for key in *keys { kbd { (key) } " " } }
                        dd { (what) }
                    }
                }
            }
            label.field.across data-script hidden {
                input type="checkbox" id="keys-on";
                "Single keys do something. Without, only " kbd { "?" } " does."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_list_is_known_to_the_script() {
        let script = include_str!("../design/browser.js");
        let in_html = [
            ("←", "ArrowLeft"),
            ("→", "ArrowRight"),
            ("Space", "\" \": toggle"),
            ("Shift N", "N:"),
        ];
        let native = ["Tab", "Enter", "…", "1"];
        for key in EVERYWHERE.iter().chain(CALL).flat_map(|(keys, _)| *keys) {
            let lower = key.to_lowercase();
            let known = in_html.iter().find(|(shown, _)| shown == key);
            let is_there = match known {
                Some((_, code)) => script.contains(code),
                None => {
                    script.contains(&format!("\"{key}\""))
                        || script.contains(&format!(" {lower}:"))
                        || script.contains(&format!(" {lower},"))
                }
            };
            assert!(native.contains(key) || is_there, "{key}");
        }
        assert!(help().into_string().contains("popover"));
    }
}
