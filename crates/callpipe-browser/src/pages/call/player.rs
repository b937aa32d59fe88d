//! The player of a recording. Without the script it is the browser's own.

use maud::{Markup, html};

use crate::charts::{Waveform, Wider, waveform};
use crate::figure::minutes;

const SPEEDS: [&str; 7] = ["0.5", "0.75", "1", "1.25", "1.5", "1.75", "2"];

/// A recording to hear.
pub(crate) struct Player<'a> {
    /// Where its sound is.
    pub(crate) audio_href: &'a str,
    /// Where to begin, in seconds.
    pub(crate) at_s: Option<f64>,
    /// What is drawn.
    pub(crate) waveform: &'a Waveform,
    /// Where it is drawn wider.
    pub(crate) wider: Wider<'a>,
}

/// The player. It stays in view.
pub(crate) fn player(player: &Player<'_>) -> Markup {
    // What comes after `#` is for the browser: where to begin, without the script, too.
    let begin = player
        .at_s
        .map_or(String::new(), |at_s| format!("#t={at_s}"));
    html! {
        section.card.player aria-label="Player" data-duration-s=(player.waveform.duration_s) {
            (waveform(player.waveform, player.wider))
            audio id="audio" controls preload="metadata" src={ (player.audio_href) (begin) } {}
            div.tools data-script hidden {
                button.primary.play type="button" data-part="play" aria-label="Play" { "▶" }
                button type="button" data-part="back" title="10 seconds back" { "−10\u{a0}s" }
                button type="button" data-part="on" title="10 seconds on" { "+10\u{a0}s" }
                span.clock {
                    span.visually-hidden { "Now at " }
                    b data-part="now" { "0:00" }
                    span { " / " span data-part="length" { (minutes(player.waveform.duration_s)) } }
                }
                label.field.across { span.no-narrow { "Speed" } (speeds()) }
                (zoom())
                button type="button" data-part="skip" aria-pressed="false" { "Skip silence" }
                button type="button" data-part="follow" aria-pressed="true" { "Follow" }
                button type="button" data-part="copy" { "Copy address" }
                span role="status" data-part="status" {}
            }
        }
    }
}

/// How wide the waveform is.
fn zoom() -> Markup {
    html! {
        div.field.across {
            span.no-narrow id="zoom-label" { "Waveform" }
            div.segmented.zoom role="group" aria-labelledby="zoom-label" {
                button type="button" data-part="zoom-out" aria-label="Zoom out" title="Zoom out" { "−" }
                button type="button" data-part="zoom-in" aria-label="Zoom in" title="Zoom in" { "+" }
            }
        }
    }
}

fn speeds() -> Markup {
    html! {
        select data-part="speed" aria-label="Speed" {
            @for speed in SPEEDS { option value=(speed) selected[speed == "1"] { (speed) "×" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(duration_s: f64, at_s: Option<f64>) -> String {
        let drawn = Waveform {
            duration_s,
            lanes: Vec::new(),
            marks: Vec::new(),
        };
        let player = player(&Player {
            audio_href: "/calls/a%2Fb/audio/1",
            at_s,
            waveform: &drawn,
            wider: Wider {
                href: "/calls/a%2Fb/waveform/1",
                widths: &[1, 2],
            },
        });
        player.into_string()
    }

    #[test]
    fn without_the_script_there_are_the_browsers_controls_and_nothing_else() {
        let html = shown(83.2, Some(12.5));
        assert!(html.contains("controls preload=\"metadata\" src=\"/calls/a%2Fb/audio/1#t=12.5\""));
        assert!(html.contains("data-part=\"seek\" data-script hidden"));
        let (before, tools) = html
            .split_once("<div class=\"tools\" data-script hidden>")
            .unwrap();
        assert!(!before.contains("<button"));
        for button in ["Play", "Zoom out", "Zoom in"] {
            assert!(
                tools.contains(&format!("aria-label=\"{button}\"")),
                "{button}"
            );
        }
    }

    #[test]
    fn the_script_finds_its_parts() {
        let script = include_str!("../../design/browser.js");
        let html = shown(1.0, None);
        for part in script
            .split("part(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(html.contains(&format!("data-part=\"{part}\"")), "{part}");
        }
        for data in ["href", "widths"] {
            assert!(script.contains(&format!("box.dataset.{data}")), "{data}");
            assert!(html.contains(&format!(" data-{data}=\"")), "{data}");
        }
    }
}
